/* Public keys and signatures, see keyset.h. Which claims count is foreign.c's. */
#include "shared/auth/keyset.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <string.h>

#include "shared/auth/mac.h"
#include "shared/base/json_scan.h"
#include "shared/base/mem.h"

#define KID_SIZE 256
#define JWKS_DEPTH 8
#define NUMBER_MAX 2048 /* bytes of a modulus; a bigger key would be refused anyway */
#define ED25519_BYTES 32

struct key {
    EVP_PKEY *pkey;
    bool named;
    char kid[KID_SIZE];
};

struct keyset {
    enum keyset_algorithm algorithm;
    bool jwks;
    int count;
    struct key keys[KEYSET_MAX_KEYS];
};

int keyset_count(const struct keyset *keys)
{
    return keys->count;
}

void keyset_free(struct keyset *keys)
{
    if (!keys)
        return;
    for (int i = 0; i < keys->count; i++)
        EVP_PKEY_free(keys->keys[i].pkey);
    mem_free(keys);
}

/* ---- what is let in ---- */

/* NULL: good. An exponent of 32 bits is what everybody has; a longer one makes a check dear. */
static const char *check_rsa(const EVP_PKEY *pkey)
{
    BIGNUM *e = NULL;
    int bits = EVP_PKEY_get_bits(pkey);
    if (bits < KEYSET_RSA_MIN_BITS)
        return "an RSA key is shorter than 2048 bits";
    if (bits > KEYSET_RSA_MAX_BITS)
        return "an RSA key is longer than 8192 bits";
    bool good = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) &&
                !BN_is_one(e) && BN_num_bits(e) <= 32;
    BN_free(e);
    return good ? NULL : "an RSA key has an unusual exponent";
}

/* Takes `pkey`. NULL: it is in. */
static const char *add_key(struct keyset *keys, EVP_PKEY *pkey, const char *kid)
{
    int wanted = keys->algorithm == KEYSET_RS256 ? EVP_PKEY_RSA : EVP_PKEY_ED25519;
    const char *problem = NULL;
    if (EVP_PKEY_get_base_id(pkey) != wanted)
        problem = "a key is of another kind than the algorithm";
    else if (keys->count == KEYSET_MAX_KEYS)
        problem = "too many keys";
    else if (keys->algorithm == KEYSET_RS256)
        problem = check_rsa(pkey);
    for (int i = 0; i < keys->count && kid && !problem; i++) {
        if (keys->keys[i].named && strcmp(keys->keys[i].kid, kid) == 0)
            problem = "a kid is there twice";
    }
    if (problem) {
        EVP_PKEY_free(pkey);
        return problem;
    }
    struct key *key = &keys->keys[keys->count++];
    key->pkey = pkey;
    key->named = kid != NULL;
    if (kid)
        memcpy(key->kid, kid, strlen(kid) + 1);
    return NULL;
}

/* ---- PEM ---- */

/* RFC 7468 section 13. */
static const char *read_block(struct keyset *keys, const char *label, const unsigned char *der,
                              long len)
{
    const unsigned char *at = der;
    EVP_PKEY *pkey = strcmp(label, PEM_STRING_PUBLIC) == 0 ? d2i_PUBKEY(NULL, &at, len) : NULL;
    if (pkey && at == der + len)
        return add_key(keys, pkey, NULL);
    EVP_PKEY_free(pkey);
    return "a PEM block is no public key";
}

static const char *read_pem(struct keyset *keys, struct span text)
{
    const char *problem = NULL;
    char *label, *header;
    unsigned char *der;
    long len;
    BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
    while (!problem && PEM_read_bio(bio, &label, &header, &der, &len) == 1) {
        problem = read_block(keys, label, der, len);
        OPENSSL_free(label);
        OPENSSL_free(header);
        OPENSSL_free(der);
    }
    /* No further block is how it ends; anything else is one that cannot be read. */
    if (!problem && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        problem = "a PEM block cannot be read";
    BIO_free(bio);
    return problem;
}

/* ---- JWKS ---- */

static bool is_text(struct span object, const char *name, const char *wanted)
{
    struct span value = json_member(object, name);
    struct buf text;
    if (!span_present(value) || json_type_of(value) != JSON_STRING)
        return false;
    buf_init(&text, KID_SIZE);
    json_unescape(value, &text);
    bool same = buf_ok(&text) && span_is(buf_span(&text), wanted);
    buf_release(&text);
    return same;
}

/* An absent member says nothing against the key. */
static bool may_be(struct span object, const char *name, const char *wanted)
{
    return !span_present(json_member(object, name)) || is_text(object, name, wanted);
}

/* Append the bytes of a base64url member. */
static bool get_bytes(struct span object, const char *name, struct buf *out)
{
    struct span value = json_member(object, name);
    struct buf text;
    if (!span_present(value) || json_type_of(value) != JSON_STRING)
        return false;
    buf_init(&text, 2 * (size_t)NUMBER_MAX);
    json_unescape(value, &text);
    bool good = buf_ok(&text) && base64url_decode(buf_span(&text), out) && out->len > 0;
    buf_release(&text);
    return good;
}

static EVP_PKEY *build_rsa(const BIGNUM *n, const BIGNUM *e)
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    if (!params || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(context);
    return pkey;
}

/* RFC 7518 section 6.3.1. */
static EVP_PKEY *rsa_of(struct span jwk)
{
    struct buf n, e;
    EVP_PKEY *pkey = NULL;
    buf_init(&n, NUMBER_MAX);
    buf_init(&e, NUMBER_MAX);
    if (get_bytes(jwk, "n", &n) && get_bytes(jwk, "e", &e)) {
        BIGNUM *modulus = BN_bin2bn((const unsigned char *)n.data, (int)n.len, NULL);
        BIGNUM *exponent = BN_bin2bn((const unsigned char *)e.data, (int)e.len, NULL);
        pkey = build_rsa(modulus, exponent);
        BN_free(modulus);
        BN_free(exponent);
    }
    buf_release(&n);
    buf_release(&e);
    return pkey;
}

/* RFC 8037 section 2. */
static EVP_PKEY *ed25519_of(struct span jwk)
{
    struct buf x;
    EVP_PKEY *pkey = NULL;
    buf_init(&x, NUMBER_MAX);
    if (get_bytes(jwk, "x", &x) && x.len == ED25519_BYTES)
        pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)x.data,
                                           x.len);
    buf_release(&x);
    return pkey;
}

