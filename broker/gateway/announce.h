/*
 * Who came online and who went offline, on its way to the rooms: one `presence` event a room and
 * turn, with so many names at most; the others follow in the next turn.
 */
#ifndef PARLEY_GATEWAY_ANNOUNCE_H
#define PARLEY_GATEWAY_ANNOUNCE_H

#include "shared/auth/token.h"
#include "shared/base/buf.h"

struct gateway;

struct announcement {
    int64_t room_id;
    char *room_name; /* owned */
    bool online;
    char username[TOKEN_USERNAME_SIZE];
};

/* In the order heard of. Zeroed: none. */
struct announcements {
    struct announcement *items;
    size_t count, cap;
};

void announcements_release(struct announcements *list);
void announcements_add(struct announcements *list, int64_t room_id, const char *room_name,
                       const char *username, bool online);

/* Send what may be sent now: at most `max_names` for a room. */
void announcements_send(struct announcements *list, struct gateway *gateway, int max_names);

/* Names for one event; `online` or not. Of two statements about a user the later one counts. */
struct presence_names {
    int64_t room_id;
    const char *room_name;
    struct announcement **items;
    int count;
};

/* Append ["presence",{room, online, offline}]; with `complete` (who is not named is offline). */
void presence_encode(const struct presence_names *names, bool complete, struct buf *out);

#endif
