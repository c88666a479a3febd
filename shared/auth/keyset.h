/*
 * Public keys of an issuer of tokens: from PEM ("PUBLIC KEY" blocks) or a JWKS (RFC 7517, 8037),
 * and signatures checked with them. The only file that sees OpenSSL's libcrypto. Pure: no I/O, no
 * clock.
 */
#ifndef PARLEY_AUTH_KEYSET_H
#define PARLEY_AUTH_KEYSET_H

#include "shared/base/err.h"
#include "shared/base/span.h"

enum keyset_algorithm { KEYSET_RS256, KEYSET_EDDSA };

#define KEYSET_MAX_KEYS 32
#define KEYSET_RSA_MIN_BITS 2048 /* RFC 7518 section 3.3 */
#define KEYSET_RSA_MAX_BITS 8192 /* what a signature costs us grows with it */

struct keyset;

/* The keys in `text` that are for `algorithm`. In a JWKS, keys of other types, for encryption or
 * for another algorithm are passed over, as RFC 7517 section 5 has it. NULL with the reason in
 * *problem (a constant): unreadable, none left, too many, an RSA key that is too weak or too big,
 * a kid that is there twice or too long. Owned by the caller. */
struct keyset *keyset_parse(struct span text, enum keyset_algorithm algorithm,
                            const char **problem);
void keyset_free(struct keyset *keys);

int keyset_count(const struct keyset *keys);

/* Did one of the keys sign `message`? With a `kid` (SPAN_NONE: the token names none), keys of a
 * JWKS must have just that one; without, there must be only one key. Keys from PEM have no kid:
 * each is tried. Any thread. */
bool keyset_verify(const struct keyset *keys, struct span kid, struct span message,
                   struct span signature);

#endif
