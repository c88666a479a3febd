/*
 * A broker's metrics, written down from the counters that its parts keep. Nothing is counted here,
 * and the number of lines depends on nothing that clients do.
 */
#include "broker/gateway/metrics.h"

#include "broker/gateway/gateway.h"
#include "broker/gateway/probe.h"
#include "broker/gateway/recovery.h"
#include "broker/gateway/relay.h"
#include "shared/base/metrics.h"

#define LABELS_SIZE 96

static void labelled(struct buf *out, const char *name, const char *label, const char *value,
                     uint64_t number)
{
    char labels[LABELS_SIZE];

    snprintf(labels, sizeof labels, "%s=\"%s\"", label, value);
    metrics_sample(out, name, labels, number);
}

/* ---- connections ---- */

static void connection_metrics(struct gateway *gateway, const struct sio_stats *s, struct buf *out)
{
    struct sio_survey survey;

    sio_server_survey(gateway->sio, &survey);
    metrics_gauge(out, "connections", "Open Engine.IO sessions.", s->connections);
    metrics_family(out, "gauge", "transport_connections", "The same by transport.");
    labelled(out, "transport_connections", "transport", "websocket", survey.websockets);
    labelled(out, "transport_connections", "transport", "polling",
             s->connections - survey.websockets);
    metrics_gauge(out, "sockets", "Connected Socket.IO sockets.", s->sockets);
    metrics_gauge(out, "output_bytes", "Output waiting for connections.", s->bytes_queued);
    metrics_gauge(out, "output_packets", "The same in packets.", survey.packets_queued);
    metrics_gauge(out, "output_longest_bytes", "What waits for the connection with most waiting.",
                  survey.longest_bytes);
}

static void traffic_metrics(struct gateway *gateway, const struct sio_stats *s, struct buf *out)
{
    uint64_t count;
    const char *reason;

    metrics_counter(out, "handshakes_total", "Engine.IO handshakes.", s->handshakes);
    metrics_counter(out, "packets_in_total", "Packets received.", s->packets_in);
    metrics_counter(out, "packets_out_total", "Packets sent.", s->packets_out);
    metrics_counter(out, "writes_total", "System calls that sent packets.", s->writes);
    metrics_counter(out, "slow_closed_total", "Connections closed as too slow.", s->slow_closed);
    metrics_counter(out, "refused_total", "Handshakes refused.", s->refused);
    metrics_counter(out, "news_dropped_total", "Passing news that a slow connection did not get.",
                    s->passing_dropped);
    metrics_family(out, "counter", "closed_total", "Connections that ended, by reason.");
    for (int i = 0; (reason = sio_server_closed(gateway->sio, i, &count)); i++)
        labelled(out, "closed_total", "reason", reason, count);
}

/* ---- queues ---- */

static void pool_metrics(struct gateway *gateway, struct buf *out)
{
    const struct {
        const char *name;
        const struct pool *pool;
    } pools[] = {{"readers", gateway->readers},
                 {"commanders", gateway->commanders},
                 {"hashers", gateway->hashers}};
    size_t count = sizeof pools / sizeof pools[0];

    metrics_family(out, "gauge", "pool_waiting", "Jobs that wait for a thread of a pool.");
    for (size_t i = 0; i < count; i++)
        labelled(out, "pool_waiting", "pool", pools[i].name, (uint64_t)pool_waiting(pools[i].pool));
    metrics_family(out, "gauge", "pool_busy", "Jobs that a thread of a pool has taken.");
    for (size_t i = 0; i < count; i++) {
        int busy = pool_outstanding(pools[i].pool) - pool_waiting(pools[i].pool);

        labelled(out, "pool_busy", "pool", pools[i].name, busy > 0 ? (uint64_t)busy : 0);
    }
    metrics_family(out, "gauge", "pool_threads", "Threads of a pool.");
    for (size_t i = 0; i < count; i++)
        labelled(out, "pool_threads", "pool", pools[i].name, (uint64_t)pool_threads(pools[i].pool));
}

