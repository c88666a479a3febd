/* Putting the broker together and taking it apart. */
#include "broker/gateway/gateway.h"

#include "broker/gateway/app_event.h"
#include "broker/gateway/client.h"
#include "broker/gateway/command.h"
#include "broker/gateway/connect.h"
#include "broker/gateway/expiry.h"
#include "broker/gateway/identify.h"
#include "broker/gateway/indexer.h"
#include "broker/gateway/presence.h"
#include "broker/gateway/probe.h"
#include "broker/gateway/recovery.h"
#include "broker/gateway/relay.h"
#include "broker/gateway/repair.h"
#include "broker/gateway/timeline.h"
#include "broker/gateway/typing.h"
#include "broker/gateway/user.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/random.h"

#define DRAIN_STEP_MS 20
#define DRAIN_LEAST 50 /* connections closed in a step, however long they are to be spread */

static const struct sio_namespace_ops namespace_ops = {
    .connect = connect_begin,
    .event = command_on_event,
    .disconnect = connect_end,
};

/* "/" and "/chat" are the same gateway. */
static const char *const namespaces[] = {"/", "/chat"};

void gateway_sio_options(const struct conf *conf, struct sio_options *options)
{
    sio_options_init(options);
    options->path = conf_str(conf, CONF_SIO_PATH);
    options->ping_interval_ms = conf_int(conf, CONF_SIO_PING_INTERVAL_MS);
    options->ping_timeout_ms = conf_int(conf, CONF_SIO_PING_TIMEOUT_MS);
    options->connect_timeout_ms = conf_int(conf, CONF_SIO_CONNECT_TIMEOUT_MS);
    options->header_bytes = (size_t)conf_int(conf, CONF_LIMIT_HEADER_BYTES);
    options->max_payload = (size_t)conf_int(conf, CONF_LIMIT_BODY_BYTES);
    options->max_depth = (int)conf_int(conf, CONF_LIMIT_JSON_DEPTH);
    options->origins = conf_str(conf, CONF_SIO_ORIGINS);
    options->check_origins = true;
    options->output_bytes = (size_t)conf_int(conf, CONF_LIMIT_OUTPUT_BYTES);
    options->output_packets = (size_t)conf_int(conf, CONF_LIMIT_OUTPUT_PACKETS);
    options->process_output_bytes = (size_t)conf_int(conf, CONF_LIMIT_PROCESS_OUTPUT_BYTES);
    options->max_connections = (size_t)conf_int(conf, CONF_LIMIT_CONNECTIONS);
    options->max_per_address = (size_t)conf_int(conf, CONF_LIMIT_CONNECTIONS_PER_ADDRESS);
    options->trusted_proxies = conf_str(conf, CONF_TRUSTED_PROXIES);
    options->gzip = conf_bool(conf, CONF_SIO_GZIP);
    options->sid_prefix = conf_str(conf, CONF_BROKER_SID_PREFIX);
}

static struct sio_server *make_server(struct gateway *gateway)
{
    struct sio_options options;
    struct sio_server *server;

    gateway_sio_options(gateway->conf, &options);
    server = sio_server_new(gateway->loop, &options);
    for (size_t i = 0; i < sizeof namespaces / sizeof namespaces[0]; i++)
        sio_server_namespace(server, namespaces[i], &namespace_ops, gateway);
    return server;
}

static void on_answer(void *app, uint32_t timeline)
{
    timeline_seen(app, timeline);
}

static struct pool *make_pool(struct gateway *gateway, const char *name, int64_t threads,
                              enum conf_key limit, bool with_db)
{
    struct pool_options options = {
        .name = name,
        .threads = (int)threads,
        .limit = (int)conf_int(gateway->conf, limit),
        .conf = with_db ? gateway->conf : NULL,
        .fence = &gateway->fence,
        .answered = on_answer,
        .app = gateway,
    };

    return pool_new(gateway->loop, &options);
}

static void make_pools(struct gateway *gateway)
{
    const struct conf *conf = gateway->conf;

    list_init(&gateway->identifying);
    gateway->readers =
        make_pool(gateway, "readers", conf_int(conf, CONF_BROKER_READERS), CONF_LIMIT_QUEUE, true);
    gateway->commanders = make_pool(gateway, "commanders", conf_int(conf, CONF_BROKER_COMMANDERS),
                                    CONF_LIMIT_QUEUE, true);
    gateway->hashers = make_pool(gateway, "hashers", 1, CONF_LIMIT_HASH_QUEUE, false);
    gateway->writers = writers_new(gateway->loop, &(struct pool_options){.conf = conf,
                                                                         .fence = &gateway->fence,
                                                                         .answered = on_answer,
                                                                         .app = gateway});
}

static void name_broker(struct gateway *gateway)
{
    const char *id = conf_str(gateway->conf, CONF_BROKER_ID);
    char random[RANDOM_ID_SIZE];

    random_id(random);
    snprintf(gateway->id, sizeof gateway->id, "%s", *id ? id : random);
}

