/* The timer behind indexer.h. Searches are exact without it, only slower the longer it rests. */
#include "broker/gateway/indexer.h"

#include "broker/gateway/gateway.h"
#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/chat/search.h"

#define PERIOD_MS 2000
#define PAUSE_MS 20 /* between steps, at least */

struct indexer {
    struct pool_job job; /* first */
    struct gateway *gateway;
    struct loop_timer *timer;
    enum err err;
    bool more;
    int64_t took_ms;
};

static void run(struct pool_job *job, struct db *db)
{
    struct indexer *indexer = (struct indexer *)job;

    indexer->took_ms = clock_mono_ms();
    indexer->err = chat_search_index(db, &indexer->more);
    indexer->took_ms = clock_mono_ms() - indexer->took_ms;
}

/* Sends have the first claim on PostgreSQL: rest in proportion to the work. */
static void done(struct pool_job *job)
{
    struct indexer *indexer = (struct indexer *)job;
    int64_t share = conf_int(indexer->gateway->conf, CONF_BROKER_SEARCH_INDEX_SHARE);
    int64_t rest = indexer->took_ms * (100 - share) / share;

    if (indexer->err != ERR_OK || !indexer->more)
        rest = rest > PERIOD_MS ? rest : PERIOD_MS;
    loop_timer_start(indexer->timer, rest > PAUSE_MS ? rest : PAUSE_MS, 0);
}

static void on_timer(void *arg)
{
    struct indexer *indexer = arg;

    if (indexer->gateway->drain_timer)
        return;
    indexer->job = (struct pool_job){.run = run, .done = done};
    if (pool_submit(indexer->gateway->readers, &indexer->job) != ERR_OK)
        loop_timer_start(indexer->timer, PERIOD_MS, 0);
}

struct indexer *indexer_new(struct gateway *gateway)
{
    struct indexer *indexer = mem_alloc(sizeof *indexer);

    indexer->gateway = gateway;
    indexer->timer = loop_timer_new(gateway->loop, on_timer, indexer);
    if (conf_int(gateway->conf, CONF_BROKER_SEARCH_INDEX_SHARE) > 0)
        loop_timer_start(indexer->timer, PERIOD_MS, 0);
    return indexer;
}

void indexer_free(struct indexer *indexer)
{
    if (!indexer)
        return;
    loop_timer_free(indexer->timer);
    mem_free(indexer);
}
