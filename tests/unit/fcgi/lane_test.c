/* The slow lane: bounded, in order, emptied before it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "fcgi/lane.h"

static void it_is_bounded_and_in_order(void **state)
{
    struct lane *lane = lane_new(2);
    struct list nodes[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        list_init(&nodes[i]);
    assert_true(lane_put(lane, &nodes[0]));
    assert_true(lane_put(lane, &nodes[1]));
    assert_false(lane_put(lane, &nodes[2]));
    assert_ptr_equal(lane_take(lane), &nodes[0]);
    assert_true(lane_put(lane, &nodes[2]));
    assert_false(lane_put(lane, &nodes[3]));
    assert_ptr_equal(lane_take(lane), &nodes[1]);
    assert_ptr_equal(lane_take(lane), &nodes[2]);
    lane_close(lane);
    assert_null(lane_take(lane));
    lane_free(lane);
}

static void closed_it_hands_out_what_waits_and_takes_nothing(void **state)
{
    struct lane *lane = lane_new(5);
    struct list nodes[2];

    (void)state;
    list_init(&nodes[0]);
    list_init(&nodes[1]);
    assert_true(lane_put(lane, &nodes[0]));
    lane_close(lane);
    assert_false(lane_put(lane, &nodes[1]));
    assert_ptr_equal(lane_take(lane), &nodes[0]);
    assert_null(lane_take(lane));
    assert_null(lane_take(lane));
    lane_free(lane);
}

static void *take_all(void *arg)
{
    intptr_t count = 0;

    while (lane_take(arg))
        count++;
    return (void *)count;
}

static void those_who_wait_are_woken(void **state)
{
    enum { TAKERS = 3, NODES = 1000 };
    struct lane *lane = lane_new(NODES);
    struct list nodes[NODES];
    pthread_t takers[TAKERS];
    intptr_t sum = 0;

    (void)state;
    for (int i = 0; i < TAKERS; i++)
        assert_int_equal(pthread_create(&takers[i], NULL, take_all, lane), 0);
    for (int i = 0; i < NODES; i++) {
        list_init(&nodes[i]);
        assert_true(lane_put(lane, &nodes[i]));
    }
    lane_close(lane);
    for (int i = 0; i < TAKERS; i++) {
        void *count;

        pthread_join(takers[i], &count);
        sum += (intptr_t)count;
    }
    assert_int_equal(sum, NODES);
    lane_free(lane);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_bounded_and_in_order),
        cmocka_unit_test(closed_it_hands_out_what_waits_and_takes_nothing),
        cmocka_unit_test(those_who_wait_are_woken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