enum err gateway_start(struct loop *loop, const struct conf *conf, struct gateway **out, int *port)
{
    struct gateway *gateway = mem_alloc(sizeof *gateway);
    enum err err;

    gateway->loop = loop;
    gateway->conf = conf;
    gateway->gap_events = (int)conf_int(conf, CONF_BROKER_GAP_WAIT_EVENTS);
    list_init(&gateway->empty);
    gateway->sweep_empty.fn = livelog_sweep_empty;
    gateway->sweep_empty.arg = gateway;
    name_broker(gateway);
    gateway->name_key = hash_key_new();
    gateway->chat = chat_new(conf);
    make_pools(gateway);
    gateway->repair = repair_new(gateway);
    gateway->recovery = recovery_new(gateway);
    gateway->typing = typing_new(gateway);
    gateway->app_events = app_events_new(conf);
    gateway->presence = presence_new(gateway);
    gateway->relay = relay_new(gateway);
    gateway->sio = make_server(gateway);
    gateway->probe = probe_new(gateway);
    gateway->expiry = expiry_new(gateway);
    gateway->indexer = indexer_new(gateway);
    err = sio_server_listen(gateway->sio, conf_str(conf, CONF_BROKER_HOST),
                            (int)conf_int(conf, CONF_BROKER_PORT), port);
    if (err != ERR_OK) {
        log_event(LOG_ERROR, "listen_failed", "host=%s port=%lld", conf_str(conf, CONF_BROKER_HOST),
                  (long long)conf_int(conf, CONF_BROKER_PORT));
        gateway_stop(gateway);
        return err;
    }
    *out = gateway;
    return ERR_OK;
}

/* Nothing of what it has asked for is still on its way. */
static bool may_close(const struct client *client)
{
    return client->state != CLIENT_GONE && client->commands_running == 0 &&
           client->commands_waiting == 0;
}

/* The next share of the connections; one that waits for an answer gets it first. */
static void close_some(struct gateway *gateway)
{
    int left = gateway->drain_share;
    size_t cursor = 0;
    struct user *user;

    while (left > 0 && (user = idmap_next(&gateway->users, &cursor))) {
        list_for_each(node, &user->clients)
        {
            struct client *client = list_entry(node, struct client, user_node);

            if (left == 0 || !may_close(client))
                continue;
            client_close(client);
            left--;
        }
    }
}

static bool is_idle(const struct gateway *gateway)
{
    struct writers_stats writers;

    writers_stats(gateway->writers, &writers);
    return gateway->users.used == 0 && writers.waiting == 0 &&
           pool_outstanding(gateway->commanders) == 0 && pool_outstanding(gateway->hashers) == 0;
}

static void on_drain_timer(void *arg)
{
    struct gateway *gateway = arg;
    bool handed_over;

    close_some(gateway);
    handed_over = recovery_hand_over(gateway->recovery);
    if ((is_idle(gateway) && handed_over) || loop_now(gateway->loop) >= gateway->drain_deadline)
        loop_stop(gateway->loop);
}

void gateway_drain(struct gateway *gateway)
{
    int64_t steps = conf_int(gateway->conf, CONF_BROKER_DRAIN_SPREAD_MS) / DRAIN_STEP_MS + 1;
    struct sio_stats stats;

    if (gateway->drain_timer)
        return;
    sio_server_refuse_new(gateway->sio);
    relay_refuse_devices(gateway->relay);
    sio_server_stats(gateway->sio, &stats);
    gateway->drain_share = (int)((int64_t)stats.sockets / steps) + DRAIN_LEAST;
    gateway->drain_deadline =
        loop_now(gateway->loop) + conf_int(gateway->conf, CONF_BROKER_DRAIN_MS);
    gateway->drain_timer = loop_timer_new(gateway->loop, on_drain_timer, gateway);
    loop_timer_start(gateway->drain_timer, 0, DRAIN_STEP_MS);
}

void gateway_stop(struct gateway *gateway)
{
    sio_server_free(gateway->sio);
    writers_free(gateway->writers);
    pool_free(gateway->commanders);
    pool_free(gateway->hashers);
    pool_free(gateway->readers);
    identify_release(gateway);
    livelog_sweep_empty(gateway);
    loop_defer_cancel(gateway->loop, &gateway->sweep_empty);
    if (gateway->drain_timer)
        loop_timer_free(gateway->drain_timer);
    probe_free(gateway->probe);
    expiry_free(gateway->expiry);
    indexer_free(gateway->indexer);
    relay_free(gateway->relay);
    repair_free(gateway->repair);
    recovery_free(gateway->recovery);
    typing_free(gateway->typing);
    app_events_free(gateway->app_events);
    presence_free(gateway->presence);
    idmap_release(&gateway->users);
    idmap_release(&gateway->rooms);
    idmap_release(&gateway->room_names);
    chat_free(gateway->chat);
    free(gateway);
}
