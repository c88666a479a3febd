/*
 * A keyed hash for hash tables (SipHash-2-4): whoever does not know the key cannot choose inputs
 * that collide. Not for signatures.
 */
#ifndef PARLEY_BASE_HASH_H
#define PARLEY_BASE_HASH_H

#include <stdint.h>

#include "shared/base/span.h"

struct hash_key {
    uint64_t words[2];
};

/* A fresh random key: one per table. */
struct hash_key hash_key_new(void);

/* The hash of `bytes`, after Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012). */
uint64_t hash_bytes(const struct hash_key *key, struct span bytes);

#endif
