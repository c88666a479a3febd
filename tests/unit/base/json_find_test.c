/*
 * Parts of scanned JSON: types, walking, members, strings and numbers.
 */
#include "shared/base/json_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>

#include "shared/base/json_write.h"
#include "tests/vectors/vectors.h"

static void assert_span(struct span got, const char *expected)
{
    if (!span_is(got, expected))
        fail_msg("got '%.*s', expected '%s'", (int)got.len, got.ptr ? got.ptr : "", expected);
}

static void types_are_told_by_the_first_byte(void **state)
{
    (void)state;
    assert_int_equal(json_type_of(SPAN_LIT("null")), JSON_NULL);
    assert_int_equal(json_type_of(SPAN_LIT("true")), JSON_BOOL);
    assert_int_equal(json_type_of(SPAN_LIT("false")), JSON_BOOL);
    assert_int_equal(json_type_of(SPAN_LIT("-1")), JSON_NUMBER);
    assert_int_equal(json_type_of(SPAN_LIT("0")), JSON_NUMBER);
    assert_int_equal(json_type_of(SPAN_LIT("\"x\"")), JSON_STRING);
    assert_int_equal(json_type_of(SPAN_LIT("[]")), JSON_ARRAY);
    assert_int_equal(json_type_of(SPAN_LIT(" \t\r\n{}")), JSON_OBJECT);
}

/* "key=value;" of each element; no key in arrays. */
static void walk(const char *text, const char *expected)
{
    struct buf seen;
    struct span key, value;
    size_t cursor = 0;
    buf_init(&seen, 4096);
    buf_add_str(&seen, "");
    while (json_next(span_of(text), &cursor, &key, &value)) {
        if (span_present(key)) {
            buf_add_span(&seen, key);
            buf_add_char(&seen, '=');
        }
        buf_add_span(&seen, value);
        buf_add_char(&seen, ';');
    }
    assert_string_equal(seen.data, expected);
    assert_false(json_next(span_of(text), &cursor, &key, &value));
    buf_release(&seen);
}

static void arrays_are_walked(void **state)
{
    (void)state;
    walk("[]", "");
    walk(" [ ] ", "");
    walk("[1]", "1;");
    walk(" [ 1 , [2,3] , {\"a\":[4]} ,\"]\\\"[\",null]\n", "1;[2,3];{\"a\":[4]};\"]\\\"[\";null;");
    walk("[[],{},\"\"]", "[];{};\"\";");
    walk("[-1.5e3,true]", "-1.5e3;true;");
}

static void objects_are_walked(void **state)
{
    (void)state;
    walk("{}", "");
    walk(" { } ", "");
    walk("{\"a\":1}", "\"a\"=1;");
    walk("{ \"a\" : 1 ,\"}\":\"{\", \"b\\\"\":[ ] }\n", "\"a\"=1;\"}\"=\"{\";\"b\\\"\"=[ ];");
    walk("{\"a\":{\"b\":{}},\"a\":2}", "\"a\"={\"b\":{}};\"a\"=2;");
}

static void scalars_have_no_elements(void **state)
{
    (void)state;
    walk("1", "");
    walk("\"[1]\"", "");
    walk("null", "");
    walk("", "");
}

static void key_may_be_left_out(void **state)
{
    size_t cursor = 0;
    struct span value;
    (void)state;
    assert_true(json_next(SPAN_LIT("{\"a\":7}"), &cursor, NULL, &value));
    assert_span(value, "7");
}

