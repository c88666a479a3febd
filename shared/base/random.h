/* Unpredictable bytes and identifiers, from getrandom(2). */
#ifndef PARLEY_BASE_RANDOM_H
#define PARLEY_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *out, size_t len);
uint64_t random_u64(void);

/* 15 random bytes as 20 characters of base64url, plus NUL: Engine.IO and Socket.IO session ids,
 * request ids, server-made nonces. */
#define RANDOM_ID_SIZE 21
void random_id(char out[RANDOM_ID_SIZE]);

#endif
