/*
 * Tokens of an outside issuer: keys from PEM and JWKS, and every way of forging a token that is
 * known. Keys are made here, with libcrypto.
 */
#include "shared/auth/foreign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/auth/mac.h"
#include "shared/auth/token.h"

#define NOW 1000

static struct {
    EVP_PKEY *rsa, *other_rsa, *weak_rsa, *ed;
} made;

static const struct foreign_policy rs256 = {.algorithm = KEYSET_RS256,
                                            .issuer = "https://id.example",
                                            .audience = "parley",
                                            .name_claim = "preferred_username",
                                            .leeway_s = 30};
static const struct foreign_policy eddsa = {.algorithm = KEYSET_EDDSA,
                                            .issuer = "https://id.example",
                                            .audience = "parley",
                                            .name_claim = "",
                                            .leeway_s = 30};

#define RS_HEADER "{\"alg\":\"RS256\",\"typ\":\"JWT\"}"
#define ED_HEADER "{\"alg\":\"EdDSA\"}"
#define BASE "\"iss\":\"https://id.example\",\"sub\":\"u1\""
#define GOOD "{" BASE ",\"aud\":\"parley\",\"exp\":1900,\"preferred_username\":\"ann\"}"

static char *pem_of(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    PEM_write_bio_PUBKEY(bio, key);
    long len = BIO_get_mem_data(bio, &data);
    char *text = calloc(1, (size_t)len + 1);
    memcpy(text, data, (size_t)len);
    BIO_free(bio);
    return text;
}

static struct keyset *pem_keys(EVP_PKEY *key, enum keyset_algorithm algorithm, const char **problem)
{
    char *text = pem_of(key);
    struct keyset *keys = keyset_parse(span_of(text), algorithm, problem);
    free(text);
    return keys;
}

static void add_number(EVP_PKEY *key, const char *name, struct buf *out)
{
    BIGNUM *number = NULL;
    unsigned char bytes[1024];
    assert_int_equal(EVP_PKEY_get_bn_param(key, name, &number), 1);
    int len = BN_bn2bin(number, bytes);
    base64url_encode(span_make((const char *)bytes, (size_t)len), out);
    BN_free(number);
}

/* Append a JWK; `more` is further members, with a comma behind. */
static void add_jwk(EVP_PKEY *key, const char *more, struct buf *out)
{
    buf_add_span(out, span_of("{"));
    buf_add_span(out, span_of(more));
    buf_add_span(out, span_of("\"kty\":\"RSA\",\"n\":\""));
    add_number(key, OSSL_PKEY_PARAM_RSA_N, out);
    buf_add_span(out, span_of("\",\"e\":\""));
    add_number(key, OSSL_PKEY_PARAM_RSA_E, out);
    buf_add_span(out, span_of("\"}"));
}

/* header.payload.signature, signed with `key`. */
static struct buf sign(EVP_PKEY *key, const char *header, const char *payload)
{
    struct buf token;
    unsigned char signature[1024];
    size_t len = sizeof signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    buf_init(&token, 1 << 16);
    base64url_encode(span_of(header), &token);
    buf_add_char(&token, '.');
    base64url_encode(span_of(payload), &token);
    const EVP_MD *digest = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? EVP_sha256() : NULL;
    assert_int_equal(EVP_DigestSignInit(context, NULL, digest, NULL, key), 1);
    assert_int_equal(
        EVP_DigestSign(context, signature, &len, (const unsigned char *)token.data, token.len), 1);
    EVP_MD_CTX_free(context);
    buf_add_char(&token, '.');
    base64url_encode(span_make((const char *)signature, len), &token);
    return token;
}

static enum err verify_with(const struct foreign_policy *policy, struct keyset *keys, EVP_PKEY *key,
                            const char *header, const char *payload)
{
    struct foreign_claims claims = {.expires_s = -1};
    struct buf token = sign(key, header, payload);
    enum err err = foreign_verify(policy, keys, buf_span(&token), NOW, &claims);
    assert_true((err == ERR_OK) == (claims.expires_s != -1));
    buf_release(&token);
    return err;
}

/* Signed with the right RSA key. */
static enum err verify(const char *header, const char *payload)
{
    const char *problem;
    struct keyset *keys = pem_keys(made.rsa, KEYSET_RS256, &problem);
    enum err err = verify_with(&rs256, keys, made.rsa, header, payload);
    keyset_free(keys);
    return err;
}

static int make_keys(void **state)
{
    (void)state;
    made.rsa = EVP_RSA_gen(2048);
    made.other_rsa = EVP_RSA_gen(2048);
    made.weak_rsa = EVP_RSA_gen(1024);
    made.ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return made.rsa && made.other_rsa && made.weak_rsa && made.ed ? 0 : -1;
}

