/*
 * Token buckets with a clock of the test's own.
 */
#include "shared/base/bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <pthread.h>
#include <stdio.h>

static struct span key_of(int number)
{
    static char text[4][16];
    static int turn;
    turn = (turn + 1) % 4;
    return span_make(text[turn], (size_t)snprintf(text[turn], 16, "user %d", number));
}

static void a_burst_passes_then_the_rate(void **state)
{
    struct bucket_table *table = bucket_table_new(5, 1000, 20, 100);
    (void)state;
    for (int i = 0; i < 20; i++)
        assert_int_equal(bucket_take(table, SPAN_LIT("a"), 1, 5000), 0);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 1, 5000), 200);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 1, 5199), 1);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 1, 5200), 0);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 1, 5200), 200);
    bucket_table_free(table);
    bucket_table_free(NULL);
}

static void what_is_refused_costs_nothing(void **state)
{
    struct bucket_table *table = bucket_table_new(1, 1000, 3, 100);
    (void)state;
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 2, 0), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(bucket_take(table, SPAN_LIT("a"), 3, 0), 2000);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 1, 0), 0);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 0, 0), 0);
    bucket_table_free(table);
}

static void the_wait_that_is_named_is_enough(void **state)
{
    static const int rates[] = {1, 3, 5, 7, 50, 1000};
    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        struct bucket_table *table = bucket_table_new(rates[i], 300000, 4, 10);
        int64_t now = 0;
        for (int takes = 0; takes < 50; takes++) {
            int64_t wait = bucket_take(table, SPAN_LIT("k"), 3, now);
            if (wait == 0)
                continue;
            if (wait > 1)
                assert_true(bucket_take(table, SPAN_LIT("k"), 3, now + wait - 1) > 0);
            now += wait;
            assert_int_equal(bucket_take(table, SPAN_LIT("k"), 3, now), 0);
        }
        bucket_table_free(table);
    }
}

static void keys_are_apart(void **state)
{
    struct bucket_table *table = bucket_table_new(1, 1000, 1, 10000);
    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(bucket_take(table, key_of(i), 1, 0), 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(bucket_take(table, key_of(i), 1, 0), 1000);
    assert_int_equal(bucket_take(table, span_make("a\0b", 3), 1, 0), 0);
    assert_int_equal(bucket_take(table, span_make("a\0c", 3), 1, 0), 0);
    assert_int_equal(bucket_take(table, span_make("a", 1), 1, 0), 0);
    assert_int_equal(bucket_take(table, SPAN_LIT(""), 1, 0), 0);
    assert_int_equal(bucket_take(table, SPAN_NONE, 1, 0), 1000); /* the same bytes: none */
    bucket_table_free(table);
}

static void it_fills_to_the_burst_only(void **state)
{
    struct bucket_table *table = bucket_table_new(1, 1000, 2, 10);
    (void)state;
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 2, 0), 0);
    const int64_t later = (int64_t)1 << 50;
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 2, later), 0);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 1, later), 1000);
    bucket_table_free(table);
}

static void a_clock_that_goes_back_gives_nothing(void **state)
{
    struct bucket_table *table = bucket_table_new(1, 1000, 1, 10);
    (void)state;
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 1, 10000), 0);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 1, 1000), 1000);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 1, 10999), 1);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 1, 11000), 0);
    bucket_table_free(table);
}

static void what_is_given_back_can_be_taken(void **state)
{
    struct bucket_table *table = bucket_table_new(1, 1000, 3, 10);
    (void)state;
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 3, 0), 0);
    bucket_give(table, SPAN_LIT("a"), 2, 0);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 2, 0), 0);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 1, 0), 1000);
    bucket_give(table, SPAN_LIT("a"), 100, 500); /* never above the burst */
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 3, 500), 0);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 1, 500), 1000);
    bucket_give(table, SPAN_LIT("new"), 1, 500);
    assert_int_equal(bucket_take(table, SPAN_LIT("new"), 3, 500), 0);
    assert_int_equal(bucket_take(table, SPAN_LIT("new"), 1, 500), 1000);
    bucket_table_free(table);
}

static void zero_is_no_limit(void **state)
{
    struct bucket_table *table = bucket_table_new(0, 1000, 1, 10);
    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(bucket_take(table, SPAN_LIT("a"), 100, 0), 0);
    bucket_give(table, SPAN_LIT("a"), 1, 0);
    bucket_table_free(table);
}

static void a_cost_above_the_burst_passes_when_full(void **state)
{
    struct bucket_table *table = bucket_table_new(1, 1000, 2, 10);
    (void)state;
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 50, 0), 0);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 50, 0), 2000);
    bucket_table_free(table);
}

