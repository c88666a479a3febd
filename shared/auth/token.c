/*
 * Access tokens: the compact JWT with HS256, and nothing else of JOSE. The algorithm is ours to
 * choose, never the token's: the MAC is checked first, then the header must agree. Refresh tokens
 * are refresh.c.
 */
#include "shared/auth/token.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "shared/auth/jwt.h"
#include "shared/auth/mac.h"
#include "shared/base/json_scan.h"
#include "shared/base/json_write.h"

static struct span key_span(const struct token_key *key)
{
    return span_of(key->secret);
}

/* sub and sid travel as strings, since RFC 7519 section 4.1.2 makes sub one. */
static void put_id(struct json_writer *w, const char *name, int64_t id)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", (long long)id);
    json_cstr(w, name, digits);
}

static void put_claims(const struct token_key *key, const struct token_claims *claims,
                       struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w, NULL);
    json_cstr(&w, "iss", key->issuer);
    put_id(&w, "sub", claims->user_id);
    put_id(&w, "sid", claims->session_id);
    json_cstr(&w, "name", claims->username);
    json_int(&w, "iat", claims->issued_s);
    json_int(&w, "exp", claims->expires_s);
    json_object_end(&w);
}

void token_issue(const struct token_key *key, const struct token_claims *claims, struct buf *out)
{
    struct buf token, payload;
    buf_init(&token, TOKEN_MAX_BYTES);
    buf_init(&payload, TOKEN_MAX_BYTES);
    put_claims(key, claims, &payload);
    base64url_encode(SPAN_LIT("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"), &token);
    buf_add_char(&token, '.');
    base64url_encode(buf_span(&payload), &token);

    struct span signed_part = buf_span(&token);
    unsigned char mac[MAC_SIZE];
    mac_compute(key_span(key), &signed_part, 1, mac);
    buf_add_char(&token, '.');
    base64url_encode(span_make((const char *)mac, sizeof mac), &token);
    buf_add_span(out, buf_span(&token));
    out->failed |= !buf_ok(&token) || !buf_ok(&payload);
    buf_release(&payload);
    buf_release(&token);
}

static bool signature_is_right(const struct token_key *key, const struct jwt *parts)
{
    struct buf mac;
    buf_init(&mac, TOKEN_MAX_BYTES);
    bool right = base64url_decode(parts->signature, &mac) &&
                 mac_verify(key_span(key), &parts->signed_part, 1, buf_span(&mac));
    buf_release(&mac);
    return right;
}

/* A positive id, as a decimal string or a number. */
static bool get_id(struct span object, const char *name, int64_t *out)
{
    char digits[24];
    long long number;
    if (jwt_text(object, name, digits, sizeof digits)) {
        /* The form that we would write: no sign, no leading zero, no space. */
        if (digits[0] == '0' || digits[strspn(digits, "0123456789")] != '\0' ||
            !json_to_int(span_of(digits), &number))
            return false;
        *out = number;
        return true;
    }
    return jwt_int(object, name, out) && *out > 0;
}

/* RFC 7515 section 4.1.11: a crit that is not understood makes the token invalid. */
static bool header_is_right(struct span header)
{
    struct buf json;
    buf_init(&json, TOKEN_MAX_BYTES);
    bool right = jwt_object(header, &json);
    if (right) {
        struct span object = buf_span(&json);
        right = jwt_text_is(object, "alg", "HS256") && !span_present(json_member(object, "crit")) &&
                (!span_present(json_member(object, "typ")) || jwt_text_is(object, "typ", "JWT"));
    }
    buf_release(&json);
    return right;
}

/* RFC 7519 section 4.1: we are in nobody's aud, and a token of the future is not good yet. */
static enum err check_claims(const struct token_key *key, struct span object, int64_t now_s,
                             struct token_claims *claims)
{
    int64_t not_before = INT64_MIN;
    bool right =
        jwt_text_is(object, "iss", key->issuer) && get_id(object, "sub", &claims->user_id) &&
        get_id(object, "sid", &claims->session_id) &&
        jwt_text(object, "name", claims->username, sizeof claims->username) &&
        claims->username[0] != '\0' && jwt_int(object, "iat", &claims->issued_s) &&
        jwt_int(object, "exp", &claims->expires_s) && !span_present(json_member(object, "aud"));
    if (right && span_present(json_member(object, "nbf")))
        right = jwt_int(object, "nbf", &not_before) && not_before <= now_s;
    if (!right)
        return ERR_UNAUTHENTICATED;
    return claims->expires_s <= now_s ? ERR_TOKEN_EXPIRED : ERR_OK;
}

struct span token_without_bearer(struct span text)
{
    if (text.len < 7 || strncasecmp(text.ptr, "Bearer ", 7) != 0)
        return text;
    size_t skip = 7;
    while (skip < text.len && text.ptr[skip] == ' ')
        skip++;
    return span_make(text.ptr + skip, text.len - skip);
}

enum err token_verify(const struct token_key *key, struct span text, int64_t now_s,
                      struct token_claims *out)
{
    struct jwt parts;
    struct token_claims claims = {0};
    struct span token = token_without_bearer(text);
    if (token.len == 0 || token.len > TOKEN_MAX_BYTES || !jwt_split(token, &parts) ||
        !signature_is_right(key, &parts) || !header_is_right(parts.header))
        return ERR_UNAUTHENTICATED;
    struct buf json;
    buf_init(&json, TOKEN_MAX_BYTES);
    enum err err = ERR_UNAUTHENTICATED;
    if (jwt_object(parts.payload, &json))
        err = check_claims(key, buf_span(&json), now_s, &claims);
    buf_release(&json);
    if (err == ERR_OK)
        *out = claims;
    return err;
}
