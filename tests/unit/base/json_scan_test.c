/*
 * The scanner against the text vectors, and what vectors cannot say: each cut of a text, depth.
 */
#include "shared/base/json_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/vectors/vectors.h"

#define DEPTH 32

static void scan_case(struct span input, struct span expected, int line)
{
    struct buf got;
    buf_init(&got, 16);
    buf_add_str(&got, json_scan(input, DEPTH) == ERR_OK ? "ok" : "error");
    vectors_expect(&got, expected, line);
    buf_release(&got);
}

static void vectors_agree(void **state)
{
    (void)state;
    assert_true(vectors_run("json/scan.txt", scan_case) > 400);
}

/* Each accepted text inside an array and an object, where other code reads its end. */
static void nested_case(struct span input, struct span expected, int line)
{
    struct buf text, got;
    buf_init(&text, 4096);
    buf_init(&got, 16);
    buf_add_str(&text, "{\"a\":[0,");
    buf_add_span(&text, input);
    buf_add_str(&text, "]}");
    buf_add_str(&got, json_scan(buf_span(&text), DEPTH + 2) == ERR_OK ? "ok" : "error");
    if (span_is(expected, "ok"))
        vectors_expect(&got, expected, line);
    buf_release(&text);
    buf_release(&got);
}

static void accepted_values_are_accepted_inside(void **state)
{
    (void)state;
    vectors_run("json/scan.txt", nested_case);
}

/* A text of bytes that the sanitizer guards on both sides. */
static enum err scan_copy(const char *text, size_t len)
{
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    enum err err = json_scan(span_make(copy, len), DEPTH);
    free(copy);
    return err;
}

static void each_cut_is_refused(void **state)
{
    static const char text[] =
        "{\"k\\u00e9\":[1,-2.5e+3,\"caf\xc3\xa9 \\\"x\\\" \xf0\x9f\x98\x80\","
        "true,false,null,{\"\":[]},[[]]]}";
    (void)state;
    assert_int_equal(scan_copy(text, sizeof text - 1), ERR_OK);
    for (size_t len = 0; len < sizeof text - 1; len++)
        assert_int_equal(scan_copy(text, len), ERR_SYNTAX);
}

/* A control character must be seen wherever it falls in the words of eight that are skipped. */
static void each_place_of_a_long_string_is_looked_at(void **state)
{
    char text[66];
    (void)state;
    for (size_t at = 1; at < 65; at++) {
        memset(text, 'a', sizeof text);
        text[0] = text[65] = '"';
        assert_int_equal(json_scan(span_make(text, sizeof text), DEPTH), ERR_OK);
        for (int c = 0; c < 256; c++) {
            text[at] = (char)c;
            enum err err = json_scan(span_make(text, sizeof text), DEPTH);
            bool fine = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
            /* A backslash before an a, or before the closing quote, makes no string either. */
            assert_int_equal(err, fine ? ERR_OK : ERR_SYNTAX);
        }
    }
}

static enum err scan_nested(int depth, int max_depth)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < depth; i++)
        buf_add_str(&text, i % 2 ? "{\"a\":" : "[");
    buf_add_str(&text, "0");
    for (int i = depth - 1; i >= 0; i--)
        buf_add_str(&text, i % 2 ? "}" : "]");
    enum err err = json_scan(buf_span(&text), max_depth);
    buf_release(&text);
    return err;
}

static void depth_is_bounded(void **state)
{
    (void)state;
    for (int depth = 0; depth < 130; depth++) {
        assert_int_equal(scan_nested(depth, depth), ERR_OK);
        if (depth > 0)
            assert_int_equal(scan_nested(depth, depth - 1), ERR_SYNTAX);
    }
    assert_int_equal(scan_nested(JSON_DEPTH_LIMIT, 100000), ERR_OK);
    assert_int_equal(scan_nested(JSON_DEPTH_LIMIT + 1, 100000), ERR_SYNTAX);
    assert_int_equal(scan_nested(100000, 100000), ERR_SYNTAX);
}

static void width_is_not(void **state)
{
    struct buf text;
    (void)state;
    buf_init(&text, 1 << 20);
    buf_add_char(&text, '[');
    for (int i = 0; i < 50000; i++)
        buf_add_str(&text, "[1],");
    buf_add_str(&text, "{}]");
    assert_int_equal(json_scan(buf_span(&text), 2), ERR_OK);
    buf_release(&text);
}

static void nothing_is_no_text(void **state)
{
    (void)state;
    assert_int_equal(json_scan(SPAN_NONE, DEPTH), ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_agree),
        cmocka_unit_test(accepted_values_are_accepted_inside),
        cmocka_unit_test(each_cut_is_refused),
        cmocka_unit_test(each_place_of_a_long_string_is_looked_at),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(width_is_not),
        cmocka_unit_test(nothing_is_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
