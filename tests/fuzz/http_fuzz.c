/*
 * HTTP requests: what the parser takes is well-formed, it takes the same from a prefix that holds
 * the whole header section and nothing from a shorter one, and a chunked body is the same however
 * it is cut.
 */
#include "tests/fuzz/fuzz.h"

#include "broker/eio/fields.h"
#include "broker/net/http_parse.h"

#define BODY_MAX 10000

static void check_headers(const struct http_request *request)
{
    struct span name;
    struct span value;
    int count = 0;

    for (size_t at = 0; eio_fields_next(request->headers, &at, &name, &value); count++) {
        FUZZ_ASSERT(name.len > 0);
        for (size_t i = 0; i < name.len; i++)
            FUZZ_ASSERT(name.ptr[i] > ' ' && (name.ptr[i] < 'A' || name.ptr[i] > 'Z'));
        for (size_t i = 0; i < value.len; i++)
            FUZZ_ASSERT((unsigned char)value.ptr[i] >= ' ' || value.ptr[i] == '\t');
    }
    FUZZ_ASSERT(count <= HTTP_HEADERS_MAX);
}

static void check_request(struct span input, int size, const struct http_request *request)
{
    struct http_request again;
    struct buf fields;

    FUZZ_ASSERT(size <= (int)input.len && size <= HTTP_HEADER_BYTES + 8);
    FUZZ_ASSERT(request->method.len > 0 && request->path.len > 0);
    FUZZ_ASSERT(request->path.ptr[0] == '/' || request->path.ptr[0] == '*');
    FUZZ_ASSERT(memchr(request->path.ptr, '?', request->path.len) == NULL);
    FUZZ_ASSERT(request->chunked == (request->content_length == -1));
    check_headers(request);
    buf_init(&fields, BUF_MAX_DEFAULT);
    FUZZ_ASSERT(
        http_parse(span_make(input.ptr, (size_t)size), HTTP_HEADER_BYTES, &fields, &again) == size);
    FUZZ_ASSERT(again.content_length == request->content_length);
    FUZZ_ASSERT(http_parse(span_make(input.ptr, (size_t)size - 1), HTTP_HEADER_BYTES, &fields,
                           &again) == 0);
    buf_release(&fields);
}

/* Read a body in steps of `step` bytes: those used up to its end, or -1. */
static int64_t read_body(struct span input, size_t step, struct buf *body)
{
    struct http_chunks chunks = {0};
    bool done = false;
    size_t used = 0;

    while (used < input.len && !done) {
        size_t here = input.len - used < step ? input.len - used : step;
        int64_t took = http_chunks_feed(&chunks, span_make(input.ptr + used, here), body, &done);

        if (took < 0)
            return -1;
        FUZZ_ASSERT((size_t)took == here || done);
        used += (size_t)took;
    }
    return (int64_t)used;
}

static void check_body(struct span input)
{
    struct buf whole;
    struct buf bytewise;

    buf_init(&whole, BODY_MAX);
    buf_init(&bytewise, BODY_MAX);
    FUZZ_ASSERT(read_body(input, input.len + 1, &whole) == read_body(input, 1, &bytewise));
    FUZZ_ASSERT(buf_ok(&whole) == buf_ok(&bytewise));
    FUZZ_ASSERT(!buf_ok(&whole) || span_equal(buf_span(&whole), buf_span(&bytewise)));
    buf_release(&whole);
    buf_release(&bytewise);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_make((const char *)data, size);
    struct http_request request;
    struct buf fields;
    int took;

    buf_init(&fields, BUF_MAX_DEFAULT);
    took = http_parse(input, HTTP_HEADER_BYTES, &fields, &request);
    FUZZ_ASSERT(took >= 0 || took == -400 || took == -431 || took == -501 || took == -505);
    if (took > 0) {
        check_request(input, took, &request);
        input = span_make(input.ptr + took, input.len - (size_t)took);
    }
    check_body(input);
    (void)http_list_has(input, "upgrade");
    buf_release(&fields);
    return 0;
}
