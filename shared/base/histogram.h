/*
 * A histogram with fixed buckets, each twice as wide as the one before: what a latency or a size
 * costs to record is a handful of instructions, no lock, no allocation, no locked instruction.
 *
 * One thread adds; any thread reads, and may see an addition of just now in one field and not yet
 * in another. Who has several threads gives each a histogram and sums them up when asked.
 */
#ifndef PARLEY_BASE_HISTOGRAM_H
#define PARLEY_BASE_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS 19

/* Microseconds are told apart from 2^6 (64 us) to 2^24 (16.8 s), sizes from 1 to 2^18. */
enum histogram_kind { HISTOGRAM_TIME = 6, HISTOGRAM_SIZE = 0 };

struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* up to 2^(kind + i); the last: all that is above */
    uint64_t sum;
};

/* The bucket of a value: the first whose bound is not below it. */
static inline unsigned histogram_bucket(enum histogram_kind kind, uint64_t value)
{
    unsigned bits = value > 1 ? 64 - (unsigned)__builtin_clzll(value - 1) : 0;
    unsigned bucket = bits > (unsigned)kind ? bits - (unsigned)kind : 0;

    return bucket < HISTOGRAM_BOUNDS ? bucket : HISTOGRAM_BOUNDS;
}

/* A counter that one thread raises and others read: relaxed loads and stores are plain moves. */
static inline void counter_add(uint64_t *counter, uint64_t value)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + value, __ATOMIC_RELAXED);
}

static inline uint64_t counter_read(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static inline void histogram_add(struct histogram *histogram, enum histogram_kind kind,
                                 uint64_t value)
{
    counter_add(&histogram->counts[histogram_bucket(kind, value)], 1);
    counter_add(&histogram->sum, value);
}

/* A duration in microseconds; one that a clock makes negative counts as none. */
static inline void histogram_add_us(struct histogram *histogram, int64_t us)
{
    histogram_add(histogram, HISTOGRAM_TIME, us > 0 ? (uint64_t)us : 0);
}

/* Add what `from` has to `sum`, which is the caller's own. */
static inline void histogram_sum(struct histogram *sum, const struct histogram *from)
{
    for (int i = 0; i <= HISTOGRAM_BOUNDS; i++)
        sum->counts[i] += counter_read(&from->counts[i]);
    sum->sum += counter_read(&from->sum);
}

#endif
