/*
 * From CONNECT to live: token, the user's inbox, the snapshot, the history, the rooms. Nothing is
 * lost and nothing doubled between the history and what comes live (docs/ARCHITECTURE.md, "The
 * seam").
 */
#ifndef PARLEY_GATEWAY_CONNECT_H
#define PARLEY_GATEWAY_CONNECT_H

#include "broker/gateway/client.h"

/* The namespace's connect and disconnect handlers. */
void connect_begin(struct sio_socket *socket, struct span auth);
void connect_end(struct sio_socket *socket, enum sio_reason reason);

/* The inbox subscription of the client's user is active, or will not come: go on. */
void connect_subscribed(struct client *client);

/* The client is gone: give up what is under way. Takes one that is not connecting. */
void connect_cancel(struct client *client);

/* Emit accessDenied {message, code} on an accepted socket and disconnect it. */
void connect_deny(struct sio_socket *socket, enum err err, const char *message);

#endif
