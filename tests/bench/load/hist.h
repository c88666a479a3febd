/* Latencies in buckets of at most 1/64 of their value, from a microsecond to over an hour. */
#ifndef PARLEY_TESTS_BENCH_HIST_H
#define PARLEY_TESTS_BENCH_HIST_H

#include <stdint.h>

#define HIST_SUB 64
#define HIST_BUCKETS (HIST_SUB * 32)

struct hist {
    uint64_t count, bucket[HIST_BUCKETS];
    int64_t max;
};

void hist_add(struct hist *hist, int64_t us);
/* The upper end of the bucket in which the share 0..1 of all lies, at most the greatest; 0: none.
 */
int64_t hist_at(const struct hist *hist, double share);

#endif
