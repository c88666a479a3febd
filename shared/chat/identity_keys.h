/* The keys of an outside issuer as their file has them now. Only for identity.c. */
#ifndef PARLEY_CHAT_IDENTITY_KEYS_H
#define PARLEY_CHAT_IDENTITY_KEYS_H

#include "shared/auth/foreign.h"

struct identity_keys;

/* Reads `path` and looks at it once a second from then on, on a thread of its own. A file that
 * cannot be read, or has a bad key, is logged and changes nothing. `path` is kept. */
struct identity_keys *identity_keys_new(const char *path, enum keyset_algorithm algorithm);
void identity_keys_free(struct identity_keys *keys);

/* foreign_verify with the keys of now. Any thread. */
enum err identity_keys_verify(struct identity_keys *keys, const struct foreign_policy *policy,
                              struct span token, struct foreign_claims *out) MUST_CHECK;

#endif
