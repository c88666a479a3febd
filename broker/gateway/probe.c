/* The readiness probe and the operator's pages. Changes of readiness are logged once each. */
#include "broker/gateway/probe.h"

#include "broker/gateway/gateway.h"
#include "broker/gateway/metrics.h"
#include "broker/gateway/relay.h"
#include "broker/gateway/repair.h"
#include "shared/base/json_write.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/metrics.h"
#include "shared/chat/read.h"

#define PERIOD_MS 1000
#define STALE_MS 3000
#define COUNT_FDS_EVERY 5 /* probes */

struct probe {
    struct gateway *gateway;
    struct loop_timer *timer;
    struct pool_job job;
    bool job_running;
    enum err err;
    unsigned turn;
    int64_t open_fds; /* atomic: the job sets it */
    int64_t pg_seen;  /* loop_now ms of the last answer; 0: never */
    bool was_ready;
};

static bool is_fresh(const struct probe *probe, int64_t seen)
{
    return seen != 0 && loop_now(probe->gateway->loop) - seen < STALE_MS;
}

static bool pg_ok(const struct probe *probe)
{
    return is_fresh(probe, probe->pg_seen) && repair_last_sweep(probe->gateway->repair) != 0;
}

static bool mqtt_ok(const struct probe *probe)
{
    return relay_is_connected(probe->gateway->relay) &&
           is_fresh(probe, relay_probe_seen(probe->gateway->relay));
}

bool probe_is_ready(const struct probe *probe)
{
    return pg_ok(probe) && mqtt_ok(probe) && !probe->gateway->drain_timer;
}

static void ping_run(struct pool_job *job, struct db *db)
{
    struct probe *probe = list_entry(job, struct probe, job);

    probe->err = chat_ping(db);
    if (probe->turn++ % COUNT_FDS_EVERY == 0)
        __atomic_store_n(&probe->open_fds, metrics_open_fds(), __ATOMIC_RELAXED);
}

static void ping_done(struct pool_job *job)
{
    struct probe *probe = list_entry(job, struct probe, job);

    probe->job_running = false;
    if (probe->err == ERR_OK)
        probe->pg_seen = loop_now(probe->gateway->loop);
}

static void on_timer(void *arg)
{
    struct probe *probe = arg;
    bool ready = probe_is_ready(probe);

    if (ready != probe->was_ready)
        log_event(ready ? LOG_INFO : LOG_WARN, ready ? "ready" : "not_ready", "pg=%d mqtt=%d",
                  pg_ok(probe), mqtt_ok(probe));
    probe->was_ready = ready;
    relay_probe(probe->gateway->relay);
    if (probe->job_running)
        return;
    probe->job = (struct pool_job){.run = ping_run, .done = ping_done};
    probe->job_running = pool_submit(probe->gateway->readers, &probe->job) == ERR_OK;
}

/* ---- pages ---- */

static void health_page(void *app, struct sio_page *page)
{
    (void)app;
    page->status = 200;
    page->content_type = "application/json";
    buf_add_str(page->body, "{\"status\":\"ok\"}");
}

static void ready_page(void *app, struct sio_page *page)
{
    struct probe *probe = app;
    bool ready = probe_is_ready(probe);
    struct json_writer w;

    page->status = ready ? 200 : 503;
    page->content_type = "application/json";
    json_begin(&w, page->body);
    json_object(&w, NULL);
    json_cstr(&w, "status", ready ? "ready" : "unavailable");
    json_bool(&w, "postgres", pg_ok(probe));
    json_bool(&w, "mqtt", mqtt_ok(probe));
    json_object_end(&w);
}

static void metrics_page(void *app, struct sio_page *page)
{
    struct probe *probe = app;

    page->status = 200;
    page->content_type = METRICS_CONTENT_TYPE;
    gateway_metrics(probe->gateway, __atomic_load_n(&probe->open_fds, __ATOMIC_RELAXED),
                    page->body);
}

struct probe *probe_new(struct gateway *gateway)
{
    struct probe *probe = mem_alloc(sizeof *probe);

    probe->gateway = gateway;
    probe->open_fds = -1;
    probe->timer = loop_timer_new(gateway->loop, on_timer, probe);
    loop_timer_start(probe->timer, 0, PERIOD_MS);
    sio_server_page(gateway->sio, "/healthz", health_page, probe);
    sio_server_page(gateway->sio, "/readyz", ready_page, probe);
    sio_server_page(gateway->sio, "/metrics", metrics_page, probe);
    return probe;
}

void probe_free(struct probe *probe)
{
    if (!probe)
        return;
    loop_timer_free(probe->timer);
    free(probe);
}
