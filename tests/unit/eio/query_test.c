/*
 * Query strings, origin lists and the field list they are kept in.
 */
#include "broker/eio/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/vectors/vectors.h"

static void query_case(struct span input, struct span expected, int line)
{
    struct buf fields;
    struct buf got;
    struct span name;
    struct span value;
    buf_init(&fields, 1 << 16);
    buf_init(&got, 1 << 16);
    assert_int_equal(eio_query_parse(input, &fields), ERR_OK);
    for (size_t at = 0; eio_fields_next(buf_span(&fields), &at, &name, &value);) {
        buf_add_str(&got, got.len > 0 ? " | " : "");
        buf_add_span(&got, name);
        buf_add_char(&got, '=');
        buf_add_span(&got, value);
    }
    vectors_expect(&got, expected, line);
    buf_release(&fields);
    buf_release(&got);
}

static void queries_follow_the_vectors(void **state)
{
    (void)state;
    vectors_run("eio/query.txt", query_case);
}

static void the_last_of_a_name_counts(void **state)
{
    (void)state;
    struct buf fields;
    buf_init(&fields, 1 << 16);
    assert_int_equal(eio_query_parse(SPAN_LIT("EIO=3&sid=&EIO=4&EIOx=5"), &fields), ERR_OK);
    assert_true(span_is(eio_fields_get(buf_span(&fields), "EIO"), "4"));
    struct span sid = eio_fields_get(buf_span(&fields), "sid");
    assert_true(span_present(sid));
    assert_int_equal(sid.len, 0);
    assert_false(span_present(eio_fields_get(buf_span(&fields), "transport")));
    assert_false(span_present(eio_fields_get(SPAN_NONE, "EIO")));
    buf_release(&fields);
}

static void too_much_is_refused(void **state)
{
    (void)state;
    struct buf query;
    struct buf fields;
    buf_init(&query, 1 << 16);
    buf_init(&fields, 1 << 16);
    for (int i = 0; i < EIO_QUERY_MAX; i++)
        buf_add_str(&query, "&a=b");
    assert_int_equal(eio_query_parse(buf_span(&query), &fields), ERR_OK);
    buf_add_str(&query, "&a=b");
    buf_clear(&fields);
    assert_int_equal(eio_query_parse(buf_span(&query), &fields), ERR_FULL);
    buf_release(&fields);
    buf_init(&fields, 10);
    assert_int_equal(eio_query_parse(SPAN_LIT("name=value"), &fields), ERR_FULL);
    buf_release(&fields);
    buf_release(&query);
}

static void fields_hold_any_bytes(void **state)
{
    (void)state;
    static char big[EIO_FIELD_MAX + 1];
    memset(big, 'x', sizeof(big));
    struct buf fields;
    buf_init(&fields, 1 << 20);
    eio_fields_add(&fields, SPAN_LIT("a\0b"), SPAN_LIT("\0"));
    eio_fields_add(&fields, SPAN_LIT(""), SPAN_LIT(""));
    eio_fields_add(&fields, SPAN_LIT("big"), span_make(big, EIO_FIELD_MAX));
    assert_true(buf_ok(&fields));
    assert_int_equal(eio_fields_get(buf_span(&fields), "big").len, EIO_FIELD_MAX);
    assert_true(span_present(eio_fields_get(buf_span(&fields), "")));
    eio_fields_add(&fields, SPAN_LIT("more"), span_make(big, sizeof(big)));
    assert_false(buf_ok(&fields));
    buf_release(&fields);
}

static void origin_case(struct span input, struct span expected, int line)
{
    char text[256];
    assert_true(input.len < sizeof(text));
    memcpy(text, input.ptr, input.len);
    text[input.len] = '\0';
    const char *arrow = strstr(text, " <- ");
    assert_non_null(arrow);
    struct buf got;
    buf_init(&got, 16);
    bool allowed = eio_origin_allowed(span_make(text, (size_t)(arrow - text)), span_of(arrow + 4));
    buf_add_str(&got, allowed ? "yes" : "no");
    vectors_expect(&got, expected, line);
    buf_release(&got);
}

static void origins_follow_the_vectors(void **state)
{
    (void)state;
    vectors_run("eio/origin.txt", origin_case);
}

static void header_values_have_no_control_characters(void **state)
{
    (void)state;
    assert_true(eio_header_value_ok(SPAN_LIT("")));
    assert_true(eio_header_value_ok(SPAN_LIT("http://a.example\t\x80\xff")));
    assert_false(eio_header_value_ok(SPAN_LIT("http://a\r\nX: y")));
    assert_false(eio_header_value_ok(SPAN_LIT("a\0b")));
    assert_false(eio_header_value_ok(SPAN_LIT("a\x7f")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries_follow_the_vectors),
        cmocka_unit_test(the_last_of_a_name_counts),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(fields_hold_any_bytes),
        cmocka_unit_test(origins_follow_the_vectors),
        cmocka_unit_test(header_values_have_no_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
