/*
 * Tokens. An access token is a JWT (RFC 7519) signed with HS256; a refresh token is
 * base64url(session id, generation, MAC) and is checked against the generation kept in the
 * session's row (shared/store/session). Pure functions: no I/O, no clock.
 */
#ifndef PARLEY_AUTH_TOKEN_H
#define PARLEY_AUTH_TOKEN_H

#include <stdint.h>

#include "shared/base/buf.h"

#define TOKEN_USERNAME_SIZE 33
#define TOKEN_MAX_BYTES 4096

struct token_key {
    const char *secret; /* at least 32 bytes; borrowed */
    const char *issuer; /* iss; borrowed */
};

struct token_claims {
    int64_t user_id;                    /* sub */
    int64_t session_id;                 /* sid */
    char username[TOKEN_USERNAME_SIZE]; /* name */
    int64_t issued_s;                   /* iat */
    int64_t expires_s;                  /* exp */
};

/* Append the compact JWT of `claims`. */
void token_issue(const struct token_key *key, const struct token_claims *claims, struct buf *out);

/* ERR_OK and the claims; ERR_TOKEN_EXPIRED (a good signature, exp <= now_s); ERR_UNAUTHENTICATED
 * for anything else: alg other than HS256, bad MAC (constant time), wrong iss, missing claim, an
 * aud, nbf > now_s, oversized. `text` may have "Bearer " in front. *out is written only on ERR_OK.
 */
enum err token_verify(const struct token_key *key, struct span text, int64_t now_s,
                      struct token_claims *out) MUST_CHECK;

/* `text` without "Bearer " in front, if it is there. RFC 9110 section 11.1: the scheme has no case
 * and is followed by spaces. */
struct span token_without_bearer(struct span text);

/* Refresh tokens. The successor of generation g is generation g + 1: deterministic, so that a token
 * used twice within the reuse window gets the same successor. */

/* Append the token of that generation: 64 characters. */
void token_refresh_issue(const struct token_key *key, int64_t session_id, int64_t generation,
                         struct buf *out);

/* The session and generation of a token that we issued; ERR_UNAUTHENTICATED for anything else. */
enum err token_refresh_verify(const struct token_key *key, struct span text, int64_t *session_id,
                              int64_t *generation) MUST_CHECK;

#endif
