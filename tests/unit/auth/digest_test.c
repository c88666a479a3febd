/*
 * The digest of a body: the same for the same bytes only. The known value is from b2sum -l 128.
 */
#include "shared/auth/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

static void digest_is(struct span bytes, const char *hex)
{
    unsigned char digest[DIGEST_SIZE];
    char got[2 * DIGEST_SIZE + 1];
    digest_make(bytes, digest);
    for (int i = 0; i < DIGEST_SIZE; i++)
        snprintf(got + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(got, hex);
}

static void it_is_blake2b_of_128_bits(void **state)
{
    (void)state;
    digest_is(SPAN_LIT(""), "cae66941d9efbd404e4d88758ea67670");
    digest_is(SPAN_LIT("abc"), "cf4ab791c62b8d2b2109c90275287816");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_is_blake2b_of_128_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
