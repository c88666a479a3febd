/*
 * Access tokens: what we issue, and every way of forging one that is known.
 */
#include "shared/auth/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/auth/mac.h"

#define NOW 1000

static const struct token_key key = {"0123456789abcdef0123456789abcdef-and-more", "parley"};
static const struct token_claims alice = {
    .user_id = 42, .session_id = 7, .username = "alice", .issued_s = NOW, .expires_s = NOW + 900};

#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS "\"iss\":\"parley\",\"sub\":\"42\",\"sid\":\"7\",\"name\":\"alice\",\"iat\":1000"

/* A token of any content, signed with `secret`. Released by the caller. */
static struct buf forge(const char *secret, const char *header, const char *payload)
{
    struct buf token;
    unsigned char mac[MAC_SIZE];
    buf_init(&token, 1 << 16);
    base64url_encode(span_of(header), &token);
    buf_add_char(&token, '.');
    base64url_encode(span_of(payload), &token);
    struct span signed_part = buf_span(&token);
    mac_compute(span_of(secret), &signed_part, 1, mac);
    buf_add_char(&token, '.');
    base64url_encode(span_make((char *)mac, sizeof mac), &token);
    return token;
}

static enum err verify(struct span token)
{
    struct token_claims claims = {.user_id = -1};
    enum err err = token_verify(&key, token, NOW, &claims);
    assert_true((err == ERR_OK) == (claims.user_id != -1));
    return err;
}

static enum err verify_forged(const char *header, const char *payload)
{
    struct buf token = forge(key.secret, header, payload);
    enum err err = verify(buf_span(&token));
    buf_release(&token);
    return err;
}

static struct buf issue(void)
{
    struct buf token;
    buf_init(&token, TOKEN_MAX_BYTES);
    token_issue(&key, &alice, &token);
    assert_true(buf_ok(&token));
    return token;
}

static void what_is_issued_is_accepted(void **state)
{
    struct buf token = issue();
    struct token_claims claims;
    (void)state;
    assert_int_equal(token_verify(&key, buf_span(&token), NOW, &claims), ERR_OK);
    assert_int_equal(claims.user_id, 42);
    assert_int_equal(claims.session_id, 7);
    assert_string_equal(claims.username, "alice");
    assert_int_equal(claims.issued_s, NOW);
    assert_int_equal(claims.expires_s, NOW + 900);
    buf_release(&token);
}

/* The bytes are fixed: tokens must survive an update of parley. */
static void the_form_is_that_of_rfc_7519(void **state)
{
    struct buf token = issue();
    struct buf same = forge(key.secret, HEADER, "{" CLAIMS ",\"exp\":1900}");
    (void)state;
    assert_string_equal(token.data, same.data);
    buf_release(&token);
    buf_release(&same);
}

static void the_largest_ids_fit(void **state)
{
    struct token_claims most = alice, claims;
    struct buf token;
    (void)state;
    most.user_id = most.session_id = INT64_MAX;
    memset(most.username, 'x', TOKEN_USERNAME_SIZE - 1);
    buf_init(&token, TOKEN_MAX_BYTES);
    token_issue(&key, &most, &token);
    assert_int_equal(token_verify(&key, buf_span(&token), NOW, &claims), ERR_OK);
    assert_true(claims.user_id == INT64_MAX && claims.session_id == INT64_MAX);
    assert_string_equal(claims.username, most.username);
    buf_release(&token);
}

static void a_token_ends_at_its_time(void **state)
{
    struct buf token = issue();
    struct token_claims claims;
    (void)state;
    assert_int_equal(token_verify(&key, buf_span(&token), NOW + 899, &claims), ERR_OK);
    assert_int_equal(token_verify(&key, buf_span(&token), NOW + 900, &claims), ERR_TOKEN_EXPIRED);
    assert_int_equal(token_verify(&key, buf_span(&token), INT64_MAX, &claims), ERR_TOKEN_EXPIRED);
    token.data[token.len - 2] ^= 1; /* expired and forged: forged */
    assert_int_equal(token_verify(&key, buf_span(&token), INT64_MAX, &claims), ERR_UNAUTHENTICATED);
    buf_release(&token);
}

