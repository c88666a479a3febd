/*
 * Which of the rooms that are live here does a name lead to? Names come with the memberships and
 * with the rooms' own rows, so nobody is asked. All names of a room lead to it, as far as they were
 * heard of here: names are never used again for another room.
 */
#ifndef PARLEY_GATEWAY_ROOMNAME_H
#define PARLEY_GATEWAY_ROOMNAME_H

#include "broker/gateway/room.h"

/* The room's name was this when its log was at `seq`. */
void room_name_learn(struct room *room, struct span name, int64_t seq);
/* The same from its channelUpdated row. */
void room_name_heed(struct room *room, const struct event *event);
/* The room goes. */
void room_name_forget(struct room *room);

/* NULL: no room that is live here has or had that name (any bytes). */
struct room *room_name_find(struct gateway *gateway, struct span name);

/* The client's membership of the room with that name, also while it is not live yet; NULL: none. */
struct membership *room_name_member(const struct client *client, struct span name);

#endif
