/* What a worker process shows as its metrics. docs/OPERATIONS.md explains them. */
#ifndef PARLEY_FCGI_METRICS_H
#define PARLEY_FCGI_METRICS_H

#include "fcgi/worker.h"

/* What the page is made of; all of it outlives the listener. */
struct worker_metrics {
    const struct app *app;
    const struct worker_pool *pool;
};

/* A metrics_fill_fn; `arg` is a struct worker_metrics. */
void worker_metrics_fill(void *arg, struct buf *out);

#endif
