/* The thread, see worker.h. It decides nothing and touches nothing of mosquitto's. */
#include "broker/mqtt-plugin/worker.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "broker/mqtt-plugin/waker.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"

#define STATEMENT_MS 2000 /* mosquitto waits for this at its end */
#define HEADS_MAX 100000  /* past it the news of a sweep wait for the next re-reading */

struct worker {
    const struct conf *conf;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* Under the lock. */
    struct list asked, answered;
    int64_t asked_count, asked_max;
    struct chat_head *heads;
    size_t head_count;
    bool stop;
    /* The thread's own. */
    struct chat *chat;
    struct db *db;
    struct waker *waker;
    struct chat_sweep sweep;
    struct db_fence fence;
    uint32_t timeline; /* of the last sweep */
    int64_t sweep_ms, next_sweep_ms;
    bool sweeps_fail;
};

void load_free(struct load *load)
{
    chat_admission_release(&load->admission);
    if (load->token)
        explicit_bzero(load->token, strlen(load->token));
    free(load->token);
    free(load);
}

/* ---- the thread ---- */

static void answer(struct worker *worker, struct load *load)
{
    struct chat_connect_options options = {.history = 0, .since = SPAN_NONE};

    if (load->token)
        load->err =
            chat_identify(load->identified_in, worker->db, span_of(load->token), "", &load->actor);
    else
        load->err = chat_admit(worker->chat, worker->db, &load->actor, &options, &load->admission);
    pthread_mutex_lock(&worker->lock);
    list_append(&worker->answered, &load->node);
    pthread_mutex_unlock(&worker->lock);
    waker_call(worker->waker);
}

static void keep_heads(struct worker *worker, const struct chat_sweep *sweep)
{
    size_t room = worker->head_count < HEADS_MAX ? HEADS_MAX - worker->head_count : 0;

    if (sweep->count == 0)
        return;
    worker->heads =
        mem_regrow(worker->heads, worker->head_count + sweep->count, sizeof *worker->heads);
    for (size_t i = 0; i < sweep->count && room > 0; i++) {
        if (sweep->heads[i].log != LOG_INBOX)
            continue;
        worker->heads[worker->head_count++] = sweep->heads[i];
        room--;
    }
}

static void sweep(struct worker *worker)
{
    enum err err = chat_sweep_run(worker->db, &worker->sweep);
    bool found;

    if (worker->sweeps_fail != (err != ERR_OK))
        log_event(err ? LOG_WARN : LOG_INFO, "devices_sweep", "failing=%s", err ? "true" : "false");
    worker->sweeps_fail = err != ERR_OK;
    pthread_mutex_lock(&worker->lock);
    if (err == ERR_OK) {
        keep_heads(worker, &worker->sweep);
        worker->sweep.since_xid = worker->sweep.next_xid;
        if (worker->timeline != db_timeline(worker->db))
            worker->sweep.since_xid = 0; /* transactions are numbered otherwise now */
        worker->timeline = db_timeline(worker->db);
    }
    found = worker->head_count > 0;
    pthread_mutex_unlock(&worker->lock);
    if (found)
        waker_call(worker->waker);
    chat_sweep_release(&worker->sweep);
    worker->next_sweep_ms = clock_mono_ms() + worker->sweep_ms;
}

/* The next question, waited for until the next sweep is due; NULL: none. */
static struct load *next(struct worker *worker)
{
    int64_t due_ms = worker->next_sweep_ms;
    struct timespec until = {.tv_sec = due_ms / 1000, .tv_nsec = due_ms % 1000 * 1000000};
    struct list *node;

    pthread_mutex_lock(&worker->lock);
    while (!worker->stop && list_is_empty(&worker->asked)) {
        if (pthread_cond_timedwait(&worker->wake, &worker->lock, &until) != 0)
            break;
    }
    node = list_take_first(&worker->asked);
    worker->asked_count -= node != NULL;
    pthread_mutex_unlock(&worker->lock);
    return node ? list_entry(node, struct load, node) : NULL;
}

static bool stopping(struct worker *worker)
{
    bool stop;

    pthread_mutex_lock(&worker->lock);
    stop = worker->stop;
    pthread_mutex_unlock(&worker->lock);
    return stop;
}

static void *run(void *arg)
{
    struct worker *worker = arg;

    while (!stopping(worker)) {
        struct load *load = next(worker);

        if (load)
            answer(worker, load);
        if (!stopping(worker) && clock_mono_ms() >= worker->next_sweep_ms)
            sweep(worker);
    }
    return NULL;
}

/* ---- life ---- */

static int64_t at_most(int64_t value, int64_t most)
{
    return value < most ? value : most;
}

static void start(struct worker *worker)
{
    pthread_condattr_t attr;
    sigset_t all, old;

    pthread_mutex_init(&worker->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->wake, &attr);
    pthread_condattr_destroy(&attr);
    sigfillset(&all); /* signals are mosquitto's */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&worker->thread, NULL, run, worker) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct worker *worker_new(const struct conf *conf, struct waker *waker)
{
    struct worker *worker = mem_alloc(sizeof *worker);

    worker->conf = conf;
    worker->asked_max = conf_int(conf, CONF_LIMIT_QUEUE);
    list_init(&worker->asked);
    list_init(&worker->answered);
    worker->chat = chat_new(conf);
    worker->db = db_open(conf_str(conf, CONF_PG_CONNINFO),
                         at_most(conf_int(conf, CONF_PG_TIMEOUT_MS), STATEMENT_MS),
                         conf_int(conf, CONF_PG_LOCK_TIMEOUT_MS));
    db_set_fence(worker->db, &worker->fence);
    worker->waker = waker;
    worker->sweep_ms = conf_int(conf, CONF_BROKER_SWEEP_MS);
    start(worker);
    return worker;
}

static void free_loads(struct list *loads)
{
    struct list *node;

    while ((node = list_take_first(loads)))
        load_free(list_entry(node, struct load, node));
}

void worker_free(struct worker *worker)
{
    if (!worker)
        return;
    pthread_mutex_lock(&worker->lock);
    worker->stop = true;
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
    db_close(worker->db);
    chat_free(worker->chat);
    free_loads(&worker->asked);
    free_loads(&worker->answered);
    free(worker->heads);
    pthread_cond_destroy(&worker->wake);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

/* ---- on mosquitto's loop ---- */

void worker_ask(struct worker *worker, struct load *load)
{
    pthread_mutex_lock(&worker->lock);
    if (worker->asked_count < worker->asked_max) {
        list_append(&worker->asked, &load->node);
        worker->asked_count++;
        pthread_cond_signal(&worker->wake);
    } else {
        load->err = ERR_UNAVAILABLE;
        list_append(&worker->answered, &load->node);
    }
    pthread_mutex_unlock(&worker->lock);
}

void worker_identify(struct worker *worker, struct chat *chat, const char *token)
{
    struct load *load = mem_alloc(sizeof *load);

    load->token = mem_strdup(token);
    load->identified_in = chat;
    worker_ask(worker, load);
}

struct load *worker_take(struct worker *worker)
{
    struct list *node;

    pthread_mutex_lock(&worker->lock);
    node = list_take_first(&worker->answered);
    pthread_mutex_unlock(&worker->lock);
    return node ? list_entry(node, struct load, node) : NULL;
}

struct chat_head *worker_take_heads(struct worker *worker, size_t *count)
{
    struct chat_head *heads;

    pthread_mutex_lock(&worker->lock);
    heads = worker->heads;
    *count = worker->head_count;
    worker->heads = NULL;
    worker->head_count = 0;
    pthread_mutex_unlock(&worker->lock);
    return heads;
}
