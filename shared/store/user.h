/*
 * Users: the rows of app_user. A username's key is its lower-case form (shared/chat/rules.h).
 */
#ifndef PARLEY_STORE_USER_H
#define PARLEY_STORE_USER_H

#include "shared/auth/password.h"
#include "shared/auth/token.h"
#include "shared/db/db.h"

struct user_row {
    int64_t id;
    char username[TOKEN_USERNAME_SIZE];
    char password_hash[PASSWORD_HASH_SIZE]; /* "": cannot log in */
    int64_t created_us;
    bool disabled;
};

/* ERR_USER_NOT_FOUND: none, or deleted. */
enum err user_find(struct db *db, struct span key, struct user_row *out) MUST_CHECK;

/* ERR_NAME_TAKEN: somebody has or had that name. */
enum err user_create(struct db *db, struct span username, struct span key,
                     const char *password_hash, int64_t *user_id) MUST_CHECK;

/* A user and its first session, of `ttl_s` seconds, in one statement. Fills id, created_us. */
enum err user_sign_up(struct db *db, struct span username, struct span key,
                      const char *password_hash, int64_t ttl_s, struct user_row *user,
                      int64_t *session_id) MUST_CHECK;

/* The user whose key is `key` (SPAN_NONE: the one who asks), as seen by `user_id` in `session_id`.
 * Fills id, username and created_us. ERR_UNAUTHENTICATED, ERR_USER_NOT_FOUND. */
enum err user_view(struct db *db, int64_t session_id, int64_t user_id, struct span key,
                   struct user_row *out) MUST_CHECK;

/* Disable the account, end its sessions, and leave the row in its inbox that closes its sockets.
 * ERR_USER_NOT_FOUND. Again is no error. */
enum err user_disable(struct db *db, struct span key) MUST_CHECK;

/* Let the account log in again; what had ended stays ended. ERR_USER_NOT_FOUND. Again is no error.
 */
enum err user_enable(struct db *db, struct span key) MUST_CHECK;

#endif
