/*
 * A room that has a member connected here: its live log, and those members. An event is encoded
 * once and queued for every member whose own position lets it through.
 */
#ifndef PARLEY_GATEWAY_ROOM_H
#define PARLEY_GATEWAY_ROOM_H

#include "broker/gateway/absence.h"
#include "broker/gateway/livelog.h"
#include "broker/sio/sio.h"

struct client;
struct catchup;

struct room {
    struct livelog live; /* first: a livelog of type LOG_ROOM is a room */
    struct membership **members;
    size_t count, cap;
    int64_t last_n; /* its last event here that has an offset (recovery.h); 0: none */
    char *name;     /* NULL until it is known; roomname.c's, as what follows is */
    int64_t name_seq;
    int64_t *name_keys;
    int name_count;
    struct list typists;       /* typing.c's */
    struct list presence_node; /* presence.c's, as what follows is */
    unsigned presence_heard, presence_asked;
};

/* One client's place in one room. Owned by the client; known to the room while it is entered. */
struct membership {
    struct client *client;
    int64_t room_id;
    struct room *room; /* NULL until it is entered */
    size_t index;      /* in room->members */
    int64_t entered_n; /* events with offsets after this one went to it directly */
    int64_t head;      /* events up to this seq are not for it: it has them, or predates them */
    bool wants_presence, joined_online; /* presence.c's */
    char *name;                         /* of the room, until it is entered; owned */
    struct absences away; /* what is known of leaving and coming back after the room's position */
    struct catchup *catchup; /* events between head and the room's position are being read */
};

/* Enter the room live with everything after membership->head: as it is, skipping what the room has
 * not seen yet, or after reading what the room has already passed (DESIGN of the seam:
 * docs/ARCHITECTURE.md). Makes the room live if it is not. */
void room_enter(struct gateway *gateway, struct membership *membership);

/* Take the membership out of its room (if entered). The client frees it. */
void room_remove(struct membership *membership);

/* The inbox says that the member left at `seq` of the room's log. True: the membership is over now,
 * the caller removes it; false: it ends when the log has come there. */
bool room_leave_at(struct membership *membership, int64_t seq);

/* Is the event at `seq` for this member? */
bool room_member_wants(const struct membership *membership, int64_t seq);
/* The log (or a catch-up) has come to `event`: has this stay ended with it? Learns of a leave from
 * the room's own row, too, whichever comes first. */
bool room_member_passes(struct membership *membership, const struct event *event);
/* End the stay. True: the membership is over; false: the member comes back, as its inbox has told.
 */
bool room_member_ends(struct membership *membership);

/* ops of livelog */
void room_deliver(struct livelog *live, struct event *event);
bool room_is_empty(const struct livelog *live);
void room_free(struct livelog *live);

#endif