static void members_are_found(void **state)
{
    const struct span object = SPAN_LIT("{\"a\":1,\"b\":{\"c\":2},\"a\":3,\"\\u0061b\":4,\"\":5,"
                                        "\"\\ud83d\\ude00\":6,\"x\\/y\":7,\"n\\u0000\":8}");
    (void)state;
    assert_span(json_member(object, "a"), "3"); /* the last one wins */
    assert_span(json_member(object, "b"), "{\"c\":2}");
    assert_span(json_member(object, "ab"), "4");
    assert_span(json_member(object, ""), "5");
    assert_span(json_member(object, "\xf0\x9f\x98\x80"), "6");
    assert_span(json_member(object, "x/y"), "7");
    assert_false(span_present(json_member(object, "c")));
    assert_false(span_present(json_member(object, "abc")));
    assert_false(span_present(json_member(object, "n"))); /* n and NUL is another name */
    assert_false(span_present(json_member(SPAN_LIT("[\"a\",1]"), "a")));
    assert_false(span_present(json_member(SPAN_LIT("null"), "a")));
    assert_false(span_present(json_member(SPAN_LIT("{}"), "")));
}

static void unescapes(const char *value, const char *expected, size_t len)
{
    struct buf out;
    buf_init(&out, 4096);
    json_unescape(span_of(value), &out);
    assert_int_equal(out.len, len);
    assert_memory_equal(out.data, expected, len + 1);
    buf_release(&out);
}

#define UNESCAPES(value, expected) unescapes(value, expected, sizeof(expected) - 1)

static void strings_are_unescaped(void **state)
{
    (void)state;
    UNESCAPES("\"\"", "");
    UNESCAPES("\"plain\"", "plain");
    UNESCAPES(" \"space around\" ", "space around");
    UNESCAPES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t");
    UNESCAPES("\"a\\u0041b\"", "aAb");
    UNESCAPES("\"\\u00e9\\u20AC\\uffff\"", "\xc3\xa9\xe2\x82\xac\xef\xbf\xbf");
    UNESCAPES("\"\\ud83d\\ude00!\"", "\xf0\x9f\x98\x80!");
    UNESCAPES("\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf");
    UNESCAPES("\"\xc3\xa9\\n\xc3\xa9\"", "\xc3\xa9\n\xc3\xa9");
    UNESCAPES("\"a\\u0000b\"", "a\0b");
}

static void lone_surrogates_become_replacement_characters(void **state)
{
    (void)state;
    UNESCAPES("\"\\ud83d\"", "\xef\xbf\xbd");
    UNESCAPES("\"\\ude00x\"", "\xef\xbf\xbdx");
    UNESCAPES("\"\\ud83d\\n\"", "\xef\xbf\xbd\n");
    UNESCAPES("\"\\ud83d\\u0041\"", "\xef\xbf\xbd\x41");
    UNESCAPES("\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80");
    UNESCAPES("\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd");
}

static void half_a_surrogate_pair_is_no_unicode(void **state)
{
    (void)state;
    assert_true(json_is_unicode(SPAN_LIT("\"\"")));
    assert_true(json_is_unicode(SPAN_LIT("\"a\\u00e9\\ufffd\\uD83D\\ude00\\n\"")));
    assert_true(json_is_unicode(SPAN_LIT("\"\\\\ud83d\"")));
    assert_false(json_is_unicode(SPAN_LIT("\"\\ud83d\"")));
    assert_false(json_is_unicode(SPAN_LIT("\"\\ud83dx\\ude00\"")));
    assert_false(json_is_unicode(SPAN_LIT("\"\\ude00\\ud83d\"")));
    assert_false(json_is_unicode(SPAN_LIT("\"\\ud83d\\ud83d\\ude00\"")));
}

static void unescaping_holds_the_buffer_to_its_maximum(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 3);
    json_unescape(SPAN_LIT("\"abc\""), &out);
    assert_true(buf_ok(&out));
    buf_clear(&out);
    json_unescape(SPAN_LIT("\"ab\\ncd\""), &out);
    assert_false(buf_ok(&out));
    buf_release(&out);
}

static void reads_int(const char *text, long long expected)
{
    long long got = 0x5a;
    if (!json_to_int(span_of(text), &got) || got != expected)
        fail_msg("%s is %lld", text, got);
}

static void integers_are_read(void **state)
{
    (void)state;
    reads_int("0", 0);
    reads_int("-0", 0);
    reads_int("42", 42);
    reads_int(" -42 ", -42);
    reads_int("9223372036854775807", LLONG_MAX);
    reads_int("-9223372036854775808", LLONG_MIN);
}

