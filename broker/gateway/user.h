/*
 * A user with a socket on this broker: the inbox log, the sockets, and whom the user has blocked.
 * What concerns the user's sockets (joined, left, session ended, ...) arrives here in inbox order.
 */
#ifndef PARLEY_GATEWAY_USER_H
#define PARLEY_GATEWAY_USER_H

#include "broker/gateway/livelog.h"

struct client;

struct user {
    struct livelog live; /* first: a livelog of type LOG_INBOX is a user */
    struct list clients;
    int client_count;
    int64_t *blocked; /* user ids, ascending */
    size_t blocked_count, blocked_cap;
};

/* Find, or make and subscribe. Never NULL. */
struct user *user_open(struct gateway *gateway, int64_t id);

void user_add(struct user *user, struct client *client);
void user_remove(struct user *user, struct client *client);

/* Replace the list of blocked users (copied; ascending). */
void user_set_blocked(struct user *user, const int64_t *ids, size_t count);
bool user_has_blocked(const struct user *user, int64_t author);

/* The inbox's subscription is active, or will not come: clients that wait for it go on. */
void user_subscribed(struct livelog *live);

/* ops of livelog */
void user_deliver(struct livelog *live, struct event *event);
bool user_is_empty(const struct livelog *live);
void user_free(struct livelog *live);

#endif
