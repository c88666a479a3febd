/*
 * The writer: commas, and escapes as JSON.stringify makes them.
 */
#include "shared/base/json_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "shared/base/json_scan.h"

static void quotes(struct span value, const char *expected)
{
    struct buf out;
    buf_init(&out, 4096);
    json_quote(&out, value);
    assert_string_equal(out.data, expected);
    assert_int_equal(json_scan(buf_span(&out), 1), ERR_OK);
    buf_release(&out);
}

static void strings_are_escaped_like_json_stringify(void **state)
{
    (void)state;
    quotes(SPAN_LIT(""), "\"\"");
    quotes(SPAN_NONE, "\"\"");
    quotes(SPAN_LIT("plain"), "\"plain\"");
    quotes(SPAN_LIT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"");
    quotes(SPAN_LIT("\"\\/"), "\"\\\"\\\\/\"");
    quotes(SPAN_LIT("\0"), "\"\\u0000\"");
    quotes(SPAN_LIT("\x01\x0b\x1e\x1f"), "\"\\u0001\\u000b\\u001e\\u001f\"");
    quotes(SPAN_LIT("\x7f"), "\"\x7f\"");
    quotes(SPAN_LIT("h\xc3\xa9 \xe2\x80\xa8 \xf0\x9f\x98\x80"),
           "\"h\xc3\xa9 \xe2\x80\xa8 \xf0\x9f\x98\x80\"");
    quotes(SPAN_LIT("a\nb\nc"), "\"a\\nb\\nc\"");
    quotes(SPAN_LIT("\n"), "\"\\n\"");
}

static void every_ascii_character_comes_back(void **state)
{
    struct buf quoted, back;
    char all[128];
    (void)state;
    for (int c = 0; c < 128; c++)
        all[c] = (char)c;
    buf_init(&quoted, 4096);
    buf_init(&back, 4096);
    json_quote(&quoted, span_make(all, sizeof all));
    for (size_t i = 0; i < quoted.len; i++)
        assert_true((unsigned char)quoted.data[i] >= 0x20);
    assert_int_equal(json_scan(buf_span(&quoted), 1), ERR_OK);
    json_unescape(buf_span(&quoted), &back);
    assert_int_equal(back.len, sizeof all);
    assert_memory_equal(back.data, all, sizeof all);
    buf_release(&quoted);
    buf_release(&back);
}

static void values_of_every_kind(void **state)
{
    struct buf out;
    struct json_writer w;
    (void)state;
    buf_init(&out, 4096);
    json_begin(&w, &out);
    json_object(&w, NULL);
    json_string(&w, "s", SPAN_LIT("x"));
    json_cstr(&w, "c", "y");
    json_cstr(&w, "none", NULL);
    json_int(&w, "min", INT64_MIN);
    json_bool(&w, "yes", true);
    json_bool(&w, "no", false);
    json_null(&w, "null");
    json_date(&w, "date", 1795372200123456);
    json_raw(&w, "raw", SPAN_LIT("[1,{}]"));
    json_array(&w, "list");
    json_int(&w, NULL, 1);
    json_array(&w, NULL);
    json_array_end(&w);
    json_object(&w, NULL);
    json_object_end(&w);
    json_cstr(&w, NULL, "z");
    json_array_end(&w);
    json_int(&w, "a\"b", 2);
    json_object_end(&w);
    assert_string_equal(out.data, "{\"s\":\"x\",\"c\":\"y\",\"none\":null,"
                                  "\"min\":-9223372036854775808,\"yes\":true,\"no\":false,"
                                  "\"null\":null,\"date\":\"2026-11-22T18:30:00.123Z\","
                                  "\"raw\":[1,{}],\"list\":[1,[],{},\"z\"],\"a\\\"b\":2}");
    assert_int_equal(json_scan(buf_span(&out), 8), ERR_OK);
    assert_int_equal(w.depth, 0);
    buf_release(&out);
}

static void keys_may_come_from_data(void **state)
{
    struct buf out;
    struct json_writer w;
    (void)state;
    buf_init(&out, 4096);
    json_begin(&w, &out);
    json_object(&w, NULL);
    json_key_span(&w, SPAN_LIT("room\n1"));
    json_array(&w, NULL);
    json_int(&w, NULL, 1);
    json_array_end(&w);
    json_key_span(&w, SPAN_LIT("r2"));
    json_null(&w, NULL);
    json_int(&w, "n", 3);
    json_object_end(&w);
    assert_string_equal(out.data, "{\"room\\n1\":[1],\"r2\":null,\"n\":3}");
    buf_release(&out);
}

static void writing_goes_on_after_what_is_there(void **state)
{
    struct buf out;
    struct json_writer w;
    (void)state;
    buf_init(&out, 4096);
    buf_add_str(&out, "42/chat,");
    json_begin(&w, &out);
    json_array(&w, NULL);
    json_cstr(&w, NULL, "event");
    json_object(&w, NULL);
    json_object_end(&w);
    json_array_end(&w);
    assert_string_equal(out.data, "42/chat,[\"event\",{}]");
    buf_release(&out);
}

static void a_full_buffer_is_remembered(void **state)
{
    struct buf out;
    struct json_writer w;
    (void)state;
    buf_init(&out, 8);
    json_begin(&w, &out);
    json_array(&w, NULL);
    json_cstr(&w, NULL, "too long for this");
    json_array_end(&w);
    assert_false(buf_ok(&out));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_escaped_like_json_stringify),
        cmocka_unit_test(every_ascii_character_comes_back),
        cmocka_unit_test(values_of_every_kind),
        cmocka_unit_test(keys_may_come_from_data),
        cmocka_unit_test(writing_goes_on_after_what_is_there),
        cmocka_unit_test(a_full_buffer_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