static void bearer_may_stand_before_it(void **state)
{
    static const char *const good[] = {"Bearer ", "bearer ", "BEARER ", "Bearer   "};
    static const char *const bad[] = {"Bearer", "Basic ", " Bearer ", "Bearer\t", "Bearer Bearer "};
    struct buf token = issue();
    (void)state;
    for (int i = 0; i < 9; i++) {
        struct buf header;
        buf_init(&header, 10000);
        buf_add_str(&header, i < 4 ? good[i] : bad[i - 4]);
        buf_add_span(&header, buf_span(&token));
        assert_int_equal(verify(buf_span(&header)), i < 4 ? ERR_OK : ERR_UNAUTHENTICATED);
        buf_release(&header);
    }
    buf_release(&token);
}

static void every_change_of_a_character_is_seen(void **state)
{
    struct buf token = issue();
    (void)state;
    for (size_t i = 0; i < token.len; i++) {
        char right = token.data[i];
        for (int c = 0; c < 256; c++) {
            token.data[i] = (char)c;
            enum err expected = (char)c == right ? ERR_OK : ERR_UNAUTHENTICATED;
            assert_int_equal(verify(buf_span(&token)), expected);
        }
        token.data[i] = right;
    }
    assert_int_equal(verify(buf_span(&token)), ERR_OK);
    buf_release(&token);
}

/* The last character of a MAC carries two bits that stand for nothing: a decoder that ignores them
 * would take four texts for one token. */
static void every_last_character_but_one_is_refused(void **state)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct buf token = issue();
    int accepted = 0;
    (void)state;
    for (const char *at = alphabet; *at; at++) {
        token.data[token.len - 1] = *at;
        accepted += verify(buf_span(&token)) == ERR_OK;
    }
    assert_int_equal(accepted, 1);
    buf_release(&token);
}

static void every_cut_and_every_addition_is_seen(void **state)
{
    struct buf token = issue();
    (void)state;
    for (size_t len = 0; len < token.len; len++) {
        assert_int_equal(verify(span_make(token.data, len)), ERR_UNAUTHENTICATED);
        if (len > 0)
            assert_int_equal(verify(span_make(token.data + len, token.len - len)),
                             ERR_UNAUTHENTICATED);
    }
    static const char *const more[] = {"A", ".", ".A", "=", " ", "\n", "AAAA"};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        struct buf longer;
        buf_init(&longer, 10000);
        buf_add_span(&longer, buf_span(&token));
        buf_add_str(&longer, more[i]);
        assert_int_equal(verify(buf_span(&longer)), ERR_UNAUTHENTICATED);
        buf_release(&longer);
    }
    assert_int_equal(verify(SPAN_NONE), ERR_UNAUTHENTICATED);
    assert_int_equal(verify(SPAN_LIT("Bearer ")), ERR_UNAUTHENTICATED);
    assert_int_equal(verify(SPAN_LIT("..")), ERR_UNAUTHENTICATED);
    buf_release(&token);
}

static void other_keys_do_not_pass(void **state)
{
    static const char *const secrets[] = {"0123456789abcdef0123456789abcdef-and-morf",
                                          "0123456789abcdef0123456789abcdef", "", "parley"};
    (void)state;
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        struct buf token = forge(secrets[i], HEADER, "{" CLAIMS ",\"exp\":1900}");
        assert_int_equal(verify(buf_span(&token)), ERR_UNAUTHENTICATED);
        buf_release(&token);
    }
}

/* RFC 8725 section 3.1: the algorithm is ours to choose. Even with a right MAC. */
static void other_algorithms_do_not_pass(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\",\"typ\":\"JWT\"}",
        "{\"alg\":\"hs256\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS384\",\"typ\":\"JWT\"}",
        "{\"alg\":\"RS256\",\"typ\":\"JWT\"}",
        "{\"alg\":\"\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256 \",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\\u0000\",\"typ\":\"JWT\"}",
        "{\"alg\":null,\"typ\":\"JWT\"}",
        "{\"alg\":[\"HS256\"],\"typ\":\"JWT\"}",
        "{\"alg\":256,\"typ\":\"JWT\"}",
        "{\"typ\":\"JWT\"}",
        "{\"ALG\":\"HS256\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\",\"alg\":\"none\"}",
        "{\"alg\":\"HS256\",\"typ\":\"JWE\"}",
        "{\"alg\":\"HS256\",\"typ\":null}",
        "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"HS256\",\"crit\":null}",
        "[\"HS256\"]",
        "\"HS256\"",
        "null",
        "",
        "{}",
        "{\"alg\":\"HS256\"",
        "{\"alg\":\"HS256\"}x",
        "{'alg':'HS256'}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        if (verify_forged(headers[i], "{" CLAIMS ",\"exp\":1900}") != ERR_UNAUTHENTICATED)
            fail_msg("accepted the header %s", headers[i]);
}

