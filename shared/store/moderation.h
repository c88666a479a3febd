/*
 * Moderation: the member something is done to, what has run out, and the lists that owners and
 * admins read. Writing is a change (change.h) like any other.
 */
#ifndef PARLEY_STORE_MODERATION_H
#define PARLEY_STORE_MODERATION_H

#include "shared/auth/token.h"
#include "shared/store/room.h"

/* A user as seen from a room. */
struct moderation_target {
    int64_t user_id;
    char username[TOKEN_USERNAME_SIZE];
    bool is_active; /* neither disabled nor deleted */
    bool is_member;
    enum room_role role;     /* of members */
    int64_t muted_until_us;  /* 0: not set; also what has run out since; INT64_MAX: for good */
    int64_t banned_until_us; /* likewise */
};

/* The user whose key is `key`, in the room; call under the room's lock. ERR_USER_NOT_FOUND: none,
 * or deleted. */
enum err moderation_find_target(struct db *db, int64_t room_id, struct span key,
                                struct moderation_target *out) MUST_CHECK;

/* ---- what has run out ---- */

struct moderation_due {
    int64_t room_id;
    int64_t user_id;
};

#define MODERATION_DUE_MAX 32

/* Mutes and bans that have run out, `*count` of them; one indexed look each if there are none. */
enum err moderation_find_due(struct db *db, struct moderation_due out[MODERATION_DUE_MAX],
                             size_t *count) MUST_CHECK;

/* What there is to end once the room is locked. */
struct moderation_ended {
    struct room_state room; /* id, name, last_seq, members, now_us */
    bool archived;
    struct moderation_target target;
    bool mute, ban; /* has run out: is to be cleared. Neither: somebody else was first */
};

/* Begin a transaction, lock the room, and look at both in the next statement. On ERR_OK the
 * transaction is open. */
enum err moderation_lock_due(struct db *db, const struct moderation_due *due,
                             struct moderation_ended *out) MUST_CHECK;

/* For an archived room, where nobody hears of it: clear what has run out and commit. */
enum err moderation_clear_due(struct db *db, const struct moderation_due *due) MUST_CHECK;

/* ---- lists, for owners and admins ---- */

/* Those in force now, by user id, those with greater ids than `after_id`. ERR_FORBIDDEN: neither
 * owner nor admin; the others as in access.h, members only. */
enum err moderation_mutes(struct db *db, const struct room_viewer *viewer, struct span key,
                          int64_t after_id, int64_t limit, struct db_result *rows,
                          int *count) MUST_CHECK;
enum err moderation_bans(struct db *db, const struct room_viewer *viewer, struct span key,
                         int64_t after_id, int64_t limit, struct db_result *rows,
                         int *count) MUST_CHECK;

/* Spans are borrowed from the rows. */
struct moderation_listed {
    int64_t user_id;
    struct span username;
    int64_t until_us;
    struct span by; /* SPAN_NONE, with what follows: not known */
    struct span reason;
    int64_t at_us;
};
void moderation_listed(const struct db_result *rows, int row, struct moderation_listed *out);

/* The audit, newest first, entries with smaller ids than `before_id` (0: from the newest). */
enum err moderation_audit(struct db *db, const struct room_viewer *viewer, struct span key,
                          int64_t before_id, int64_t limit, struct db_result *rows,
                          int *count) MUST_CHECK;

struct moderation_entry {
    int64_t id;
    int64_t at_us;
    struct span actor;
    struct span action;
    struct span subject; /* SPAN_NONE: none */
    int64_t until_us;    /* 0: none; INT64_MAX: for good */
    struct span reason;
    struct span details; /* a JSON object, or SPAN_NONE */
};
void moderation_entry(const struct db_result *rows, int row, struct moderation_entry *out);

#endif
