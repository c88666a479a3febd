/*
 * API keys of a site's backend: long random words, of which only a hash is kept. They are not
 * guessed, so the hash needs no salt and no cost.
 */
#ifndef PARLEY_AUTH_API_KEY_H
#define PARLEY_AUTH_API_KEY_H

#include "shared/base/span.h"

#define API_KEY_SIZE 64 /* with its NUL, at least */
#define API_KEY_HASH_SIZE 32

/* A fresh one: "parley_" and 43 characters of base64url. */
void api_key_make(char out[API_KEY_SIZE]);

/* BLAKE2b-256 of a key (any bytes). */
void api_key_hash(struct span key, unsigned char out[API_KEY_HASH_SIZE]);

#endif
