/* The readiness probe and the operator's pages. Changes of readiness are logged once each. */
#include "broker/gateway/probe.h"

#include "broker/gateway/gateway.h"
#include "broker/gateway/recovery.h"
#include "broker/gateway/relay.h"
#include "broker/gateway/repair.h"
#include "shared/base/json_write.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/chat/read.h"

#define PERIOD_MS 1000
#define STALE_MS 3000

struct probe {
    struct gateway *gateway;
    struct loop_timer *timer;
    struct pool_job job;
    bool job_running;
    enum err err;
    int64_t pg_seen; /* loop_now ms of the last answer; 0: never */
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

static void metric(struct buf *out, const char *type, const char *name, const char *help,
                   uint64_t value)
{
    buf_addf(out, "# HELP parley_%s %s\n# TYPE parley_%s %s\nparley_%s %llu\n", name, help, name,
             type, name, (unsigned long long)value);
}

static void library_metrics(struct gateway *gateway, struct buf *out)
{
    struct sio_stats s;

    sio_server_stats(gateway->sio, &s);
    metric(out, "gauge", "connections", "Open Engine.IO sessions.", s.connections);
    metric(out, "gauge", "sockets", "Connected Socket.IO sockets.", s.sockets);
    metric(out, "gauge", "output_bytes", "Output waiting for connections.", s.bytes_queued);
    metric(out, "counter", "handshakes_total", "Engine.IO handshakes.", s.handshakes);
    metric(out, "counter", "packets_in_total", "Packets received.", s.packets_in);
    metric(out, "counter", "packets_out_total", "Packets sent.", s.packets_out);
    metric(out, "counter", "writes_total", "System calls that sent packets.", s.writes);
    metric(out, "counter", "slow_closed_total", "Connections closed as too slow.", s.slow_closed);
    metric(out, "counter", "refused_total", "Handshakes refused.", s.refused);
}

static void gateway_metrics(struct gateway *gateway, struct buf *out)
{
    const struct gateway_stats *s = &gateway->stats;
    struct writers_stats w;

    writers_stats(gateway->writers, &w);
    metric(out, "gauge", "users", "Users connected here.", gateway->users.used);
    metric(out, "gauge", "rooms", "Rooms with a member connected here.", gateway->rooms.used);
    metric(out, "gauge", "readers_waiting", "Jobs waiting for a reader.",
           (uint64_t)pool_waiting(gateway->readers));
    metric(out, "gauge", "commanders_waiting", "Jobs waiting for a commander.",
           (uint64_t)pool_waiting(gateway->commanders));
    metric(out, "gauge", "hashers_waiting", "Passwords waiting to be hashed.",
           (uint64_t)pool_waiting(gateway->hashers));
    metric(out, "gauge", "sends_waiting", "Sends waiting for a writer.", w.waiting);
    metric(out, "counter", "batches_total", "Transactions of the writers.", w.batches);
    metric(out, "counter", "sends_total", "Sends written or refused.", w.sends);
    metric(out, "counter", "admitted_total", "Clients admitted.", s->clients_admitted);
    metric(out, "counter", "denied_total", "Clients denied.", s->clients_denied);
    metric(out, "counter", "commands_total", "Commands answered.", s->commands);
    metric(out, "counter", "commands_failed_total", "Commands answered with an error.",
           s->commands_failed);
    metric(out, "counter", "events_delivered_total", "Log events processed.", s->events_delivered);
    metric(out, "counter", "events_emitted_total", "Emits to clients.", s->events_emitted);
    metric(out, "counter", "gaps_fetched_total", "Fetches of missing events.", s->gaps_fetched);
    metric(out, "counter", "sweeps_total", "Sweeps.", s->sweeps);
    metric(out, "counter", "sweep_finds_total", "Logs that a sweep found behind.", s->sweep_finds);
    metric(out, "counter", "mqtt_received_total", "MQTT messages received.", s->mqtt_received);
    metric(out, "counter", "mqtt_published_total", "Events published.", s->mqtt_published);
    metric(out, "counter", "mqtt_not_published_total", "Events left to the sweep.",
           s->mqtt_not_published);
    metric(out, "gauge", "sessions_parked", "Sessions of lost connections kept for recovery.",
           gateway->recovery ? gateway->recovery->parked_count : 0);
    metric(out, "counter", "sessions_recovered_total", "Clients whose session was restored.",
           s->sessions_recovered);
    metric(out, "counter", "sessions_lost_total", "Clients whose session could not be restored.",
           s->sessions_lost);
}

static void metrics_page(void *app, struct sio_page *page)
{
    struct probe *probe = app;

    page->status = 200;
    page->content_type = "text/plain; version=0.0.4";
    library_metrics(probe->gateway, page->body);
    gateway_metrics(probe->gateway, page->body);
    metric(page->body, "gauge", "ready", "1 if PostgreSQL and MQTT answer.", probe_is_ready(probe));
}

struct probe *probe_new(struct gateway *gateway)
{
    struct probe *probe = mem_alloc(sizeof *probe);

    probe->gateway = gateway;
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