static void writer_metrics(const struct writers_stats *w, struct buf *out)
{
    metrics_gauge(out, "sends_waiting", "Sends accepted and not answered yet.", w->waiting);
    metrics_gauge(out, "writers_busy", "Writers that are writing a batch.", w->busy);
    metrics_gauge(out, "writers", "Threads that write sends.", w->threads);
    metrics_counter(out, "batches_total", "Transactions of the writers.", w->batches);
    metrics_counter(out, "sends_total", "Sends written or refused.", w->sends);
    metrics_histogram(out, "batch_sends", "Sends in a batch.", HISTOGRAM_SIZE, &w->batch);
    metrics_histogram(out, "commit_seconds", "From a batch's BEGIN to after its COMMIT.",
                      HISTOGRAM_TIME, &w->commit);
}

/* ---- commands and events ---- */

static void command_metrics(const struct gateway *gateway, struct buf *out)
{
    static const char seconds[] = "command_seconds";
    const struct gateway_stats *s = &gateway->stats;

    metrics_gauge(out, "users", "Users connected here.", gateway->users.used);
    metrics_gauge(out, "rooms", "Rooms with a member connected here.", gateway->rooms.used);
    metrics_gauge(out, "commands_waiting", "Commands that wait for one before them.",
                  s->commands_waiting);
    metrics_gauge(out, "commands_running", "Commands being run.", s->commands_running);
    metrics_counter(out, "commands_total", "Commands answered.", s->commands);
    metrics_counter(out, "commands_failed_total", "Commands answered with an error.",
                    s->commands_failed);
    metrics_family(out, "histogram", seconds, "From a command's arrival to its answer.");
    metrics_histogram_samples(out, seconds, "command=\"sendMessage\"", HISTOGRAM_TIME,
                              &gateway->times.sends);
    metrics_histogram_samples(out, seconds, "command=\"getHistory\"", HISTOGRAM_TIME,
                              &gateway->times.reads);
    metrics_histogram_samples(out, seconds, "command=\"other\"", HISTOGRAM_TIME,
                              &gateway->times.changes);
    metrics_counter(out, "admitted_total", "Clients admitted.", s->clients_admitted);
    metrics_counter(out, "denied_total", "Clients denied.", s->clients_denied);
    metrics_histogram(out, "admission_seconds", "From a client's CONNECT to its answer.",
                      HISTOGRAM_TIME, &gateway->times.admissions);
}

static void event_metrics(const struct gateway *gateway, struct buf *out)
{
    const struct gateway_stats *s = &gateway->stats;

    metrics_counter(out, "events_delivered_total", "Log events processed.", s->events_delivered);
    metrics_counter(out, "events_emitted_total", "Emits to clients.", s->events_emitted);
    metrics_histogram(out, "delivery_seconds",
                      "From a message's date to its fan-out here, whichever way it came.",
                      HISTOGRAM_TIME, &gateway->times.deliveries);
    metrics_counter(out, "gaps_fetched_total", "Fetches of missing events.", s->gaps_fetched);
    metrics_counter(out, "gap_events_total", "Events that such fetches found.", s->gap_events);
    metrics_counter(out, "sweeps_total", "Sweeps.", s->sweeps);
    metrics_counter(out, "sweep_finds_total", "Logs that a sweep found behind.", s->sweep_finds);
    metrics_counter(out, "mqtt_received_total", "MQTT messages received.", s->mqtt_received);
    metrics_counter(out, "mqtt_published_total", "Events published.", s->mqtt_published);
    metrics_counter(out, "mqtt_not_published_total", "Events left to the sweep.",
                    s->mqtt_not_published);
}

static void recovery_metrics(const struct gateway *gateway, struct buf *out)
{
    const struct gateway_stats *s = &gateway->stats;

    metrics_gauge(out, "sessions_parked", "Sessions of lost connections kept for recovery.",
                  gateway->recovery ? gateway->recovery->parked_count : 0);
    metrics_gauge(out, "sessions_parked_bytes", "Their memory.",
                  gateway->recovery ? gateway->recovery->parked_bytes : 0);
    metrics_counter(out, "sessions_recovered_total", "Clients whose session was restored.",
                    s->sessions_recovered);
    metrics_counter(out, "sessions_lost_total", "Clients whose session could not be restored.",
                    s->sessions_lost);
    metrics_counter(out, "timeline_changes_total",
                    "Times that PostgreSQL failed over, and every client was told to come back.",
                    s->timeline_changes);
}

/* ---- refusals ---- */

