/*
 * FastCGI through libfcgi: one thread per request in flight, each with a database connection of its
 * own. Requests that hash a password are handed to a few threads of their own (lane.h), so that a
 * flood of logins makes nobody else wait. It moves bytes between libfcgi and app_dispatch; what
 * they mean is not known here.
 */
#include "fcgi/worker.h"

#include <errno.h>
#include <fcgiapp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi/lane.h"
#include "shared/base/cores.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/metrics.h"
#include "shared/chat/page_cache.h"

#define BACKLOG 1024
#define ACCEPT_PAUSE_MS 50 /* after a failed accept, such as EMFILE: it passes by itself */

struct worker {
    struct worker_pool *pool;
    pthread_t thread;
    atomic_bool ended;
    struct app app; /* the pool's, with statistics and pages of its own */
    struct stats stats;
};

struct worker_pool {
    const struct app *app;
    int listen_fd;
    bool shared;
    atomic_bool stopping;
    struct lane *lane;
    int count;      /* threads that accept ... */
    int slow_count; /* ... and behind them in `workers`, those of the lane */
    struct worker workers[];
};

/* A request on its way; moves from the thread that accepted it to one of the lane. */
struct exchange {
    FCGX_Request request;
    struct list node;
};

/* ---- libfcgi as a transport ---- */

static const char *fcgx_param(void *ctx, const char *name)
{
    FCGX_Request *request = ctx;

    return FCGX_GetParam(name, request->envp);
}

static ssize_t fcgx_read(void *ctx, char *out, size_t len)
{
    FCGX_Request *request = ctx;
    int got = FCGX_GetStr(out, (int)len, request->in);

    return got == 0 && FCGX_GetError(request->in) ? -1 : got;
}

static bool fcgx_write(void *ctx, const char *bytes, size_t len)
{
    FCGX_Request *request = ctx;

    while (len > 0) {
        int piece = len < 1 << 20 ? (int)len : 1 << 20;
        if (FCGX_PutStr(bytes, piece, request->out) != piece)
            return false;
        bytes += piece;
        len -= (size_t)piece;
    }
    return true;
}

static bool fcgx_flush(void *ctx)
{
    FCGX_Request *request = ctx;

    return FCGX_FFlush(request->out) == 0;
}

/* ---- a thread ---- */

static struct exchange *exchange_new(const struct worker_pool *pool)
{
    struct exchange *exchange = mem_alloc(sizeof *exchange);

    FCGX_InitRequest(&exchange->request, pool->listen_fd, FCGI_FAIL_ACCEPT_ON_INTR);
    list_init(&exchange->node);
    return exchange;
}

static void exchange_free(struct exchange *exchange)
{
    FCGX_Free(&exchange->request, 1);
    free(exchange);
}

static struct transport transport_of(struct exchange *exchange)
{
    return (struct transport){.param = fcgx_param,
                              .read = fcgx_read,
                              .write = fcgx_write,
                              .flush = fcgx_flush,
                              .ctx = &exchange->request};
}

static void end(struct exchange *exchange, bool complete)
{
    if (complete)
        FCGX_Finish_r(&exchange->request);
    else /* no end of request: the web server sees that it broke off */
        FCGX_Free(&exchange->request, 1);
}

static void serve(const struct worker *worker, struct db *db, struct exchange *exchange)
{
    const struct transport transport = transport_of(exchange);

    end(exchange, app_dispatch(&worker->app, db, &transport));
}

static void refuse(const struct worker *worker, struct exchange *exchange)
{
    const struct transport transport = transport_of(exchange);

    chat_count_refusal(worker->app.chat, CONF_LIMIT_HASH_QUEUE);
    end(exchange, app_refuse(&worker->app, &transport, ERR_RATE_LIMITED));
}

/* Answer, or hand over to the slow lane; what the next request is to be accepted with. */
static struct exchange *take_care(const struct worker *worker, struct db *db,
                                  struct exchange *exchange)
{
    const struct transport transport = transport_of(exchange);

    if (!app_is_slow(&transport))
        serve(worker, db, exchange);
    else if (lane_put(worker->pool->lane, &exchange->node))
        return exchange_new(worker->pool);
    else
        refuse(worker, exchange);
    return exchange;
}

static void *slow_main(void *arg)
{
    const struct worker *worker = arg;
    struct worker_pool *pool = worker->pool;
    struct db *db = app_open_db(pool->app);
    struct list *node;

    while ((node = lane_take(pool->lane))) {
        struct exchange *exchange = list_entry(node, struct exchange, node);

        serve(worker, db, exchange);
        exchange_free(exchange);
    }
    db_close(db);
    return NULL;
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    struct worker_pool *pool = worker->pool;
    struct db *db = app_open_db(pool->app);
    struct exchange *exchange = exchange_new(pool);
    int64_t page_bytes = conf_int(pool->app->conf, CONF_FCGI_PAGE_CACHE_BYTES);
    bool complained = false;

    if (page_bytes > 0)
        worker->app.pages = page_cache_new((size_t)page_bytes);
    while (!atomic_load(&pool->stopping)) {
        if (FCGX_Accept_r(&exchange->request) == 0) {
            complained = false;
            exchange = take_care(worker, db, exchange);
            continue;
        }
        if (atomic_load(&pool->stopping))
            break;
        if (!complained)
            log_event(LOG_WARN, "accept_failed", "errno=%d", errno);
        complained = true;
        poll(NULL, 0, ACCEPT_PAUSE_MS);
    }
    exchange_free(exchange);
    page_cache_free(worker->app.pages);
    db_close(db);
    atomic_store(&worker->ended, true);
    return NULL;
}

