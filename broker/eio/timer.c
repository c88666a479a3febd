/* A binary heap of deadlines. Not a clock: `now` comes from the caller. */
#include "broker/eio/timer.h"

#include <assert.h>

#include "shared/base/mem.h"

#define HEAP_MIN 64

void eio_timers_init(struct eio_timers *timers)
{
    *timers = (struct eio_timers){0};
}

void eio_timers_release(struct eio_timers *timers)
{
    mem_free(timers->heap);
    eio_timers_init(timers);
}

static void place(struct eio_timers *timers, size_t index, struct eio_timer *timer)
{
    timers->heap[index] = timer;
    timer->slot = (uint32_t)index + 1;
}

static void sift_up(struct eio_timers *timers, size_t index)
{
    struct eio_timer *timer = timers->heap[index];

    while (index > 0) {
        size_t parent = (index - 1) / 2;

        if (timers->heap[parent]->at <= timer->at)
            break;
        place(timers, index, timers->heap[parent]);
        index = parent;
    }
    place(timers, index, timer);
}

static void sift_down(struct eio_timers *timers, size_t index)
{
    struct eio_timer *timer = timers->heap[index];

    for (;;) {
        size_t child = 2 * index + 1;

        if (child >= timers->count)
            break;
        if (child + 1 < timers->count && timers->heap[child + 1]->at < timers->heap[child]->at)
            child++;
        if (timers->heap[child]->at >= timer->at)
            break;
        place(timers, index, timers->heap[child]);
        index = child;
    }
    place(timers, index, timer);
}

void eio_timer_set(struct eio_timers *timers, struct eio_timer *timer, int64_t at)
{
    assert(timer->fn);
    eio_timer_cancel(timers, timer);
    if (timers->count == timers->cap) {
        timers->cap = timers->cap ? timers->cap * 2 : HEAP_MIN;
        timers->heap = mem_regrow(timers->heap, timers->cap, sizeof *timers->heap);
    }
    timer->at = at;
    timers->heap[timers->count++] = timer;
    sift_up(timers, timers->count - 1);
}

void eio_timer_cancel(struct eio_timers *timers, struct eio_timer *timer)
{
    size_t index = timer->slot - 1;
    struct eio_timer *last;

    if (!timer->slot)
        return;
    timer->slot = 0;
    last = timers->heap[--timers->count];
    if (last == timer)
        return;
    place(timers, index, last);
    sift_up(timers, index);
    sift_down(timers, last->slot - 1);
}

void eio_timers_run(struct eio_timers *timers, int64_t now)
{
    while (timers->count > 0 && timers->heap[0]->at <= now) {
        struct eio_timer *timer = timers->heap[0];

        eio_timer_cancel(timers, timer);
        timer->fn(timer, now);
    }
}

int64_t eio_timers_next(const struct eio_timers *timers)
{
    return timers->count > 0 ? timers->heap[0]->at : INT64_MAX;
}