/* The limits that are counted, each under the name it has in the configuration. */
static const enum conf_key limits[] = {
    CONF_LIMIT_CONNECTIONS,          CONF_LIMIT_CONNECTIONS_PER_ADDRESS,
    CONF_LIMIT_CONNECTIONS_PER_USER, CONF_LIMIT_CONNECTS_PER_S,
    CONF_LIMIT_BODY_BYTES,           CONF_LIMIT_OUTPUT_BYTES,
    CONF_LIMIT_OUTPUT_PACKETS,       CONF_LIMIT_PROCESS_OUTPUT_BYTES,
    CONF_LIMIT_COMMANDS_WAITING,     CONF_LIMIT_QUEUE,
    CONF_LIMIT_HASH_QUEUE,           CONF_LIMIT_SENDS_PER_S,
    CONF_LIMIT_MARKS_PER_S,          CONF_LIMIT_COMMANDS_PER_S,
    CONF_LIMIT_TYPING_PER_S,         CONF_LIMIT_APP_EVENTS_PER_S,
    CONF_LIMIT_ROOMS_PER_USER,       CONF_LIMIT_PRIVATE_CREATIONS_PER_HOUR,
    CONF_LIMIT_PASSWORD_TRIES,       CONF_LIMIT_PASSWORD_TRIES_ADDRESS,
    CONF_LIMIT_RECOVERY_SESSIONS,
};

/* What the Socket.IO library and the queues refuse, they count themselves. */
static uint64_t refused_below(const struct gateway *gateway, const struct sio_stats *s,
                              const struct writers_stats *w, enum conf_key limit)
{
    switch (limit) {
    case CONF_LIMIT_CONNECTIONS:
        return s->full;
    case CONF_LIMIT_CONNECTIONS_PER_ADDRESS:
        return s->address_full;
    case CONF_LIMIT_BODY_BYTES:
        return s->too_long;
    case CONF_LIMIT_OUTPUT_BYTES:
        return s->past_bytes;
    case CONF_LIMIT_OUTPUT_PACKETS:
        return s->past_packets;
    case CONF_LIMIT_PROCESS_OUTPUT_BYTES:
        return s->slow_closed - s->past_bytes - s->past_packets;
    case CONF_LIMIT_QUEUE:
        return w->refused + pool_refused(gateway->readers) + pool_refused(gateway->commanders);
    case CONF_LIMIT_HASH_QUEUE:
        return pool_refused(gateway->hashers);
    default:
        return 0;
    }
}

static void refusal_metrics(const struct gateway *gateway, const struct sio_stats *s,
                            const struct writers_stats *w, struct buf *out)
{
    metrics_family(out, "counter", "refusals_total",
                   "What a limit refused, dropped or closed, by limits.* of the configuration.");
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        uint64_t count = gateway->stats.refused[limits[i]] +
                         chat_refusals(gateway->chat, limits[i]) +
                         refused_below(gateway, s, w, limits[i]);

        labelled(out, "refusals_total", "limit", strchr(conf_name(limits[i]), '.') + 1, count);
    }
}

void gateway_metrics(struct gateway *gateway, int64_t open_fds, struct buf *out)
{
    struct sio_stats library;
    struct writers_stats writers;

    sio_server_stats(gateway->sio, &library);
    writers_stats(gateway->writers, &writers);
    metrics_process(out, open_fds);
    metrics_gauge(out, "ready", "1 if PostgreSQL and MQTT answer.", probe_is_ready(gateway->probe));
    metrics_gauge(out, "draining", "1 once it has been told to stop.",
                  gateway->drain_timer != NULL);
    metrics_gauge(out, "mqtt_connected", "1 if connected to the MQTT broker.",
                  relay_is_connected(gateway->relay));
    metrics_histogram(out, "loop_turn_seconds", "How long turns of the event loop take.",
                      HISTOGRAM_TIME, loop_turns(gateway->loop));
    connection_metrics(gateway, &library, out);
    traffic_metrics(gateway, &library, out);
    command_metrics(gateway, out);
    pool_metrics(gateway, out);
    writer_metrics(&writers, out);
    event_metrics(gateway, out);
    recovery_metrics(gateway, out);
    refusal_metrics(gateway, &library, &writers, out);
}
