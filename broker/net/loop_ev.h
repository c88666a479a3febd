/* The libev loop under a struct loop. For broker/net only: libwebsockets runs inside the same one.
 */
#ifndef PARLEY_NET_LOOP_EV_H
#define PARLEY_NET_LOOP_EV_H

#include "broker/net/loop.h"

struct ev_loop;

/* Borrowed; lives as long as `loop`. */
struct ev_loop *loop_ev(struct loop *loop);

/* Turn the loop once without sleeping, defers included. For shutting down outside loop_run. */
void loop_turn(struct loop *loop);

#endif
