/*
 * Reading a compact JWT (RFC 7519 section 3): its three parts, and members of its JSON objects.
 * It verifies nothing; token.c and foreign.c do. Only shared/auth includes this.
 */
#ifndef PARLEY_AUTH_JWT_H
#define PARLEY_AUTH_JWT_H

#include <stdint.h>

#include "shared/base/buf.h"

/* Spans of the token's text. */
struct jwt {
    struct span signed_part; /* header and payload with the dot between them */
    struct span header;
    struct span payload;
    struct span signature;
};

/* False unless there are two dots at least. A third would be in the signature, which then is not
 * base64url. */
bool jwt_split(struct span text, struct jwt *parts);

/* Decode a part that must be a JSON object into `out`. False: it is not canonical base64url of
 * one. */
bool jwt_object(struct span part, struct buf *out);

/* A string member's text; NUL-terminated in out[size]. False if absent, no string, too long, or
 * with a NUL inside. */
bool jwt_text(struct span object, const char *name, char *out, size_t size);

/* Is it a string member with just that text? */
bool jwt_text_is(struct span object, const char *name, const char *wanted);

/* An integer member. False if it is absent, no number, not whole, or does not fit. */
bool jwt_int(struct span object, const char *name, int64_t *out);

#define JWT_MAX_MEMBERS 64

/* Does a name stand twice in the object (RFC 7519 section 4 lets us refuse it), has one a NUL
 * inside, or are there more than JWT_MAX_MEMBERS? Quadratic in the members. */
bool jwt_has_duplicates(struct span object);

#endif
