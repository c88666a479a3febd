/*
 * Passing news: typing, presence, read markers, custom events that are not kept. In no log, so they
 * are neither numbered nor repeated, and MQTT may lose them; a connection that lags does not get
 * them. They go to who is connected now: the members of a room, or the sockets of a user.
 */
#ifndef PARLEY_GATEWAY_NEWS_H
#define PARLEY_GATEWAY_NEWS_H

#include "shared/chat/event.h"

struct gateway;
struct room;

/* Publish what came up here, and deliver it to those who are here. Releases it. */
void news_send(struct gateway *gateway, struct event *news);

/* Deliver what is known elsewhere, or came from there. */
void news_deliver(struct gateway *gateway, const struct event *news);

/* Only hand it to the room's members here: none who has blocked its author, none of news->except,
 * and of typing not the author either. */
void news_fan_out(struct room *room, const struct event *news);

#endif
