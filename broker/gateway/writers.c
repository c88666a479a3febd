/*
 * Batching of sends. What a batch checks and writes is chat_send_batch's; here is only the
 * queueing: which thread, how many at once, what is tried again, what is too late.
 */
#include "broker/gateway/writers.h"

#include <pthread.h>
#include <signal.h>

#include "broker/gateway/gather.h"
#include "shared/base/clock.h"
#include "shared/base/cores.h"
#include "shared/base/mem.h"

struct writer {
    struct writers *writers;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct list queue;    /* under lock */
    int queued;           /* under lock */
    int wanted;           /* under lock: not woken for less */
    bool stop;            /* under lock */
    struct list arriving; /* the loop's: what has come in this turn */
    /* The thread's own. */
    struct db *db;
    struct gather gather;
    struct list busy; /* their room was locked: they go first next time */
    struct write_job **batch;
    struct chat_command **commands;
    enum chat_progress *progress;
    /* Set by the thread, read by others (counter_add). */
    struct histogram batch_sizes, commits;
    uint64_t begun, ended; /* batches */
};

struct writers {
    struct loop *loop;
    struct pool_options options;
    int batch_max;
    int limit;
    int64_t timeout_ms;
    uint64_t waiting, batches, sends; /* atomic */
    uint64_t refused;                 /* the loop's */
    struct loop_defer hand_over;
    int count;
    struct writer items[];
};

/* A finished batch on its way to the loop. */
struct delivery {
    struct loop_task task;
    struct writers *writers;
    uint32_t timeline;
    int count;
    struct write_job *jobs[];
};

static void deliver(void *arg)
{
    struct delivery *delivery = arg;

    struct writers *writers = delivery->writers;

    __atomic_sub_fetch(&writers->waiting, (uint64_t)delivery->count, __ATOMIC_RELAXED);
    if (writers->options.answered)
        writers->options.answered(writers->options.app, delivery->timeline);
    for (int i = 0; i < delivery->count; i++) {
        delivery->jobs[i]->timeline = delivery->timeline;
        delivery->jobs[i]->done(delivery->jobs[i]);
    }
    free(delivery);
}

/* Until `wanted` sends are queued, or for `wait_us` (-1: however long). Under the lock. */
static void await(struct writer *writer, int wanted, int64_t wait_us)
{
    struct timespec until = clock_mono_after_us(wait_us);
    int failed = 0;

    writer->wanted = wanted;
    while (!writer->stop && writer->queued < wanted && failed == 0) {
        if (wait_us < 0)
            failed = pthread_cond_wait(&writer->wake, &writer->lock);
        else
            failed = pthread_cond_timedwait(&writer->wake, &writer->lock, &until);
    }
    writer->wanted = 1;
}

/* Under the lock. `count` are at hand. */
static void await_more(struct writer *writer, int count)
{
    int before = writer->queued;
    int64_t wait_us = gather_wait_us(&writer->gather, count + before);

    if (wait_us == 0)
        return;
    await(writer, writer->gather.expected - count, wait_us);
    gather_waited(&writer->gather, before, writer->queued);
}

/* Wait for work and take up to a batch of it, the busy ones first. 0: stop. */
static int take(struct writer *writer)
{
    int count = 0, max = writer->writers->batch_max;
    struct list *node;

    while (count < max && (node = list_take_first(&writer->busy)))
        writer->batch[count++] = list_entry(node, struct write_job, node);
    pthread_mutex_lock(&writer->lock);
    if (count == 0)
        await(writer, 1, -1);
    if (count < max)
        await_more(writer, count);
    while (!writer->stop && count < max && (node = list_take_first(&writer->queue))) {
        writer->queued--;
        writer->batch[count++] = list_entry(node, struct write_job, node);
    }
    if (writer->stop)
        count = 0;
    pthread_mutex_unlock(&writer->lock);
    return count;
}

/* Fail what is too late; the rest is moved to the front. Returns how many are left to write. */
static int expire(struct writer *writer, int count, struct delivery *delivery)
{
    int64_t oldest = clock_mono_ms() - writer->writers->timeout_ms;
    int left = 0;

    for (int i = 0; i < count; i++) {
        struct write_job *job = writer->batch[i];

        if (job->started_ms > oldest) {
            writer->batch[left++] = job;
        } else {
            chat_command_fail(job->command, ERR_UNAVAILABLE);
            delivery->jobs[delivery->count++] = job;
        }
    }
    return left;
}

static void write_batch(struct writer *writer, int count, struct delivery *delivery)
{
    int64_t began_us = clock_mono_us();
    int64_t took_us;

    for (int i = 0; i < count; i++)
        writer->commands[i] = writer->batch[i]->command;
    counter_add(&writer->begun, 1);
    chat_send_batch(writer->db, writer->commands, writer->progress, (size_t)count);
    counter_add(&writer->ended, 1);
    took_us = clock_mono_us() - began_us;
    histogram_add(&writer->batch_sizes, HISTOGRAM_SIZE, (uint64_t)count);
    histogram_add_us(&writer->commits, took_us);
    pthread_mutex_lock(&writer->lock);
    gather_written(&writer->gather, count + writer->queued, took_us);
    pthread_mutex_unlock(&writer->lock);
    for (int i = 0; i < count; i++) {
        if (writer->progress[i] == CHAT_BUSY)
            list_append(&writer->busy, &writer->batch[i]->node);
        else
            delivery->jobs[delivery->count++] = writer->batch[i];
    }
    __atomic_add_fetch(&writer->writers->batches, 1, __ATOMIC_RELAXED);
}

