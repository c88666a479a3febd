/*
 * Who is typing where. Every broker keeps it for its live rooms from the same passing news, and
 * lets it run out by itself: when a broker dies or MQTT loses the end of it, nobody types for ever.
 * Its end is also a message by the user, leaving the room, and the socket going.
 */
#ifndef PARLEY_GATEWAY_TYPING_H
#define PARLEY_GATEWAY_TYPING_H

#include "broker/gateway/client.h"

struct typing;

/* Owned by the caller. */
struct typing *typing_new(struct gateway *gateway);
void typing_free(struct typing *typing); /* takes NULL */
/* Its limit has changed in the settings. */
void typing_reload(struct typing *typing);

/* A client says {room, typing: bool}. What is not that, or too often, is ignored: there is no
 * answer. */
void typing_on_event(struct client *client, struct span dto);

/* News of kind EVENT_TYPING, from here or from another broker. */
void typing_heard(struct room *room, const struct event *news);

/* The user has sent a message, or is out. */
void typing_over(struct room *room, int64_t user_id);
/* The socket goes: whatever it was typing. */
void typing_client_gone(struct client *client);
/* The room goes. */
void typing_forget(struct room *room);

#endif
