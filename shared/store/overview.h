/*
 * What an operator sees: counts, rooms, users, sessions. No session is checked; only parleyctl
 * calls this, on a connection that the operator's configuration opened.
 */
#ifndef PARLEY_STORE_OVERVIEW_H
#define PARLEY_STORE_OVERVIEW_H

#include "shared/store/room.h"

struct overview_counts {
    int64_t users; /* not deleted */
    int64_t disabled;
    int64_t sessions; /* that live */
    int64_t public_rooms, private_rooms, direct_rooms;
    int64_t archived_rooms;
    int64_t memberships;
    int64_t room_events; /* rows of all rooms' logs, from their counters */
};
enum err overview_count(struct db *db, struct overview_counts *out) MUST_CHECK;

struct overview_room {
    int64_t id;
    struct span name; /* borrowed from the result */
    enum room_status status;
    int64_t members;
    int64_t last_seq;
    int64_t created_us;
    int64_t archived_us; /* 0: not */
    struct span owner;   /* SPAN_NONE: none (direct rooms) */
    int64_t names;       /* how many names lead to it */
};

/* Rooms with greater ids than `after_id`, by id, archived ones too. *count rows. */
enum err overview_rooms(struct db *db, int64_t after_id, int64_t limit, struct db_result *rows,
                        int *count) MUST_CHECK;
/* The room that has or had the name with that key. ERR_ROOM_NOT_FOUND. */
enum err overview_find(struct db *db, struct span key, struct db_result *rows) MUST_CHECK;
void overview_room(const struct db_result *rows, int row, struct overview_room *out);

struct overview_user {
    int64_t id;
    struct span name; /* borrowed from the result */
    int64_t created_us;
    int64_t disabled_us; /* 0: not */
    int64_t sessions;    /* that live */
    int64_t rooms;       /* it is a member of */
};

/* Users, deleted ones not, with greater ids than `after_id`, by id. *count rows. */
enum err overview_users(struct db *db, int64_t after_id, int64_t limit, struct db_result *rows,
                        int *count) MUST_CHECK;
/* The user with that key. ERR_USER_NOT_FOUND. */
enum err overview_find_user(struct db *db, struct span key, struct db_result *rows) MUST_CHECK;
void overview_user(const struct db_result *rows, int row, struct overview_user *out);

struct overview_session {
    int64_t id;
    int64_t created_us;
    int64_t used_us; /* when its refresh token was last used, or the session made */
    int64_t expires_us;
};

/* A user's living sessions with greater ids than `after_id`, by id. *count rows. */
enum err overview_sessions(struct db *db, int64_t user_id, int64_t after_id, int64_t limit,
                           struct db_result *rows, int *count) MUST_CHECK;
void overview_session(const struct db_result *rows, int row, struct overview_session *out);

#endif
