/*
 * gzip for the answers to polls: what a client accepts, and the coding itself (zlib). Not streamed,
 * no state: each body is coded in one go.
 */
#include "broker/eio/gzip.h"

#include <limits.h>
#include <strings.h>
#include <zlib.h>

#include "broker/eio/fields.h"

/* Level 1: 11 us for 1 KiB of events, 7 ms for 1 MiB; level 6 takes four times as long and saves a
 * fifth of the rest (docs/CONFORMANCE.md). The loop is what waits for it. */
#define LEVEL 1
#define GZIP_FORMAT 16
#define WINDOW_BITS_MIN 10
#define WINDOW_BITS_MAX 15

#define WEIGHT_MAX 1000
#define UNNAMED (-1)

/* ---- what the client accepts ---- */

/* `q` of RFC 9110 section 12.4.2 in thousandths; 0 if it is none. */
static int parse_weight(struct span text)
{
    int weight = 0;
    int unit = WEIGHT_MAX;

    if (text.len == 0 || text.len > 5 || (text.len > 1 && text.ptr[1] != '.'))
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        if (i == 1)
            continue;
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        weight += (text.ptr[i] - '0') * unit;
        unit /= 10;
    }
    return weight <= WEIGHT_MAX ? weight : 0;
}

/* The weight of an item, which becomes the coding alone. */
static int take_weight(struct span *item)
{
    struct span coding;

    if (!eio_field_cut(item, ';', &coding))
        return WEIGHT_MAX;
    *item = eio_field_trim(*item);
    if (item->len < 2 || strncasecmp(item->ptr, "q=", 2) != 0)
        *item = SPAN_NONE;
    else
        *item = span_make(item->ptr + 2, item->len - 2);
    int weight = parse_weight(*item);
    *item = eio_field_trim(coding);
    return weight;
}

static bool is_coding(struct span item, const char *name)
{
    return item.len == strlen(name) && strncasecmp(item.ptr, name, item.len) == 0;
}

bool eio_gzip_accepted(struct span headers)
{
    int gzip = UNNAMED, any = UNNAMED, identity = UNNAMED;
    struct span name, value, item;

    for (size_t cursor = 0; eio_fields_next(headers, &cursor, &name, &value);) {
        bool more = span_is(name, "accept-encoding");

        while (more) {
            more = eio_field_cut(&value, ',', &item);
            item = eio_field_trim(more ? item : value);
            int weight = take_weight(&item);

            if (is_coding(item, "gzip") || is_coding(item, "x-gzip"))
                gzip = weight;
            else if (is_coding(item, "*"))
                any = weight;
            else if (is_coding(item, "identity"))
                identity = weight;
        }
    }
    if (gzip == UNNAMED)
        gzip = any;
    return gzip > 0 && gzip >= identity;
}

/* ---- coding ---- */

/* The smallest window that holds the body: zlib's tables, which it clears first, are in proportion
 * to it, and dearer than the coding of a small body. */
static int window_bits(size_t len)
{
    int bits = WINDOW_BITS_MIN;

    while (bits < WINDOW_BITS_MAX && (size_t)1 << bits < len)
        bits++;
    return bits;
}

enum err eio_gzip(struct span body, struct buf *out)
{
    /* Its tables in the same proportion; 8 is zlib's own default for the whole window. */
    int bits = window_bits(body.len);
    int memory = bits == WINDOW_BITS_MAX ? 8 : bits - 7;
    char *at = buf_reserve(out, body.len);
    z_stream stream = {0};
    bool done;

    if (!at || body.len > UINT_MAX ||
        deflateInit2(&stream, LEVEL, Z_DEFLATED, bits + GZIP_FORMAT, memory, Z_DEFAULT_STRATEGY) !=
            Z_OK)
        return ERR_FULL;
    stream.next_in = (Bytef *)body.ptr;
    stream.avail_in = (uInt)body.len;
    stream.next_out = (Bytef *)at;
    stream.avail_out = (uInt)body.len;
    done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    if (done)
        out->len += stream.total_out;
    deflateEnd(&stream);
    return done ? ERR_OK : ERR_FULL;
}
