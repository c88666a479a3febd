/*
 * Users of an outside issuer (docs/decisions/0013-users-of-an-outside-issuer.md): the issuer's
 * keys, read again by a thread when their file changes, and who the tokens of late are. One per
 * chat.
 */
#ifndef PARLEY_CHAT_IDENTITY_H
#define PARLEY_CHAT_IDENTITY_H

#include "shared/chat/chat.h"

struct identity;

/* NULL: no outside issuer is set, or its settings are wrong, which is logged. `conf` is kept. Reads
 * the keys, and starts the thread that watches them. */
struct identity *identity_new(const struct conf *conf);
/* Ends the thread. Takes NULL. */
void identity_free(struct identity *identity);

/* Verify a token. ERR_OK with out->user_id 0: it is good, but new here; identity_find may be asked.
 * Otherwise as foreign_verify. Any thread, the loop too. */
enum err identity_check(struct identity *identity, struct span token,
                        struct chat_actor *out) MUST_CHECK;

/* Verify it and look up, or make, its user and session. Blocks. ERR_UNAUTHENTICATED: the user may
 * not; others as of the database. */
enum err identity_find(struct identity *identity, struct db *db, struct span token,
                       struct chat_actor *out) MUST_CHECK;

#endif
