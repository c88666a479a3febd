/*
 * What a stranger's bytes reach first: the HTTP parser, bodies in chunks, and the websocket reader.
 * However they are cut into pieces, the result is the same.
 */
#include "tests/fuzz/fuzz.h"

#include "broker/eio/fields.h"
#include "broker/eio/ws_reader.h"
#include "broker/net/http_parse.h"
#include "shared/base/utf8.h"

#define MAX 4096

static void check_http(struct span input)
{
    struct http_request request;
    struct span name, value;
    struct buf fields;
    int size;

    buf_init(&fields, BUF_MAX_DEFAULT);
    size = http_parse(input, &fields, &request);
    FUZZ_ASSERT(size <= (int)input.len);
    if (size > 0) {
        FUZZ_ASSERT(request.path.len > 0 && request.method.len > 0);
        FUZZ_ASSERT(request.chunked == (request.content_length == -1));
        for (size_t cursor = 0; eio_fields_next(request.headers, &cursor, &name, &value);)
            FUZZ_ASSERT(!memchr(value.ptr, '\r', value.len) && !memchr(value.ptr, '\n', value.len));
        /* Not complete with one byte less. */
        FUZZ_ASSERT(http_parse(span_make(input.ptr, (size_t)size - 1), &fields, &request) == 0);
    }
    buf_release(&fields);
}

static int64_t chunks_in_steps(struct span input, size_t step, struct buf *body)
{
    struct http_chunks chunks = {0};
    int64_t total = 0;
    bool done = false;

    for (size_t at = 0; at < input.len && !done; at += step) {
        size_t here = step < input.len - at ? step : input.len - at;
        int64_t used = http_chunks_feed(&chunks, span_make(input.ptr + at, here), body, &done);

        if (used < 0)
            return -1;
        total += used;
    }
    return total;
}

static void check_chunks(struct span input)
{
    struct buf once, split;

    buf_init(&once, BUF_MAX_DEFAULT);
    buf_init(&split, BUF_MAX_DEFAULT);
    FUZZ_ASSERT(chunks_in_steps(input, SIZE_MAX / 2, &once) == chunks_in_steps(input, 1, &split));
    FUZZ_ASSERT(span_equal(buf_span(&once), buf_span(&split)));
    buf_release(&once);
    buf_release(&split);
}

/* A transcript of all that is read. */
static void read_ws(struct span input, size_t step, struct buf *out)
{
    struct ws_reader reader;
    bool over = false;

    ws_reader_init(&reader);
    for (size_t at = 0; at < input.len && !over; at += step) {
        size_t len = step < input.len - at ? step : input.len - at;
        char *copy = malloc(len ? len : 1);
        char *cursor = copy;
        enum ws_read read;
        struct span data = SPAN_NONE;

        memcpy(copy, input.ptr + at, len);
        while (!over && (read = ws_reader_feed(&reader, &cursor, &len, MAX, &data))) {
            over = read == WS_READ_CLOSE || read == WS_READ_FAIL;
            FUZZ_ASSERT(data.len <= MAX || read == WS_READ_FAIL);
            if (read == WS_READ_MESSAGE && !reader.binary)
                FUZZ_ASSERT(utf8_is_valid(data));
            buf_addf(out, "%d:%d:", (int)read, over ? reader.code : 0);
            if (read != WS_READ_FAIL)
                buf_add_span(out, data);
        }
        free(copy);
    }
    ws_reader_release(&reader);
}

static void check_ws(struct span input)
{
    struct buf once, split;

    buf_init(&once, BUF_MAX_DEFAULT);
    buf_init(&split, BUF_MAX_DEFAULT);
    read_ws(input, SIZE_MAX / 2, &once);
    read_ws(input, 3, &split);
    FUZZ_ASSERT(span_equal(buf_span(&once), buf_span(&split)));
    buf_release(&once);
    buf_release(&split);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_make((const char *)data + (size > 0), size > 0 ? size - 1 : 0);

    if (size == 0)
        return 0;
    if (data[0] % 3 == 0)
        check_http(input);
    else if (data[0] % 3 == 1)
        check_chunks(input);
    else
        check_ws(input);
    return 0;
}
