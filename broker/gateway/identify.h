/*
 * Between a CONNECT and its client, for tokens of an outside issuer that this process has not seen:
 * who it is, is asked of PostgreSQL. On the loop.
 */
#ifndef PARLEY_GATEWAY_IDENTIFY_H
#define PARLEY_GATEWAY_IDENTIFY_H

#include "broker/gateway/gateway.h"

/* What goes on from there, with copies of what it began with; not called once it was cancelled. */
typedef void (*identify_fn)(struct sio_socket *socket, struct span auth, enum err err,
                            const struct chat_actor *actor);

/* Ask. `then` is called later, unless the readers' queue is full: ERR_FULL. */
enum err identify_begin(struct gateway *gateway, struct sio_socket *socket, struct span auth,
                        struct span token, identify_fn then) MUST_CHECK;

/* The socket is gone. */
void identify_cancel(struct gateway *gateway, const struct sio_socket *socket);

/* Free those whose jobs will not come back. After pool_free. */
void identify_release(struct gateway *gateway);

#endif
