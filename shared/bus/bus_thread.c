/*
 * A publish-only bus with a thread and a loop of its own, for processes that have no event loop
 * (parley-fcgi). Other threads only put copies into a bounded queue; none of them ever waits for
 * MQTT. It keeps nothing when the connection is lost: the brokers' sweep delivers what was missed.
 */
#include "shared/bus/bus.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"

#define TICK_MS 100
#define FLUSH_MS 500
#define PROBE_GOOD_MS 1000

/* A publish that waits; its strings lie behind it in the same allocation. */
struct publish {
    const char *topic;
    struct span payload;
    struct bus_prop props[BUS_PROPS_MAX];
    int prop_count;
    int qos;
};

struct bus_thread {
    struct bus *bus; /* the thread's alone */
    pthread_t thread;
    int event_fd;
    atomic_bool connected;
    atomic_bool keeps;    /* keep_first, and it was not connected yet */
    pthread_mutex_t lock; /* guards what follows */
    struct publish **ring;
    size_t limit, head, count;
    bool stopping;
    pthread_cond_t probed;
    bool probe_wanted;
    int64_t probed_ms; /* when a probe was last answered */
    int64_t vain_ms;   /* when somebody last waited for one in vain */
    /* The thread's alone. */
    char *probe_topic;
    bool probing; /* one is on its way */
};

static void thread_wake(void *app)
{
    struct bus_thread *thread = app;
    uint64_t one = 1;

    if (write(thread->event_fd, &one, sizeof one) < 0)
        return; /* the counter is full: a wake-up is on its way already */
}

static void thread_state(void *app, bool connected)
{
    struct bus_thread *thread = app;

    atomic_store(&thread->connected, connected);
    if (connected)
        atomic_store(&thread->keeps, false);
}

/* Is there, or will there perhaps be, a connection for what is in the queue? */
static bool has_hope(const struct bus_thread *thread)
{
    return bus_is_connected(thread->bus) || atomic_load(&thread->keeps);
}

static const struct bus_handlers handlers = {.state = thread_state, .wake = thread_wake};

/* ---- the queue ---- */

static char *put(char **at, const char *bytes, size_t len)
{
    char *start = *at;

    if (len)
        memcpy(start, bytes, len);
    start[len] = '\0';
    *at += len + 1;
    return start;
}

static struct publish *publish_new(const char *topic, struct span payload,
                                   const struct bus_prop *props, int prop_count, int qos)
{
    size_t size = sizeof(struct publish) + strlen(topic) + 1 + payload.len + 1;

    for (int i = 0; i < prop_count; i++)
        size += props[i].name.len + props[i].value.len + 2;
    struct publish *publish = mem_alloc(size);
    char *at = (char *)(publish + 1);
    publish->topic = put(&at, topic, strlen(topic));
    publish->payload = span_make(put(&at, payload.ptr, payload.len), payload.len);
    for (int i = 0; i < prop_count; i++) {
        struct bus_prop *prop = &publish->props[i];
        prop->name = span_make(put(&at, props[i].name.ptr, props[i].name.len), props[i].name.len);
        prop->value =
            span_make(put(&at, props[i].value.ptr, props[i].value.len), props[i].value.len);
    }
    publish->prop_count = prop_count;
    publish->qos = qos;
    return publish;
}

static struct publish *queue_first(struct bus_thread *thread)
{
    struct publish *publish = NULL;

    pthread_mutex_lock(&thread->lock);
    if (thread->count)
        publish = thread->ring[thread->head];
    pthread_mutex_unlock(&thread->lock);
    return publish;
}

static void queue_drop_first(struct bus_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    struct publish *publish = thread->ring[thread->head];
    thread->head = (thread->head + 1) % thread->limit;
    thread->count--;
    pthread_mutex_unlock(&thread->lock);
    free(publish);
}

/* ---- the thread ---- */

/* Only this thread takes from the queue, so the first stays the first without the lock. */
static void drain(struct bus_thread *thread)
{
    struct publish *publish;

    while ((publish = queue_first(thread)) != NULL) {
        enum err err = bus_publish(thread->bus, publish->topic, publish->payload, publish->props,
                                   publish->prop_count, publish->qos);
        if (err == ERR_FULL && has_hope(thread))
            return; /* too many unacknowledged: goes on with the next PUBACK, or once connected */
        queue_drop_first(thread);
    }
}

/* ---- the probe ---- */

static bool take_probe_wish(struct bus_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    bool wanted = thread->probe_wanted;
    thread->probe_wanted = false;
    pthread_mutex_unlock(&thread->lock);
    return wanted;
}

static void probe_answered(struct bus_thread *thread)
{
    thread->probing = false;
    pthread_mutex_lock(&thread->lock);
    thread->probed_ms = clock_mono_ms();
    pthread_cond_broadcast(&thread->probed);
    pthread_mutex_unlock(&thread->lock);
}

/* A loss ends it: who waits for it waits in vain. */
static void run_probe(struct bus_thread *thread)
{
    if (!bus_is_connected(thread->bus))
        thread->probing = false;
    else if (thread->probing && bus_probe_answered(thread->bus))
        probe_answered(thread);
    if (take_probe_wish(thread) && !thread->probing)
        thread->probing = bus_probe(thread->bus, thread->probe_topic) == ERR_OK;
}

