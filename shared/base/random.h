/* Unpredictable bytes and identifiers, from getrandom(2). */
#ifndef PARLEY_BASE_RANDOM_H
#define PARLEY_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fill `out`. Never fails; aborts if the kernel has no random numbers. Any thread. */
void random_bytes(void *out, size_t len);

/* Sixty-four random bits. */
uint64_t random_u64(void);

#define RANDOM_ID_SIZE 21

/* 15 random bytes as 20 characters of base64url, plus NUL: Engine.IO and Socket.IO session ids,
 * request ids, server-made nonces. */
void random_id(char out[RANDOM_ID_SIZE]);

#endif
