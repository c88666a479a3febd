/* Which origins the configured list lets in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fcgi/cors.h"

static bool allowed(const char *list, const char *origin)
{
    return cors_is_allowed(list, span_of(origin));
}

static void test_exact_origins(void **state)
{
    const char *list = "https://chat.example  http://a.example:8080";

    (void)state;
    assert_true(allowed(list, "https://chat.example"));
    assert_true(allowed(list, "HTTPS://Chat.Example"));
    assert_true(allowed(list, "http://a.example:8080"));
    assert_false(allowed(list, "http://chat.example"));
    assert_false(allowed(list, "https://chat.example:8443"));
    assert_false(allowed(list, "https://chat.example.evil"));
    assert_false(allowed(list, "https://xchat.example"));
    assert_false(allowed(list, "null"));
    assert_false(allowed(list, ""));
    assert_false(allowed("", "https://chat.example"));
    assert_false(allowed("  ", "https://chat.example"));
}

static void test_any_port(void **state)
{
    const char *list = "http://localhost:* http://127.0.0.1:*";

    (void)state;
    assert_true(allowed(list, "http://localhost"));
    assert_true(allowed(list, "http://localhost:3000"));
    assert_true(allowed(list, "http://127.0.0.1:65535"));
    assert_false(allowed(list, "http://localhost:"));
    assert_false(allowed(list, "http://localhost:3000/"));
    assert_false(allowed(list, "http://localhost:3000.evil"));
    assert_false(allowed(list, "http://localhost:123456"));
    assert_false(allowed(list, "http://localhost.evil:80"));
    assert_false(allowed(list, "https://localhost:3000"));
    assert_false(allowed(list, "http://localhost:*"));
}

static void test_all(void **state)
{
    (void)state;
    assert_true(allowed("*", "https://anything.example:1"));
    assert_true(allowed("https://a.example *", "null"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_origins),
        cmocka_unit_test(test_any_port),
        cmocka_unit_test(test_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
