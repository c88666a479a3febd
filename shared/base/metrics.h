/*
 * Writing metrics down in Prometheus's text format, version 0.0.4. A family begins once and is
 * followed by its samples. All names get "parley_" in front, but those of the process.
 */
#ifndef PARLEY_BASE_METRICS_H
#define PARLEY_BASE_METRICS_H

#include "shared/base/buf.h"
#include "shared/base/histogram.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Begin a family; `type` is "counter", "gauge" or "histogram". */
void metrics_family(struct buf *out, const char *type, const char *name, const char *help);

/* One sample: `labels` as name="value",... without braces, "" for none. Their values come from
 * tables of ours and need no escaping. */
void metrics_sample(struct buf *out, const char *name, const char *labels, uint64_t value);

/* A family with one sample and no labels. */
void metrics_counter(struct buf *out, const char *name, const char *help, uint64_t value);
void metrics_gauge(struct buf *out, const char *name, const char *help, uint64_t value);

/* The samples of one histogram of a family; microseconds are written as seconds. */
void metrics_histogram_samples(struct buf *out, const char *name, const char *labels,
                               enum histogram_kind kind, const struct histogram *histogram);

/* A family with one histogram and no labels. */
void metrics_histogram(struct buf *out, const char *name, const char *help,
                       enum histogram_kind kind, const struct histogram *histogram);

/* What is the same for every program: version, CPU, memory, start, and `open_fds` of at most so
 * many descriptors (-1: not known). Reads /proc, no disk. */
void metrics_process(struct buf *out, int64_t open_fds);

/* Count this process's open descriptors; some 0.1 us each: not for the event loop. -1: unknown. */
int64_t metrics_open_fds(void);

#endif
