/*
 * Threads around one queue. Nothing here knows what a job does; a thread owns its database
 * connection, so no connection is ever shared.
 */
#include "broker/gateway/pool.h"

#include <pthread.h>
#include <signal.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"

struct pool {
    struct loop *loop;
    struct pool_options options;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct list queue;
    int waiting; /* under lock; read without it by pool_waiting, as a hint */
    bool stop;
    int outstanding;  /* the loop's, */
    uint64_t refused; /* ... as this is */
    pthread_t threads[];
};

static void job_done(void *arg)
{
    struct pool_job *job = arg;

    struct pool_options *options = &job->pool->options;

    job->pool->outstanding--;
    if (options->answered)
        options->answered(options->app, job->timeline);
    job->done(job);
}

/* The next job, or NULL when the pool stops. */
static struct pool_job *pool_take(struct pool *pool)
{
    struct list *node = NULL;

    pthread_mutex_lock(&pool->lock);
    while (!pool->stop && list_is_empty(&pool->queue))
        pthread_cond_wait(&pool->wake, &pool->lock);
    if (!pool->stop) {
        node = list_take_first(&pool->queue);
        __atomic_sub_fetch(&pool->waiting, 1, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&pool->lock);
    return node ? list_entry(node, struct pool_job, node) : NULL;
}

static void *pool_thread(void *arg)
{
    struct pool *pool = arg;
    const struct conf *conf = pool->options.conf;
    int64_t timeout = conf ? conf_int(conf, CONF_PG_TIMEOUT_MS) : 0;
    struct db *db = NULL;
    struct pool_job *job;

    if (conf)
        db = db_open(conf_str(conf, CONF_PG_CONNINFO), timeout,
                     conf_int(conf, CONF_PG_LOCK_TIMEOUT_MS));
    if (db)
        db_set_fence(db, pool->options.fence);
    while ((job = pool_take(pool))) {
        if (db)
            db_set_deadline(db, job->deadline_ms ? job->deadline_ms : clock_mono_ms() + timeout);
        job->run(job, db);
        job->timeline = db_timeline(db);
        job->task.fn = job_done;
        job->task.arg = job;
        loop_post(pool->loop, &job->task);
    }
    db_close(db);
    return NULL;
}

struct pool *pool_new(struct loop *loop, const struct pool_options *options)
{
    struct pool *pool =
        mem_alloc(sizeof *pool + (size_t)options->threads * sizeof pool->threads[0]);
    sigset_t all, old;

    pool->loop = loop;
    pool->options = *options;
    list_init(&pool->queue);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    sigfillset(&all); /* signals belong to the loop's thread */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (int i = 0; i < options->threads; i++) {
        if (pthread_create(&pool->threads[i], NULL, pool_thread, pool) != 0)
            abort();
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return pool;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->options.threads; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

enum err pool_submit(struct pool *pool, struct pool_job *job)
{
    enum err err = ERR_FULL;

    job->pool = pool;
    pthread_mutex_lock(&pool->lock);
    if (pool->waiting < pool->options.limit) {
        pool->outstanding++;
        list_append(&pool->queue, &job->node);
        __atomic_add_fetch(&pool->waiting, 1, __ATOMIC_RELAXED);
        pthread_cond_signal(&pool->wake);
        err = ERR_OK;
    }
    pool->refused += err != ERR_OK;
    pthread_mutex_unlock(&pool->lock);
    return err;
}

int pool_waiting(const struct pool *pool)
{
    return __atomic_load_n(&pool->waiting, __ATOMIC_RELAXED);
}

void pool_set_limit(struct pool *pool, int limit)
{
    pthread_mutex_lock(&pool->lock);
    pool->options.limit = limit;
    pthread_mutex_unlock(&pool->lock);
}

uint64_t pool_refused(const struct pool *pool)
{
    return pool->refused;
}

int pool_threads(const struct pool *pool)
{
    return pool->options.threads;
}

int pool_outstanding(const struct pool *pool)
{
    return pool->outstanding;
}
