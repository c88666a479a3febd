/*
 * Connection state recovery on this broker: offsets of what is fanned out, the sessions of those
 * who asked for it, connected and parked, and handing them over when the broker stops. NULL where
 * it is turned off. What a client has missed is replayed by restore.c.
 */
#ifndef PARLEY_GATEWAY_RECOVERY_H
#define PARLEY_GATEWAY_RECOVERY_H

#include "broker/gateway/ring.h"
#include "broker/gateway/recoverable.h"
#include "broker/sio/sio.h"
#include "shared/base/hash.h"
#include "shared/base/idmap.h"

struct gateway;
struct claims;
struct room;

struct recovery {
    struct gateway *gateway;
    char epoch[EPOCH_SIZE]; /* this process, by chance */
    struct ring ring;
    struct hash_key key;
    struct idmap by_pid; /* by the pid's hash: sessions, connected and parked */
    struct list parked;  /* those closed first come first */
    size_t parked_count, parked_bytes;
    size_t connected;  /* sessions that are not parked */
    int64_t window_ms; /* how long a session is kept */
    int64_t unsure_ms; /* what was written longer ago than this to a live connection has arrived */
    struct loop_timer *expire;
    struct claims *claims;
    int handing_over; /* jobs */
    bool hand_over_failed;
};

/* NULL if it is turned off. Owned by the caller. */
struct recovery *recovery_new(struct gateway *gateway);
void recovery_free(struct recovery *recovery);

/* loop_now. */
int64_t recovery_now(const struct recovery *recovery);

/* A room's event goes out to its members: give it its offset, if anybody here asked for recovery.
 */
void recovery_fan_out(struct gateway *gateway, struct room *room, int64_t seq,
                      struct sio_message *message);
/* The n of the last one; 0 where recovery is turned off. */
int64_t recovery_last(const struct gateway *gateway);

/* Used by recoverable.c: a session is there, is gone. */
void recovery_register(struct recovery *recovery, struct recoverable *session);
void recovery_forget(struct recovery *recovery, struct recoverable *session);

/* The client's connection is over. Keep the session for the window, or forget it. Takes a client
 * without. Call while the client still has its rooms. */
void recovery_client_gone(struct client *client, bool recoverable);

/* A session got from elsewhere, whose client is gone again: park it. */
void recovery_keep(struct recovery *recovery, struct span pid, struct span offset,
                   struct record *record);

/* Forget all sessions that are parked: what they know may be void. NULL is fine. */
void recovery_forget_parked(struct recovery *recovery);

enum taken {
    TAKEN_NONE, /* not here, or expired, or not this user's */
    TAKEN_LOST, /* it was here, but what the client has cannot be told */
    TAKEN_OK
};

/* Take a session out, once: `record` gets it, rewound to `offset`. A connection that it still has
 * is closed. */
enum taken recovery_take(struct recovery *recovery, struct span pid, int64_t user_id,
                         struct span offset, struct record *record);

/* The broker stops: hand over what is parked, now, to PostgreSQL. True: nothing is left to do. To
 * be called until then. */
bool recovery_hand_over(struct recovery *recovery);

#endif
