/*
 * Deadlines in a binary heap: every timer of the Engine.IO and Socket.IO servers, to the
 * millisecond. Time is an argument; who owns the heap decides when to look (the next deadline tells
 * him). The timers live inside their owners; nothing is allocated per timer but a heap slot.
 */
#ifndef PARLEY_EIO_TIMER_H
#define PARLEY_EIO_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct eio_timer;
typedef void (*eio_timer_fn)(struct eio_timer *timer, int64_t now);

struct eio_timer {
    int64_t at;      /* ms */
    uint32_t slot;   /* 1 + index in the heap; 0: not running */
    eio_timer_fn fn; /* may set, cancel or free any timer, its own included */
};

struct eio_timers {
    struct eio_timer **heap;
    size_t count, cap;
};

void eio_timers_init(struct eio_timers *timers);
/* The timers themselves are their owners'. */
void eio_timers_release(struct eio_timers *timers);

/* (Re)start: fn runs in the first eio_timers_run whose now >= at. timer->fn must be set. */
void eio_timer_set(struct eio_timers *timers, struct eio_timer *timer, int64_t at);
void eio_timer_cancel(struct eio_timers *timers, struct eio_timer *timer);

static inline bool eio_timer_running(const struct eio_timer *timer)
{
    return timer->slot != 0;
}

/* Run all that are due, in order of their deadlines. */
void eio_timers_run(struct eio_timers *timers, int64_t now);

/* The earliest deadline; INT64_MAX if none runs. */
int64_t eio_timers_next(const struct eio_timers *timers);

#endif
