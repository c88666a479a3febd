/*
 * What an admitted client is told of the time up to its snapshot: the history, streamed with
 * back-pressure; then, for `since`, what else was missed of those rooms as the events themselves.
 */
#ifndef PARLEY_GATEWAY_BACKLOG_H
#define PARLEY_GATEWAY_BACKLOG_H

#include "broker/gateway/client.h"
#include "shared/chat/read.h"

struct backlog;

/* Bytes of history read at a time. */
size_t backlog_piece_bytes(const struct gateway *gateway);

/* `history` and `piece` are how far the admission's own job has come; `admission` and `piece` are
 * taken over. `done` is called when all is emitted or queued, with `replayed` if any event was sent
 * after the history; the backlog is gone then. If it cannot be, the client is closed instead. */
typedef void (*backlog_fn)(void *arg, bool replayed);
struct backlog *backlog_new(struct client *client, struct chat_admission *admission,
                            const struct chat_history *history, struct buf *piece, backlog_fn done,
                            void *arg);
/* Begin. `done` may be called from inside. */
void backlog_run(struct backlog *backlog);
/* The client is gone. Takes NULL. */
void backlog_cancel(struct backlog *backlog);

#endif
