/*
 * The glue between the bus (libmosquitto), the loop, and the live logs. Only this file calls the
 * bus, on the loop's thread. The order of events is not its business (seqlog).
 */
#include "broker/gateway/relay.h"

#include "broker/gateway/claim.h"
#include "broker/gateway/device.h"
#include "broker/gateway/gateway.h"
#include "broker/gateway/news.h"
#include "broker/gateway/presence.h"
#include "broker/gateway/repair.h"
#include "broker/gateway/timeline.h"
#include "broker/gateway/user.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/bus/bus.h"

#define TICK_MS 250
#define BATCH_TOPICS 100 /* topics in one SUBSCRIBE or UNSUBSCRIBE packet */
#define TOPIC_SIZE (EVENT_TOPIC_SIZE + 4)
#define PROBE "\"probe\"" /* JSON, like all else on these topics */

struct sub_batch { /* one SUBSCRIBE on its way */
    int count;
    struct {
        enum log_type type;
        int64_t id;
    } logs[BATCH_TOPICS];
};

struct relay {
    struct gateway *gateway;
    struct bus *bus;
    struct loop_watch *watch;
    int watched_fd;
    struct loop_timer *tick;
    struct loop_defer flush; /* end of the turn: (un)subscribe, watch what the bus wants */
    struct loop_task wake_task;
    bool wake_posted; /* atomic */
    struct list wanted;
    struct idmap sent; /* SUBSCRIBE id -> struct sub_batch */
    char (*unsubs)[TOPIC_SIZE];
    size_t unsub_count, unsub_cap;
    int64_t probe_seen;
    char own_topic[128];
};

static void filter_of(const struct livelog *live, char out[TOPIC_SIZE])
{
    size_t len;

    event_topic(live->type, live->id, out);
    len = strlen(out);
    memcpy(out + len, "/#", 3); /* the log and its passing news, in one subscription */
}

/* ---- watching the bus ---- */

static void on_ready(void *arg, int events)
{
    struct relay *relay = arg;

    bus_ready(relay->bus, events & LOOP_READ, events & LOOP_WRITE);
    loop_defer(relay->gateway->loop, &relay->flush);
}

static void unwatch(struct relay *relay)
{
    if (relay->watch)
        loop_watch_free(relay->watch);
    relay->watch = NULL;
    relay->watched_fd = -1;
}

static void watch_again(struct relay *relay)
{
    int fd = bus_fd(relay->bus);
    int events = LOOP_READ | (bus_wants_write(relay->bus) ? LOOP_WRITE : 0);

    if (fd != relay->watched_fd)
        unwatch(relay);
    if (fd >= 0 && !relay->watch)
        relay->watch = loop_watch_new(relay->gateway->loop, fd, events, on_ready, relay);
    else if (relay->watch)
        loop_watch_set(relay->watch, events);
    relay->watched_fd = fd;
}

static void on_tick(void *arg)
{
    struct relay *relay = arg;

    bus_tick(relay->bus);
    loop_defer(relay->gateway->loop, &relay->flush);
}

static void on_wake_task(void *arg)
{
    struct relay *relay = arg;

    __atomic_store_n(&relay->wake_posted, false, __ATOMIC_RELEASE);
    on_tick(relay);
}

/* From the bus's connecting thread. */
static void on_wake(void *app)
{
    struct relay *relay = app;

    if (__atomic_exchange_n(&relay->wake_posted, true, __ATOMIC_ACQ_REL))
        return;
    relay->wake_task.fn = on_wake_task;
    relay->wake_task.arg = relay;
    loop_post(relay->gateway->loop, &relay->wake_task);
}

/* ---- subscriptions ---- */

/* What was written after the log's position was read and before we listen to it, no message brings,
 * and the sweeps that saw it did not know the log: look once. */
static void check_once(struct relay *relay, struct livelog *live)
{
    if (live->seq.last != SEQLOG_UNKNOWN)
        repair_check_head(relay->gateway->repair, live);
}

void relay_subscribe(struct relay *relay, struct livelog *live)
{
    live->sub = SUB_NONE;
    if (!bus_is_connected(relay->bus)) {
        check_once(relay, live);
        return;
    }
    live->sub = SUB_WANTED;
    list_append(&relay->wanted, &live->sub_node);
    loop_defer(relay->gateway->loop, &relay->flush);
}

void relay_unsubscribe(struct relay *relay, struct livelog *live)
{
    list_remove(&live->sub_node);
    if (live->sub == SUB_SENT || live->sub == SUB_ACTIVE) {
        if (relay->unsub_count == relay->unsub_cap) {
            relay->unsub_cap = relay->unsub_cap ? relay->unsub_cap * 2 : 16;
            relay->unsubs = mem_regrow(relay->unsubs, relay->unsub_cap, sizeof relay->unsubs[0]);
        }
        filter_of(live, relay->unsubs[relay->unsub_count++]);
        loop_defer(relay->gateway->loop, &relay->flush);
    }
    live->sub = SUB_NONE;
}