static void an_unsigned_token_does_not_pass(void **state)
{
    struct buf token = forge(key.secret, "{\"alg\":\"none\"}", "{" CLAIMS ",\"exp\":1900}");
    (void)state;
    size_t unsigned_len = (size_t)(strrchr(token.data, '.') - token.data);
    assert_int_equal(verify(span_make(token.data, unsigned_len + 1)), ERR_UNAUTHENTICATED);
    assert_int_equal(verify(span_make(token.data, unsigned_len)), ERR_UNAUTHENTICATED);
    buf_release(&token);
}

static void headers_that_mean_the_same_pass(void **state)
{
    (void)state;
    assert_int_equal(verify_forged("{\"alg\":\"HS256\"}", "{" CLAIMS ",\"exp\":1900}"), ERR_OK);
    assert_int_equal(verify_forged(" {\"typ\":\"JWT\" , \"kid\":\"1\",\"al\\u0067\":\"HS256\"}",
                                   "{" CLAIMS ",\"exp\":1900}"),
                     ERR_OK);
}

static void claims_of_another_kind_do_not_pass(void **state)
{
    static const char *const payloads[] = {
        "{" CLAIMS "}", /* no exp */
        "{" CLAIMS ",\"exp\":\"1900\"}",
        "{" CLAIMS ",\"exp\":1900.5}",
        "{" CLAIMS ",\"exp\":1e9}",
        "{" CLAIMS ",\"exp\":null}",
        "{" CLAIMS ",\"exp\":99999999999999999999}",
        "{" CLAIMS ",\"exp\":1900,\"iss\":\"other\"}",
        "{" CLAIMS ",\"exp\":1900,\"iss\":\"parley2\"}",
        "{" CLAIMS ",\"exp\":1900,\"iss\":\"Parley\"}",
        "{" CLAIMS ",\"exp\":1900,\"iss\":[\"parley\"]}",
        "{" CLAIMS ",\"exp\":1900,\"iss\":\"parley\\u0000\"}",
        "{" CLAIMS ",\"exp\":1900,\"aud\":\"others\"}",
        "{" CLAIMS ",\"exp\":1900,\"nbf\":1001}",
        "{" CLAIMS ",\"exp\":1900,\"nbf\":\"now\"}",
        "{" CLAIMS ",\"exp\":1900,\"sub\":\"0\"}",
        "{" CLAIMS ",\"exp\":1900,\"sub\":\"-1\"}",
        "{" CLAIMS ",\"exp\":1900,\"sub\":\"042\"}",
        "{" CLAIMS ",\"exp\":1900,\"sub\":\"+42\"}",
        "{" CLAIMS ",\"exp\":1900,\"sub\":\"42 \"}",
        "{" CLAIMS ",\"exp\":1900,\"sub\":\"42x\"}",
        "{" CLAIMS ",\"exp\":1900,\"sub\":\"\"}",
        "{" CLAIMS ",\"exp\":1900,\"sub\":\"9223372036854775808\"}",
        "{" CLAIMS ",\"exp\":1900,\"sub\":0}",
        "{" CLAIMS ",\"exp\":1900,\"sub\":-42}",
        "{" CLAIMS ",\"exp\":1900,\"sub\":4.2}",
        "{" CLAIMS ",\"exp\":1900,\"sub\":true}",
        "{" CLAIMS ",\"exp\":1900,\"sid\":null}",
        "{" CLAIMS ",\"exp\":1900,\"name\":\"\"}",
        "{" CLAIMS ",\"exp\":1900,\"name\":5}",
        "{" CLAIMS ",\"exp\":1900,\"name\":\"a\\u0000b\"}",
        "{" CLAIMS ",\"exp\":1900,\"name\":\"123456789012345678901234567890123\"}",
        "{" CLAIMS ",\"exp\":1900,\"iat\":\"x\"}",
        "{\"sub\":\"42\",\"sid\":\"7\",\"name\":\"a\",\"iat\":1,\"exp\":1900}", /* no iss */
        "{\"iss\":\"parley\",\"sid\":\"7\",\"name\":\"a\",\"iat\":1,\"exp\":1900}",
        "{\"iss\":\"parley\",\"sub\":\"42\",\"name\":\"a\",\"iat\":1,\"exp\":1900}",
        "{\"iss\":\"parley\",\"sub\":\"42\",\"sid\":\"7\",\"iat\":1,\"exp\":1900}",
        "{\"iss\":\"parley\",\"sub\":\"42\",\"sid\":\"7\",\"name\":\"a\",\"exp\":1900}",
        "[{" CLAIMS ",\"exp\":1900}]",
        "{" CLAIMS ",\"exp\":1900",
        "{" CLAIMS ",\"exp\":1900}}",
        "{" CLAIMS ",\"exp\":1900,\"x\":01}",
        "{" CLAIMS ",\"exp\":1900,\"x\":[[[[[[[[[[]]]]]]]]]]}",
        "{" CLAIMS ",\"exp\":1900,\"x\":\"\xff\"}",
        "",
        "null",
    };
    (void)state;
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++)
        if (verify_forged(HEADER, payloads[i]) != ERR_UNAUTHENTICATED)
            fail_msg("accepted the claims %s", payloads[i]);
}

