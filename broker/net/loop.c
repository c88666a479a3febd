/*
 * The event loop on libev: timers, descriptors, signals, tasks from other threads, and what runs at
 * the end of a turn. It knows nothing of sockets' contents or of libwebsockets, which shares the
 * libev loop through loop_ev.h.
 *
 * A turn is: sleep in the kernel, refresh `now`, run the callbacks of what happened, run the
 * defers. The defers run in libev's prepare phase, which is before it works out how long to sleep:
 * a timer or a watch that a defer starts counts already.
 */
#include "broker/net/loop.h"

#include <ev.h>
#include <pthread.h>

#include "broker/net/loop_ev.h"
#include "shared/base/clock.h"
#include "shared/base/mem.h"

/* A defer that always adds another must not keep descriptors from being served. */
#define DEFER_ROUNDS 16

struct loop_signal_node {
    ev_signal watcher;
    loop_fn fn;
    void *arg;
    struct loop_signal_node *next;
};

struct loop {
    struct ev_loop *ev;
    int64_t now;
    int64_t woken_us; /* 0: before the first turn */
    struct histogram turns;
    ev_prepare before_sleep;
    ev_check after_sleep;
    ev_idle stay_awake;
    ev_async posted;
    struct loop_defer *defer_head, **defer_tail;
    pthread_mutex_t task_lock;
    struct loop_task *task_head, **task_tail;
    struct loop_signal_node *signals;
    bool stopping;
};

struct loop_timer {
    ev_timer watcher;
    struct loop *loop;
    loop_fn fn;
    void *arg;
};

struct loop_watch {
    ev_io watcher;
    struct loop *loop;
    loop_watch_fn fn;
    void *arg;
};

/* Those that are added meanwhile are for the next round. Taken from the head one at a time, because
 * one may cancel another. */
static void run_defers_once(struct loop *loop)
{
    size_t count = 0;

    for (const struct loop_defer *d = loop->defer_head; d; d = d->next)
        count++;
    while (count-- > 0 && loop->defer_head) {
        struct loop_defer *defer = loop->defer_head;

        loop_defer_cancel(loop, defer);
        defer->fn(defer->arg);
    }
}

static void run_defers(struct loop *loop)
{
    for (int round = 0; loop->defer_head && round < DEFER_ROUNDS; round++)
        run_defers_once(loop);
    if (loop->defer_head)
        ev_idle_start(loop->ev, &loop->stay_awake);
    else
        ev_idle_stop(loop->ev, &loop->stay_awake);
}

static void on_before_sleep(struct ev_loop *ev, ev_prepare *watcher, int revents)
{
    struct loop *loop = watcher->data;

    (void)ev, (void)revents;
    run_defers(loop);
    if (loop->woken_us != 0)
        histogram_add_us(&loop->turns, clock_mono_us() - loop->woken_us);
    loop->woken_us = 0;
}

static void on_after_sleep(struct ev_loop *ev, ev_check *watcher, int revents)
{
    struct loop *loop = watcher->data;

    (void)ev, (void)revents;
    loop->woken_us = clock_mono_us();
    loop->now = loop->woken_us / 1000;
}

static void on_awake(struct ev_loop *ev, ev_idle *watcher, int revents)
{
    (void)ev, (void)watcher, (void)revents;
}

static void on_posted(struct ev_loop *ev, ev_async *watcher, int revents)
{
    struct loop *loop = watcher->data;
    struct loop_task *task;

    (void)revents;
    if (__atomic_load_n(&loop->stopping, __ATOMIC_ACQUIRE))
        ev_break(ev, EVBREAK_ALL);
    pthread_mutex_lock(&loop->task_lock);
    task = loop->task_head;
    loop->task_head = NULL;
    loop->task_tail = &loop->task_head;
    pthread_mutex_unlock(&loop->task_lock);
    while (task) {
        struct loop_task *next = task->next;

        task->next = NULL;
        task->fn(task->arg); /* it may free the task */
        task = next;
    }
}

struct loop *loop_new(void)
{
    struct loop *loop = mem_alloc(sizeof *loop);

    loop->ev = ev_loop_new(EVFLAG_AUTO);
    if (!loop->ev)
        abort();
    loop->now = clock_mono_ms();
    loop->defer_tail = &loop->defer_head;
    loop->task_tail = &loop->task_head;
    pthread_mutex_init(&loop->task_lock, NULL);
    ev_prepare_init(&loop->before_sleep, on_before_sleep);
    ev_check_init(&loop->after_sleep, on_after_sleep);
    ev_idle_init(&loop->stay_awake, on_awake);
    ev_async_init(&loop->posted, on_posted);
    loop->before_sleep.data = loop;
    loop->after_sleep.data = loop;
    loop->posted.data = loop;
    /* Last of the prepares (libwebsockets may have its own), first of all else after the sleep. */
    ev_set_priority(&loop->before_sleep, EV_MINPRI);
    ev_set_priority(&loop->after_sleep, EV_MAXPRI);
    ev_prepare_start(loop->ev, &loop->before_sleep);
    ev_check_start(loop->ev, &loop->after_sleep);
    ev_async_start(loop->ev, &loop->posted);
    return loop;
}

void loop_free(struct loop *loop)
{
    struct loop_signal_node *node;

    if (!loop)
        return;
    while ((node = loop->signals)) {
        loop->signals = node->next;
        ev_signal_stop(loop->ev, &node->watcher);
        mem_free(node);
    }
    ev_prepare_stop(loop->ev, &loop->before_sleep);
    ev_check_stop(loop->ev, &loop->after_sleep);
    ev_idle_stop(loop->ev, &loop->stay_awake);
    ev_async_stop(loop->ev, &loop->posted);
    ev_loop_destroy(loop->ev);
    pthread_mutex_destroy(&loop->task_lock);
    mem_free(loop);
}

