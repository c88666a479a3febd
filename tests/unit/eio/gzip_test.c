/* What a client accepts (RFC 9110 section 12.5.3), and that what is coded reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

#include "broker/eio/fields.h"
#include "broker/eio/gzip.h"

static bool accepted(const char *first, const char *second)
{
    struct buf headers;
    bool result;

    buf_init(&headers, BUF_MAX_DEFAULT);
    eio_fields_add(&headers, SPAN_LIT("host"), SPAN_LIT("gzip"));
    if (first)
        eio_fields_add(&headers, SPAN_LIT("accept-encoding"), span_of(first));
    if (second)
        eio_fields_add(&headers, SPAN_LIT("accept-encoding"), span_of(second));
    result = eio_gzip_accepted(buf_span(&headers));
    buf_release(&headers);
    return result;
}

static void test_accepted(void **state)
{
    static const char *const yes[] = {
        "gzip",
        "GZip",
        "x-gzip",
        "gzip, deflate, br",
        "br;q=1.0, gzip;q=0.8, *;q=0.1",
        "*",
        "*;q=0.001",
        "deflate,\tgzip ;\tq=0.5",
        "gzip;Q=1.000",
        "identity;q=0.5, gzip",
        "identity, gzip",
        "identity;q=0, *",
        ",, gzip,",
        "gzip;q=1.",
    };

    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!accepted(yes[i], NULL))
            fail_msg("\"%s\" accepts gzip", yes[i]);
    assert_true(accepted("br", "gzip"));
}

static void test_not_accepted(void **state)
{
    static const char *const no[] = {
        "",
        "identity",
        "deflate, br",
        "gzip;q=0",
        "gzip; q=0.000",
        "gzip;q=0, *",
        "*;q=0",
        "identity;q=1, gzip;q=0.5",
        "identity, *;q=0.5",
        "gzip;q=-1",
        "gzip;q=1.5",
        "gzip;q=2",
        "gzip;q=0.0001",
        "gzip;q=",
        "gzip;q=x",
        "gzip;level=1",
        "gzipped",
        "agzip",
        "gzip x",
    };

    (void)state;
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (accepted(no[i], NULL))
            fail_msg("\"%s\" does not accept gzip", no[i]);
    assert_false(accepted(NULL, NULL));
    assert_false(accepted("gzip;q=0", "*"));
}

static void assert_reads_back(struct span body)
{
    static char back[1 << 21];
    struct buf coded;
    z_stream stream = {0};

    buf_init(&coded, SIZE_MAX);
    buf_add_str(&coded, "before");
    assert_int_equal(eio_gzip(body, &coded), ERR_OK);
    assert_true(coded.len < body.len + 6);
    assert_memory_equal(coded.data, "before\x1f\x8b", 8);
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = (Bytef *)coded.data + 6;
    stream.avail_in = (uInt)coded.len - 6;
    stream.next_out = (Bytef *)back;
    stream.avail_out = sizeof back;
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    assert_int_equal(stream.total_out, body.len);
    assert_memory_equal(back, body.ptr, body.len);
    inflateEnd(&stream);
    buf_release(&coded);
}

/* Sizes around the windows that are chosen by it. */
static void test_reads_back(void **state)
{
    static const size_t sizes[] = {1024,  1025,  2048,  2049,    4097,   8193,
                                   16385, 32768, 32769, 1000000, 1 << 20};
    struct buf body;

    (void)state;
    buf_init(&body, SIZE_MAX);
    for (int i = 0; body.len < 1 << 20; i++)
        buf_addf(&body, "42[\"message\",{\"seq\":%d,\"text\":\"%x\"}]\x1e", i, i * 2654435761U);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_reads_back(span_make(body.data, sizes[i]));
    buf_release(&body);
}

static void test_what_would_not_shrink(void **state)
{
    unsigned char noise[2048];
    uint32_t seed = 1;
    struct buf coded;

    (void)state;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (unsigned char)((seed = seed * 1664525 + 1013904223) >> 24);
    buf_init(&coded, SIZE_MAX);
    assert_int_equal(eio_gzip(span_make((char *)noise, sizeof noise), &coded), ERR_FULL);
    assert_int_equal(coded.len, 0);
    buf_release(&coded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_not_accepted),
        cmocka_unit_test(test_reads_back),
        cmocka_unit_test(test_what_would_not_shrink),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
