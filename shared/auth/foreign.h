/*
 * Access tokens of an outside issuer (docs/decisions/0013): JWTs (RFC 7519, RFC 9068) signed with a
 * public-key algorithm that our settings name, never the token. Pure functions: no I/O, no clock.
 */
#ifndef PARLEY_AUTH_FOREIGN_H
#define PARLEY_AUTH_FOREIGN_H

#include <stdint.h>

#include "shared/auth/keyset.h"

#define FOREIGN_TEXT_SIZE 256 /* of iss and sub, with NUL: OpenID Connect Core section 2 */
#define FOREIGN_NAME_SIZE 128
#define FOREIGN_DIGEST_SIZE 32

/* What is pinned; borrowed. */
struct foreign_policy {
    enum keyset_algorithm algorithm;
    const char *issuer;
    const char *audience;
    const char *name_claim; /* "": none */
    int64_t leeway_s;       /* for iat and nbf, whose clock is another machine's; exp gets none */
};

struct foreign_claims {
    char subject[FOREIGN_TEXT_SIZE];
    char name[FOREIGN_NAME_SIZE]; /* of the name claim; "": none that could be a name */
    int64_t expires_s;
    /* Of what is signed: names the token, whatever its signature's bytes. */
    unsigned char digest[FOREIGN_DIGEST_SIZE];
};

/* ERR_OK and the claims; ERR_TOKEN_EXPIRED (all good but exp <= now_s); ERR_UNAUTHENTICATED for
 * anything else. iss, sub, aud and exp are required; times without fractions; no name may stand
 * twice; "crit" is refused. `text` may have "Bearer " in front. *out is written only on ERR_OK. */
enum err foreign_verify(const struct foreign_policy *policy, const struct keyset *keys,
                        struct span text, int64_t now_s, struct foreign_claims *out) MUST_CHECK;

/* The digest of a token's signed part; false if it is no compact JWT at all. It says nothing of the
 * signature. */
bool foreign_digest(struct span text, unsigned char out[FOREIGN_DIGEST_SIZE]);

#endif
