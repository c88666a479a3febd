/*
 * HTTP/1.1 requests (RFC 9112): the header section, and bodies with a length or in chunks. Pure:
 * bytes in, spans out. Strict where laxness is how requests get smuggled past a proxy.
 */
#ifndef PARLEY_NET_HTTP_PARSE_H
#define PARLEY_NET_HTTP_PARSE_H

#include <stdint.h>

#include "shared/base/buf.h"

#define HTTP_HEADERS_MAX 64    /* header fields of a request */
#define HTTP_HEADER_BYTES 8192 /* request line and header fields together, if not said */

struct http_request {
    struct span method, path, query; /* query without `?`; empty if there is none */
    int minor;                       /* HTTP/1.minor: 0 or 1 */
    bool keep_alive;
    bool chunked;
    int64_t content_length; /* 0 if not given, -1 if chunked */
    struct span headers;    /* eio_fields, in the buffer given; names in lower case */
};

/* Parse a header section at the start of `input`. Returns its size in bytes; 0: not complete yet;
 * else minus the status to answer with (-400, -431, -501, -505). The spans of *out point into
 * `input`, those of out->headers into `fields`, whose content is replaced. The section may have
 * `max_bytes`. */
int http_parse(struct span input, size_t max_bytes, struct buf *fields, struct http_request *out);

/* Reads a body in chunks (RFC 9112 section 7.1); extensions and trailers are skipped. */
struct http_chunks {
    uint64_t left; /* of this chunk */
    uint8_t state;
    uint8_t digits;
    uint16_t line; /* bytes of a line that is skipped */
};

/* Use up bytes of `input`, append what they carry to `body`. Returns the number of bytes used,
 * which is all of them unless *done; -1: not in chunks. A body past body->max sets body->failed. */
int64_t http_chunks_feed(struct http_chunks *chunks, struct span input, struct buf *body,
                         bool *done);

/* Is `token` in the comma-separated list (ASCII case ignored)? For Connection and Upgrade. */
bool http_list_has(struct span list, const char *token);

/* "OK" for 200; "" if unknown. */
const char *http_reason(int status);

#endif
