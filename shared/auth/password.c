/*
 * Password hashes by libsodium. No queue and no threads here: who calls chooses where the tens of
 * milliseconds are spent.
 */
#include "shared/auth/password.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert(PASSWORD_HASH_SIZE >= crypto_pwhash_STRBYTES, "a hash must fit");

/* As in shared/base/mem: memory for one hash at a time is part of what a process needs. */
static _Noreturn void hash_impossible(void)
{
    fputs("password hash: out of memory\n", stderr);
    abort();
}

static void prepare(void)
{
    if (sodium_init() < 0) /* idempotent, thread-safe */
        hash_impossible();
}

/* libsodium wants a pointer even to nothing. */
static const char *password_ptr(struct span password)
{
    return password.len ? password.ptr : "";
}

void password_hash(const struct password_cost *cost, struct span password,
                   char out[PASSWORD_HASH_SIZE])
{
    prepare();
    if (crypto_pwhash_str_alg(out, password_ptr(password), password.len,
                              (unsigned long long)cost->ops, (size_t)cost->bytes,
                              crypto_pwhash_ALG_ARGON2ID13) != 0)
        hash_impossible();
}

bool password_verify(const struct password_cost *cost, struct span password, const char *hash)
{
    if (!hash || !*hash) {
        char unused[PASSWORD_HASH_SIZE];
        password_hash(cost, password, unused);
        return false;
    }
    prepare();
    errno = 0;
    bool matches = crypto_pwhash_str_verify(hash, password_ptr(password), password.len) == 0;
    if (!matches && errno == ENOMEM)
        hash_impossible();
    return matches;
}
