/* A short digest (BLAKE2b, 128 bits) that tells whether two bodies are the same; not for secrets.
 */
#ifndef PARLEY_AUTH_DIGEST_H
#define PARLEY_AUTH_DIGEST_H

#include "shared/base/span.h"

#define DIGEST_SIZE 16

/* Digest of `bytes` (RFC 7693, no key). */
void digest_make(struct span bytes, unsigned char out[DIGEST_SIZE]);

#endif
