/*
 * Sessions: one login of one user, and the generation of its refresh tokens. A session lives until
 * it is ended, or its refresh token is not used in time.
 */
#ifndef PARLEY_STORE_SESSION_H
#define PARLEY_STORE_SESSION_H

#include "shared/auth/token.h"
#include "shared/db/db.h"

/* Open a session of `ttl_s` seconds for a user whose password hash still is `password_hash` and who
 * may log in. ERR_UNAUTHENTICATED otherwise. */
enum err session_open(struct db *db, int64_t user_id, const char *password_hash, int64_t ttl_s,
                      int64_t *session_id) MUST_CHECK;

/* The same without a password, for the operator. ERR_USER_NOT_FOUND. */
enum err session_open_for(struct db *db, struct span username_key, int64_t ttl_s, int64_t *user_id,
                          int64_t *session_id) MUST_CHECK;

struct session_row {
    int64_t user_id;
    char username[TOKEN_USERNAME_SIZE];
    int64_t user_created_us;
    int64_t generation;     /* of the refresh token that is valid now */
    int64_t rotated_ms_ago; /* when that became so */
};

/* Go from `generation` to the next and extend the session. ERR_UNAUTHENTICATED, with nothing
 * changed, if the session does not live or has another generation. */
enum err session_rotate(struct db *db, int64_t session_id, int64_t generation, int64_t ttl_s,
                        struct session_row *out) MUST_CHECK;

/* The session as it is; ERR_UNAUTHENTICATED if it does not live. */
enum err session_find(struct db *db, int64_t session_id, struct session_row *out) MUST_CHECK;

struct session_end {
    int64_t user_id;   /* 0: it had ended before; nothing was written */
    int64_t inbox_seq; /* of the row sessionEnded in the user's inbox */
    int64_t at_us;
};

/* End the session and write its inbox row. `user_id` 0: whoever it belongs to. */
enum err session_finish(struct db *db, int64_t session_id, int64_t user_id,
                        struct session_end *out) MUST_CHECK;

#endif
