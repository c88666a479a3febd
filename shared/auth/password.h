/*
 * Password hashes: Argon2id through libsodium, the only file that sees its pwhash. CPU and memory
 * heavy (tens of ms): never on an event loop, never inside a transaction, one at a time per
 * process.
 */
#ifndef PARLEY_AUTH_PASSWORD_H
#define PARLEY_AUTH_PASSWORD_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/err.h"
#include "shared/base/span.h"

#define PASSWORD_HASH_SIZE 128

struct password_cost {
    int64_t ops;
    int64_t bytes;
};

/* Hash `password` into the "$argon2id$..." string `out`. */
void password_hash(const struct password_cost *cost, struct span password,
                   char out[PASSWORD_HASH_SIZE]);

/* Does it match? `hash` NULL or "": computes a hash all the same and says no, so that an unknown
 * user costs what a known one does. */
bool password_verify(const struct password_cost *cost, struct span password, const char *hash);

#endif
