/*
 * Query strings, origins and Accept-Encoding: whatever the bytes, the fields are valid text and can
 * be looked up.
 */
#include "tests/fuzz/fuzz.h"

#include "broker/eio/gzip.h"
#include "broker/eio/query.h"
#include "shared/base/utf8.h"

static void check_fields(struct span fields)
{
    struct span name;
    struct span value;
    int count = 0;
    for (size_t cursor = 0; eio_fields_next(fields, &cursor, &name, &value); count++) {
        FUZZ_ASSERT(utf8_is_valid(name) && utf8_is_valid(value));
        FUZZ_ASSERT(value.ptr + value.len <= fields.ptr + fields.len);
    }
    FUZZ_ASSERT(count <= EIO_QUERY_MAX);
    (void)eio_fields_get(fields, "sid");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span query = span_make((const char *)data, size);
    struct buf fields;
    buf_init(&fields, 4096);
    if (eio_query_parse(query, &fields) == ERR_OK)
        check_fields(buf_span(&fields));
    buf_release(&fields);
    buf_init(&fields, 4096);
    eio_fields_add(&fields, SPAN_LIT("accept-encoding"), query);
    (void)eio_gzip_accepted(buf_span(&fields));
    buf_release(&fields);
    if (eio_header_value_ok(query))
        (void)eio_origin_allowed(SPAN_LIT("http://localhost:* https://a.example"), query);
    (void)eio_origin_allowed(query, SPAN_LIT("http://localhost:3000"));
    return 0;
}
