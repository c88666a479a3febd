/*
 * The buffer's invariants: NUL behind the content, never past max, the first error stays.
 */
#include "shared/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>

static void appends_in_all_ways(void **state)
{
    struct buf buf;
    (void)state;
    buf_init(&buf, BUF_MAX_DEFAULT);
    assert_int_equal(buf_span(&buf).len, 0);
    assert_non_null(buf_span(&buf).ptr);
    buf_add(&buf, "ab", 2);
    buf_add_span(&buf, SPAN_LIT("cd"));
    buf_add_str(&buf, "ef");
    buf_add_char(&buf, 'g');
    buf_add_int(&buf, -12);
    buf_addf(&buf, "<%s:%d>", "x", 7);
    assert_string_equal(buf.data, "abcdefg-12<x:7>");
    assert_int_equal(buf.len, strlen(buf.data));
    assert_true(buf_ok(&buf));
    buf_release(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.max, BUF_MAX_DEFAULT);
    buf_release(NULL);
}

static void numbers_have_all_their_digits(void **state)
{
    static const long long numbers[] = {0, 9, -1, 10, -10, LLONG_MAX, LLONG_MIN};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct buf buf;
        char expected[32];
        buf_init(&buf, 100);
        buf_add_int(&buf, numbers[i]);
        snprintf(expected, sizeof expected, "%lld", numbers[i]);
        assert_string_equal(buf.data, expected);
        buf_release(&buf);
    }
}

static void grows_and_keeps_a_nul_behind(void **state)
{
    struct buf buf;
    (void)state;
    buf_init(&buf, 100000);
    for (size_t i = 0; i < 100000; i++) {
        buf_add_char(&buf, (char)('a' + i % 26));
        if (i % 997 == 0)
            assert_int_equal(buf.data[buf.len], '\0');
    }
    assert_true(buf_ok(&buf));
    assert_int_equal(buf.len, 100000);
    for (size_t i = 0; i < buf.len; i++)
        assert_int_equal(buf.data[i], 'a' + i % 26);
    buf_add_char(&buf, 'x');
    assert_false(buf_ok(&buf));
    assert_int_equal(buf.len, 100000);
    buf_release(&buf);
}

static void the_maximum_holds_for_each_way(void **state)
{
    struct buf buf;
    (void)state;
    buf_init(&buf, 4);
    buf_add_str(&buf, "abcd");
    assert_true(buf_ok(&buf)); /* exactly the maximum fits */
    buf_add(&buf, "", 0);
    assert_true(buf_ok(&buf));
    buf_add_char(&buf, 'e');
    assert_false(buf_ok(&buf));
    assert_string_equal(buf.data, "abcd");

    buf_clear(&buf);
    assert_true(buf_ok(&buf));
    assert_string_equal(buf.data, "");
    buf_addf(&buf, "%d", 12345);
    assert_false(buf_ok(&buf));
    assert_string_equal(buf.data, "");

    buf_clear(&buf);
    buf_add_int(&buf, 1234);
    buf_add_span(&buf, SPAN_LIT("x"));
    assert_false(buf_ok(&buf));
    buf_release(&buf);
}

static void after_the_first_error_nothing_is_added(void **state)
{
    struct buf buf;
    (void)state;
    buf_init(&buf, 4);
    buf_add_str(&buf, "ab");
    buf_add_str(&buf, "cde");
    buf_add_str(&buf, "f"); /* would fit, but the content would lie */
    assert_null(buf_reserve(&buf, 1));
    assert_string_equal(buf.data, "ab");
    assert_false(buf_ok(&buf));
    buf_release(&buf);
    assert_true(buf_ok(&buf));
}

static void an_empty_maximum_takes_nothing(void **state)
{
    struct buf buf;
    (void)state;
    buf_init(&buf, 0);
    buf_add_str(&buf, "");
    assert_true(buf_ok(&buf));
    assert_string_equal(buf.data, "");
    buf_add_char(&buf, 'a');
    assert_false(buf_ok(&buf));
    buf_release(&buf);
}

static void lengths_near_the_end_of_memory_fail(void **state)
{
    struct buf buf;
    (void)state;
    buf_init(&buf, 100);
    buf_add_str(&buf, "a");
    assert_null(buf_reserve(&buf, SIZE_MAX));
    assert_null(buf_reserve(&buf, SIZE_MAX - 1));
    assert_false(buf_ok(&buf));
    buf_release(&buf);
}

static void reserved_room_is_written_by_the_caller(void **state)
{
    struct buf buf;
    (void)state;
    buf_init(&buf, 1000);
    buf_add_str(&buf, "ab");
    char *room = buf_reserve(&buf, 500);
    assert_non_null(room);
    memset(room, 'x', 500);
    buf.len += 500;
    buf_terminate(&buf);
    assert_int_equal(strlen(buf.data), 502);
    buf_release(&buf);
}

static void memory_can_be_taken(void **state)
{
    struct buf buf;
    size_t len = 99;
    (void)state;
    buf_init(&buf, 1000);
    assert_null(buf_take(&buf, &len));
    assert_int_equal(len, 0);
    buf_add(&buf, "a\0b", 3);
    char *taken = buf_take(&buf, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(taken, "a\0b", 4);
    free(taken);
    assert_null(buf.data);
    buf_add_str(&buf, "again");
    taken = buf_take(&buf, NULL);
    assert_string_equal(taken, "again");
    free(taken);
}

static void the_front_can_be_dropped(void **state)
{
    struct buf buf;
    (void)state;
    buf_init(&buf, 1000);
    buf_drop(&buf, 0); /* of nothing, nothing */
    buf_add_str(&buf, "abcdef");
    buf_drop(&buf, 2);
    assert_string_equal(buf.data, "cdef");
    buf_drop(&buf, 4);
    assert_string_equal(buf.data, "");
    assert_int_equal(buf.len, 0);
    buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_in_all_ways),
        cmocka_unit_test(numbers_have_all_their_digits),
        cmocka_unit_test(grows_and_keeps_a_nul_behind),
        cmocka_unit_test(the_maximum_holds_for_each_way),
        cmocka_unit_test(after_the_first_error_nothing_is_added),
        cmocka_unit_test(an_empty_maximum_takes_nothing),
        cmocka_unit_test(lengths_near_the_end_of_memory_fail),
        cmocka_unit_test(reserved_room_is_written_by_the_caller),
        cmocka_unit_test(memory_can_be_taken),
        cmocka_unit_test(the_front_can_be_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
