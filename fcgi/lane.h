/*
 * A bounded queue between the threads that accept requests and those that serve the slow ones: what
 * waits for a password hash waits here, and keeps no other request's thread. Thread-safe.
 */
#ifndef PARLEY_FCGI_LANE_H
#define PARLEY_FCGI_LANE_H

#include "shared/base/list.h"

struct lane;

/* At most `limit` wait. Owned by the caller; free it when nobody is in a call. */
struct lane *lane_new(int limit);
void lane_free(struct lane *lane);

/* Put the node at the end; false if the lane is full (or closed): it was not taken. */
bool lane_put(struct lane *lane, struct list *node);

/* At most so many wait from now on. */
void lane_set_limit(struct lane *lane, int limit);

/* How many wait. */
int lane_waiting(struct lane *lane);

/* The first node; waits for one. NULL once the lane is closed and empty. */
struct list *lane_take(struct lane *lane);

/* Take nothing more in; what waits is still handed out. */
void lane_close(struct lane *lane);

#endif
