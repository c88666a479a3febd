/* Histograms, and Prometheus's text format (version 0.0.4). */
#include "shared/base/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void a_value_is_in_the_first_bucket_that_reaches_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
        uint64_t bound = UINT64_C(64) << i;

        assert_int_equal(histogram_bucket(HISTOGRAM_TIME, bound), i);
        assert_int_equal(histogram_bucket(HISTOGRAM_TIME, bound + 1), i + 1);
    }
    assert_int_equal(histogram_bucket(HISTOGRAM_TIME, 0), 0);
    assert_int_equal(histogram_bucket(HISTOGRAM_TIME, UINT64_MAX), HISTOGRAM_BOUNDS);
    assert_int_equal(histogram_bucket(HISTOGRAM_SIZE, 0), 0);
    assert_int_equal(histogram_bucket(HISTOGRAM_SIZE, 1), 0);
    assert_int_equal(histogram_bucket(HISTOGRAM_SIZE, 2), 1);
    assert_int_equal(histogram_bucket(HISTOGRAM_SIZE, 3), 2);
}

static void histograms_add_up(void **state)
{
    struct histogram a = {0}, b = {0}, sum = {0};

    (void)state;
    histogram_add_us(&a, 100);
    histogram_add_us(&b, 100);
    histogram_add_us(&b, -5); /* a clock that went back */
    histogram_sum(&sum, &a);
    histogram_sum(&sum, &b);
    assert_int_equal(sum.sum, 200);
    assert_int_equal(sum.counts[0], 1);
    assert_int_equal(sum.counts[1], 2);
}

static void plain_samples(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    metrics_counter(&out, "a_total", "Some a.", 3);
    metrics_family(&out, "gauge", "b", "Some b.");
    metrics_sample(&out, "b", "kind=\"x\"", UINT64_MAX);
    assert_string_equal(out.data, "# HELP parley_a_total Some a.\n"
                                  "# TYPE parley_a_total counter\n"
                                  "parley_a_total 3\n"
                                  "# HELP parley_b Some b.\n"
                                  "# TYPE parley_b gauge\n"
                                  "parley_b{kind=\"x\"} 18446744073709551615\n");
    buf_release(&out);
}

static void a_histogram_is_cumulative_and_in_seconds(void **state)
{
    struct histogram histogram = {0};
    struct buf out;

    (void)state;
    buf_init(&out, 65536);
    histogram_add_us(&histogram, 64);
    histogram_add_us(&histogram, 1000001);
    histogram_add_us(&histogram, INT64_C(60000000));
    metrics_histogram(&out, "t_seconds", "Time.", HISTOGRAM_TIME, &histogram);
    assert_non_null(strstr(out.data, "# TYPE parley_t_seconds histogram\n"
                                     "parley_t_seconds_bucket{le=\"0.000064\"} 1\n"));
    assert_non_null(strstr(out.data, "{le=\"0.524288\"} 1\nparley_t_seconds_bucket{le=\"1.048576\"}"
                                     " 2\n"));
    assert_non_null(strstr(out.data, "{le=\"16.777216\"} 2\n"
                                     "parley_t_seconds_bucket{le=\"+Inf\"} 3\n"
                                     "parley_t_seconds_sum 61.000065\n"
                                     "parley_t_seconds_count 3\n"));
    buf_clear(&out);
    metrics_histogram_samples(&out, "n", "a=\"b\"", HISTOGRAM_SIZE, &histogram);
    assert_non_null(strstr(out.data, "parley_n_bucket{a=\"b\",le=\"1\"} 1\n"));
    assert_non_null(strstr(out.data, "parley_n_bucket{a=\"b\",le=\"4096\"} 1\n"
                                     "parley_n_bucket{a=\"b\",le=\"+Inf\"} 3\n"
                                     "parley_n_sum{a=\"b\"} 61000065\n"
                                     "parley_n_count{a=\"b\"} 3\n"));
    buf_release(&out);
}

static double sample_of(const struct buf *out, const char *name)
{
    char line[128];
    const char *at;

    snprintf(line, sizeof line, "\n%s ", name);
    at = strstr(out->data, line);
    assert_non_null(at);
    return strtod(at + strlen(line), NULL);
}

static void a_process_tells_of_itself(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 65536);
    assert_true(metrics_open_fds() >= 3);
    metrics_process(&out, 7);
    assert_true(sample_of(&out, "process_resident_memory_bytes") > 100000);
    assert_true(sample_of(&out, "process_virtual_memory_bytes") >=
                sample_of(&out, "process_resident_memory_bytes"));
    assert_true(sample_of(&out, "process_open_fds") == 7);
    assert_true(sample_of(&out, "process_start_time_seconds") > 1.7e9);
    assert_non_null(strstr(out.data, "parley_build_info{version=\""));
    buf_clear(&out);
    metrics_process(&out, -1);
    assert_null(strstr(out.data, "process_open_fds"));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_in_the_first_bucket_that_reaches_it),
        cmocka_unit_test(histograms_add_up),
        cmocka_unit_test(plain_samples),
        cmocka_unit_test(a_histogram_is_cumulative_and_in_seconds),
        cmocka_unit_test(a_process_tells_of_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
