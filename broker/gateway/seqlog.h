/*
 * One log as this broker sees it: delivers each event once, in seq order, whatever MQTT loses,
 * doubles or reorders. A pure state machine: no I/O, no clock, no threads.
 *
 *   seq == last + 1   delivered at once, and what was held behind it
 *   seq <= last       dropped
 *   seq >  last + 1   held: two publishers overtake each other as a matter of course. If the gap is
 *                     still there after a while, or too much is held, the owner fetches it from
 *                     PostgreSQL. A seq is never believed: only what PostgreSQL has is delivered.
 *
 * The owner asks seqlog_state() after each call and does what it says.
 */
#ifndef PARLEY_GATEWAY_SEQLOG_H
#define PARLEY_GATEWAY_SEQLOG_H

#include "shared/chat/event.h"

enum seqlog_state {
    SEQLOG_STEADY,  /* nothing is missing, as far as we know */
    SEQLOG_WAITING, /* something may be missing: give it a little time (gap_wait_ms) */
    SEQLOG_OVERDUE, /* too much is held: fetch now */
    SEQLOG_FETCHING /* a fetch is under way */
};

struct seqlog {
    int64_t last;       /* delivered up to here */
    int64_t known;      /* PostgreSQL was seen to have this much (sweep, heads) */
    struct event *held; /* by seq; owned */
    int held_count;
    int held_cap;
    int64_t fetch_bound; /* highest seq held when the fetch began ... */
    int64_t known_bound; /* ... and `known` then */
    bool fetching;
};

typedef void (*seqlog_deliver_fn)(void *owner, struct event *event);

/* `last`: the seq delivered last, or SEQLOG_UNKNOWN. Release frees what is held. */
void seqlog_init(struct seqlog *log, int64_t last);
void seqlog_release(struct seqlog *log);

/* A log whose position is not known yet holds what comes in until seqlog_start gives it. */
#define SEQLOG_UNKNOWN (-2)
void seqlog_start(struct seqlog *log, int64_t last, seqlog_deliver_fn deliver, void *owner);

/* An event came in. Its memory is taken over (moved or freed). Delivers through `deliver`, which
 * may take event->json by setting it NULL. At most `limit` events are held; the farthest give way.
 */
void seqlog_feed(struct seqlog *log, struct event *event, int limit, seqlog_deliver_fn deliver,
                 void *owner);

/* PostgreSQL is known to have events up to `seq`. */
void seqlog_note(struct seqlog *log, int64_t seq);

/* A fetch of what comes after log->last begins / has ended. `complete`: it returned all there was,
 * so what is still held from before it does not exist. */
void seqlog_fetch_begin(struct seqlog *log);
void seqlog_fetch_end(struct seqlog *log, bool complete);

enum seqlog_state seqlog_state(const struct seqlog *log, int limit);

#endif
