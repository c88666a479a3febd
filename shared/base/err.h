/*
 * The one enumeration of everything that can go wrong, and what a client is told about it.
 *
 * The first part is the public contract: each has a name ("code") and an HTTP status that never
 * change. The second part never leaves the process; err_public() says what a client sees instead.
 * A function that can fail returns enum err, is marked MUST_CHECK, and hands its result through its
 * last parameter. Bugs are asserted, never returned.
 */
#ifndef PARLEY_BASE_ERR_H
#define PARLEY_BASE_ERR_H

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* X(enumerator, code, HTTP status, default message) */
#define ERR_PUBLIC_TABLE(X)                                                                        \
    X(ERR_VALIDATION_FAILED, "validation_failed", 400, "The request is not valid.")                \
    X(ERR_UNAUTHENTICATED, "unauthenticated", 401, "Authentication is required.")                  \
    X(ERR_TOKEN_EXPIRED, "token_expired", 401, "The access token has expired.")                    \
    X(ERR_FORBIDDEN, "forbidden", 403, "You are not allowed to do this.")                          \
    X(ERR_NOT_A_MEMBER, "not_a_member", 403, "You are not a member of this channel.")              \
    X(ERR_MUTED, "muted", 403, "You are muted in this channel.")                                   \
    X(ERR_BANNED, "banned", 403, "You are banned from this channel.")                              \
    X(ERR_BLOCKED, "blocked", 403, "This conversation is blocked.")                                \
    X(ERR_WRONG_PASSWORD, "wrong_password", 403, "The channel password is wrong.")                 \
    X(ERR_USER_NOT_FOUND, "user_not_found", 404, "There is no such user.")                         \
    X(ERR_ROOM_NOT_FOUND, "room_not_found", 404, "There is no such channel.")                      \
    X(ERR_MESSAGE_NOT_FOUND, "message_not_found", 404, "There is no such message.")                \
    X(ERR_ROUTE_NOT_FOUND, "route_not_found", 404, "There is no such resource.")                   \
    X(ERR_METHOD_NOT_ALLOWED, "method_not_allowed", 405,                                           \
      "This resource does not take that method.")                                                  \
    X(ERR_NAME_TAKEN, "name_taken", 409, "This name is already taken.")                            \
    X(ERR_ALREADY_MEMBER, "already_member", 409, "You are already a member of this channel.")      \
    X(ERR_LAST_OWNER, "last_owner", 409, "A channel needs an owner.")                              \
    X(ERR_NONCE_CONFLICT, "nonce_conflict", 409, "This nonce was used for another message.")       \
    X(ERR_PAYLOAD_TOO_LARGE, "payload_too_large", 413, "The request is too large.")                \
    X(ERR_UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", 415, "Send application/json.")         \
    X(ERR_RATE_LIMITED, "rate_limited", 429, "Too many requests; slow down.")                      \
    X(ERR_INTERNAL, "internal", 500, "Something went wrong on our side.")                          \
    X(ERR_UNAVAILABLE, "unavailable", 503, "The service is not available right now; try again.")

enum err {
    ERR_OK = 0,
#define X(name, code, status, message) name,
    ERR_PUBLIC_TABLE(X)
#undef X
    /* Below: never shown to a client. */
    ERR_DB_LOST, /* connection lost or deadline passed; a COMMIT in flight may have happened */
    ERR_DB_LOCK_TIMEOUT, /* lock_timeout: rolled back, may be tried again */
    ERR_DB_UNIQUE,       /* a unique constraint said no: rolled back */
    ERR_DB_FAILED,       /* any other SQL error: rolled back, logged by shared/db */
    ERR_FULL,            /* a bounded queue or buffer is full */
    ERR_SYNTAX,          /* bytes do not follow their grammar */
    ERR_IO,              /* a system call failed; logged where it happened */
};

/* The contract code ("validation_failed"), "ok" for ERR_OK. Never NULL. */
const char *err_code(enum err err);

/* The HTTP status that goes with it; 200 for ERR_OK. */
int err_status(enum err err);

/* The default human sentence. Never NULL. */
const char *err_message(enum err err);

/* What a client is told for `err`: public codes are themselves; ERR_DB_LOST and ERR_DB_LOCK_TIMEOUT
 * are ERR_UNAVAILABLE (outcome unknown, resend with the same nonce); the rest is ERR_INTERNAL. */
enum err err_public(enum err err);

#endif
