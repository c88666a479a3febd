/*
 * What a worker counts of its requests: each thread for itself, without a lock; who asks sums up.
 * Requests are told apart by class, a handful of words, so that no client can make more of them.
 */
#ifndef PARLEY_FCGI_STATS_H
#define PARLEY_FCGI_STATS_H

#include <stdbool.h>

#include "shared/base/buf.h"
#include "shared/base/histogram.h"

#define STATS_CLASSES 11
#define STATS_STATUSES 15

/* One thread's. */
struct stats {
    uint64_t answers[STATS_CLASSES][STATS_STATUSES];
    struct histogram seconds[STATS_CLASSES];
    uint64_t begun, ended;
    uint64_t pages[2]; /* of messages: read, shown again */
};

/* The class of a route, by its pattern (routes.c); NULL: no route. */
int stats_class(const char *pattern);
const char *stats_class_name(int index);

void stats_begin(struct stats *stats);
/* A request of `pattern` was answered with `status` after so many microseconds. */
void stats_end(struct stats *stats, const char *pattern, int status, int64_t us);

/* A page of messages was read, or shown again. */
void stats_page(struct stats *stats, bool was_kept);

/* Write down the sum of all threads', as metrics. */
void stats_metrics(const struct stats *const *threads, int count, struct buf *out);

#endif