static int free_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(made.rsa);
    EVP_PKEY_free(made.other_rsa);
    EVP_PKEY_free(made.weak_rsa);
    EVP_PKEY_free(made.ed);
    return 0;
}

/* ---- what is accepted ---- */

static void good_rs256_token(void **state)
{
    const char *problem;
    struct foreign_claims claims;
    struct keyset *keys = pem_keys(made.rsa, KEYSET_RS256, &problem);
    struct buf token = sign(made.rsa, RS_HEADER, GOOD);
    unsigned char digest[FOREIGN_DIGEST_SIZE];
    (void)state;
    assert_int_equal(foreign_verify(&rs256, keys, buf_span(&token), NOW, &claims), ERR_OK);
    assert_string_equal(claims.subject, "u1");
    assert_string_equal(claims.name, "ann");
    assert_int_equal(claims.expires_s, 1900);
    assert_true(foreign_digest(buf_span(&token), digest));
    assert_memory_equal(digest, claims.digest, sizeof digest);
    buf_release(&token);
    keyset_free(keys);
}

static void good_eddsa_token(void **state)
{
    const char *problem;
    struct keyset *keys = pem_keys(made.ed, KEYSET_EDDSA, &problem);
    (void)state;
    assert_non_null(keys);
    assert_int_equal(verify_with(&eddsa, keys, made.ed, ED_HEADER, GOOD), ERR_OK);
    keyset_free(keys);
}

static void aud_may_be_an_array(void **state)
{
    (void)state;
    assert_int_equal(verify(RS_HEADER, "{" BASE ",\"aud\":[\"x\",\"parley\"],\"exp\":1900}"),
                     ERR_OK);
    assert_int_equal(verify("{\"alg\":\"RS256\",\"typ\":\"at+jwt\"}", GOOD), ERR_OK);
}

/* ---- what is refused ---- */

static void other_algorithms_are_refused(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"HS256\"}",
        "{\"alg\":\"EdDSA\"}",
        "{\"alg\":\"rs256\"}",
        "{\"alg\":\"PS256\"}",
        "{\"alg\":[\"RS256\"]}",
        "{\"alg\":null}",
        "{}",
        "{\"alg\":\"RS256\",\"crit\":[\"b64\"]}",
        "{\"alg\":\"none\",\"alg\":\"RS256\"}",
        "{\"alg\":\"RS256\",\"typ\":\"dpop+jwt\"}",
        "{\"alg\":\"RS256\",\"kid\":1}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        assert_int_equal(verify(headers[i], GOOD), ERR_UNAUTHENTICATED);
}

/* "alg": the public key's text as the secret of an HMAC. */
static void hs256_with_the_public_key_is_refused(void **state)
{
    const char *problem;
    struct foreign_claims claims;
    char *pem = pem_of(made.rsa);
    struct keyset *keys = keyset_parse(span_of(pem), KEYSET_RS256, &problem);
    static const char *const headers[] = {"{\"alg\":\"HS256\"}", RS_HEADER};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct buf token;
        unsigned char mac[MAC_SIZE];
        buf_init(&token, TOKEN_MAX_BYTES);
        base64url_encode(span_of(headers[i]), &token);
        buf_add_char(&token, '.');
        base64url_encode(span_of(GOOD), &token);
        struct span signed_part = buf_span(&token);
        mac_compute(span_of(pem), &signed_part, 1, mac);
        buf_add_char(&token, '.');
        base64url_encode(span_make((char *)mac, sizeof mac), &token);
        assert_int_equal(foreign_verify(&rs256, keys, buf_span(&token), NOW, &claims),
                         ERR_UNAUTHENTICATED);
        buf_release(&token);
    }
    keyset_free(keys);
    free(pem);
}

static void another_key_is_refused(void **state)
{
    const char *problem;
    struct keyset *keys = pem_keys(made.rsa, KEYSET_RS256, &problem);
    (void)state;
    assert_int_equal(verify_with(&rs256, keys, made.other_rsa, RS_HEADER, GOOD),
                     ERR_UNAUTHENTICATED);
    keyset_free(keys);
}

