/*
 * The strict JSON scanner: all it accepts is UTF-8, every element it finds is JSON itself, strings
 * come back from their quoted form, and json-c, which parses what it has passed, agrees.
 */
#include "tests/fuzz/fuzz.h"

#include "shared/base/json_scan.h"
#include "shared/base/json_write.h"
#include "shared/base/utf8.h"
#include "tests/fuzz/json_peer.h"

#define DEPTH 16

static void check_string(struct span value)
{
    struct buf text;
    struct buf quoted;
    struct buf again;
    buf_init(&text, BUF_MAX_DEFAULT);
    buf_init(&quoted, BUF_MAX_DEFAULT);
    buf_init(&again, BUF_MAX_DEFAULT);
    json_unescape(value, &text);
    FUZZ_ASSERT(utf8_is_valid(buf_span(&text)));
    json_quote(&quoted, buf_span(&text));
    FUZZ_ASSERT(json_scan(buf_span(&quoted), 1) == ERR_OK);
    json_unescape(buf_span(&quoted), &again);
    FUZZ_ASSERT(span_equal(buf_span(&text), buf_span(&again)));
    buf_release(&text);
    buf_release(&quoted);
    buf_release(&again);
}

static int check_value(struct span value, int depth);

static int check_elements(struct span container, int depth, bool object)
{
    struct span key;
    struct span value;
    int count = 0;
    for (size_t cursor = 0; json_next(container, &cursor, &key, &value); count++) {
        FUZZ_ASSERT(json_scan(value, depth) == ERR_OK);
        if (object)
            check_string(key);
        check_value(value, depth - 1);
    }
    return count;
}

static int check_value(struct span value, int depth)
{
    enum json_type type = json_type_of(value);
    long long number;
    if (type == JSON_STRING)
        check_string(value);
    if (type == JSON_NUMBER)
        (void)json_to_int(value, &number);
    if (type == JSON_OBJECT)
        (void)json_member(value, "num");
    if (type != JSON_ARRAY && type != JSON_OBJECT)
        return 0;
    return check_elements(value, depth, type == JSON_OBJECT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_make((const char *)data, size);
    if (json_scan(text, DEPTH) != ERR_OK)
        return 0;
    FUZZ_ASSERT(utf8_is_valid(text));
    while (size > 0 && strchr(" \t\r\n", text.ptr[0]) != NULL)
        text = span_make(text.ptr + 1, --size);
    int elements = check_value(text, DEPTH);
    long peers = json_peer_elements(text, DEPTH);
    FUZZ_ASSERT(json_type_of(text) == JSON_ARRAY ? peers == elements : peers == 0);
    return 0;
}
