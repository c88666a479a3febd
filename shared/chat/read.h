/*
 * Reading: what a client sees at connection, history, and what repair needs. All block; worker
 * threads only. Every authorised read checks in the same statement that the session lives.
 */
#ifndef PARLEY_CHAT_READ_H
#define PARLEY_CHAT_READ_H

#include "shared/chat/chat.h"

/* ---- admission: the vector a connection starts from ---- */

struct chat_position {
    int64_t room_id;
    char *name;    /* owned by the admission */
    int64_t head;  /* H: last_seq in the snapshot; live starts at H + 1 */
    int64_t after; /* history starts after this seq (history: N, since) */
    int64_t joined_seq;
    bool since; /* named in `since`: the other events of (after, head] follow as live ones */
};

struct chat_admission {
    int64_t inbox_seq;
    struct chat_position *rooms; /* by room id */
    size_t room_count;
    int64_t *blocked; /* user ids whose messages this user does not see, ascending */
    size_t blocked_count;
    bool no_history; /* history: 0 was asked for: the Record is {} */
};

/* CONNECT options. history: -1 full, 0 none, N last N per room. */
struct chat_connect_options {
    int64_t history;
    struct span since; /* JSON object {roomName: seq} or SPAN_NONE; borrowed */
};

/* Read the CONNECT payload's options. ERR_VALIDATION_FAILED for wrong types. */
enum err chat_connect_options_parse(struct span auth, struct chat_connect_options *out) MUST_CHECK;

/* One statement, one snapshot. ERR_UNAUTHENTICATED: the session has ended. */
enum err chat_admit(struct chat *chat, struct db *db, const struct chat_actor *actor,
                    const struct chat_connect_options *options,
                    struct chat_admission *out) MUST_CHECK;
void chat_admission_release(struct chat_admission *admission);

/* ---- history as Record<roomName, Message[]> ---- */

/* Where a reader of history is; starts zeroed but for `admission` (borrowed). Rows up to each
 * room's head only, so the seam is exact however late a page is read (an edit made since shows). */
struct chat_history {
    const struct chat_admission *admission;
    size_t room;    /* index of the room being read */
    int64_t seq;    /* last seq written of it */
    bool room_open; /* its "[" is written */
    bool any_room;
    bool any_message; /* ... and a message in it */
    bool done;
};

/* Append the next piece (about max_bytes) of the JSON object to `out`: the first piece begins with
 * "{", the last ends with "}" and sets done. Rooms without messages are `[]`. After an error
 * nothing was appended and the call may be repeated. */
enum err chat_history_next(struct db *db, struct chat_history *history, size_t max_bytes,
                           struct buf *out) MUST_CHECK;

/* ---- what was missed, for clients without a connection (POST /sync) ---- */

/* The body {since: {roomName: seq}}: `since` gets its member, borrowed. With ERR_VALIDATION_FAILED
 * `problems` gets the JSON array of field errors. */
enum err chat_sync_parse(const struct chat *chat, struct span body, struct span *since,
                         struct buf *problems) MUST_CHECK;

/* Where a reader is; starts zeroed but for the first two (borrowed). */
struct chat_sync {
    const struct chat_admission *admission; /* of a chat_admit with that `since` */
    struct span since;
    size_t room;
    int64_t seq; /* last seq read of the room */
    bool begun, room_open, any_event, done;
};

/* Append the next piece (at least max_bytes, and at most one read more) of
 *   {"gone": [name], "rooms": {name: {"after", "lastSeq", "events": [{"seq", "event", "data"}]}}}
 * until `done`: every event after < seq <= lastSeq of each of the user's rooms, as it was or would
 * have been emitted, without those about messages of authors it has blocked. `gone`: names in
 * `since` that lead to no room of the user's. After an error what was appended is worthless. */
enum err chat_sync_next(struct db *db, struct chat_sync *sync, size_t max_bytes,
                        struct buf *out) MUST_CHECK;

