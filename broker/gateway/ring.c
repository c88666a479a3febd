/* The broker's memory of its fan-outs, see ring.h. */
#include "broker/gateway/ring.h"

#include "shared/base/mem.h"

#define FIRST_CAP 64

void ring_init(struct ring *ring, size_t max, int64_t keep_ms)
{
    *ring = (struct ring){.max = max, .keep_ms = keep_ms, .first = 1};
}

void ring_release(struct ring *ring)
{
    mem_free(ring->entries);
    ring_init(ring, ring->max, ring->keep_ms);
}

static struct ring_entry *at(const struct ring *ring, int64_t n)
{
    return &ring->entries[(size_t)n % ring->cap];
}

static size_t used(const struct ring *ring)
{
    return (size_t)(ring->last - ring->first + 1);
}

static void grow(struct ring *ring)
{
    struct ring bigger = *ring;

    bigger.cap = ring->cap ? ring->cap * 2 : FIRST_CAP;
    if (bigger.cap > ring->max)
        bigger.cap = ring->max;
    bigger.entries = mem_array(bigger.cap, sizeof *bigger.entries);
    for (int64_t n = ring->first; n <= ring->last; n++)
        *at(&bigger, n) = *at(ring, n);
    mem_free(ring->entries);
    *ring = bigger;
}

int64_t ring_add(struct ring *ring, int64_t room, int64_t seq, int64_t prev, int64_t now)
{
    while (ring->first <= ring->last && at(ring, ring->first)->at < now - ring->keep_ms)
        ring->first++;
    if (used(ring) == ring->cap && ring->cap < ring->max)
        grow(ring);
    if (used(ring) == ring->cap) {
        ring->lost_n = ring->first;
        ring->lost_at = at(ring, ring->first)->at;
        ring->first++;
    }
    ring->last++;
    *at(ring, ring->last) = (struct ring_entry){room, seq, prev, now};
    return ring->last;
}

const struct ring_entry *ring_get(const struct ring *ring, int64_t n)
{
    return n >= ring->first && n <= ring->last ? at(ring, n) : NULL;
}
