/*
 * When a writer has sends to write but fewer than may be expected, should it wait for the others?
 *
 * Senders that wait for their answers before they send again fall apart into groups by themselves:
 * what comes while a batch is written makes the next one, and neither is ever whole. A transaction
 * costs as much as many sends do, so a short wait pays when it brings them together (group commit).
 * As many are expected as were unanswered when the last batch ended; the wait is a part of the time
 * that a batch takes; and one that brings nothing is not repeated soon, so that senders who do not
 * come back do not slow those who do.
 *
 * Numbers only: no clock, no lock. One for each writer, used by its thread.
 */
#ifndef PARLEY_GATEWAY_GATHER_H
#define PARLEY_GATEWAY_GATHER_H

#include <stdint.h>

struct gather {
    int expected;    /* sends */
    int64_t wait_us; /* at most */
    int skip;        /* so many waits to leave out */
    int skip_next;   /* and as many if the next brings nothing */
};

/* Microseconds to wait at most with `have` sends; 0: begin. */
int64_t gather_wait_us(struct gather *gather, int have);

/* It was waited with `before` sends, and now there are `after`. */
void gather_waited(struct gather *gather, int before, int after);

/* A batch has taken `took_us`; `unanswered`: its own sends and those that have come in meanwhile.
 */
void gather_written(struct gather *gather, int unanswered, int64_t took_us);

#endif
