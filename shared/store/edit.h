/*
 * Editing and deleting a message: its row of the log changes in place, and a row that names it is
 * added, which is what receivers and replay hear of. All under the room's lock (room_lock).
 */
#ifndef PARLEY_STORE_EDIT_H
#define PARLEY_STORE_EDIT_H

#include "shared/store/room.h"

/* A message and what stands in the way of changing it. Spans are borrowed from the rows. */
struct edit_target {
    bool found; /* there is a message with that seq, deleted or not */
    int kind;
    int64_t author; /* 0: the system */
    struct span sender;
    enum room_role author_role; /* now; ROLE_NONE: no member, or a direct room */
    struct span text;           /* SPAN_NONE once deleted */
    struct span nonce;
    int64_t at_us, edited_us, deleted_us;
    int64_t muted_until_us; /* the viewer; 0: not muted now; INT64_MAX: for good */
    bool blocked;           /* a direct room, one has blocked the other */
};

/* Look at message `seq` of the locked room. The rows are the caller's to release. */
enum err edit_look(struct db *db, const struct room_state *room, int64_t seq, int64_t viewer,
                   struct db_result *rows, struct edit_target *out) MUST_CHECK;

/* What is written. */
struct edit {
    int64_t room_id;
    int64_t seq;       /* the message */
    struct span text;  /* the new one; SPAN_NONE: the message is deleted, its text erased */
    int64_t event_seq; /* the row to be added, of kind `kind` */
    int kind;
    int64_t actor;
    int64_t at_us;
    int64_t taken_from; /* a delete: the author, if that is not the actor, for the audit; else 0 */
};

/* Write it and COMMIT, in one round trip. */
enum err edit_commit(struct db *db, const struct edit *edit) MUST_CHECK;

#endif