/* ---- logs ---- */

/* Events of a log with after < seq <= upto (upto 0: no bound), at most `limit`, in order, rendered
 * from the present state. `non_messages`: only those that are not part of history. */
enum err chat_log_read(struct db *db, enum log_type log, int64_t log_id, int64_t after,
                       int64_t upto, int limit, bool non_messages,
                       struct event_list *out) MUST_CHECK;

struct chat_head {
    enum log_type log;
    int64_t id;
    int64_t seq;
};

/* last seq of each log: fills heads[i].seq (0 if there is no such log). */
enum err chat_heads(struct db *db, struct chat_head *heads, size_t count) MUST_CHECK;

/* What was written since the last sweep: max(seq) per log over rows with xid >= since. */
struct chat_sweep {
    uint64_t since_xid;      /* in: 0 the first time (nothing is returned, only next_xid) */
    uint64_t next_xid;       /* out: pg_snapshot_xmin of this snapshot */
    struct chat_head *heads; /* out; owned */
    size_t count;
};
enum err chat_sweep_run(struct db *db, struct chat_sweep *sweep) MUST_CHECK;
void chat_sweep_release(struct chat_sweep *sweep);

/* SELECT 1: the readiness probe. */
enum err chat_ping(struct db *db) MUST_CHECK;

/* ---- REST lists (each appends the finished JSON body) ---- */

struct chat_page {
    int64_t before, after, around; /* seq; 0: absent */
    int64_t limit;                 /* 1..LIMIT_PAGE */
    struct page_cache *cache;      /* the calling thread's, used with its `db` only; NULL: none */
};
/* What a page turned out to be. */
struct chat_page_found {
    int64_t room_id;
    bool has_more;       /* there is more where it was cut off by its limit */
    bool was_kept;       /* it came out of the cache */
    bool hides_others;   /* the reader has blocked somebody */
    int64_t first, last; /* seq of its messages; 0: it is empty */
};
enum err chat_messages_page(struct db *db, const struct chat_actor *actor, struct span room,
                            const struct chat_page *page, struct buf *out,
                            struct chat_page_found *found) MUST_CHECK;
enum err chat_message_get(struct db *db, const struct chat_actor *actor, struct span room,
                          int64_t seq, struct buf *out) MUST_CHECK;
struct chat_channel_query {
    bool mine;          /* ?member=me */
    struct span search; /* ?q= */
    struct span cursor; /* opaque; SPAN_NONE: the beginning */
    int64_t limit;
};
enum err chat_channels_list(struct db *db, const struct chat_actor *actor,
                            const struct chat_channel_query *query, struct buf *out,
                            struct buf *next_cursor) MUST_CHECK;
enum err chat_channel_get(struct db *db, const struct chat_actor *actor, struct span room,
                          struct buf *out) MUST_CHECK;
enum err chat_members_list(struct db *db, const struct chat_actor *actor, struct span room,
                           struct span cursor, int64_t limit, struct buf *out,
                           struct buf *next_cursor) MUST_CHECK;
/* {"blocks": [{username, blockedAt}], nextCursor?}: whom the actor has blocked. */
enum err chat_blocks_list(struct db *db, const struct chat_actor *actor, struct span cursor,
                          int64_t limit, struct buf *out, struct buf *next_cursor) MUST_CHECK;

/* For owners and admins of the room; ERR_FORBIDDEN. */
enum chat_sanction { CHAT_MUTES, CHAT_BANS };
enum err chat_sanctions_list(struct db *db, const struct chat_actor *actor, struct span room,
                             enum chat_sanction which, struct span cursor, int64_t limit,
                             struct buf *out, struct buf *next_cursor) MUST_CHECK;
/* Newest first. */
enum err chat_audit_list(struct db *db, const struct chat_actor *actor, struct span room,
                         struct span cursor, int64_t limit, struct buf *out,
                         struct buf *next_cursor) MUST_CHECK;

#endif
