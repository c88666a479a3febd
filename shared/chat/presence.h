/*
 * Presence for the brokers: what one of them tells PostgreSQL of the users it has, and what news
 * follow for which rooms. All block; worker threads only. When to tell what is the broker's
 * business (broker/gateway/presence.c).
 */
#ifndef PARLEY_CHAT_PRESENCE_H
#define PARLEY_CHAT_PRESENCE_H

#include "shared/auth/token.h"
#include "shared/db/db.h"

struct chat_presence_row {
    int64_t room_id;
    char *room_name;
    char username[TOKEN_USERNAME_SIZE]; /* "": none */
    enum {
        CHAT_CAME_ONLINE,
        CHAT_WENT_OFFLINE,
        CHAT_IS_ONLINE, /* of a room whose state was asked for; "": nobody there is */
        CHAT_ASK_AGAIN  /* its state was too much for once */
    } what;
};

struct chat_presence {
    /* in: */
    const char *broker; /* name of this process's life */
    int64_t lease_ms, max_members;
    bool renew, enroll; /* keep the lease; or: begin one */
    int64_t *came, *gone, *rooms;
    size_t came_count, gone_count, room_count;
    bool again, bury;
    /* out: */
    bool lost; /* the lease had ended: nothing was done; enroll, and tell all users again */
    bool dead; /* there are brokers to bury (with renew) */
    bool more; /* there may be more to bury (with bury) */
    struct chat_presence_row *rows; /* by room; news first; owned */
    size_t row_count, row_cap;
};

/* One step: the lease, then what has changed, then the state of rooms. After an error it may or may
 * not have been done: repeat it with `again`. */
enum err chat_presence_step(struct db *db, struct chat_presence *step) MUST_CHECK;
/* Forget the rows. */
void chat_presence_release(struct chat_presence *step);

#endif
