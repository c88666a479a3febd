/*
 * Events from clients. Every event is a chat command: decoded on the loop, run on a pool, answered
 * as the named event and as the ack, with the same body. Commands of one connection take effect in
 * the order sent: a barrier waits for all before it, and all after it wait for its answer.
 */
#ifndef PARLEY_GATEWAY_COMMAND_H
#define PARLEY_GATEWAY_COMMAND_H

#include "broker/gateway/client.h"
#include "broker/gateway/writers.h"

/* The namespace's catch-all event handler. */
void command_on_event(struct sio_socket *socket, const struct sio_event *event);

/* The client goes: forget what has not begun. What has begun goes on (and is delivered to others).
 */
void command_drop_waiting(struct client *client);

/* Publish and deliver what a commit of ours made true, and the news that go with it; on a timeline
 * of PostgreSQL that was left since, it may not be true any more: nothing is. Empties the list. */
void command_deliver_events(struct gateway *gateway, struct event_list *events, uint32_t timeline);

/* Answer an event: `body` as the event `name` and, if asked for, as the ack. */
void command_answer(struct client *client, const char *name, struct span body, bool has_ack,
                    uint64_t ack_id);

#endif