static void wrong_claims_are_refused(void **state)
{
#define AUD ",\"aud\":\"parley\""
    static const char *const claims[] = {
        "{\"iss\":\"https://id.example/\",\"sub\":\"u1\"" AUD ",\"exp\":1900}",
        "{\"iss\":[\"https://id.example\"],\"sub\":\"u1\"" AUD ",\"exp\":1900}",
        "{\"sub\":\"u1\"" AUD ",\"exp\":1900}",
        "{\"iss\":\"https://id.example\"" AUD ",\"exp\":1900}",
        "{\"iss\":\"https://id.example\",\"sub\":\"\"" AUD ",\"exp\":1900}",
        "{\"iss\":\"https://id.example\",\"sub\":1" AUD ",\"exp\":1900}",
        "{\"iss\":\"https://id.example\",\"sub\":\"a\\u0000b\"" AUD ",\"exp\":1900}",
        "{\"iss\":\"https://id.example\",\"sub\":\"\\ud800\"" AUD ",\"exp\":1900}",
        "{" BASE ",\"exp\":1900}",
        "{" BASE ",\"aud\":\"other\",\"exp\":1900}",
        "{" BASE ",\"aud\":[],\"exp\":1900}",
        "{" BASE ",\"aud\":[\"parley\",1],\"exp\":1900}",
        "{" BASE ",\"aud\":{\"parley\":1},\"exp\":1900}",
        "{" BASE AUD "}",
        "{" BASE AUD ",\"exp\":\"1900\"}",
        "{" BASE AUD ",\"exp\":1e9}",
        "{" BASE AUD ",\"exp\":1.9e3}",
        "{" BASE AUD ",\"exp\":-1}",
        "{" BASE AUD ",\"exp\":999999999999999}",
        "{" BASE AUD ",\"exp\":1900,\"nbf\":1031}",
        "{" BASE AUD ",\"exp\":1900,\"nbf\":\"1\"}",
        "{" BASE AUD ",\"exp\":1900,\"iat\":1031}",
        "{" BASE AUD ",\"exp\":1900,\"iat\":null}",
        "{" BASE AUD ",\"exp\":900,\"exp\":1900}",
        "{" BASE AUD ",\"exp\":1900,\"su\\u0062\":\"u2\"}",
        "[]",
        "{" BASE AUD ",\"exp\":1900",
    };
    (void)state;
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++)
        assert_int_equal(verify(RS_HEADER, claims[i]), ERR_UNAUTHENTICATED);
    assert_int_equal(verify(RS_HEADER, "{" BASE AUD ",\"exp\":1000}"), ERR_TOKEN_EXPIRED);
    assert_int_equal(verify(RS_HEADER, "{" BASE AUD ",\"exp\":1900,\"nbf\":1030,\"iat\":1030}"),
                     ERR_OK);
    assert_int_equal(
        verify(RS_HEADER, "{" BASE AUD ",\"exp\":1900.75,\"nbf\":1030.5,\"iat\":999.25}"), ERR_OK);
    assert_int_equal(verify(RS_HEADER, "{" BASE AUD ",\"exp\":1000.9}"), ERR_TOKEN_EXPIRED);
}

static void many_members_are_refused(void **state)
{
    struct buf payload;
    char member[32];
    (void)state;
    buf_init(&payload, 1 << 16);
    buf_add_span(&payload, span_of("{" BASE AUD ",\"exp\":1900"));
    for (int i = 0; i < 80; i++) {
        snprintf(member, sizeof member, ",\"m%d\":1", i);
        buf_add_span(&payload, span_of(member));
    }
    buf_add_char(&payload, '}');
    assert_int_equal(verify(RS_HEADER, payload.data), ERR_UNAUTHENTICATED);
    buf_release(&payload);
}

static void oversized_and_malformed_tokens_are_refused(void **state)
{
    const char *problem;
    struct foreign_claims claims;
    struct keyset *keys = pem_keys(made.rsa, KEYSET_RS256, &problem);
    struct buf token = sign(made.rsa, RS_HEADER, GOOD);
    struct span good = buf_span(&token);
    char *text = calloc(1, TOKEN_MAX_BYTES + good.len + 2);
    (void)state;
    /* Cut anywhere, with a character more, with padding. */
    for (size_t len = 0; len < good.len; len++)
        assert_int_not_equal(foreign_verify(&rs256, keys, span_make(good.ptr, len), NOW, &claims),
                             ERR_OK);
    for (const char *more = "A=. \n"; *more; more++) {
        memcpy(text, good.ptr, good.len);
        text[good.len] = *more;
        assert_int_not_equal(
            foreign_verify(&rs256, keys, span_make(text, good.len + 1), NOW, &claims), ERR_OK);
    }
    memset(text, 'A', TOKEN_MAX_BYTES);
    memcpy(text + TOKEN_MAX_BYTES, good.ptr, good.len);
    assert_int_not_equal(
        foreign_verify(&rs256, keys, span_make(text, TOKEN_MAX_BYTES + good.len), NOW, &claims),
        ERR_OK);
    free(text);
    buf_release(&token);
    keyset_free(keys);
}

/* ---- keys ---- */

