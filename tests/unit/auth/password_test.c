/*
 * Password hashes, at the lowest cost.
 */
#include "shared/auth/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include <string.h>

static const struct password_cost cheap = {1, 8192};

static void a_hash_matches_its_password_only(void **state)
{
    char hash[PASSWORD_HASH_SIZE];
    (void)state;
    password_hash(&cheap, SPAN_LIT("correct horse"), hash);
    assert_true(password_verify(&cheap, SPAN_LIT("correct horse"), hash));
    assert_false(password_verify(&cheap, SPAN_LIT("correct horsf"), hash));
    assert_false(password_verify(&cheap, SPAN_LIT("Correct horse"), hash));
    assert_false(password_verify(&cheap, SPAN_LIT("correct horse "), hash));
    assert_false(password_verify(&cheap, SPAN_LIT(""), hash));
    assert_false(password_verify(&cheap, SPAN_NONE, hash));
}

static void the_form_is_the_usual_one(void **state)
{
    const struct password_cost cost = {2, 65536};
    char hash[PASSWORD_HASH_SIZE];
    (void)state;
    password_hash(&cost, SPAN_LIT("x"), hash);
    static const char prefix[] = "$argon2id$v=19$m=64,t=2,p=1$";
    assert_memory_equal(hash, prefix, sizeof prefix - 1);
    assert_true(strlen(hash) < PASSWORD_HASH_SIZE);
}

static void the_same_password_has_many_hashes(void **state)
{
    char one[PASSWORD_HASH_SIZE], two[PASSWORD_HASH_SIZE];
    (void)state;
    password_hash(&cheap, SPAN_LIT("x"), one);
    password_hash(&cheap, SPAN_LIT("x"), two);
    assert_string_not_equal(one, two);
}

/* The cost is in the hash: settings may change under stored ones. */
static void older_costs_still_verify(void **state)
{
    const struct password_cost now = {3, 65536};
    char hash[PASSWORD_HASH_SIZE];
    (void)state;
    password_hash(&cheap, SPAN_LIT("x"), hash);
    assert_true(password_verify(&now, SPAN_LIT("x"), hash));
}

static void passwords_are_bytes(void **state)
{
    char hash[PASSWORD_HASH_SIZE], hash_long[PASSWORD_HASH_SIZE];
    char password[1024];
    (void)state;
    password_hash(&cheap, span_make("a\0b", 3), hash);
    assert_true(password_verify(&cheap, span_make("a\0b", 3), hash));
    assert_false(password_verify(&cheap, span_make("a\0c", 3), hash));
    assert_false(password_verify(&cheap, span_make("a", 1), hash));
    memset(password, 'p', sizeof password);
    password_hash(&cheap, span_make(password, sizeof password), hash_long);
    assert_true(password_verify(&cheap, span_make(password, sizeof password), hash_long));
    assert_false(password_verify(&cheap, span_make(password, sizeof password - 1), hash_long));
}

static void what_is_no_hash_matches_nothing(void **state)
{
    static const char *const none[] = {
        "$",          "x",          "$argon2id$v=19$m=8,t=1,p=1$",
        "$argon2id$", "$2b$10$abc", "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA"};
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_false(password_verify(&cheap, SPAN_LIT("x"), none[i]));
    assert_false(password_verify(&cheap, SPAN_LIT(""), ""));
    assert_false(password_verify(&cheap, SPAN_LIT(""), NULL));
}

/* Of this thread's processor time: what else runs on the machine does not count. */
static int64_t cpu_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t verify_us(const struct password_cost *cost, const char *hash)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        int64_t start = cpu_us();
        assert_false(password_verify(cost, SPAN_LIT("wrong"), hash));
        int64_t took = cpu_us() - start;
        best = took < best ? took : best;
    }
    return best;
}

/* The best of five, and a factor of three: other programs may be using the machine. */
static void an_unknown_user_costs_what_a_known_one_does(void **state)
{
    const struct password_cost cost = {2, 4 << 20};
    char hash[PASSWORD_HASH_SIZE];
    (void)state;
    password_hash(&cost, SPAN_LIT("right"), hash);
    int64_t known = verify_us(&cost, hash), unknown = verify_us(&cost, NULL);
    assert_true(unknown * 3 > known && known * 3 > unknown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_matches_its_password_only),
        cmocka_unit_test(the_form_is_the_usual_one),
        cmocka_unit_test(the_same_password_has_many_hashes),
        cmocka_unit_test(older_costs_still_verify),
        cmocka_unit_test(passwords_are_bytes),
        cmocka_unit_test(what_is_no_hash_matches_nothing),
        cmocka_unit_test(an_unknown_user_costs_what_a_known_one_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
