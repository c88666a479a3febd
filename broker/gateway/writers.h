/*
 * The writers: threads that write sends in batches. Rooms are spread over them by name, so the
 * sends of one room stay in order. A writer takes all that waits and writes it as one transaction:
 * no timer, the batch is what came in while the last one was being written, and what came in with
 * it in the loop's turn.
 */
#ifndef PARLEY_GATEWAY_WRITERS_H
#define PARLEY_GATEWAY_WRITERS_H

#include "broker/gateway/pool.h"
#include "broker/net/loop.h"
#include "shared/base/conf.h"
#include "shared/base/histogram.h"
#include "shared/base/list.h"
#include "shared/chat/chat.h"

struct writers;

struct write_job;

/* On the loop, for every job that was accepted, in order per room; the command is done. */
typedef void (*write_done_fn)(struct write_job *job);

/* Embedded in the caller's job. */
struct write_job {
    struct chat_command *command; /* a decoded CHAT_SEND_MESSAGE */
    int64_t started_ms;           /* when it came in: late after PG_TIMEOUT_MS */
    write_done_fn done;
    uint32_t timeline; /* PostgreSQL's, when it is done */
    struct list node;
};

/* Starts the threads. Owned by the caller. Of the options: conf, fence, answered, app. */
struct writers *writers_new(struct loop *loop, const struct pool_options *options);
/* Finish the batches in hand, drop what waits, join. Only when the loop runs no more. */
void writers_free(struct writers *writers);

/* ERR_FULL: not taken. */
enum err writers_submit(struct writers *writers, struct write_job *job) MUST_CHECK;

/* The limit of sends waiting from now on. On the loop. */
void writers_set_limit(struct writers *writers, int limit);

/* For /metrics. On the loop. */
struct writers_stats {
    uint64_t waiting;        /* sends accepted and not answered yet */
    uint64_t batches, sends; /* written since the start */
    uint64_t refused;        /* sends that writers_submit did not take */
    uint64_t threads, busy;  /* writers, and those in a transaction */
    struct histogram batch;  /* sends in a batch */
    struct histogram commit; /* microseconds of a batch */
};
void writers_stats(const struct writers *writers, struct writers_stats *out);

#endif
