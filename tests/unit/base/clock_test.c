/*
 * Dates against gmtime_r, and clocks that do not go back.
 */
#include "shared/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <time.h>

static void writes(int64_t wall_us, const char *expected)
{
    char date[CLOCK_ISO_SIZE];
    clock_iso(wall_us, date);
    assert_string_equal(date, expected);
}

static void dates_that_are_known(void **state)
{
    (void)state;
    writes(0, "1970-01-01T00:00:00.000Z");
    writes(951782400000000, "2000-02-29T00:00:00.000Z");
    writes(1709164799999999, "2024-02-28T23:59:59.999Z");
    writes(1709164800000000, "2024-02-29T00:00:00.000Z");
    writes(1795372200123456, "2026-11-22T18:30:00.123Z");
    writes(4107542400000000, "2100-03-01T00:00:00.000Z"); /* 2100 is no leap year */
    writes(253402300799999999, "9999-12-31T23:59:59.999Z");
}

static void dates_before_1970_round_down_too(void **state)
{
    (void)state;
    writes(-1, "1969-12-31T23:59:59.999Z");
    writes(-1000, "1969-12-31T23:59:59.999Z");
    writes(-1001, "1969-12-31T23:59:59.998Z");
    writes(-86400000000, "1969-12-31T00:00:00.000Z");
    writes(-62135596800000000, "0001-01-01T00:00:00.000Z");
}

static void every_day_of_800_years_agrees_with_gmtime(void **state)
{
    (void)state;
    for (int64_t day = -146097; day < 146097; day++) {
        char date[CLOCK_ISO_SIZE], expected[32];
        time_t second = (time_t)(day * 86400 + 3661);
        struct tm tm;
        clock_iso((int64_t)second * 1000000, date);
        gmtime_r(&second, &tm);
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
        assert_string_equal(date, expected);
    }
}

static void clocks_agree_and_do_not_go_back(void **state)
{
    int64_t last = clock_mono_us();
    (void)state;
    for (int i = 0; i < 10000; i++) {
        int64_t now = clock_mono_us();
        assert_true(now >= last);
        last = now;
    }
    int64_t ms = clock_mono_ms();
    assert_true(ms >= last / 1000 && ms < last / 1000 + 60000);
    int64_t seconds = (int64_t)time(NULL);
    assert_true(clock_wall_us() / 1000000 - seconds >= -1);
    assert_true(clock_wall_us() / 1000000 - seconds < 60);
}

static void what_is_written_can_be_read(void **state)
{
    static const char *const bad[] = {"",
                                      "2026-11-23T01:02:03Z",
                                      "2026-11-23T01:02:03.456",
                                      "2026-11-23t01:02:03.456Z",
                                      "2026-11-23T01:02:03.456z",
                                      "2026-13-23T01:02:03.456Z",
                                      "2026-00-23T01:02:03.456Z",
                                      "2026-11-32T01:02:03.456Z",
                                      "2026-11-23T24:02:03.456Z",
                                      "2026-11-23T01:60:03.456Z",
                                      "2026-11-23T01:02:60.456Z",
                                      "2026-11-23T01:02:03.4 6Z"};
    char date[CLOCK_ISO_SIZE];
    int64_t read;

    (void)state;
    for (int64_t day = -200000; day < 400000; day += 13) {
        int64_t us = day * INT64_C(86400000000) + day % 86400 * 1000000 + 123000;

        clock_iso(us, date);
        assert_true(clock_iso_parse(span_of(date), &read));
        assert_int_equal(read, us);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(clock_iso_parse(span_of(bad[i]), &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_that_are_known),
        cmocka_unit_test(dates_before_1970_round_down_too),
        cmocka_unit_test(every_day_of_800_years_agrees_with_gmtime),
        cmocka_unit_test(what_is_written_can_be_read),
        cmocka_unit_test(clocks_agree_and_do_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
