/*
 * What this broker has fanned out lately: n -> the row of a room's log. Each entry leads to the one
 * before it of the same room, so that looking back costs what one room had. Pure: no clock, no I/O.
 */
#ifndef PARLEY_GATEWAY_RING_H
#define PARLEY_GATEWAY_RING_H

#include <stddef.h>
#include <stdint.h>

struct ring_entry {
    int64_t room;
    int64_t seq;
    int64_t prev; /* n of the room's event before; 0: none */
    int64_t at;   /* ms */
};

struct ring {
    struct ring_entry *entries; /* entry n is at n % cap */
    size_t cap, max;
    int64_t first; /* the oldest n that is kept */
    int64_t last;  /* the newest n; 0: none yet */
    int64_t keep_ms;
    int64_t lost_at; /* ms: when the youngest entry was fanned out that gave way before its time */
    int64_t lost_n;  /* its n; 0: none did */
};

/* At most `max` entries, each kept for `keep_ms`. */
void ring_init(struct ring *ring, size_t max, int64_t keep_ms);
void ring_release(struct ring *ring);

/* The next n, for row `seq` of `room`, whose event before was `prev`. */
int64_t ring_add(struct ring *ring, int64_t room, int64_t seq, int64_t prev, int64_t now);

/* NULL: not kept any more (or none). */
const struct ring_entry *ring_get(const struct ring *ring, int64_t n);

#endif
