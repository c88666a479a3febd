/*
 * Random bytes: all of them filled, none predictable enough to meet twice; the shape of ids. And
 * the keyed hash, by the vectors of its paper.
 */
#include "shared/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "shared/base/hash.h"

static void all_bytes_are_filled(void **state)
{
    unsigned char bytes[1000], ever[1000] = {0};
    (void)state;
    for (int round = 0; round < 40; round++) {
        memset(bytes, 0, sizeof bytes);
        random_bytes(bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; i++)
            ever[i] |= bytes[i];
    }
    /* Zero forty times: 1 in 2^320. */
    for (size_t i = 0; i < sizeof ever; i++)
        assert_int_not_equal(ever[i], 0);
    random_bytes(bytes, 0);
}

static void numbers_differ(void **state)
{
    uint64_t ones = 0, zeros = 0;
    (void)state;
    for (int i = 0; i < 200; i++) {
        uint64_t number = random_u64();
        ones |= number;
        zeros |= ~number;
    }
    assert_true(ones == UINT64_MAX && zeros == UINT64_MAX);
}

static void ids_are_twenty_characters_of_base64url(void **state)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char seen[256] = {0}, last[RANDOM_ID_SIZE] = "";
    (void)state;
    for (int i = 0; i < 2000; i++) {
        char id[RANDOM_ID_SIZE];
        random_id(id);
        assert_int_equal(strlen(id), RANDOM_ID_SIZE - 1);
        assert_int_equal(strspn(id, alphabet), RANDOM_ID_SIZE - 1);
        assert_string_not_equal(id, last);
        memcpy(last, id, sizeof id);
        for (const char *at = id; *at; at++)
            seen[(unsigned char)*at] = 1;
    }
    for (const char *at = alphabet; *at; at++)
        assert_int_equal(seen[(unsigned char)*at], 1);
}

/* From the appendix of "SipHash: a fast short-input PRF" and its reference vectors: the key is the
 * bytes 00 to 0f, the inputs are the empty string, 00, 00 01, ... */
static void the_hash_is_siphash_2_4(void **state)
{
    static const struct hash_key key = {{0x0706050403020100, 0x0f0e0d0c0b0a0908}};
    static const struct {
        size_t len;
        uint64_t hash;
    } vectors[] = {
        {0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd}, {2, 0x0d6c8009d9a94f5a},
        {7, 0xab0200f58b01d137}, {8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5},
    };
    char input[16];
    (void)state;
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (char)i;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        assert_true(hash_bytes(&key, span_make(input, vectors[i].len)) == vectors[i].hash);
}

static void each_table_has_its_own_key(void **state)
{
    struct hash_key a = hash_key_new(), b = hash_key_new();
    (void)state;
    assert_true(hash_bytes(&a, SPAN_LIT("x")) != hash_bytes(&b, SPAN_LIT("x")));
    assert_true(hash_bytes(&a, SPAN_LIT("x")) == hash_bytes(&a, SPAN_LIT("x")));
    assert_true(hash_bytes(&a, SPAN_NONE) == hash_bytes(&a, SPAN_LIT("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_bytes_are_filled),
        cmocka_unit_test(numbers_differ),
        cmocka_unit_test(ids_are_twenty_characters_of_base64url),
        cmocka_unit_test(the_hash_is_siphash_2_4),
        cmocka_unit_test(each_table_has_its_own_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
