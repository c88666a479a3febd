/*
 * Who is online. This broker tells PostgreSQL which users it has (shared/chat/presence.h) and
 * announces to their rooms who came first and who went last, wherever else they may be connected;
 * and gives each client, and whoever joins a room, the state of the rooms to begin with. All once a
 * second, in one step on the readers; none while nothing changes but to keep the lease. While
 * PostgreSQL is away nothing is said. NULL where it is turned off.
 */
#ifndef PARLEY_GATEWAY_PRESENCE_H
#define PARLEY_GATEWAY_PRESENCE_H

#include "broker/gateway/client.h"

struct presence;

/* NULL if it is turned off. Owned by the caller. */
struct presence *presence_new(struct gateway *gateway);
void presence_free(struct presence *presence); /* takes NULL */

/* The client has entered its rooms; is gone. */
void presence_client_live(struct client *client);
void presence_client_gone(struct client *client);
/* A client that is live has joined one room more. */
void presence_joined(struct membership *membership);

/* A presence event has come for the room. */
void presence_heard(struct room *room);
/* The room goes. */
void presence_room_gone(struct room *room);
/* Presence events may have been lost: begin anew with the state of every room. */
void presence_lost_news(struct gateway *gateway);

#endif
