/*
 * Rooms as a command sees them, and making them. A room's key is its folded name (any name it ever
 * had). Archived rooms are no longer found. What changes a room that exists is in change.h.
 */
#ifndef PARLEY_STORE_ROOM_H
#define PARLEY_STORE_ROOM_H

#include "shared/auth/password.h"
#include "shared/db/db.h"

/* Long enough for 255 characters of four bytes. */
#define ROOM_NAME_SIZE 1024

enum room_status { ROOM_PUBLIC, ROOM_PRIVATE, ROOM_DIRECT };
enum room_role { ROLE_NONE, ROLE_USER, ROLE_ADMIN, ROLE_OWNER };

/* "PUBLIC", ...; "USER", ..., NULL for ROLE_NONE: as stored and as clients see them. */
const char *room_status_name(enum room_status status);
const char *room_role_name(enum room_role role);
/* False if it is no status. */
bool room_status_parse(struct span name, enum room_status *out);
/* ROLE_NONE if it is no role. */
enum room_role room_role_parse(struct span name);

/* Who asks; checked in the same statement. */
struct room_viewer {
    int64_t user_id;
    int64_t session_id;
};

/* One snapshot of a room and of what the viewer is in it. */
struct room_state {
    bool alive; /* the viewer's session lives */
    int64_t id; /* 0: there is no such room; then nothing below but now_us is set */
    char name[ROOM_NAME_SIZE];
    enum room_status status;
    char password_hash[PASSWORD_HASH_SIZE]; /* PRIVATE; else "" */
    int64_t last_seq;
    int64_t members;
    int64_t created_us;
    int64_t now_us;          /* the database's clock */
    bool is_member;          /* the viewer */
    enum room_role role;     /* ... */
    int64_t banned_until_us; /* ...; 0: not banned now; INT64_MAX: for good */
    int64_t rooms_of_viewer; /* how many rooms the viewer is a member of; room_lock and those that
                                make a room, else 0 */
};

/* Look, without a lock. */
enum err room_look(struct db *db, struct span key, const struct room_viewer *viewer,
                   struct room_state *out) MUST_CHECK;

/* Begin a transaction, lock the room, then (if `and_viewer`) the viewer's row of app_user, and look
 * at both in a statement after that: what it sees cannot change before the commit. On ERR_OK the
 * transaction is open, whatever was found. */
enum err room_lock(struct db *db, struct span key, const struct room_viewer *viewer,
                   bool and_viewer, struct room_state *out) MUST_CHECK;

/* Begin a transaction and make an empty room with that name; the viewer's row is locked.
 * password_hash NULL: PUBLIC, else PRIVATE. ERR_NAME_TAKEN: a room has or had it (rolled back). */
enum err room_make(struct db *db, struct span name, struct span key, const char *password_hash,
                   const struct room_viewer *viewer, struct room_state *out) MUST_CHECK;

/* Begin a transaction and make the direct room of viewer and `other`, both locked; if there is one
 * (*made false) it is what `out` shows, and the transaction is over. */
enum err room_make_direct(struct db *db, struct span name, struct span key, int64_t other,
                          const struct room_viewer *viewer, bool *made,
                          struct room_state *out) MUST_CHECK;

/* Who follows when `user_id` leaves the room (call under its lock). */
struct room_successor {
    bool is_last_member; /* nobody else is there */
    bool needed;         /* the leaver is an owner and there is no other */
    int64_t user_id;     /* the next owner: longest-serving admin, else member; 0: not needed */
    char username[33];
};
enum err room_find_successor(struct db *db, int64_t room_id, int64_t user_id,
                             struct room_successor *out) MUST_CHECK;

#endif
