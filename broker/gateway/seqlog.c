/* Order and exactly-once of one log; see the header for the rule. */
#include "broker/gateway/seqlog.h"

#include <assert.h>

#include "shared/base/mem.h"

void seqlog_init(struct seqlog *log, int64_t last)
{
    *log = (struct seqlog){.last = last, .known = last};
}

static void drop_held_from(struct seqlog *log, int from)
{
    while (log->held_count > from)
        event_release(&log->held[--log->held_count]);
}

void seqlog_release(struct seqlog *log)
{
    drop_held_from(log, 0);
    mem_free(log->held);
    log->held_cap = 0;
}

static void deliver_one(struct seqlog *log, struct event *event, seqlog_deliver_fn deliver,
                        void *owner)
{
    assert(event->seq == log->last + 1);
    log->last = event->seq;
    deliver(owner, event);
    event_release(event);
}

/* Deliver what is held and follows on, and forget what has become old. */
static void drain(struct seqlog *log, seqlog_deliver_fn deliver, void *owner)
{
    int done = 0;

    while (done < log->held_count && log->held[done].seq <= log->last + 1) {
        struct event *event = &log->held[done++];

        if (event->seq == log->last + 1)
            deliver_one(log, event, deliver, owner);
        else
            event_release(event);
    }
    if (done == 0)
        return;
    log->held_count -= done;
    memmove(log->held, log->held + done, (size_t)log->held_count * sizeof *log->held);
}

static void hold(struct seqlog *log, struct event *event, int limit)
{
    int at = log->held_count;

    while (at > 0 && log->held[at - 1].seq > event->seq)
        at--;
    if ((at > 0 && log->held[at - 1].seq == event->seq) || at >= limit) {
        event_release(event);
        return;
    }
    if (log->held_count == limit)
        drop_held_from(log, limit - 1);
    if (log->held_count == log->held_cap) {
        log->held_cap = log->held_cap ? log->held_cap * 2 : 4;
        log->held = mem_regrow(log->held, (size_t)log->held_cap, sizeof *log->held);
    }
    memmove(log->held + at + 1, log->held + at, (size_t)(log->held_count - at) * sizeof *log->held);
    log->held[at] = *event;
    *event = (struct event){0}; /* moved: the caller's list must not free it too */
    log->held_count++;
}

void seqlog_feed(struct seqlog *log, struct event *event, int limit, seqlog_deliver_fn deliver,
                 void *owner)
{
    if (event->seq <= log->last) {
        event_release(event);
    } else if (event->seq == log->last + 1) {
        deliver_one(log, event, deliver, owner);
        drain(log, deliver, owner);
    } else {
        hold(log, event, limit);
    }
}

void seqlog_start(struct seqlog *log, int64_t last, seqlog_deliver_fn deliver, void *owner)
{
    assert(log->last == SEQLOG_UNKNOWN);
    log->last = last;
    seqlog_note(log, last);
    drain(log, deliver, owner);
}

void seqlog_note(struct seqlog *log, int64_t seq)
{
    if (seq > log->known)
        log->known = seq;
}

void seqlog_fetch_begin(struct seqlog *log)
{
    assert(!log->fetching);
    log->fetching = true;
    log->known_bound = log->known;
    log->fetch_bound = log->held_count ? log->held[log->held_count - 1].seq : 0;
}

void seqlog_fetch_end(struct seqlog *log, bool complete)
{
    int bogus = 0;

    log->fetching = false;
    if (!complete)
        return;
    if (log->known == log->known_bound && log->known > log->last)
        log->known = log->last; /* noted since then: it is newer than what the fetch saw */
    while (bogus < log->held_count && log->held[bogus].seq <= log->fetch_bound)
        event_release(&log->held[bogus++]);
    log->held_count -= bogus;
    if (log->held_count > 0)
        memmove(log->held, log->held + bogus, (size_t)log->held_count * sizeof *log->held);
}

enum seqlog_state seqlog_state(const struct seqlog *log, int limit)
{
    if (log->fetching)
        return SEQLOG_FETCHING;
    if (log->held_count >= limit)
        return SEQLOG_OVERDUE;
    return log->held_count > 0 || log->known > log->last ? SEQLOG_WAITING : SEQLOG_STEADY;
}