static void the_largest_numbers_do_not_overflow(void **state)
{
    struct bucket_table *table = bucket_table_new(INT_MAX, 3600000, INT_MAX, 10);
    (void)state;
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), INT_MAX, 0), 0);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), INT_MAX, 0), 3600000);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), INT_MAX, INT64_MAX), 0);
    bucket_table_free(table);
}

/* A limited key stays limited while new keys flood the table: each takes one of ten tokens and is
 * therefore fuller than the limited one. */
static void a_flood_of_keys_does_not_free_a_limited_one(void **state)
{
    (void)state;
    for (size_t size = 2; size <= 64; size *= 2) {
        struct bucket_table *table = bucket_table_new(1, 1000000, 10, size);
        assert_int_equal(bucket_take(table, SPAN_LIT("limited"), 10, 0), 0);
        for (int i = 0; i < 5000; i++)
            bucket_take(table, key_of(i), 1, 1);
        assert_true(bucket_take(table, SPAN_LIT("limited"), 1, 1) > 0);
        bucket_table_free(table);
    }
}

static void one_place_is_enough_to_work(void **state)
{
    struct bucket_table *table = bucket_table_new(1, 1000, 1, 1);
    (void)state;
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 1, 0), 0);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 1, 0), 1000);
    assert_int_equal(bucket_take(table, SPAN_LIT("b"), 1, 0), 0); /* a gives way */
    bucket_table_free(table);
}

struct race {
    struct bucket_table *table;
    int taken;
};

static void *take_many(void *arg)
{
    struct race *race = arg;
    for (int i = 0; i < 10000; i++)
        race->taken += bucket_take(race->table, SPAN_LIT("shared"), 1, 0) == 0;
    return NULL;
}

static void threads_share_one_burst(void **state)
{
    struct bucket_table *table = bucket_table_new(1, 1000, 12345, 10);
    struct race races[4];
    pthread_t threads[4];
    int taken = 0;
    (void)state;
    for (int i = 0; i < 4; i++) {
        races[i] = (struct race){table, 0};
        pthread_create(&threads[i], NULL, take_many, &races[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        taken += races[i].taken;
    }
    assert_int_equal(taken, 12345);
    bucket_table_free(table);
}

static void a_rate_changes_while_it_is_used(void **state)
{
    struct bucket_table *table = bucket_table_new(0, 1000, 1, 100);

    (void)state;
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 1, 5000), 0);
    bucket_table_change(table, 1, 2);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 2, 5000), 0);
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 1, 5000), 1000);
    bucket_table_change(table, 10, 4); /* faster; it has nothing yet */
    assert_int_equal(bucket_take(table, SPAN_LIT("a"), 1, 5000), 100);
    assert_int_equal(bucket_take(table, SPAN_LIT("b"), 4, 5000), 0);
    assert_int_equal(bucket_take(table, SPAN_LIT("c"), 1, 5000), 0);
    bucket_table_change(table, 10, 1); /* c had three left */
    assert_int_equal(bucket_take(table, SPAN_LIT("c"), 1, 5000), 0);
    assert_true(bucket_take(table, SPAN_LIT("c"), 1, 5000) > 0);
    bucket_give(table, SPAN_LIT("c"), 5, 5000);
    assert_int_equal(bucket_take(table, SPAN_LIT("c"), 1, 5000), 0);
    assert_true(bucket_take(table, SPAN_LIT("c"), 1, 5000) > 0);
    bucket_table_change(table, 0, 1);
    for (int i = 0; i < 100; i++)
        assert_int_equal(bucket_take(table, SPAN_LIT("c"), 1, 5000), 0);
    bucket_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_passes_then_the_rate),
        cmocka_unit_test(what_is_refused_costs_nothing),
        cmocka_unit_test(the_wait_that_is_named_is_enough),
        cmocka_unit_test(keys_are_apart),
        cmocka_unit_test(it_fills_to_the_burst_only),
        cmocka_unit_test(a_clock_that_goes_back_gives_nothing),
        cmocka_unit_test(what_is_given_back_can_be_taken),
        cmocka_unit_test(zero_is_no_limit),
        cmocka_unit_test(a_cost_above_the_burst_passes_when_full),
        cmocka_unit_test(the_largest_numbers_do_not_overflow),
        cmocka_unit_test(a_flood_of_keys_does_not_free_a_limited_one),
        cmocka_unit_test(one_place_is_enough_to_work),
        cmocka_unit_test(threads_share_one_burst),
        cmocka_unit_test(a_rate_changes_while_it_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
