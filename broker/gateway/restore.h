/*
 * What a restored client has missed: read from the logs and emitted, in order, between its
 * admission and its going live. Rooms it is still in up to the snapshot, rooms it joined meanwhile
 * from the join on, rooms it left up to the leave, and its inbox.
 */
#ifndef PARLEY_GATEWAY_RESTORE_H
#define PARLEY_GATEWAY_RESTORE_H

#include "broker/gateway/client.h"
#include "broker/gateway/recovery.h"
#include "shared/chat/read.h"

struct restore;

/* What CONNECT says about recovery. */
struct restore_wish {
    bool wanted; /* "recovery": true, or a pid */
    bool has_offset;
    char pid[RANDOM_ID_SIZE]; /* "": none, or none of ours */
    char offset[OFFSET_SIZE]; /* one that is none of ours becomes "?" */
};
void restore_wish_parse(struct span auth, struct restore_wish *out);

/* The client was admitted with `admission`, its session says what it has (session->restored, which
 * is used up). `done` is called when everything is emitted and the client's memberships stand at
 * the snapshot; the restore is gone then. If it cannot be, the client is closed instead. */
struct restore *restore_new(struct client *client, const struct chat_admission *admission,
                            loop_fn done, void *arg);
/* Begin. `done` may be called from inside. */
void restore_run(struct restore *restore);
/* The client is gone. Takes NULL. */
void restore_cancel(struct restore *restore);

#endif
