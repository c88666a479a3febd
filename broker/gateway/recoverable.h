/*
 * The recoverable session of a client that asked for one: what it was sent lately, so that after a
 * lost connection its offset tells what it has. Belongs to the client while that is connected; then
 * it is parked, and restored once, here or by another broker (recovery.h).
 */
#ifndef PARLEY_GATEWAY_RECOVERABLE_H
#define PARLEY_GATEWAY_RECOVERABLE_H

#include "broker/gateway/record.h"
#include "shared/base/list.h"

struct client;
struct membership;
struct recovery;

/* A time in a room. */
struct stay {
    int64_t room;
    int64_t position; /* it was sent the room up to here ... */
    int64_t head;     /* ... from here on ... */
    int64_t entered;  /* ... by the fan-outs after this n, INT64_MAX: by none ... */
    int64_t last;     /* ... the last of which is this one; 0: there was none */
    bool over;        /* it has left, and knows as much as it needs */
};

struct sent {
    struct run run;
    int64_t at; /* ms */
};

struct recoverable {
    struct recovery *recovery;
    struct client *client; /* NULL: parked */
    char pid[RANDOM_ID_SIZE];
    char sid[RANDOM_ID_SIZE];
    char base[OFFSET_SIZE];
    struct point base_point, floor; /* as in struct record */
    int64_t user_id;
    int64_t k;               /* own events so far */
    int64_t inbox;           /* was sent the inbox up to here; while connected and -1: all */
    struct record *restored; /* until it is admitted: all there is to know */
    struct sent *sent;       /* own events that are rows, in order */
    size_t sent_count, sent_cap;
    struct stay *stays; /* those that are over; once parked: all */
    size_t stay_count, stay_cap;
    int64_t closed_at; /* ms */
    size_t bytes;
    struct list node; /* parked sessions, by closed_at */
};

/* A fresh session for a client under admission; client->session is set. Until recoverable_live it
 * can only be restored as one that has received nothing. */
struct recoverable *recoverable_open(struct recovery *recovery, struct client *client);
/* The same as the continuation of `record` (rewound; moved here), whose client had `offset`.
 * `client` may be NULL: nobody has come for it yet. */
struct recoverable *recoverable_reopen(struct recovery *recovery, struct client *client,
                                       struct span pid, struct span offset, struct record *record);
/* A client that had received nothing gets its history anew. */
void recoverable_forget_record(struct recoverable *session);
/* From here on its offsets can be told; `floor`: those from now on. */
void recoverable_live(struct recoverable *session, bool floor);

/* The offset of the next event for this client alone: row `seq` of `log` (room id; 0: the inbox),
 * or with seq 0 none. */
void recoverable_offset(struct recoverable *session, int64_t log, int64_t seq,
                        char out[OFFSET_SIZE]);

/* Remember a room that is not the client's any more: `after` of it was sent, and more may have to
 * be. recoverable_stay_over: the same of a membership that ends. */
void recoverable_past_room(struct recoverable *session, int64_t room, int64_t after, bool over);
void recoverable_stay_over(struct membership *membership);

/* The connection is over (or there was none): note what is needed later. The client has no session
 * afterwards. */
void recoverable_close(struct recoverable *session);
/* Forget it. Takes NULL. */
void recoverable_free(struct recoverable *session);

/* Where is `offset` in what this session was sent? False: it is none of its offsets. */
bool recoverable_point(const struct recoverable *session, struct span offset, struct point *point);

/* What to hand on: all that an offset from `since` on needs; NULL: all that may not have arrived.
 */
void recoverable_pack(const struct recoverable *session, const struct point *since,
                      struct record *out);

#endif
