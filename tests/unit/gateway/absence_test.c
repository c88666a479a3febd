/* A member's absences: several stays told ahead of the room's log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/gateway/absence.h"

/* The seqs of 1..20 at which it is away, "." elsewhere. */
static void assert_away(const struct absences *absences, const char *expected)
{
    char got[21] = {0};

    for (int seq = 1; seq <= 20; seq++)
        got[seq - 1] = absences_cover(absences, seq) ? 'x' : '.';
    assert_string_equal(got, expected);
}

static void stays_until_it_leaves(void **state)
{
    struct absences absences = {0};

    (void)state;
    assert_away(&absences, "....................");
    assert_int_equal(absences_first(&absences), 0);
    assert_int_equal(absences_last(&absences), 0);
    absences_leave(&absences, 5); /* its own row is for it */
    assert_away(&absences, ".....xxxxxxxxxxxxxxx");
    assert_false(absences_is_gone(&absences, 4));
    assert_true(absences_is_gone(&absences, 5));
    absences_leave(&absences, 5); /* by the room's row, and by the inbox */
    assert_int_equal(absences.count, 1);
    absences_release(&absences);
}

static void several_stays_may_be_known(void **state)
{
    struct absences absences = {0};

    (void)state;
    absences_leave(&absences, 3);
    absences_return(&absences, 6);
    absences_leave(&absences, 8);
    absences_return(&absences, 12);
    absences_leave(&absences, 15);
    assert_away(&absences, "...xx...xxx....xxxxx");
    assert_int_equal(absences_first(&absences), 3);
    assert_int_equal(absences_last(&absences), 15);
    assert_false(absences_is_gone(&absences, 9)); /* it comes back */
    assert_true(absences_is_gone(&absences, 15));
    absences_leave(&absences, 3); /* the room's own rows tell nothing new */
    absences_leave(&absences, 8);
    assert_away(&absences, "...xx...xxx....xxxxx");
    assert_int_equal(absences_take(&absences), 6);
    assert_int_equal(absences_take(&absences), 12);
    assert_int_equal(absences_take(&absences), 0);
    assert_away(&absences, "....................");
    absences_release(&absences);
}

static void returns_to_nowhere_are_ignored(void **state)
{
    struct absences absences = {0};

    (void)state;
    absences_return(&absences, 4); /* was never away */
    assert_int_equal(absences.count, 0);
    absences_leave(&absences, 9);
    absences_return(&absences, 9); /* an older stay's */
    absences_return(&absences, 12);
    absences_return(&absences, 14); /* is back already */
    assert_away(&absences, ".........xx.........");
    absences_release(&absences);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stays_until_it_leaves),
        cmocka_unit_test(several_stays_may_be_known),
        cmocka_unit_test(returns_to_nowhere_are_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
