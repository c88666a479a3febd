/* Percent-encoding, RFC 3986 section 2.1. Pure. */
#ifndef PARLEY_FCGI_URI_H
#define PARLEY_FCGI_URI_H

#include "shared/base/buf.h"

/* Decode `in` into `out` (room for in.len bytes) and say how many there are. `plus_is_space` is for
 * query strings. False: a % without two hexadecimal digits. */
bool uri_decode(struct span in, bool plus_is_space, char *out, size_t *len) MUST_CHECK;

/* Append `in` so that it is one path segment or one query value: all but the unreserved characters
 * and "@" are encoded. */
void uri_encode(struct span in, struct buf *out);

#endif
