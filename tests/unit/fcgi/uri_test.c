/* Percent-encoding both ways (RFC 3986 section 2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fcgi/uri.h"

static void decodes(const char *in, bool plus, struct span want)
{
    char out[64];
    size_t len = 99;

    assert_true(uri_decode(span_of(in), plus, out, &len));
    assert_true(span_equal(span_make(out, len), want));
}

static void refuses(const char *in)
{
    char out[64];
    size_t len;

    assert_false(uri_decode(span_of(in), false, out, &len));
}

static void test_decode(void **state)
{
    (void)state;
    decodes("", false, SPAN_LIT(""));
    decodes("plain", false, SPAN_LIT("plain"));
    decodes("a%2Fb%2fc", false, SPAN_LIT("a/b/c"));
    decodes("%41%7a%7A", false, SPAN_LIT("Azz"));
    decodes("a+b", false, SPAN_LIT("a+b"));
    decodes("a+b%2B", true, SPAN_LIT("a b+"));
    decodes("%00", false, SPAN_LIT("\0"));
    decodes("%C3%BC", false, SPAN_LIT("ü"));
    decodes("%25zz", false, SPAN_LIT("%zz"));
}

static void test_decode_refuses_broken_escapes(void **state)
{
    (void)state;
    refuses("%");
    refuses("%4");
    refuses("a%zz");
    refuses("%4g");
    refuses("% 41");
    refuses("ok%");
}

static void test_encode_is_undone_by_decode(void **state)
{
    char all[256], back[256];
    struct buf out;
    size_t len;

    (void)state;
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    buf_init(&out, 4096);
    uri_encode(span_make(all, sizeof all), &out);
    assert_true(out.len <= sizeof all * 3);
    for (size_t i = 0; i < out.len; i++)
        assert_true(out.data[i] > 0x20 && out.data[i] < 0x7F && !strchr("/?#&=+\"<>", out.data[i]));
    char *decoded = back;
    assert_true(out.len < 4096);
    char big[1024];
    assert_true(uri_decode(buf_span(&out), true, big, &len));
    assert_int_equal(len, sizeof all);
    memcpy(decoded, big, sizeof back);
    assert_memory_equal(decoded, all, sizeof all);
    buf_clear(&out);
    uri_encode(SPAN_LIT("ann@bob ü"), &out);
    assert_string_equal(out.data, "ann@bob%20%C3%BC");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_decode_refuses_broken_escapes),
        cmocka_unit_test(test_encode_is_undone_by_decode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
