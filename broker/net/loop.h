/*
 * The event loop of the broker: one thread, libev underneath (libwebsockets runs inside the same
 * libev loop). Timers, file descriptors, signals, and the one way in from other threads.
 * Everything here but loop_post and loop_stop is called on the loop's thread only.
 */
#ifndef PARLEY_NET_LOOP_H
#define PARLEY_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/histogram.h"

struct loop;
struct loop_timer;
struct loop_watch;

/* Owned by the caller. Aborts if the system has no event backend. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Run until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Monotonic milliseconds, refreshed once per turn: the `now` to hand to state machines. */
int64_t loop_now(const struct loop *loop);

/* How long turns took, from the wake-up until the loop could sleep again: what anybody has to wait
 * for the loop at most, beyond the machine's own. Microseconds. */
const struct histogram *loop_turns(const struct loop *loop);

typedef void (*loop_fn)(void *arg);

/* A timer that is not running. `fn` runs on the loop; it may start, stop or free any timer. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_fn fn, void *arg);
void loop_timer_free(struct loop_timer *timer);
/* (Re)start: fires after delay_ms, then every repeat_ms if that is not 0. */
void loop_timer_start(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms);
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_active(const struct loop_timer *timer);

/* Watch a descriptor (not owned). */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void (*loop_watch_fn)(void *arg, int events);
struct loop_watch *loop_watch_new(struct loop *loop, int fd, int events, loop_watch_fn fn,
                                  void *arg);
void loop_watch_set(struct loop_watch *watch, int events);
void loop_watch_free(struct loop_watch *watch);

/* Run `fn` when the signal arrives. Kept for the life of the loop. */
void loop_signal(struct loop *loop, int signo, loop_fn fn, void *arg);

/* Run `fn` once at the end of this turn, before the loop sleeps: what is collected during a turn
 * (dirty connections, subscriptions) is done then. The struct is the caller's; adding one that is
 * already waiting does nothing. */
struct loop_defer {
    loop_fn fn;
    void *arg;
    struct loop_defer *next;
    bool waiting;
};
void loop_defer(struct loop *loop, struct loop_defer *defer);
void loop_defer_cancel(struct loop *loop, struct loop_defer *defer);

/* From any thread: run `fn` on the loop soon. The struct is embedded in the caller's job and must
 * live until fn is called. Tasks posted by one thread run in the order posted. */
struct loop_task {
    loop_fn fn;
    void *arg;
    struct loop_task *next;
};
void loop_post(struct loop *loop, struct loop_task *task);

#endif
