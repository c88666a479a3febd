/*
 * A pool of threads that do what may block: SQL, password hashes. The loop hands a job in, a thread
 * runs it, and the loop gets it back. Queues are bounded; a full one refuses.
 */
#ifndef PARLEY_GATEWAY_POOL_H
#define PARLEY_GATEWAY_POOL_H

#include <stdint.h>

#include "broker/net/loop.h"
#include "shared/base/conf.h"
#include "shared/base/list.h"
#include "shared/db/db.h"

struct pool;

/* Embedded in the caller's own job, which lives until `done` is called. */
struct pool_job {
    /* On a thread of the pool. `db` is that thread's connection; NULL in a pool without. */
    void (*run)(struct pool_job *job, struct db *db);
    /* On the loop, after run. May free the job. Called for every job that was accepted. */
    void (*done)(struct pool_job *job);
    /* Monotonic ms at which the work counts as late; bounds the SQL of run. 0: the pool's timeout
     * from the moment run begins. */
    int64_t deadline_ms;

    uint32_t timeline; /* PostgreSQL's, when it has run */

    struct pool *pool;
    struct list node;
    struct loop_task task;
};

struct pool_options {
    const char *name; /* for the log; a constant */
    int threads;
    int limit;                                      /* jobs waiting */
    struct db_fence *fence;                         /* for their connections */
    void (*answered)(void *app, uint32_t timeline); /* on the loop, before each done; or NULL */
    void *app;
    const struct conf *conf; /* where the database is; NULL: threads without a connection */
};

/* Starts the threads. Owned by the caller. */
struct pool *pool_new(struct loop *loop, const struct pool_options *options);

/* Finish the job in hand of each thread, drop what waits without calling done, join. Only when the
 * loop runs no more. */
void pool_free(struct pool *pool);

/* ERR_FULL: nothing was taken. Call on the loop. */
enum err pool_submit(struct pool *pool, struct pool_job *job) MUST_CHECK;

/* Jobs waiting, not counting those being run. Any thread. */
int pool_waiting(const struct pool *pool);

/* The limit of jobs waiting from now on; those that wait stay. */
void pool_set_limit(struct pool *pool, int limit);

/* Jobs that pool_submit did not take, since the start, and the number of threads. */
uint64_t pool_refused(const struct pool *pool);
int pool_threads(const struct pool *pool);

/* Jobs accepted whose done has not been called yet. On the loop. */
int pool_outstanding(const struct pool *pool);

#endif