/* Before the subscribes: a log that went and came back within a turn stays subscribed. */
static void send_unsubs(struct relay *relay)
{
    const char *topics[BATCH_TOPICS];

    for (size_t done = 0; done < relay->unsub_count;) {
        int count = 0;

        while (count < BATCH_TOPICS && done < relay->unsub_count)
            topics[count++] = relay->unsubs[done++];
        if (bus_unsubscribe(relay->bus, topics, count) != ERR_OK)
            break; /* disconnected: the clean start forgets them */
    }
    relay->unsub_count = 0;
}

static void send_subs(struct relay *relay)
{
    char filters[BATCH_TOPICS][TOPIC_SIZE];
    const char *topics[BATCH_TOPICS];

    while (!list_is_empty(&relay->wanted)) {
        struct sub_batch *batch = mem_alloc(sizeof *batch);
        struct list *node;
        int id;

        while (batch->count < BATCH_TOPICS && (node = list_take_first(&relay->wanted))) {
            struct livelog *live = list_entry(node, struct livelog, sub_node);

            filter_of(live, filters[batch->count]);
            topics[batch->count] = filters[batch->count];
            batch->logs[batch->count].type = live->type;
            batch->logs[batch->count].id = live->id;
            batch->count++;
            live->sub = SUB_SENT;
        }
        if (bus_subscribe(relay->bus, topics, batch->count, 0, BUS_NO_LOCAL, &id) == ERR_OK)
            idmap_put(&relay->sent, id, batch);
        else
            free(batch); /* disconnected meanwhile: on_state starts over */
    }
}

static void on_flush(void *arg)
{
    struct relay *relay = arg;

    send_unsubs(relay);
    send_subs(relay);
    watch_again(relay);
}

static void on_subscribed(void *app, int id, bool granted)
{
    struct relay *relay = app;
    struct sub_batch *batch = idmap_get(&relay->sent, id);

    if (!batch)
        return;
    idmap_remove(&relay->sent, id);
    if (!granted)
        log_event(LOG_ERROR, "mqtt_subscribe_refused", "topics=%d", batch->count);
    for (int i = 0; i < batch->count; i++) {
        struct livelog *live = livelog_find(relay->gateway, batch->logs[i].type, batch->logs[i].id);

        if (!live || live->sub != SUB_SENT)
            continue;
        live->sub = granted ? SUB_ACTIVE : SUB_NONE;
        check_once(relay, live);
        if (live->type == LOG_INBOX)
            user_subscribed(live);
    }
    free(batch);
}

static void forget_sent(struct relay *relay)
{
    size_t cursor = 0;
    void *batch;

    while ((batch = idmap_next(&relay->sent, &cursor)))
        free(batch);
    idmap_release(&relay->sent);
}

static void all_logs(struct relay *relay, void (*fn)(struct relay *, struct livelog *))
{
    struct idmap *maps[] = {&relay->gateway->users, &relay->gateway->rooms};

    for (int i = 0; i < 2; i++) {
        size_t cursor = 0;
        struct livelog *live;

        while ((live = idmap_next(maps[i], &cursor)))
            fn(relay, live);
    }
}

static void lose_subscription(struct relay *relay, struct livelog *live)
{
    bool listened = live->sub == SUB_ACTIVE;

    list_remove(&live->sub_node);
    live->sub = SUB_NONE;
    if (!listened)
        check_once(relay, live);
    if (live->type == LOG_INBOX)
        user_subscribed(live); /* nobody waits for a SUBACK that will not come */
}

static void on_state(void *app, bool connected)
{
    struct relay *relay = app;
    const char *own[] = {relay->own_topic, CLAIMS_TOPIC, DEVICE_FILTER};
    int count = relay->gateway->drain_timer ? 2 : 3;
    int id;

    unwatch(relay);
    forget_sent(relay);
    relay->unsub_count = 0;
    if (connected) {
        if (bus_subscribe(relay->bus, own, count, 1, 0, &id) != ERR_OK)
            log_event(LOG_WARN, "mqtt_subscribe_failed", "topic=%s", own[0]);
        all_logs(relay, relay_subscribe);
        repair_sweep_now(relay->gateway->repair);
        presence_lost_news(relay->gateway);
        relay_probe(relay);
    } else {
        all_logs(relay, lose_subscription);
    }
    loop_defer(relay->gateway->loop, &relay->flush);
}

/* ---- messages ---- */

/* What is for brokers: the probe that comes back, and claims. */
static bool on_broker_message(struct relay *relay, const struct bus_message *message)
{
    struct recovery *recovery = relay->gateway->recovery;

    if (span_is(message->topic, CLAIMS_TOPIC)) {
        if (recovery)
            claim_on_request(recovery, message->payload);
        return true;
    }
    if (!span_is(message->topic, relay->own_topic))
        return false;
    if (span_is(message->payload, PROBE))
        relay->probe_seen = loop_now(relay->gateway->loop);
    else if (recovery)
        claim_on_answer(recovery, message->payload);
    return true;
}