/* Is it a key to check signatures of our algorithm with? */
static bool is_wanted(const struct keyset *keys, struct span jwk)
{
    bool rsa = keys->algorithm == KEYSET_RS256;
    return json_type_of(jwk) == JSON_OBJECT && is_text(jwk, "kty", rsa ? "RSA" : "OKP") &&
           may_be(jwk, "use", "sig") && may_be(jwk, "alg", rsa ? "RS256" : "EdDSA") &&
           (rsa || is_text(jwk, "crv", "Ed25519"));
}

static const char *read_jwk(struct keyset *keys, struct span jwk)
{
    struct span kid = json_member(jwk, "kid");
    struct buf name;
    const char *problem = NULL;
    buf_init(&name, KID_SIZE - 1);
    if (span_present(kid)) {
        if (json_type_of(kid) == JSON_STRING)
            json_unescape(kid, &name);
        if (name.len == 0 || !buf_ok(&name) || strlen(name.data) != name.len)
            problem = "a kid is no short string";
    }
    EVP_PKEY *pkey = NULL;
    if (!problem) {
        pkey = keys->algorithm == KEYSET_RS256 ? rsa_of(jwk) : ed25519_of(jwk);
        problem = pkey ? add_key(keys, pkey, span_present(kid) ? name.data : NULL)
                       : "a key's numbers cannot be read";
    }
    buf_release(&name);
    return problem;
}

static const char *read_jwks(struct keyset *keys, struct span text)
{
    struct span list, jwk;
    const char *problem = NULL;
    if (json_scan(text, JWKS_DEPTH))
        return "it is no JSON";
    list = json_member(text, "keys");
    if (!span_present(list) || json_type_of(list) != JSON_ARRAY)
        return "it is no JWKS: there is no array \"keys\"";
    keys->jwks = true;
    for (size_t cursor = 0; !problem && json_next(list, &cursor, NULL, &jwk);) {
        if (is_wanted(keys, jwk))
            problem = read_jwk(keys, jwk);
    }
    return problem;
}

struct keyset *keyset_parse(struct span text, enum keyset_algorithm algorithm, const char **problem)
{
    struct keyset *keys = mem_alloc(sizeof *keys);
    size_t blank = 0;
    keys->algorithm = algorithm;
    while (blank < text.len && strchr(" \t\r\n", text.ptr[blank]) && text.ptr[blank])
        blank++;
    bool json = blank < text.len && text.ptr[blank] == '{';
    *problem = json ? read_jwks(keys, text) : read_pem(keys, text);
    ERR_clear_error();
    if (!*problem && keys->count == 0)
        *problem = "there is no key for the algorithm in it";
    if (!*problem)
        return keys;
    keyset_free(keys);
    return NULL;
}

/* ---- signatures ---- */

static bool fits(const struct keyset *keys, const struct key *key, struct span kid)
{
    if (!keys->jwks)
        return true;
    return span_present(kid) ? key->named && span_is(kid, key->kid) : keys->count == 1;
}

static bool verify(const struct keyset *keys, const struct key *key, struct span message,
                   struct span signature)
{
    const EVP_MD *digest = keys->algorithm == KEYSET_RS256 ? EVP_sha256() : NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool right = context && EVP_DigestVerifyInit(context, NULL, digest, NULL, key->pkey) == 1 &&
                 EVP_DigestVerify(context, (const unsigned char *)signature.ptr, signature.len,
                                  (const unsigned char *)message.ptr, message.len) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return right;
}

bool keyset_verify(const struct keyset *keys, struct span kid, struct span message,
                   struct span signature)
{
    for (int i = 0; i < keys->count; i++) {
        if (fits(keys, &keys->keys[i], kid) && verify(keys, &keys->keys[i], message, signature))
            return true;
    }
    return false;
}
