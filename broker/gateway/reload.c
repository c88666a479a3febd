/*
 * SIGHUP in the broker. The file is read on a thread, the loop takes over what came of it. Which
 * settings may change is conf_reload.c's; here is who has to be told.
 */
#include "broker/gateway/reload.h"

#include "broker/gateway/app_event.h"
#include "broker/gateway/gateway.h"
#include "broker/gateway/typing.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"

struct reload {
    struct gateway *gateway;
    struct conf *conf;
    const char *path;
    struct pool_job job;
    struct conf *fresh; /* what the job has read; NULL: it was invalid */
    bool running, again;
};

static void tell_all(struct gateway *gateway)
{
    int queue = (int)conf_int(gateway->conf, CONF_LIMIT_QUEUE);
    struct sio_options options;

    gateway_sio_options(gateway->conf, &options);
    sio_server_change(gateway->sio, &options);
    pool_set_limit(gateway->readers, queue);
    pool_set_limit(gateway->commanders, queue);
    pool_set_limit(gateway->hashers, (int)conf_int(gateway->conf, CONF_LIMIT_HASH_QUEUE));
    writers_set_limit(gateway->writers, queue);
    chat_reload(gateway->chat);
    typing_reload(gateway->typing);
    app_events_reload(gateway->app_events, gateway->conf);
}

static void read_run(struct pool_job *job, struct db *db)
{
    struct reload *reload = list_entry(job, struct reload, job);

    (void)db;
    if (conf_read_again(reload->path, &reload->fresh) != ERR_OK)
        reload->fresh = NULL;
}

static void read_done(struct pool_job *job)
{
    struct reload *reload = list_entry(job, struct reload, job);

    reload->running = false;
    if (reload->fresh && conf_take_over(reload->conf, reload->fresh) > 0)
        tell_all(reload->gateway);
    reload->fresh = NULL;
    if (reload->again)
        reload_begin(reload);
}

void reload_begin(void *arg)
{
    struct reload *reload = arg;

    reload->again = reload->running;
    if (reload->running)
        return;
    reload->job = (struct pool_job){.run = read_run, .done = read_done};
    reload->running = pool_submit(reload->gateway->hashers, &reload->job) == ERR_OK;
    if (!reload->running)
        log_event(LOG_WARN, "configuration_not_read", "reason=\"too much to do\"");
}

struct reload *reload_new(struct gateway *gateway, struct conf *conf, const char *path)
{
    struct reload *reload = mem_alloc(sizeof *reload);

    reload->gateway = gateway;
    reload->conf = conf;
    reload->path = path;
    return reload;
}

void reload_free(struct reload *reload)
{
    if (!reload)
        return;
    conf_free(reload->fresh);
    free(reload);
}
