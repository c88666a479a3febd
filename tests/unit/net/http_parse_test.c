/* HTTP/1.1 requests (RFC 9112), good and bad, and bodies in chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/eio/fields.h"
#include "broker/net/http_parse.h"

#define HOST "Host: x\r\n"

static void test_request(void **state)
{
    struct span input = SPAN_LIT("\r\nGET /a/b?x=%20&y HTTP/1.1\r\n" HOST
                                 "ORIGIN:  http://a.example \t\r\nX-Y:\r\n\r\nrest");
    struct http_request request;
    struct buf fields;

    (void)state;
    buf_init(&fields, BUF_MAX_DEFAULT);
    assert_int_equal(http_parse(input, HTTP_HEADER_BYTES, &fields, &request), (int)input.len - 4);
    assert_true(span_is(request.method, "GET"));
    assert_true(span_is(request.path, "/a/b"));
    assert_true(span_is(request.query, "x=%20&y"));
    assert_true(span_is(eio_fields_get(request.headers, "origin"), "http://a.example"));
    assert_true(span_is(eio_fields_get(request.headers, "x-y"), ""));
    assert_true(request.keep_alive);
    assert_int_equal(request.content_length, 0);
    buf_release(&fields);
}

static void test_status_of(void **state)
{
    static const struct {
        const char *input;
        int result; /* 1: complete */
    } rows[] = {
        {"", 0},
        {"GET / HTTP/1.1\r\nHost: x\r\n", 0},
        {"GET / HTTP/1.1\r\n" HOST "\r\n", 1},
        {"GET http://h/p?q HTTP/1.1\r\n" HOST "\r\n", 1},
        {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 1},
        {"GET / HTTP/1.0\r\n\r\n", 1},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 0012\r\n\r\n", 1},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n", 1},
        {"GET / HTTP/1.1\r\n\r\n", -400},              /* no Host */
        {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", -400}, /* two */
        {"GET / HTTP/2.0\r\n" HOST "\r\n", -505},
        {"GET / HTTP/1.2\r\n" HOST "\r\n", -505},
        {"GET / http/1.1\r\n" HOST "\r\n", -400},
        {"GET  / HTTP/1.1\r\n" HOST "\r\n", -400},
        {"GET / HTTP/1.1 \r\n" HOST "\r\n", -400},
        {"GET x HTTP/1.1\r\n" HOST "\r\n", -400},
        {"G@T / HTTP/1.1\r\n" HOST "\r\n", -400},
        {"GET /\x7f HTTP/1.1\r\n" HOST "\r\n", -400},
        {"GET / HTTP/1.1\r\n" HOST "a : b\r\n\r\n", -400},      /* space before the colon */
        {"GET / HTTP/1.1\r\n" HOST " folded\r\n\r\n", -400},    /* obsolete folding */
        {"GET / HTTP/1.1\r\n" HOST "a: b\nc: d\r\n\r\n", -400}, /* bare line feed */
        {"GET / HTTP/1.1\r\n" HOST "a: \1\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 9999999999999999999\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
         -400},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", -501},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", -400},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_request request;
        struct buf fields;
        int result;

        buf_init(&fields, BUF_MAX_DEFAULT);
        result = http_parse(span_of(rows[i].input), HTTP_HEADER_BYTES, &fields, &request);
        if (rows[i].result == 1)
            assert_int_equal(result, (int)strlen(rows[i].input));
        else
            assert_int_equal(result, rows[i].result);
        buf_release(&fields);
    }
}

