/*
 * The seam of one membership: the room is live here at L, the member has everything up to H < L.
 * H+1..L is read for this member alone while live events are held; then they follow.
 */
#ifndef PARLEY_GATEWAY_CATCHUP_H
#define PARLEY_GATEWAY_CATCHUP_H

#include "broker/gateway/room.h"

/* Read (membership->head, upto] and emit it; hold live events until then. */
void catchup_begin(struct membership *membership, int64_t upto);

/* A live event for a member that is catching up. Too many held: the client is closed (it recovers
 * by reconnecting). */
void catchup_hold(struct membership *membership, int64_t seq, struct sio_message *message);

/* The member has the room up to here. Only while there is one. */
int64_t catchup_position(const struct membership *membership);

/* Forget it, if there is one. */
void catchup_cancel(struct membership *membership);

#endif