/* Workers take no signal but the one that ends their accept. */
static void begin_thread(struct worker *worker, void *(*run)(void *))
{
    sigset_t most, before;

    sigfillset(&most);
    sigdelset(&most, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &most, &before);
    int failed = pthread_create(&worker->thread, NULL, run, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        log_event(LOG_ERROR, "thread_failed", "code=%d", failed);
        abort(); /* at start only */
    }
}

/* ---- the contract ---- */

bool worker_is_cgi(void)
{
    return FCGX_IsCGI();
}

static enum err listen_failed(const char *path, const char *why)
{
    log_event(LOG_ERROR, "listen_failed", "socket=%s reason=\"%s\"", path, why);
    return ERR_IO;
}

enum err worker_listen(const char *path, int *listen_fd)
{
    struct stat found;

    if (path[0] != '/' || strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return listen_failed(path, "not an absolute path, or too long for a unix socket");
    if (lstat(path, &found) == 0 && !S_ISSOCK(found.st_mode))
        return listen_failed(path, "exists and is no socket");
    unlink(path);
    FCGX_Init();
    mode_t before = umask(0117); /* 0660: the web server shares our group, nobody else may */
    *listen_fd = FCGX_OpenSocket(path, BACKLOG);
    umask(before);
    return *listen_fd < 0 ? listen_failed(path, "cannot listen") : ERR_OK;
}

static void ignore_signal(int number)
{
    (void)number;
}

/* Eight, so that a request which waits keeps few others waiting. Where all share a core, and with
 * it a cache, as many connections to PostgreSQL as that only push each other out of it: four answer
 * a third more requests (docs/PERFORMANCE.md). */
static int thread_count(const struct conf *conf)
{
    int count = (int)conf_int(conf, CONF_FCGI_THREADS);

    if (count > 0)
        return count;
    return cores_count() == 1 ? 4 : 8;
}

struct worker_pool *worker_pool_start(const struct app *app, int listen_fd, bool shared)
{
    int threads = thread_count(app->conf);
    int slow = (int)conf_int(app->conf, CONF_FCGI_PASSWORD_THREADS);
    struct worker_pool *pool =
        mem_alloc(sizeof *pool + (size_t)(threads + slow) * sizeof(struct worker));
    struct sigaction interrupt = {.sa_handler = ignore_signal}; /* no SA_RESTART: accept returns */

    FCGX_Init();
    sigaction(SIGUSR1, &interrupt, NULL);
    pool->app = app;
    pool->listen_fd = listen_fd;
    pool->shared = shared;
    pool->count = threads;
    pool->slow_count = slow;
    pool->lane = lane_new((int)conf_int(app->conf, CONF_LIMIT_HASH_QUEUE));
    for (int i = 0; i < threads + slow; i++) {
        struct worker *worker = &pool->workers[i];

        worker->pool = pool;
        worker->app = *app;
        worker->app.stats = &worker->stats;
        begin_thread(worker, i < threads ? worker_main : slow_main);
    }
    return pool;
}

void worker_pool_reload(struct worker_pool *pool)
{
    lane_set_limit(pool->lane, (int)conf_int(pool->app->conf, CONF_LIMIT_HASH_QUEUE));
}

void worker_pool_metrics(const struct worker_pool *pool, struct buf *out)
{
    int count = pool->count + pool->slow_count;
    const struct stats **threads = mem_array((size_t)count, sizeof *threads);

    for (int i = 0; i < count; i++)
        threads[i] = &pool->workers[i].stats;
    metrics_gauge(out, "request_threads", "Threads that answer requests.", (uint64_t)pool->count);
    metrics_gauge(out, "requests_waiting_for_hash",
                  "Signups, logins and the like that wait for a thread.",
                  (uint64_t)lane_waiting(pool->lane));
    stats_metrics(threads, count, out);
    mem_free(threads);
}

/* A thread may be just before its accept when the signal comes: repeat until it has ended. */
static void interrupt_until_ended(struct worker *worker)
{
    while (!atomic_load(&worker->ended)) {
        pthread_kill(worker->thread, SIGUSR1);
        poll(NULL, 0, ACCEPT_PAUSE_MS);
    }
}

void worker_pool_stop(struct worker_pool *pool)
{
    atomic_store(&pool->stopping, true);
    FCGX_ShutdownPending();
    if (!pool->shared)
        shutdown(pool->listen_fd, SHUT_RDWR); /* wakes every accept, disturbs no request */
    for (int i = 0; i < pool->count; i++) {
        if (pool->shared)
            interrupt_until_ended(&pool->workers[i]);
        pthread_join(pool->workers[i].thread, NULL);
    }
    lane_close(pool->lane);
    for (int i = 0; i < pool->slow_count; i++)
        pthread_join(pool->workers[pool->count + i].thread, NULL);
    lane_free(pool->lane);
    free(pool);
}