static void other_values_are_no_integers(void **state)
{
    static const char *const others[] = {"9223372036854775808",
                                         "-9223372036854775809",
                                         "99999999999999999999999",
                                         "1.0",
                                         "1e3",
                                         "1.5",
                                         "\"1\"",
                                         "null",
                                         "true",
                                         "[1]",
                                         "{}",
                                         "",
                                         "-",
                                         "1 2"};
    long long out = 7;
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (json_to_int(span_of(others[i]), &out))
            fail_msg("%s is no integer", others[i]);
    assert_int_equal(out, 7);
}

/* Write the value anew from its parts; white space and escapes aside, nothing may get lost. */
static void rewrite(struct json_writer *w, struct span value)
{
    struct span key, element;
    struct buf text;
    size_t cursor = 0;
    enum json_type type = json_type_of(value);
    if (type == JSON_STRING) {
        buf_init(&text, 1 << 16);
        json_unescape(value, &text);
        json_string(w, NULL, buf_span(&text));
        buf_release(&text);
        return;
    }
    if (type != JSON_ARRAY && type != JSON_OBJECT) {
        json_raw(w, NULL, value);
        return;
    }
    (type == JSON_ARRAY ? json_array : json_object)(w, NULL);
    while (json_next(value, &cursor, &key, &element)) {
        if (span_present(key)) {
            buf_init(&text, 1 << 16);
            json_unescape(key, &text);
            json_key_span(w, buf_span(&text));
            buf_release(&text);
        }
        rewrite(w, element);
    }
    (type == JSON_ARRAY ? json_array_end : json_object_end)(w);
}

static void round_trip_case(struct span input, struct span expected, int line)
{
    struct buf once, twice;
    struct json_writer w;
    if (!span_is(expected, "ok"))
        return;
    buf_init(&once, 1 << 16);
    buf_init(&twice, 1 << 16);
    json_begin(&w, &once);
    rewrite(&w, input);
    if (json_scan(buf_span(&once), 64) != ERR_OK)
        fail_msg("line %d: rewritten as %s, which is no JSON", line, once.data);
    json_begin(&w, &twice);
    rewrite(&w, buf_span(&once));
    assert_string_equal(once.data, twice.data);
    buf_release(&once);
    buf_release(&twice);
}

static void every_accepted_vector_survives_rewriting(void **state)
{
    (void)state;
    vectors_run("json/scan.txt", round_trip_case);
}

/* Unscanned text: any answer, but nothing is read past its end and every walk ends. */
static void careless_case(struct span input, struct span expected, int line)
{
    struct span key, value;
    struct buf out;
    size_t cursor = 0;
    long long number;
    (void)expected;
    (void)line;
    buf_init(&out, 1 << 16);
    for (size_t steps = 0; json_next(input, &cursor, &key, &value); steps++) {
        assert_true(steps <= input.len);
        json_unescape(value, &out);
        json_unescape(key, &out);
    }
    json_unescape(input, &out);
    json_to_int(input, &number);
    json_member(input, "a");
    buf_release(&out);
}

static void text_that_is_no_json_does_no_harm(void **state)
{
    (void)state;
    vectors_run("json/scan.txt", careless_case);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_told_by_the_first_byte),
        cmocka_unit_test(arrays_are_walked),
        cmocka_unit_test(objects_are_walked),
        cmocka_unit_test(scalars_have_no_elements),
        cmocka_unit_test(key_may_be_left_out),
        cmocka_unit_test(members_are_found),
        cmocka_unit_test(strings_are_unescaped),
        cmocka_unit_test(lone_surrogates_become_replacement_characters),
        cmocka_unit_test(half_a_surrogate_pair_is_no_unicode),
        cmocka_unit_test(unescaping_holds_the_buffer_to_its_maximum),
        cmocka_unit_test(integers_are_read),
        cmocka_unit_test(other_values_are_no_integers),
        cmocka_unit_test(every_accepted_vector_survives_rewriting),
        cmocka_unit_test(text_that_is_no_json_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
