/*
 * Query strings (application/x-www-form-urlencoded) and origin lists. Not a URL parser: the HTTP
 * layer has cut the query off already.
 */
#include "broker/eio/query.h"

#include "shared/base/hex.h"
#include "shared/base/utf8.h"

#define REPLACEMENT SPAN_LIT("\xEF\xBF\xBD") /* U+FFFD */

/* The byte that %XX at `i` stands for, or -1 if it is no escape. */
static int escaped_byte(struct span text, size_t i)
{
    if (text.ptr[i] != '%' || text.len - i < 3)
        return -1;
    int high = hex_digit(text.ptr[i + 1]);
    int low = hex_digit(text.ptr[i + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static void decode(struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        int byte = escaped_byte(text, i);
        if (byte >= 0) {
            buf_add_char(out, (char)byte);
            i += 2;
        } else {
            buf_add_char(out, text.ptr[i] == '+' ? ' ' : text.ptr[i]);
        }
    }
}

/* The bytes of the valid character at the start of `text`; 0 if there is none. */
static size_t character_size(struct span text)
{
    for (size_t size = 1; size <= 4 && size <= text.len; size++)
        if (utf8_is_valid(span_make(text.ptr, size)))
            return size;
    return 0;
}

/* Append `text` with U+FFFD for each byte that belongs to no character. */
static void add_valid(struct span text, struct buf *out)
{
    while (text.len > 0) {
        size_t size = character_size(text);
        buf_add_span(out, size > 0 ? span_make(text.ptr, size) : REPLACEMENT);
        size = size > 0 ? size : 1;
        text = span_make(text.ptr + size, text.len - size);
    }
}

/* Decode one name or value into `raw`; the span lives in `raw` or, after repair, in `repaired`. */
static struct span decode_text(struct span text, struct buf *raw, struct buf *repaired)
{
    buf_clear(raw);
    decode(text, raw);
    if (utf8_is_valid(buf_span(raw)))
        return buf_span(raw);
    buf_clear(repaired);
    add_valid(buf_span(raw), repaired);
    return buf_span(repaired);
}

struct query_scratch {
    struct buf raw[2];
    struct buf repaired[2];
};

static void add_parameter(struct span part, struct query_scratch *scratch, struct buf *out)
{
    const char *equals = memchr(part.ptr, '=', part.len);
    size_t name_len = equals ? (size_t)(equals - part.ptr) : part.len;
    struct span value = span_make("", 0);
    if (equals != NULL)
        value = span_make(equals + 1, part.len - name_len - 1);
    struct span name =
        decode_text(span_make(part.ptr, name_len), &scratch->raw[0], &scratch->repaired[0]);
    value = decode_text(value, &scratch->raw[1], &scratch->repaired[1]);
    eio_fields_add(out, name, value);
}

static enum err parse_parts(struct span query, struct query_scratch *scratch, struct buf *out)
{
    int count = 0;
    while (query.len > 0) {
        const char *end = memchr(query.ptr, '&', query.len);
        size_t len = end ? (size_t)(end - query.ptr) : query.len;
        if (len > 0) {
            if (count++ == EIO_QUERY_MAX)
                return ERR_FULL;
            add_parameter(span_make(query.ptr, len), scratch, out);
        }
        size_t used = end ? len + 1 : len;
        query = span_make(query.ptr + used, query.len - used);
    }
    return buf_ok(out) ? ERR_OK : ERR_FULL;
}

enum err eio_query_parse(struct span query, struct buf *out)
{
    struct query_scratch scratch;
    for (int i = 0; i < 2; i++) {
        buf_init(&scratch.raw[i], BUF_MAX_DEFAULT);
        buf_init(&scratch.repaired[i], BUF_MAX_DEFAULT);
    }
    enum err err = parse_parts(query, &scratch, out);
    for (int i = 0; i < 2; i++) {
        buf_release(&scratch.raw[i]);
        buf_release(&scratch.repaired[i]);
    }
    return err;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool starts_with(struct span text, struct span prefix)
{
    if (text.len < prefix.len)
        return false;
    for (size_t i = 0; i < prefix.len; i++)
        if (lower(text.ptr[i]) != lower(prefix.ptr[i]))
            return false;
    return true;
}

/* ":" and one to five digits, or nothing. */
static bool is_port_part(struct span text)
{
    if (text.len == 0)
        return true;
    if (text.ptr[0] != ':' || text.len < 2 || text.len > 6)
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    return true;
}

static bool entry_admits(struct span entry, struct span origin)
{
    if (span_is(entry, "*"))
        return true;
    if (entry.len < 2 || memcmp(entry.ptr + entry.len - 2, ":*", 2) != 0)
        return entry.len == origin.len && starts_with(origin, entry);
    struct span host = span_make(entry.ptr, entry.len - 2);
    return starts_with(origin, host) &&
           is_port_part(span_make(origin.ptr + host.len, origin.len - host.len));
}

bool eio_origin_allowed(struct span list, struct span origin)
{
    size_t start = 0;
    for (size_t i = 0; i <= list.len; i++) {
        if (i < list.len && list.ptr[i] != ' ')
            continue;
        if (i > start && entry_admits(span_make(list.ptr + start, i - start), origin))
            return true;
        start = i + 1;
    }
    return false;
}

bool eio_header_value_ok(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}