/* Outside ev_run both clocks stand still: set them before they are read. */
static void wake_clock(struct loop *loop)
{
    if (ev_depth(loop->ev) > 0)
        return;
    ev_now_update(loop->ev);
    loop->now = clock_mono_ms();
}

void loop_run(struct loop *loop)
{
    wake_clock(loop);
    while (!__atomic_load_n(&loop->stopping, __ATOMIC_ACQUIRE))
        ev_run(loop->ev, 0);
    run_defers(loop);
    __atomic_store_n(&loop->stopping, false, __ATOMIC_RELEASE);
}

void loop_stop(struct loop *loop)
{
    __atomic_store_n(&loop->stopping, true, __ATOMIC_RELEASE);
    ev_async_send(loop->ev, &loop->posted);
}

void loop_turn(struct loop *loop)
{
    wake_clock(loop);
    ev_run(loop->ev, EVRUN_NOWAIT);
    run_defers(loop);
}

int64_t loop_now(const struct loop *loop)
{
    return loop->now;
}

const struct histogram *loop_turns(const struct loop *loop)
{
    return &loop->turns;
}

struct ev_loop *loop_ev(struct loop *loop)
{
    return loop->ev;
}

static void on_timer(struct ev_loop *ev, ev_timer *watcher, int revents)
{
    struct loop_timer *timer = watcher->data;

    (void)ev, (void)revents;
    timer->fn(timer->arg);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn fn, void *arg)
{
    struct loop_timer *timer = mem_alloc(sizeof *timer);

    timer->loop = loop;
    timer->fn = fn;
    timer->arg = arg;
    ev_init(&timer->watcher, on_timer);
    timer->watcher.data = timer;
    return timer;
}

void loop_timer_free(struct loop_timer *timer)
{
    if (!timer)
        return;
    loop_timer_stop(timer);
    mem_free(timer);
}

void loop_timer_start(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
    wake_clock(timer->loop);
    ev_timer_stop(timer->loop->ev, &timer->watcher);
    ev_timer_set(&timer->watcher, (double)delay_ms / 1000.0, (double)repeat_ms / 1000.0);
    ev_timer_start(timer->loop->ev, &timer->watcher);
}

void loop_timer_stop(struct loop_timer *timer)
{
    ev_timer_stop(timer->loop->ev, &timer->watcher);
}

bool loop_timer_active(const struct loop_timer *timer)
{
    return ev_is_active(&timer->watcher);
}

static void on_watch(struct ev_loop *ev, ev_io *watcher, int revents)
{
    struct loop_watch *watch = watcher->data;
    int events = 0;

    (void)ev;
    if (revents & EV_READ)
        events |= LOOP_READ;
    if (revents & EV_WRITE)
        events |= LOOP_WRITE;
    watch->fn(watch->arg, events);
}

static int ev_events(int events)
{
    return (events & LOOP_READ ? EV_READ : 0) | (events & LOOP_WRITE ? EV_WRITE : 0);
}

struct loop_watch *loop_watch_new(struct loop *loop, int fd, int events, loop_watch_fn fn,
                                  void *arg)
{
    struct loop_watch *watch = mem_alloc(sizeof *watch);

    watch->loop = loop;
    watch->fn = fn;
    watch->arg = arg;
    ev_io_init(&watch->watcher, on_watch, fd, ev_events(events));
    watch->watcher.data = watch;
    if (events)
        ev_io_start(loop->ev, &watch->watcher);
    return watch;
}

void loop_watch_set(struct loop_watch *watch, int events)
{
    ev_io_stop(watch->loop->ev, &watch->watcher);
    ev_io_set(&watch->watcher, watch->watcher.fd, ev_events(events));
    if (events)
        ev_io_start(watch->loop->ev, &watch->watcher);
}

void loop_watch_free(struct loop_watch *watch)
{
    if (!watch)
        return;
    ev_io_stop(watch->loop->ev, &watch->watcher);
    mem_free(watch);
}

static void on_signal(struct ev_loop *ev, ev_signal *watcher, int revents)
{
    struct loop_signal_node *node = watcher->data;

    (void)ev, (void)revents;
    node->fn(node->arg);
}

void loop_signal(struct loop *loop, int signo, loop_fn fn, void *arg)
{
    struct loop_signal_node *node = mem_alloc(sizeof *node);

    node->fn = fn;
    node->arg = arg;
    node->next = loop->signals;
    loop->signals = node;
    ev_signal_init(&node->watcher, on_signal, signo);
    node->watcher.data = node;
    ev_signal_start(loop->ev, &node->watcher);
}

void loop_defer(struct loop *loop, struct loop_defer *defer)
{
    if (defer->waiting)
        return;
    defer->waiting = true;
    defer->next = NULL;
    *loop->defer_tail = defer;
    loop->defer_tail = &defer->next;
}

void loop_defer_cancel(struct loop *loop, struct loop_defer *defer)
{
    struct loop_defer **link = &loop->defer_head;

    if (!defer->waiting)
        return;
    while (*link != defer)
        link = &(*link)->next;
    *link = defer->next;
    if (loop->defer_tail == &defer->next)
        loop->defer_tail = link;
    defer->next = NULL;
    defer->waiting = false;
}

void loop_post(struct loop *loop, struct loop_task *task)
{
    task->next = NULL;
    pthread_mutex_lock(&loop->task_lock);
    *loop->task_tail = task;
    loop->task_tail = &task->next;
    pthread_mutex_unlock(&loop->task_lock);
    ev_async_send(loop->ev, &loop->posted);
}
