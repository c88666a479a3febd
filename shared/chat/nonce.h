/*
 * Nonces: what makes a send harmless to repeat. A client may give one; a send without gets one from
 * the server before its first attempt, so that a connection lost at COMMIT can be retried.
 * Server-made ones begin with a space and are never shown; clients' are visible ASCII, so no client
 * can use one of ours, and every nonce that the contract allows remains theirs.
 */
#ifndef PARLEY_CHAT_NONCE_H
#define PARLEY_CHAT_NONCE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/random.h"
#include "shared/base/span.h"

#define NONCE_SERVER_MARK ' '

/* The mark and 20 random characters, plus NUL. */
#define NONCE_SERVER_SIZE (1 + RANDOM_ID_SIZE)
void nonce_make(char out[NONCE_SERVER_SIZE]);

/* May a client use it? 1 to max_chars visible ASCII characters (0x21..0x7e). */
bool nonce_is_valid(struct span nonce, int64_t max_chars);

/* Was it made by the server, and so is of no interest to clients? */
static inline bool nonce_is_server_made(struct span nonce)
{
    return nonce.len > 0 && nonce.ptr[0] == NONCE_SERVER_MARK;
}

#endif
