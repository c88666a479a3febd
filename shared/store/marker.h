/*
 * Read markers: how far a member has read in a room. They only move forward, decide nothing, and
 * are in no log, so they take no room lock and a crash may set them back.
 */
#ifndef PARLEY_STORE_MARKER_H
#define PARLEY_STORE_MARKER_H

#include "shared/store/room.h"

struct marker_outcome {
    struct room_state room; /* id, name, status, members, is_member, alive, banned_until_us */
    int64_t seq;            /* where the marker is now */
    bool moved;             /* ... and it was not before */
};

/* Move the viewer's marker in the room to `seq`, or to the room's last if that is less. For one who
 * may not, `out` says why, and nothing is written. */
enum err marker_move(struct db *db, const struct room_viewer *viewer, struct span room_key,
                     int64_t seq, struct marker_outcome *out) MUST_CHECK;

/* A member's marker and count of unread messages (unread.h); zeros for others. */
enum err marker_read(struct db *db, int64_t room_id, int64_t user_id, int64_t *last_read_seq,
                     int64_t *unread) MUST_CHECK;

#endif
