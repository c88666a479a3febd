/*
 * A worker's page /metrics, over HTTP on a port of its own (decision 15): FastCGI is the front's
 * way in, and metrics are never on the front. One thread, one request at a time; meant for a
 * loopback or an inner address.
 */
#ifndef PARLEY_FCGI_METRICS_LISTENER_H
#define PARLEY_FCGI_METRICS_LISTENER_H

#include "shared/base/buf.h"

struct metrics_listener;

/* Appends the page; on the listener's thread. */
typedef void (*metrics_fill_fn)(void *arg, struct buf *out);

/* Listen on an address in digits and a port. NULL if that cannot be, which is logged: a worker
 * works without. Owned by the caller. */
struct metrics_listener *metrics_listener_new(const char *host, int port, metrics_fill_fn fill,
                                              void *arg);

/* End the thread, at most a request later. Takes NULL. */
void metrics_listener_free(struct metrics_listener *listener);

#endif