static void test_header_limits(void **state)
{
    struct http_request request;
    struct buf input, fields;

    (void)state;
    buf_init(&input, BUF_MAX_DEFAULT);
    buf_init(&fields, BUF_MAX_DEFAULT);
    buf_add_str(&input, "GET / HTTP/1.1\r\n" HOST "a: ");
    for (int i = 0; i < HTTP_HEADER_BYTES; i++)
        buf_add_char(&input, 'x');
    assert_int_equal(http_parse(buf_span(&input), HTTP_HEADER_BYTES, &fields, &request), -431);
    assert_int_equal(http_parse(buf_span(&input), input.len, &fields, &request), 0);
    buf_add_str(&input, "\r\n\r\n");
    assert_int_equal(http_parse(buf_span(&input), input.len, &fields, &request), (int)input.len);
    assert_int_equal(http_parse(buf_span(&input), input.len - 1, &fields, &request), -431);
    buf_clear(&input);
    buf_add_str(&input, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 0; i < HTTP_HEADERS_MAX; i++)
        buf_add_str(&input, "a: b\r\n");
    buf_add_str(&input, "\r\n");
    assert_int_equal(http_parse(buf_span(&input), HTTP_HEADER_BYTES, &fields, &request), -431);
    buf_release(&input);
    buf_release(&fields);
}

static void test_keep_alive(void **state)
{
    static const struct {
        const char *input;
        bool keep_alive;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", true},
        {"GET / HTTP/1.1\r\n" HOST "Connection: foo, Close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_request request;
        struct buf fields;

        buf_init(&fields, BUF_MAX_DEFAULT);
        assert_true(http_parse(span_of(rows[i].input), HTTP_HEADER_BYTES, &fields, &request) > 0);
        assert_int_equal(request.keep_alive, rows[i].keep_alive);
        buf_release(&fields);
    }
}

/* ---- chunks ---- */

/* Feed in pieces; the number of bytes used, or -1. */
static int64_t feed(const char *input, size_t step, struct buf *body, bool *done)
{
    struct http_chunks chunks = {0};
    int64_t total = 0;
    size_t len = strlen(input);

    *done = false;
    for (size_t at = 0; at < len && !*done; at += step) {
        size_t here = step < len - at ? step : len - at;
        int64_t used = http_chunks_feed(&chunks, span_make(input + at, here), body, done);

        if (used < 0)
            return -1;
        total += used;
    }
    return total;
}

static void test_chunks(void **state)
{
    static const char input[] =
        "5\r\nhello\r\nA;ext=\"x\"\r\n0123456789\r\n1 \t; ext\r\n!\r\n0\r\nTrailer: x\r\n\r\n";
    static const size_t steps[] = {1000, 1, 2, 5};

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct buf body;
        bool done;

        buf_init(&body, 100);
        assert_int_equal(feed(input, steps[i], &body, &done), (int)strlen(input));
        assert_true(done);
        assert_string_equal(body.data, "hello0123456789!");
        buf_release(&body);
    }
}

static void test_chunks_stop_at_the_end(void **state)
{
    struct buf body;
    bool done;

    (void)state;
    buf_init(&body, 100);
    assert_int_equal(feed("1\r\na\r\n0\r\n\r\nGET /", 1000, &body, &done), 11);
    assert_true(done);
    buf_release(&body);
}

static void test_bad_chunks(void **state)
{
    static const char *const rows[] = {"\r\n",          "x\r\n",    "1\na",     "1\r\nab",
                                       "1\r\na\n",      "0\r\nx\n", "-1\r\n",   "1 \n",
                                       "1111111111111", "0\r\n\rx", "0x5\r\n",  "5 6\r\n",
                                       "5 \r\n",        "5\t\r\n",  "5 x;y\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf body;
        bool done;

        buf_init(&body, 100);
        assert_int_equal(feed(rows[i], 1000, &body, &done), -1);
        buf_release(&body);
    }
}

static void test_chunks_past_the_limit(void **state)
{
    struct buf body;
    bool done;

    (void)state;
    buf_init(&body, 4);
    feed("5\r\nhello\r\n0\r\n\r\n", 1000, &body, &done);
    assert_false(buf_ok(&body));
    buf_release(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),       cmocka_unit_test(test_status_of),
        cmocka_unit_test(test_header_limits), cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_chunks),        cmocka_unit_test(test_chunks_stop_at_the_end),
        cmocka_unit_test(test_bad_chunks),    cmocka_unit_test(test_chunks_past_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
