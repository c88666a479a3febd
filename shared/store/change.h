/*
 * A change: everything one command writes into one room, committed together: rows of the room's
 * log, the room's own columns, memberships, and rows of inboxes. The caller holds the room's lock
 * (room_lock, room_make, room_make_direct) and knows its last seq, so the rows are numbered here
 * without asking. Kinds are those of shared/chat/event.h, which the store only passes through.
 */
#ifndef PARLEY_STORE_CHANGE_H
#define PARLEY_STORE_CHANGE_H

#include "shared/store/room.h"

/* A row of the room's log. Spans are borrowed until the commit. */
struct change_row {
    int kind;
    int64_t actor;   /* 0: the system */
    int64_t subject; /* the member a membership row is about; 0: none */
    struct span text;
    struct span payload; /* a JSON object, or SPAN_NONE */
};

/* A row of a user's inbox, about the room of the change. */
struct change_notice {
    int64_t user_id;
    int kind;
    int64_t actor;
    int64_t room_seq; /* 0: none */
    int64_t seq;      /* set by the commit */
};

enum change_membership { CHANGE_ENTER, CHANGE_LEAVE, CHANGE_ROLE, CHANGE_MUTE, CHANGE_BAN };

struct change_member {
    int64_t user_id;
    enum change_membership what;
    enum room_role role; /* ENTER, ROLE */
    int64_t seq;         /* ENTER: of the row memberJoined */
    int64_t until_us;    /* MUTE, BAN (also of one who was never a member): until when; INT64_MAX:
                            for good; 0: no more */
};

/* An entry of the room's audit; none without an action. Borrowed until the commit. */
struct change_audit {
    const char *action;
    int64_t actor;
    int64_t subject;     /* 0: none */
    int64_t until_us;    /* 0: none; INT64_MAX: for good */
    struct span reason;  /* SPAN_NONE: none */
    struct span details; /* a JSON object, or SPAN_NONE */
};

#define CHANGE_ROWS_MAX 4
#define CHANGE_NOTICES_MAX 4
#define CHANGE_MEMBERS_MAX 2

struct change {
    int64_t room_id;
    int64_t at_us;
    int64_t first_seq; /* of rows[0] */
    int64_t members_before;
    struct change_row rows[CHANGE_ROWS_MAX];
    size_t row_count;
    struct change_notice notices[CHANGE_NOTICES_MAX];
    size_t notice_count;
    struct change_member members[CHANGE_MEMBERS_MAX];
    size_t member_count;
    struct change_audit audit;
    bool archive;

    /* The room's columns; only with `settings`. */
    bool settings;
    struct span name;
    struct span name_key; /* SPAN_NONE: the name stays */
    enum room_status status;
    struct span password_hash; /* SPAN_NONE: none */
};

/* An empty change of the room, at the time and after the seq of `state`. */
void change_init(struct change *change, const struct room_state *state);

/* Add a row and return its seq. */
int64_t change_add_row(struct change *change, const struct change_row *row);
void change_add_notice(struct change *change, const struct change_notice *notice);
void change_add_member(struct change *change, const struct change_member *member);

/* How many members the change adds; negative: takes away. */
int64_t change_members_added(const struct change *change);

/* Write it all and COMMIT, in one round trip. The rows of app_user that get notices are locked in
 * id order. ERR_NAME_TAKEN: another room has that name. After an error nothing was written, but
 * after ERR_DB_LOST that is not known. */
enum err change_commit(struct db *db, struct change *change) MUST_CHECK;

/* The same for a room that ends: all its members leave, and each gets a notice of kind
 * `notice_kind`, for the change's last row. *notices is owned by the caller (free). */
enum err change_commit_end(struct db *db, struct change *change, int notice_kind, int64_t actor,
                           struct change_notice **notices, size_t *notice_count) MUST_CHECK;

#endif
