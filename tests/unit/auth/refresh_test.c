/*
 * Refresh tokens: the same for the same generation, none of them forgeable.
 */
#include "shared/auth/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct token_key key = {"0123456789abcdef0123456789abcdef", "parley"};

static struct buf issue(const struct token_key *with, int64_t session_id, int64_t generation)
{
    struct buf token;
    buf_init(&token, TOKEN_MAX_BYTES);
    token_refresh_issue(with, session_id, generation, &token);
    assert_true(buf_ok(&token));
    return token;
}

static enum err verify(struct span text)
{
    int64_t session_id = -1, generation = -1;
    enum err err = token_refresh_verify(&key, text, &session_id, &generation);
    assert_true((err == ERR_OK) == (session_id != -1));
    return err;
}

static void what_is_issued_is_read_back(void **state)
{
    static const int64_t numbers[][2] = {
        {1, 0}, {1, 1}, {0, 0}, {INT64_MAX, INT64_MAX}, {256, 65536}};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct buf token = issue(&key, numbers[i][0], numbers[i][1]);
        int64_t session_id, generation;
        assert_int_equal(token.len, 64);
        assert_int_equal(token_refresh_verify(&key, buf_span(&token), &session_id, &generation),
                         ERR_OK);
        assert_true(session_id == numbers[i][0] && generation == numbers[i][1]);
        buf_release(&token);
    }
}

static void a_generation_has_one_token(void **state)
{
    struct buf first = issue(&key, 5, 6), second = issue(&key, 5, 6);
    struct buf next = issue(&key, 5, 7), other = issue(&key, 6, 6);
    (void)state;
    assert_string_equal(first.data, second.data);
    assert_string_not_equal(first.data, next.data);
    assert_string_not_equal(first.data, other.data);
    buf_release(&first);
    buf_release(&second);
    buf_release(&next);
    buf_release(&other);
}

static void every_changed_character_is_seen(void **state)
{
    struct buf token = issue(&key, 5, 6);
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
    buf_release(&token);
}

static void other_lengths_do_not_pass(void **state)
{
    struct buf token = issue(&key, 5, 6);
    (void)state;
    for (size_t len = 0; len < token.len; len++)
        assert_int_equal(verify(span_make(token.data, len)), ERR_UNAUTHENTICATED);
    buf_add_str(&token, "AAAA");
    assert_int_equal(verify(buf_span(&token)), ERR_UNAUTHENTICATED);
    for (int i = 0; i < 900; i++)
        buf_add_str(&token, "AAAA");
    assert_int_equal(verify(buf_span(&token)), ERR_UNAUTHENTICATED);
    assert_int_equal(verify(SPAN_NONE), ERR_UNAUTHENTICATED);
    buf_release(&token);
}

static void other_keys_and_issuers_do_not_pass(void **state)
{
    static const struct token_key others[] = {
        {"0123456789abcdef0123456789abcdeg", "parley"},
        {"0123456789abcdef0123456789abcdef", "other"},
        {"0123456789abcdef0123456789abcdef", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct buf token = issue(&others[i], 5, 6);
        assert_int_equal(verify(buf_span(&token)), ERR_UNAUTHENTICATED);
        buf_release(&token);
    }
}

static void neither_kind_passes_for_the_other(void **state)
{
    struct token_claims claims = {.user_id = 5, .session_id = 6, .username = "a", .expires_s = 99};
    struct buf access, refresh = issue(&key, 5, 6);
    (void)state;
    buf_init(&access, TOKEN_MAX_BYTES);
    token_issue(&key, &claims, &access);
    assert_int_equal(verify(buf_span(&access)), ERR_UNAUTHENTICATED);
    assert_int_equal(token_verify(&key, buf_span(&refresh), 0, &claims), ERR_UNAUTHENTICATED);
    buf_release(&access);
    buf_release(&refresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_issued_is_read_back),
        cmocka_unit_test(a_generation_has_one_token),
        cmocka_unit_test(every_changed_character_is_seen),
        cmocka_unit_test(other_lengths_do_not_pass),
        cmocka_unit_test(other_keys_and_issuers_do_not_pass),
        cmocka_unit_test(neither_kind_passes_for_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
