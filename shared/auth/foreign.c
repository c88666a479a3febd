/*
 * Tokens of an outside issuer, see foreign.h. The pinned algorithm is compared with the header's
 * before a key is touched: a token cannot choose what its signature is checked as.
 */
#include "shared/auth/foreign.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "shared/auth/jwt.h"
#include "shared/auth/mac.h"
#include "shared/auth/token.h"
#include "shared/base/json_scan.h"

#define YEAR_9999_S INT64_C(253402300799) /* what a date of PostgreSQL and of JSON can show */

static void digest_of(struct span signed_part, unsigned char out[FOREIGN_DIGEST_SIZE])
{
    crypto_generichash(out, FOREIGN_DIGEST_SIZE, (const unsigned char *)signed_part.ptr,
                       signed_part.len, NULL, 0);
}

/* A token's parts, if it can be one. */
static bool split(struct span text, struct jwt *parts)
{
    struct span token = token_without_bearer(text);
    return token.len > 0 && token.len <= TOKEN_MAX_BYTES && jwt_split(token, parts);
}

bool foreign_digest(struct span text, unsigned char out[FOREIGN_DIGEST_SIZE])
{
    struct jwt parts;
    if (!split(text, &parts))
        return false;
    digest_of(parts.signed_part, out);
    return true;
}

/* RFC 9068 section 2.1 calls access tokens at+jwt. */
static bool type_is_right(struct span header)
{
    char type[32];
    if (!span_present(json_member(header, "typ")))
        return true;
    return jwt_text(header, "typ", type, sizeof type) &&
           (strcasecmp(type, "JWT") == 0 || strcasecmp(type, "at+jwt") == 0 ||
            strcasecmp(type, "application/at+jwt") == 0);
}

static bool header_is_right(const struct foreign_policy *policy, struct span header)
{
    const char *algorithm = policy->algorithm == KEYSET_RS256 ? "RS256" : "EdDSA";
    return !jwt_has_duplicates(header) && jwt_text_is(header, "alg", algorithm) &&
           !span_present(json_member(header, "crit")) && type_is_right(header);
}

static bool signature_is_right(const struct keyset *keys, const struct jwt *parts,
                               struct span header)
{
    char kid[FOREIGN_TEXT_SIZE];
    struct buf signature;
    bool named = span_present(json_member(header, "kid"));
    if (named && !jwt_text(header, "kid", kid, sizeof kid))
        return false;
    buf_init(&signature, TOKEN_MAX_BYTES);
    bool right = base64url_decode(parts->signature, &signature) &&
                 keyset_verify(keys, named ? span_of(kid) : SPAN_NONE, parts->signed_part,
                               buf_span(&signature));
    buf_release(&signature);
    return right;
}

static bool string_is(struct span value, const char *wanted)
{
    struct buf text;
    if (json_type_of(value) != JSON_STRING)
        return false;
    buf_init(&text, TOKEN_MAX_BYTES);
    json_unescape(value, &text);
    bool same = buf_ok(&text) && span_is(buf_span(&text), wanted);
    buf_release(&text);
    return same;
}

/* RFC 7519 section 4.1.3: one string, or an array of which one is ours and all are strings. */
static bool audience_is_right(struct span object, const char *audience)
{
    struct span aud = json_member(object, "aud"), one;
    bool found = false;
    if (!span_present(aud))
        return false;
    if (json_type_of(aud) != JSON_ARRAY)
        return string_is(aud, audience);
    for (size_t cursor = 0; json_next(aud, &cursor, NULL, &one);) {
        if (json_type_of(one) != JSON_STRING)
            return false;
        found |= string_is(one, audience);
    }
    return found;
}

/* A NumericDate in whole seconds: what it has of a fraction (RFC 7519 section 2) is left out. */
static bool read_time(struct span object, const char *name, int64_t *out)
{
    struct span value = json_member(object, name);
    long long whole;
    if (!span_present(value) || json_type_of(value) != JSON_NUMBER)
        return false;
    const char *point = memchr(value.ptr, '.', value.len);
    if (point && !memchr(value.ptr, 'e', value.len) && !memchr(value.ptr, 'E', value.len))
        value.len = (size_t)(point - value.ptr);
    if (!json_to_int(value, &whole))
        return false;
    *out = whole;
    return true;
}

/* A time that may be missing, and must not be later than `latest`. */
static bool has_begun(struct span object, const char *name, int64_t latest)
{
    int64_t at_s;
    return !span_present(json_member(object, name)) ||
           (read_time(object, name, &at_s) && at_s <= latest);
}

static enum err check_claims(const struct foreign_policy *policy, struct span object, int64_t now_s,
                             struct foreign_claims *claims)
{
    struct span subject = json_member(object, "sub");
    bool right = !jwt_has_duplicates(object) && jwt_text_is(object, "iss", policy->issuer) &&
                 audience_is_right(object, policy->audience) &&
                 jwt_text(object, "sub", claims->subject, sizeof claims->subject) &&
                 claims->subject[0] != '\0' && json_is_unicode(subject) &&
                 read_time(object, "exp", &claims->expires_s) && claims->expires_s > 0 &&
                 claims->expires_s <= YEAR_9999_S &&
                 has_begun(object, "iat", now_s + policy->leeway_s) &&
                 has_begun(object, "nbf", now_s + policy->leeway_s);
    if (!right)
        return ERR_UNAUTHENTICATED;
    if (policy->name_claim[0] == '\0' ||
        !jwt_text(object, policy->name_claim, claims->name, sizeof claims->name))
        claims->name[0] = '\0';
    return claims->expires_s <= now_s ? ERR_TOKEN_EXPIRED : ERR_OK;
}

enum err foreign_verify(const struct foreign_policy *policy, const struct keyset *keys,
                        struct span text, int64_t now_s, struct foreign_claims *out)
{
    struct jwt parts;
    struct buf header, payload;
    struct foreign_claims claims = {.expires_s = 0};
    enum err err = ERR_UNAUTHENTICATED;
    if (!split(text, &parts))
        return err;
    buf_init(&header, TOKEN_MAX_BYTES);
    buf_init(&payload, TOKEN_MAX_BYTES);
    if (jwt_object(parts.header, &header) && header_is_right(policy, buf_span(&header)) &&
        signature_is_right(keys, &parts, buf_span(&header)) && jwt_object(parts.payload, &payload))
        err = check_claims(policy, buf_span(&payload), now_s, &claims);
    buf_release(&header);
    buf_release(&payload);
    if (err == ERR_OK) {
        digest_of(parts.signed_part, claims.digest);
        *out = claims;
    }
    return err;
}