static struct keyset *jwks(const char *first, EVP_PKEY *one, const char *second, EVP_PKEY *two,
                           const char **problem)
{
    struct buf text;
    buf_init(&text, 1 << 16);
    buf_add_span(&text, span_of("{\"keys\":["));
    add_jwk(one, first, &text);
    if (two) {
        buf_add_char(&text, ',');
        add_jwk(two, second, &text);
    }
    buf_add_span(&text, span_of("]}"));
    struct keyset *keys = keyset_parse(buf_span(&text), KEYSET_RS256, problem);
    buf_release(&text);
    return keys;
}

static void kid_chooses_the_key(void **state)
{
    const char *problem;
    struct keyset *keys = jwks("\"kid\":\"a\",", made.rsa, "\"kid\":\"b\",\"use\":\"sig\",",
                               made.other_rsa, &problem);
    (void)state;
    assert_int_equal(keyset_count(keys), 2);
#define KID(kid) "{\"alg\":\"RS256\",\"kid\":\"" kid "\"}"
    assert_int_equal(verify_with(&rs256, keys, made.rsa, KID("a"), GOOD), ERR_OK);
    assert_int_equal(verify_with(&rs256, keys, made.other_rsa, KID("b"), GOOD), ERR_OK);
    assert_int_equal(verify_with(&rs256, keys, made.rsa, KID("b"), GOOD), ERR_UNAUTHENTICATED);
    assert_int_equal(verify_with(&rs256, keys, made.rsa, KID("c"), GOOD), ERR_UNAUTHENTICATED);
    assert_int_equal(verify_with(&rs256, keys, made.rsa, RS_HEADER, GOOD), ERR_UNAUTHENTICATED);
    keyset_free(keys);
    keys = jwks("\"kid\":\"a\",", made.rsa, NULL, NULL, &problem);
    assert_int_equal(verify_with(&rs256, keys, made.rsa, RS_HEADER, GOOD), ERR_OK);
    keyset_free(keys);
}

static void bad_key_files_are_refused(void **state)
{
    const char *problem = NULL;
    static const char *const files[] = {
        "",
        "no key",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[]}",
        "{\"keys\":[1]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"!\",\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AQAB\"}]}",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        problem = NULL;
        assert_null(keyset_parse(span_of(files[i]), KEYSET_RS256, &problem));
        assert_non_null(problem);
    }
    assert_null(pem_keys(made.weak_rsa, KEYSET_RS256, &problem));
    assert_string_equal(problem, "an RSA key is shorter than 2048 bits");
    assert_null(pem_keys(made.ed, KEYSET_RS256, &problem));
    assert_null(pem_keys(made.rsa, KEYSET_EDDSA, &problem));
    assert_null(jwks("", made.weak_rsa, NULL, NULL, &problem));
    assert_null(jwks("\"kid\":\"a\",", made.rsa, "\"kid\":\"a\",", made.other_rsa, &problem));
    assert_null(jwks("\"kid\":7,", made.rsa, NULL, NULL, &problem));
    assert_null(jwks("\"use\":\"enc\",", made.rsa, NULL, NULL, &problem));
}

static void ed25519_from_a_jwks(void **state)
{
    const char *problem;
    struct buf text;
    unsigned char x[32];
    size_t len = sizeof x;
    (void)state;
    assert_int_equal(EVP_PKEY_get_raw_public_key(made.ed, x, &len), 1);
    buf_init(&text, 4096);
    buf_add_span(&text, span_of("{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\""));
    base64url_encode(span_make((const char *)x, len), &text);
    buf_add_span(&text, span_of("\"}]}"));
    struct keyset *keys = keyset_parse(buf_span(&text), KEYSET_EDDSA, &problem);
    assert_non_null(keys);
    assert_int_equal(verify_with(&eddsa, keys, made.ed, ED_HEADER, GOOD), ERR_OK);
    assert_int_equal(verify_with(&eddsa, keys, made.ed, RS_HEADER, GOOD), ERR_UNAUTHENTICATED);
    keyset_free(keys);
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_rs256_token),
        cmocka_unit_test(good_eddsa_token),
        cmocka_unit_test(aud_may_be_an_array),
        cmocka_unit_test(other_algorithms_are_refused),
        cmocka_unit_test(hs256_with_the_public_key_is_refused),
        cmocka_unit_test(another_key_is_refused),
        cmocka_unit_test(wrong_claims_are_refused),
        cmocka_unit_test(many_members_are_refused),
        cmocka_unit_test(oversized_and_malformed_tokens_are_refused),
        cmocka_unit_test(kid_chooses_the_key),
        cmocka_unit_test(bad_key_files_are_refused),
        cmocka_unit_test(ed25519_from_a_jwks),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