static void on_message(void *app, const struct bus_message *message)
{
    struct relay *relay = app;
    struct span names[BUS_PROPS_MAX], values[BUS_PROPS_MAX];
    struct event event = {0};
    struct livelog *live;

    if (message->retained)
        return;
    relay->gateway->stats.mqtt_received++;
    if (on_broker_message(relay, message) || device_on_message(relay->gateway, message))
        return;
    for (int i = 0; i < message->prop_count; i++) {
        names[i] = message->props[i].name;
        values[i] = message->props[i].value;
    }
    if (event_decode(message->topic, names, values, message->prop_count, &event) != ERR_OK) {
        log_event(LOG_DEBUG, "mqtt_ignored", "topic=%.*s", (int)message->topic.len,
                  message->topic.ptr);
        return;
    }
    live = livelog_find(relay->gateway, event.log, event.log_id);
    if (live && message->payload.len > 0) {
        event.json = mem_span_dup(message->payload);
        event.json_len = message->payload.len;
    }
    if (live && event.seq > 0 && !timeline_fits(relay->gateway, event.timeline))
        repair_sweep_now(relay->gateway->repair); /* it tells, and finds what was dropped here */
    else if (live && event.seq > 0)
        livelog_feed(live, &event);
    else if (live && event.json)
        news_deliver(relay->gateway, &event);
    event_release(&event);
}

void relay_publish(struct relay *relay, const struct event *event)
{
    char topic[EVENT_TOPIC_SIZE];
    struct event_props props;
    struct bus_prop bus_props[EVENT_PROPS_MAX];
    enum err err;

    event_topic_of(event, topic);
    event_props_encode(event, &props);
    for (int i = 0; i < props.count; i++)
        bus_props[i] = (struct bus_prop){props.names[i], props.values[i]};
    err = bus_publish(relay->bus, topic, span_make(event->json ? event->json : "", event->json_len),
                      bus_props, props.count, event_qos(event));
    if (err == ERR_OK)
        relay->gateway->stats.mqtt_published++;
    else
        relay->gateway->stats.mqtt_not_published++;
    loop_defer(relay->gateway->loop, &relay->flush);
}

void relay_send(struct relay *relay, const char *topic, struct span payload)
{
    if (bus_publish(relay->bus, topic, payload, NULL, 0, 1) == ERR_OK)
        loop_defer(relay->gateway->loop, &relay->flush);
}

void relay_answer(struct relay *relay, const char *topic, struct span payload,
                  struct span correlation)
{
    if (bus_answer(relay->bus, topic, payload, correlation) == ERR_OK)
        loop_defer(relay->gateway->loop, &relay->flush);
}

void relay_refuse_devices(struct relay *relay)
{
    static const char *const filters[] = {DEVICE_FILTER};

    if (bus_unsubscribe(relay->bus, filters, 1) == ERR_OK)
        loop_defer(relay->gateway->loop, &relay->flush);
}

enum err relay_pass(struct relay *relay, const char *topic, struct span payload)
{
    if (bus_publish(relay->bus, topic, payload, NULL, 0, 1) != ERR_OK)
        return ERR_UNAVAILABLE;
    loop_defer(relay->gateway->loop, &relay->flush);
    return ERR_OK;
}

void relay_probe(struct relay *relay)
{
    relay_send(relay, relay->own_topic, span_of(PROBE));
}

int64_t relay_probe_seen(const struct relay *relay)
{
    return relay->probe_seen;
}

bool relay_is_connected(const struct relay *relay)
{
    return bus_is_connected(relay->bus);
}

/* ---- life ---- */

struct relay *relay_new(struct gateway *gateway)
{
    static const struct bus_handlers handlers = {on_state, on_message, on_subscribed, on_wake};
    struct relay *relay = mem_alloc(sizeof *relay);
    const struct conf *conf = gateway->conf;
    char client_id[96];
    struct bus_options options = {
        .host = conf_str(conf, CONF_MQTT_HOST),
        .port = (int)conf_int(conf, CONF_MQTT_PORT),
        .username = conf_str(conf, CONF_MQTT_USERNAME),
        .password = conf_str(conf, CONF_MQTT_PASSWORD),
        .client_id = client_id,
        .keepalive_s = (int)conf_int(conf, CONF_MQTT_KEEPALIVE_S),
        .inflight = (int)conf_int(conf, CONF_MQTT_INFLIGHT),
    };

    relay->gateway = gateway;
    relay->watched_fd = -1;
    relay->flush.fn = on_flush;
    relay->flush.arg = relay;
    list_init(&relay->wanted);
    idmap_init(&relay->sent);
    snprintf(relay->own_topic, sizeof relay->own_topic, "parley/v1/brokers/%s", gateway->id);
    snprintf(client_id, sizeof client_id, "parley-broker-%s", gateway->id);
    relay->bus = bus_new(&options, &handlers, relay);
    relay->tick = loop_timer_new(gateway->loop, on_tick, relay);
    loop_timer_start(relay->tick, TICK_MS, TICK_MS);
    return relay;
}

void relay_free(struct relay *relay)
{
    if (!relay)
        return;
    loop_timer_free(relay->tick);
    loop_defer_cancel(relay->gateway->loop, &relay->flush);
    unwatch(relay);
    bus_free(relay->bus);
    forget_sent(relay);
    free(relay->unsubs);
    free(relay);
}
