/*
 * What a user does to its own account: password, sessions, deletion. Each write checks in the same
 * statement that the session lives. Locks, always in this order: sessions by id, then the user's
 * row; rooms are not locked here (who leaves them does so before, one transaction a room).
 */
#ifndef PARLEY_STORE_ACCOUNT_H
#define PARLEY_STORE_ACCOUNT_H

#include "shared/store/room.h"
#include "shared/store/user.h"

/* The viewer's own row, with its password hash. ERR_UNAUTHENTICATED. */
enum err account_find(struct db *db, const struct room_viewer *viewer,
                      struct user_row *out) MUST_CHECK;

/* A session that was ended, and its row in the user's inbox. */
struct account_ended {
    int64_t session_id; /* 0: all of the user's */
    int64_t inbox_seq;
    int64_t at_us;
};

/* Rows of account_change_password and account_end_session: the sessions ended, by inbox_seq. */
int account_ended_count(const struct db_result *rows);
void account_ended_get(const struct db_result *rows, int row, struct account_ended *out);

/* Give the viewer the password hash `after` if it still has `before`, and end its other sessions.
 * No session can be opened with the old password afterwards, however long ago that was checked
 * (session_open waits for the user's row). ERR_UNAUTHENTICATED; ERR_WRONG_PASSWORD: it has another
 * hash by now. `rows` is the caller's to release, whatever is returned. */
enum err account_change_password(struct db *db, const struct room_viewer *viewer,
                                 const char *before, const char *after,
                                 struct db_result *rows) MUST_CHECK;

/* ---- sessions ---- */

struct account_session {
    int64_t id;
    int64_t created_us;
    int64_t used_us; /* when its refresh token was last used, or the session made */
    int64_t expires_us;
    bool current; /* the viewer's */
};

/* The viewer's living sessions with ids after `after_id`, by id. ERR_UNAUTHENTICATED. */
enum err account_sessions(struct db *db, const struct room_viewer *viewer, int64_t after_id,
                          int64_t limit, struct db_result *rows, int *count) MUST_CHECK;
void account_session(const struct db_result *rows, int row, struct account_session *out);

/* End one of the viewer's sessions; no row: it has none of that id. ERR_UNAUTHENTICATED. */
enum err account_end_session(struct db *db, const struct room_viewer *viewer, int64_t session_id,
                             struct db_result *rows) MUST_CHECK;

/* ---- deletion ---- */

/* One channel that the viewer is in, direct ones not counted. *name is borrowed from the rows;
 * SPAN_NONE: none is left. ERR_UNAUTHENTICATED. */
enum err account_next_room(struct db *db, const struct room_viewer *viewer, struct db_result *rows,
                           struct span *name) MUST_CHECK;

/* Delete the account if it is in no channel any more (*deleted): its name becomes a tombstone
 * ("deleted." and the id), its key stays taken; password, blocks, read markers and recoverable
 * sessions go; all its sessions end with one inbox row (`ended`). ERR_UNAUTHENTICATED. */
enum err account_delete(struct db *db, const struct room_viewer *viewer, bool *deleted,
                        struct account_ended *ended) MUST_CHECK;

#endif
