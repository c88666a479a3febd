/*
 * Lists for REST: channels, members, and pages of a room's messages. Each is one statement, which
 * also checks that the session lives and what the viewer may see. Results are read row by row from
 * the db_result that the caller owns; spans are borrowed from it.
 */
#ifndef PARLEY_STORE_LISTING_H
#define PARLEY_STORE_LISTING_H

#include "shared/store/room.h"

/* ---- channels ---- */

struct listing_channels {
    bool mine;          /* only rooms the viewer is a member of; else public ones too */
    struct span search; /* folded; in any name the room has or had; SPAN_NONE: all */
    int64_t after_id;   /* rooms with greater ids */
    int64_t limit;
};

struct listing_channel {
    int64_t id;
    struct span name;
    enum room_status status;
    bool is_member;
    enum room_role role;
    int64_t members;
    int64_t last_seq;
    int64_t created_us;
    int64_t last_read_seq; /* of a member */
    int64_t unread;
};

/* By id, `limit` at most. *count rows. ERR_UNAUTHENTICATED. */
enum err listing_channels(struct db *db, const struct room_viewer *viewer,
                          const struct listing_channels *query, struct db_result *rows,
                          int *count) MUST_CHECK;
void listing_channel(const struct db_result *rows, int row, struct listing_channel *out);

/* ---- what is in a room ---- */

/* Whether the viewer may read in the room: ERR_UNAUTHENTICATED; ERR_ROOM_NOT_FOUND (also for a
 * PRIVATE or DIRECT room of others); ERR_NOT_A_MEMBER if `members_only`. */

struct listing_member {
    int64_t user_id;
    struct span username;
    enum room_role role;
    int64_t muted_until_us; /* 0: not muted now; INT64_MAX: for good */
    bool online;            /* connected somewhere, or was a moment ago */
};

/* Members by user id, those with greater ids than `after_id`. A PUBLIC room's are for everyone. */
enum err listing_members(struct db *db, const struct room_viewer *viewer, struct span key,
                         int64_t after_id, int64_t limit, struct db_result *rows,
                         int *count) MUST_CHECK;
void listing_member(const struct db_result *rows, int row, struct listing_member *out);

/* Messages with from <= seq < to: the last `limit` of them, or the first if `ascending`; without
 * those of authors the viewer has blocked. In seq order. */
struct listing_range {
    int64_t from;
    int64_t to;
    int64_t limit;
    bool ascending;
};

struct listing_message {
    struct span room; /* the room's name */
    int64_t seq;
    int kind;
    struct span sender; /* SPAN_NONE: the system */
    struct span text;
    struct span nonce;
    int64_t at_us, edited_us, deleted_us;
};

enum err listing_messages(struct db *db, const struct room_viewer *viewer, struct span key,
                          const struct listing_range *range, struct db_result *rows,
                          int *count) MUST_CHECK;
void listing_message(const struct db_result *rows, int row, struct listing_message *out);
/* What a page of the room's messages is made of: it stays the same as long as these do, for all
 * members but those who hide some authors. */
struct listing_version {
    bool may_read;     /* else there is nothing more to know; listing_messages says why */
    bool hides_others; /* the viewer has blocked somebody */
    int64_t last_seq;  /* of its log: nothing happens in a room without a seq */
    int64_t names;     /* how often a user's name was changed */
};
enum err listing_version(struct db *db, const struct room_viewer *viewer, int64_t room_id,
                         struct listing_version *out) MUST_CHECK;
/* The room's name, from any result of listing_messages that was ERR_OK, also an empty one. */
struct span listing_room_name(const struct db_result *rows);
/* Had the viewer blocked anybody when they were read? Likewise. */
bool listing_hides_others(const struct db_result *rows);
/* Its id, likewise. */
int64_t listing_room_id(const struct db_result *rows);

#endif
