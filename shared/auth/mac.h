/*
 * HMAC-SHA-256 (RFC 2104) and base64url (RFC 4648 section 5, no padding) for tokens. Only
 * shared/auth includes this.
 */
#ifndef PARLEY_AUTH_MAC_H
#define PARLEY_AUTH_MAC_H

#include "shared/base/buf.h"

#define MAC_SIZE 32

/* The MAC of the parts in a row, under a key of any length. */
void mac_compute(struct span key, const struct span *parts, size_t count,
                 unsigned char out[MAC_SIZE]);

/* Is `given` the MAC of the parts? Takes the same time whatever differs. */
bool mac_verify(struct span key, const struct span *parts, size_t count, struct span given);

/* Append `bytes` as base64url. */
void base64url_encode(struct span bytes, struct buf *out);

/* Append what `text` stands for. False for anything but canonical base64url: padding, other
 * characters, left-over bits that are not zero. */
bool base64url_decode(struct span text, struct buf *out);

#endif