static void claims_that_mean_the_same_pass(void **state)
{
    (void)state;
    assert_int_equal(verify_forged(HEADER, "{" CLAIMS ",\"exp\":1900,\"nbf\":1000}"), ERR_OK);
    assert_int_equal(verify_forged(HEADER, "{" CLAIMS ",\"exp\":1900,\"sub\":42,\"sid\":7}"),
                     ERR_OK);
    assert_int_equal(verify_forged(HEADER, "{" CLAIMS ",\"exp\":1900,\"jti\":{\"a\":[1]}}"),
                     ERR_OK);
    assert_int_equal(verify_forged(HEADER, "{" CLAIMS ",\"exp\":900}"), ERR_TOKEN_EXPIRED);
    assert_int_equal(verify_forged(HEADER, "{" CLAIMS ",\"exp\":-1}"), ERR_TOKEN_EXPIRED);
}

static void oversized_tokens_do_not_pass(void **state)
{
    char payload[TOKEN_MAX_BYTES + 200];
    (void)state;
    for (int pad = 2000; pad <= TOKEN_MAX_BYTES; pad += 2096) {
        char filler[TOKEN_MAX_BYTES + 1];
        memset(filler, 'x', (size_t)pad);
        filler[pad] = '\0';
        snprintf(payload, sizeof payload, "{" CLAIMS ",\"exp\":1900,\"x\":\"%s\"}", filler);
        assert_int_equal(verify_forged(HEADER, payload),
                         pad == 2000 ? ERR_OK : ERR_UNAUTHENTICATED);
    }
    char *huge = malloc(10000000);
    assert_non_null(huge);
    memset(huge, '.', 10000000);
    assert_int_equal(verify(span_make(huge, 10000000)), ERR_UNAUTHENTICATED);
    memset(huge, 'A', 10000000);
    assert_int_equal(verify(span_make(huge, 10000000)), ERR_UNAUTHENTICATED);
    free(huge);
}

static void an_issuer_that_does_not_fit_fails(void **state)
{
    char issuer[TOKEN_MAX_BYTES];
    struct token_key long_key = {key.secret, issuer};
    struct buf token;
    (void)state;
    memset(issuer, 'i', sizeof issuer - 1);
    issuer[sizeof issuer - 1] = '\0';
    buf_init(&token, 1 << 20);
    token_issue(&long_key, &alice, &token);
    assert_false(buf_ok(&token));
    buf_release(&token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_issued_is_accepted),
        cmocka_unit_test(the_form_is_that_of_rfc_7519),
        cmocka_unit_test(the_largest_ids_fit),
        cmocka_unit_test(a_token_ends_at_its_time),
        cmocka_unit_test(bearer_may_stand_before_it),
        cmocka_unit_test(every_change_of_a_character_is_seen),
        cmocka_unit_test(every_last_character_but_one_is_refused),
        cmocka_unit_test(every_cut_and_every_addition_is_seen),
        cmocka_unit_test(other_keys_do_not_pass),
        cmocka_unit_test(other_algorithms_do_not_pass),
        cmocka_unit_test(an_unsigned_token_does_not_pass),
        cmocka_unit_test(headers_that_mean_the_same_pass),
        cmocka_unit_test(claims_of_another_kind_do_not_pass),
        cmocka_unit_test(claims_that_mean_the_same_pass),
        cmocka_unit_test(oversized_tokens_do_not_pass),
        cmocka_unit_test(an_issuer_that_does_not_fit_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
