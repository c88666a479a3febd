/* Users of an outside issuer: (iss, sub) to user, and each of their tokens to a session. */
#ifndef PARLEY_STORE_FOREIGN_H
#define PARLEY_STORE_FOREIGN_H

#include "shared/auth/token.h"
#include "shared/db/db.h"

struct foreign_seen {
    struct span issuer;
    struct span subject;
    struct span digest;       /* of the token */
    int64_t expires_s;        /* of the token, and so of its session */
    const struct span *names; /* for a new user: the first that is free */
    size_t name_count;
};

struct foreign_user {
    int64_t user_id;
    int64_t session_id; /* the token's; whether it lives, every statement asks by itself */
    char username[TOKEN_USERNAME_SIZE];
};

/* The user of a token that has been verified, and the token's session; made if it is the first time
 * that they are seen, by whichever process is first. ERR_UNAUTHENTICATED: the user is disabled or
 * deleted. ERR_NAME_TAKEN: somebody took the name meanwhile; try again. */
enum err foreign_identify(struct db *db, const struct foreign_seen *seen,
                          struct foreign_user *out) MUST_CHECK;

#endif