static void *writer_thread(void *arg)
{
    struct writer *writer = arg;
    struct writers *writers = writer->writers;
    int count;

    while ((count = take(writer)) > 0) {
        struct delivery *delivery =
            mem_alloc(sizeof *delivery + (size_t)count * sizeof delivery->jobs[0]);

        delivery->writers = writers;
        count = expire(writer, count, delivery);
        if (count > 0)
            write_batch(writer, count, delivery);
        __atomic_add_fetch(&writers->sends, (uint64_t)delivery->count, __ATOMIC_RELAXED);
        delivery->timeline = db_timeline(writer->db);
        delivery->task.fn = deliver;
        delivery->task.arg = delivery;
        loop_post(writers->loop, &delivery->task);
    }
    return NULL;
}

/* ---- the loop's side ---- */

static void hand_over(struct writer *writer)
{
    struct list *node;

    if (list_is_empty(&writer->arriving))
        return;
    pthread_mutex_lock(&writer->lock);
    while ((node = list_take_first(&writer->arriving))) {
        list_append(&writer->queue, node);
        writer->queued++;
    }
    if (writer->queued >= writer->wanted)
        pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
}

/* At the end of the turn: a writer woken by the first send of many would begin with that one alone
 * where it shares a core with the loop. */
static void on_hand_over(void *arg)
{
    struct writers *writers = arg;

    for (int i = 0; i < writers->count; i++)
        hand_over(&writers->items[i]);
}

static void writer_start(struct writer *writer, struct writers *writers)
{
    size_t max = (size_t)writers->batch_max;

    writer->writers = writers;
    pthread_mutex_init(&writer->lock, NULL);
    clock_mono_cond_init(&writer->wake);
    writer->wanted = 1;
    list_init(&writer->queue);
    list_init(&writer->arriving);
    list_init(&writer->busy);
    writer->batch = mem_array(max, sizeof *writer->batch);
    writer->commands = mem_array(max, sizeof *writer->commands);
    writer->progress = mem_array(max, sizeof *writer->progress);
    writer->db = db_open(conf_str(writers->options.conf, CONF_PG_CONNINFO), writers->timeout_ms,
                         conf_int(writers->options.conf, CONF_PG_LOCK_TIMEOUT_MS));
    db_set_fence(writer->db, writers->options.fence);
    if (pthread_create(&writer->thread, NULL, writer_thread, writer) != 0)
        abort();
}

/* Two, so that one room's lock or one flush to disk does not hold up all; where they would share
 * a core, one does as much with fewer and larger transactions. */
static int count_of(const struct conf *conf)
{
    int count = (int)conf_int(conf, CONF_BROKER_WRITERS);

    if (count > 0)
        return count;
    return cores_count() == 1 ? 1 : 2;
}

struct writers *writers_new(struct loop *loop, const struct pool_options *options)
{
    const struct conf *conf = options->conf;
    int count = count_of(conf);
    struct writers *writers = mem_alloc(sizeof *writers + (size_t)count * sizeof writers->items[0]);
    sigset_t all, old;

    writers->loop = loop;
    writers->hand_over.fn = on_hand_over;
    writers->hand_over.arg = writers;
    writers->options = *options;
    writers->batch_max = (int)conf_int(conf, CONF_BROKER_BATCH);
    writers->limit = (int)conf_int(conf, CONF_LIMIT_QUEUE);
    writers->timeout_ms = conf_int(conf, CONF_PG_TIMEOUT_MS);
    writers->count = count;
    sigfillset(&all); /* signals belong to the loop's thread */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (int i = 0; i < count; i++)
        writer_start(&writers->items[i], writers);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return writers;
}

static void writer_stop(struct writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    writer->stop = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    db_close(writer->db);
    free(writer->batch);
    free(writer->commands);
    free(writer->progress);
    pthread_cond_destroy(&writer->wake);
    pthread_mutex_destroy(&writer->lock);
}

void writers_free(struct writers *writers)
{
    if (!writers)
        return;
    loop_defer_cancel(writers->loop, &writers->hand_over);
    for (int i = 0; i < writers->count; i++)
        writer_stop(&writers->items[i]);
    free(writers);
}

/* FNV-1a over the folded room name. */
static struct writer *writer_of(struct writers *writers, struct span key)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.ptr[i]) * 16777619u;
    return &writers->items[hash % (uint32_t)writers->count];
}

enum err writers_submit(struct writers *writers, struct write_job *job)
{
    struct writer *writer = writer_of(writers, chat_command_room_key(job->command));

    if (__atomic_load_n(&writers->waiting, __ATOMIC_RELAXED) >= (uint64_t)writers->limit) {
        writers->refused++;
        return ERR_FULL;
    }
    __atomic_add_fetch(&writers->waiting, 1, __ATOMIC_RELAXED);
    list_append(&writer->arriving, &job->node);
    loop_defer(writers->loop, &writers->hand_over);
    return ERR_OK;
}

void writers_set_limit(struct writers *writers, int limit)
{
    writers->limit = limit;
}

void writers_stats(const struct writers *writers, struct writers_stats *out)
{
    *out = (struct writers_stats){.refused = writers->refused, .threads = (uint64_t)writers->count};
    for (int i = 0; i < writers->count; i++) {
        const struct writer *writer = &writers->items[i];

        out->busy += counter_read(&writer->begun) != counter_read(&writer->ended);
        histogram_sum(&out->batch, &writer->batch_sizes);
        histogram_sum(&out->commit, &writer->commits);
    }
    out->waiting = __atomic_load_n(&writers->waiting, __ATOMIC_RELAXED);
    out->batches = __atomic_load_n(&writers->batches, __ATOMIC_RELAXED);
    out->sends = __atomic_load_n(&writers->sends, __ATOMIC_RELAXED);
}
