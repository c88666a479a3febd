/*
 * The table of errors: what a client is told.
 */
#include "shared/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void public_errors_are_themselves(void **state)
{
    (void)state;
#define X(name, code, status, message)                                                             \
    assert_int_equal(err_public(name), name);                                                      \
    assert_string_equal(err_code(name), code);                                                     \
    assert_int_equal(err_status(name), status);                                                    \
    assert_string_equal(err_message(name), message);
    ERR_PUBLIC_TABLE(X)
#undef X
    assert_string_equal(err_code(ERR_OK), "ok");
    assert_int_equal(err_status(ERR_OK), 200);
}

static void inner_errors_do_not_leave_the_process(void **state)
{
    (void)state;
    assert_int_equal(err_public(ERR_DB_LOST), ERR_UNAVAILABLE);
    assert_int_equal(err_public(ERR_DB_LOCK_TIMEOUT), ERR_UNAVAILABLE);
    assert_int_equal(err_public(ERR_DB_UNIQUE), ERR_INTERNAL);
    assert_int_equal(err_public(ERR_DB_FAILED), ERR_INTERNAL);
    assert_int_equal(err_public(ERR_SYNTAX), ERR_INTERNAL);
    assert_int_equal(err_public((enum err)12345), ERR_INTERNAL);
    assert_string_equal(err_code(ERR_DB_LOST), "unavailable");
    assert_int_equal(err_status(ERR_IO), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_errors_are_themselves),
        cmocka_unit_test(inner_errors_do_not_leave_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