static void turn(struct bus_thread *thread)
{
    struct pollfd fds[2] = {{.fd = thread->event_fd, .events = POLLIN},
                            {.fd = bus_fd(thread->bus), .events = POLLIN}};
    uint64_t ignored;

    if (bus_wants_write(thread->bus))
        fds[1].events |= POLLOUT;
    if (poll(fds, 2, TICK_MS) < 0)
        return;
    if (fds[0].revents && read(thread->event_fd, &ignored, sizeof ignored) < 0 && errno != EAGAIN)
        log_event(LOG_ERROR, "bus_thread_wake_failed", "errno=%d", errno);
    if (fds[1].revents)
        bus_ready(thread->bus, fds[1].revents & ~POLLOUT, fds[1].revents & POLLOUT);
    bus_tick(thread->bus);
    drain(thread);
    run_probe(thread);
}

static bool is_stopping(struct bus_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    bool stopping = thread->stopping;
    pthread_mutex_unlock(&thread->lock);
    return stopping;
}

static void flush(struct bus_thread *thread)
{
    int64_t until = clock_mono_ms() + FLUSH_MS;

    drain(thread);
    while (has_hope(thread) && clock_mono_ms() < until &&
           (queue_first(thread) || bus_inflight(thread->bus) > 0))
        turn(thread);
}

static void *thread_main(void *arg)
{
    struct bus_thread *thread = arg;

    while (!is_stopping(thread))
        turn(thread);
    flush(thread);
    return NULL;
}

/* ---- the contract ---- */

struct bus_thread *bus_thread_new(const struct bus_options *options, int limit)
{
    struct bus_thread *thread = mem_alloc(sizeof *thread);
    char topic[128];
    sigset_t all, before;

    thread->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    thread->limit = (size_t)limit;
    thread->ring = mem_array(thread->limit, sizeof *thread->ring);
    pthread_mutex_init(&thread->lock, NULL);
    clock_mono_cond_init(&thread->probed);
    thread->probed_ms = thread->vain_ms = -PROBE_GOOD_MS;
    snprintf(topic, sizeof topic, "parley/v1/brokers/%s", options->client_id);
    thread->probe_topic = mem_strdup(topic);
    atomic_init(&thread->keeps, options->keep_first);
    thread->bus = bus_new(options, &handlers, thread);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    int failed = pthread_create(&thread->thread, NULL, thread_main, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed || thread->event_fd < 0) {
        log_event(LOG_ERROR, "bus_thread_failed", "code=%d", failed);
        abort(); /* at start only: as with memory, there is no going on without */
    }
    return thread;
}

void bus_thread_free(struct bus_thread *thread)
{
    if (!thread)
        return;
    pthread_mutex_lock(&thread->lock);
    thread->stopping = true;
    pthread_mutex_unlock(&thread->lock);
    thread_wake(thread);
    pthread_join(thread->thread, NULL);
    bus_free(thread->bus);
    while (queue_first(thread))
        queue_drop_first(thread);
    pthread_cond_destroy(&thread->probed);
    pthread_mutex_destroy(&thread->lock);
    mem_free(thread->probe_topic);
    close(thread->event_fd);
    free(thread->ring);
    free(thread);
}

bool bus_thread_is_connected(const struct bus_thread *thread)
{
    return atomic_load(&thread->connected);
}

bool bus_thread_probe(struct bus_thread *thread, int64_t timeout_ms)
{
    int64_t since = clock_mono_ms() - PROBE_GOOD_MS;
    const struct timespec end = clock_mono_after_us(timeout_ms * 1000);
    int late = 0;

    if (!bus_thread_is_connected(thread))
        return false;
    pthread_mutex_lock(&thread->lock);
    if (thread->probed_ms < since) {
        thread->probe_wanted = true;
        thread_wake(thread);
    }
    late = thread->vain_ms > since; /* so that many who ask do not hold many threads */
    while (thread->probed_ms < since && !late)
        late = pthread_cond_timedwait(&thread->probed, &thread->lock, &end);
    bool good = thread->probed_ms >= since;
    if (!good && thread->vain_ms <= since)
        thread->vain_ms = clock_mono_ms();
    pthread_mutex_unlock(&thread->lock);
    return good;
}

enum err bus_thread_publish(struct bus_thread *thread, const char *topic, struct span payload,
                            const struct bus_prop *props, int prop_count, int qos)
{
    if (!bus_thread_is_connected(thread) && !atomic_load(&thread->keeps))
        return ERR_FULL;
    if (prop_count > BUS_PROPS_MAX)
        prop_count = BUS_PROPS_MAX;
    struct publish *publish = publish_new(topic, payload, props, prop_count, qos);
    pthread_mutex_lock(&thread->lock);
    bool fits = thread->count < thread->limit;
    bool first = thread->count == 0;
    if (fits)
        thread->ring[(thread->head + thread->count++) % thread->limit] = publish;
    pthread_mutex_unlock(&thread->lock);
    if (!fits) {
        free(publish);
        return ERR_FULL;
    }
    if (first)
        thread_wake(thread); /* else it is awake, or is waiting for a PUBACK */
    return ERR_OK;
}
