/* The timer behind expiry.h. It waits for room locks, so it runs among the commands. */
#include "broker/gateway/expiry.h"

#include "broker/gateway/command.h"
#include "broker/gateway/gateway.h"
#include "shared/base/mem.h"
#include "shared/chat/expire.h"

struct expiry {
    struct pool_job job; /* first */
    struct gateway *gateway;
    struct loop_timer *timer;
    bool running;
    enum err err;
    bool more;
    struct event_list events;
};

static void look(struct expiry *expiry);

static void run(struct pool_job *job, struct db *db)
{
    struct expiry *expiry = (struct expiry *)job;

    expiry->err = chat_expire(db, &expiry->events, &expiry->more);
}

/* What failed is still there the next time. */
static void done(struct pool_job *job)
{
    struct expiry *expiry = (struct expiry *)job;

    expiry->running = false;
    command_deliver_events(expiry->gateway, &expiry->events, job->timeline);
    if (expiry->err == ERR_OK && expiry->more)
        look(expiry);
}

static void look(struct expiry *expiry)
{
    if (expiry->running || expiry->gateway->drain_timer)
        return;
    expiry->job = (struct pool_job){.run = run, .done = done};
    expiry->running = pool_submit(expiry->gateway->commanders, &expiry->job) == ERR_OK;
}

static void on_timer(void *arg)
{
    look(arg);
}

struct expiry *expiry_new(struct gateway *gateway)
{
    struct expiry *expiry = mem_alloc(sizeof *expiry);
    int64_t period = conf_int(gateway->conf, CONF_BROKER_SWEEP_MS);

    expiry->gateway = gateway;
    event_list_init(&expiry->events);
    expiry->timer = loop_timer_new(gateway->loop, on_timer, expiry);
    loop_timer_start(expiry->timer, period, period);
    return expiry;
}

void expiry_free(struct expiry *expiry)
{
    if (!expiry)
        return;
    loop_timer_free(expiry->timer);
    event_list_release(&expiry->events);
    mem_free(expiry);
}
