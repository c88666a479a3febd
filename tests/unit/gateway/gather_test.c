/* Whether a writer waits for more sends: gather.h, with made-up batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/gateway/gather.h"

static void nothing_is_waited_for_at_first(void **state)
{
    struct gather gather = {0};

    (void)state;
    assert_int_equal(gather_wait_us(&gather, 1), 0);
}

static void a_lone_sender_never_waits(void **state)
{
    struct gather gather = {0};

    (void)state;
    gather_written(&gather, 1, 800);
    assert_int_equal(gather_wait_us(&gather, 1), 0);
}

static void ten_senders_are_waited_for_half_a_batch(void **state)
{
    struct gather gather = {0};

    (void)state;
    gather_written(&gather, 10, 800);
    assert_int_equal(gather_wait_us(&gather, 4), 400);
    assert_int_equal(gather_wait_us(&gather, 10), 0);
    assert_int_equal(gather_wait_us(&gather, 11), 0);
}

static void never_longer_than_a_millisecond(void **state)
{
    struct gather gather = {0};

    (void)state;
    gather_written(&gather, 10, 3000000);
    assert_int_equal(gather_wait_us(&gather, 4), 1000);
}

/* How many of the next `turns` would wait. */
static int waits_among(struct gather *gather, int turns)
{
    int waits = 0;

    for (int i = 0; i < turns; i++) {
        gather_written(gather, 10, 800);
        if (gather_wait_us(gather, 4) == 0)
            continue;
        waits++;
        gather_waited(gather, 4, 4);
    }
    return waits;
}

static void waiting_for_nothing_becomes_rare(void **state)
{
    struct gather gather = {0};

    (void)state;
    assert_int_equal(waits_among(&gather, 1 + 1 + 1 + 2 + 1), 3); /* 1 and 2 left out between */
    waits_among(&gather, 1000);
    assert_in_range(waits_among(&gather, 6500), 99, 101);
}

static void what_comes_makes_it_worth_waiting_again(void **state)
{
    struct gather gather = {0};

    (void)state;
    waits_among(&gather, 1000);
    while (gather_wait_us(&gather, 4) == 0) {
    }
    gather_waited(&gather, 4, 5);
    assert_int_equal(gather_wait_us(&gather, 4), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_waited_for_at_first),
        cmocka_unit_test(a_lone_sender_never_waits),
        cmocka_unit_test(ten_senders_are_waited_for_half_a_batch),
        cmocka_unit_test(never_longer_than_a_millisecond),
        cmocka_unit_test(waiting_for_nothing_becomes_rare),
        cmocka_unit_test(what_comes_makes_it_worth_waiting_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
