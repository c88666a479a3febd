/*
 * The life of the MQTT connection: connect, CONNACK, loss, back-off, and the callbacks of
 * libmosquitto. It has no loop and no thread (connector.c has one, for connecting), keeps no
 * session across connections, and queues nothing while there is none.
 */
#include "shared/bus/bus.h"

#include <assert.h>
#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/bus/connector.h"

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 2000
#define CONNACK_WAIT_MS 10000
#define READS_PER_TURN                                                                             \
    256 /* packets taken in one bus_ready, so that a flood leaves others a turn */

/* Moved by bus_move and nothing else. */
enum bus_state {
    BUS_WAITING,    /* no handle; next attempt at `due_ms` */
    BUS_CONNECTING, /* `connector` is at work */
    BUS_HANDSHAKE,  /* `mosq` is connected, CONNACK is awaited until `due_ms` */
    BUS_CONNECTED,
};

struct bus {
    enum bus_state state;
    struct connector *connector;
    struct mosquitto *mosq;
    struct bus_options options;
    const struct bus_handlers *handlers;
    void *app;
    int64_t due_ms;
    int backoff_ms;
    int outstanding;  /* publishes whose PUBACK (QoS 0: whose last byte) has not gone through */
    bool accepted;    /* CONNACK with success */
    int refused_code; /* CONNACK with another reason code */
    bool broken;      /* a call found the connection dead: dropped outside of callbacks */
    int probe;        /* packet id of the last bus_probe */
    bool probe_answered;
    bool reported_down;
};

/* ---- state ---- */

static void bus_move(struct bus *bus, enum bus_state state)
{
    bool was_connected = bus->state == BUS_CONNECTED;

    bus->state = state;
    if (state == BUS_CONNECTED) {
        log_event(LOG_INFO, "mqtt_connected", "host=%s port=%d client=%s", bus->options.host,
                  bus->options.port, bus->options.client_id);
        bus->backoff_ms = BACKOFF_MIN_MS;
        bus->reported_down = false;
    }
    if ((state == BUS_CONNECTED) != was_connected)
        bus->handlers->state(bus->app, state == BUS_CONNECTED);
}

/* Up to a quarter later than asked, so that processes do not come back in step. */
static int64_t jittered(int delay_ms)
{
    return delay_ms + clock_mono_us() % (delay_ms / 4);
}

/* The attempt or the connection is over: say so once per change, and wait for the next attempt. */
static void bus_drop(struct bus *bus, const char *why)
{
    if (bus->mosq)
        mosquitto_destroy(bus->mosq);
    bus->mosq = NULL;
    bus->outstanding = 0;
    bus->due_ms = clock_mono_ms() + jittered(bus->backoff_ms);
    bus->backoff_ms = bus->backoff_ms * 2 < BACKOFF_MAX_MS ? bus->backoff_ms * 2 : BACKOFF_MAX_MS;
    if (!bus->reported_down)
        log_event(LOG_WARN, "mqtt_lost", "host=%s port=%d reason=\"%s\"", bus->options.host,
                  bus->options.port, why);
    bus->reported_down = true;
    bus_move(bus, BUS_WAITING);
}

static void bus_begin_connect(struct bus *bus)
{
    bus->connector = connector_begin(&bus->options, bus->handlers->wake, bus->app);
    if (bus->connector)
        bus_move(bus, BUS_CONNECTING);
    else
        bus_drop(bus, "no thread to connect with");
}

/* ---- libmosquitto's callbacks; they only note what the calls above act on ---- */

static void on_connect(struct mosquitto *mosq, void *app, int code, int flags,
                       const mosquitto_property *props)
{
    struct bus *bus = app;

    (void)mosq, (void)flags, (void)props;
    bus->accepted = code == 0;
    bus->refused_code = code;
}

static void on_publish(struct mosquitto *mosq, void *app, int mid, int code,
                       const mosquitto_property *props)
{
    struct bus *bus = app;

    (void)mosq, (void)code, (void)props;
    if (bus->outstanding > 0)
        bus->outstanding--;
    if (mid == bus->probe)
        bus->probe_answered = true;
}

static void on_subscribe(struct mosquitto *mosq, void *app, int mid, int count, const int *granted,
                         const mosquitto_property *props)
{
    struct bus *bus = app;
    bool all = true;

    (void)mosq, (void)props;
    for (int i = 0; i < count; i++)
        all = all && granted[i] < 128;
    if (bus->handlers->subscribed)
        bus->handlers->subscribed(bus->app, mid, all);
}

static int read_props(const mosquitto_property *props, struct bus_message *message)
{
    int count = 0;
    bool skip = false;
    char *name, *value;

    while (count < BUS_PROPS_MAX) {
        props = mosquitto_property_read_string_pair(props, MQTT_PROP_USER_PROPERTY, &name, &value,
                                                    skip);
        if (!props)
            break;
        skip = true;
        message->props[count].name = span_of(name);
        message->props[count].value = span_of(value);
        count++;
    }
    return count;
}

/* *memory is to be freed. */
static struct span read_correlation(const mosquitto_property *props, void **memory)
{
    uint16_t len = 0;

    *memory = NULL;
    if (!props ||
        !mosquitto_property_read_binary(props, MQTT_PROP_CORRELATION_DATA, memory, &len, false))
        return SPAN_NONE;
    return span_make(*memory, len);
}

static void on_message(struct mosquitto *mosq, void *app, const struct mosquitto_message *from,
                       const mosquitto_property *props)
{
    struct bus *bus = app;
    struct bus_message message = {.topic = span_of(from->topic), .retained = from->retain};
    void *correlation;

    (void)mosq;
    if (!bus->handlers->message)
        return;
    message.payload = span_make(from->payload ? from->payload : "", (size_t)from->payloadlen);
    message.prop_count = read_props(props, &message);
    message.correlation = read_correlation(props, &correlation);
    bus->handlers->message(bus->app, &message);
    free(correlation);
    for (int i = 0; i < message.prop_count; i++) {
        free((char *)message.props[i].name.ptr);
        free((char *)message.props[i].value.ptr);
    }
}

static void bus_adopt(struct bus *bus, struct mosquitto *mosq)
{
    bus->mosq = mosq;
    bus->accepted = false;
    bus->refused_code = 0;
    bus->broken = false;
    bus->outstanding = 0;
    bus->due_ms = clock_mono_ms() + CONNACK_WAIT_MS;
    mosquitto_user_data_set(mosq, bus);
    mosquitto_connect_v5_callback_set(mosq, on_connect);
    mosquitto_publish_v5_callback_set(mosq, on_publish);
    mosquitto_subscribe_v5_callback_set(mosq, on_subscribe);
    mosquitto_message_v5_callback_set(mosq, on_message);
    bus_move(bus, BUS_HANDSHAKE);
}

/* After any call into libmosquitto's loop functions: what has become of the connection? */
static void bus_settle(struct bus *bus, int code)
{
    if (bus->refused_code)
        bus_drop(bus, mosquitto_reason_string(bus->refused_code));
    else if (bus->broken || code != MOSQ_ERR_SUCCESS)
        bus_drop(bus, mosquitto_strerror(code ? code : MOSQ_ERR_CONN_LOST));
    else if (mosquitto_socket(bus->mosq) < 0)
        bus_drop(bus, "closed by the MQTT broker");
    else if (bus->state == BUS_HANDSHAKE && bus->accepted)
        bus_move(bus, BUS_CONNECTED);
}

/* ---- the contract ---- */

struct bus *bus_new(const struct bus_options *options, const struct bus_handlers *handlers,
                    void *app)
{
    struct bus *bus = mem_alloc(sizeof *bus);

    assert(options->inflight > 0 && handlers->state && handlers->wake);
    bus->options = *options;
    bus->options.host = mem_strdup(options->host);
    bus->options.username = mem_strdup(options->username ? options->username : "");
    bus->options.password = mem_strdup(options->password ? options->password : "");
    bus->options.client_id = mem_strdup(options->client_id);
    bus->handlers = handlers;
    bus->app = app;
    bus->backoff_ms = BACKOFF_MIN_MS;
    bus_begin_connect(bus);
    return bus;
}

void bus_free(struct bus *bus)
{
    if (!bus)
        return;
    if (bus->state == BUS_CONNECTING)
        connector_abandon(bus->connector);
    if (bus->mosq) {
        mosquitto_disconnect_v5(bus->mosq, 0, NULL);
        mosquitto_destroy(bus->mosq);
    }
    free((char *)bus->options.host);
    free((char *)bus->options.username);
    free((char *)bus->options.password);
    free((char *)bus->options.client_id);
    free(bus);
}

bool bus_is_connected(const struct bus *bus)
{
    return bus->state == BUS_CONNECTED;
}

int bus_fd(const struct bus *bus)
{
    return bus->mosq ? mosquitto_socket(bus->mosq) : -1;
}

bool bus_wants_write(const struct bus *bus)
{
    return bus->mosq && mosquitto_want_write(bus->mosq);
}

int bus_inflight(const struct bus *bus)
{
    return bus->outstanding;
}

/* loop_read takes few packets a call; it leaves errno at EAGAIN once the socket is empty. */
static int read_packets(struct bus *bus)
{
    int code = MOSQ_ERR_SUCCESS;

    for (int i = 0; i < READS_PER_TURN && code == MOSQ_ERR_SUCCESS; i++) {
        errno = 0;
        code = mosquitto_loop_read(bus->mosq, 1);
        if (errno == EAGAIN || mosquitto_socket(bus->mosq) < 0)
            break;
        if (bus->state == BUS_HANDSHAKE)
            break; /* settle first: what comes after CONNACK is for a connected bus */
    }
    return code;
}

void bus_ready(struct bus *bus, bool readable, bool writable)
{
    int code = MOSQ_ERR_SUCCESS;

    if (!bus->mosq)
        return;
    if (readable)
        code = read_packets(bus);
    /* What callbacks published was only queued by the library: send it now. */
    if (code == MOSQ_ERR_SUCCESS && (writable || readable) && mosquitto_socket(bus->mosq) >= 0 &&
        mosquitto_want_write(bus->mosq))
        code = mosquitto_loop_write(bus->mosq, 1);
    bus_settle(bus, code);
}

static void tick_connecting(struct bus *bus)
{
    struct mosquitto *mosq;
    int code;

    if (!connector_take(bus->connector, &mosq, &code))
        return;
    bus->connector = NULL;
    if (mosq)
        bus_adopt(bus, mosq);
    else
        bus_drop(bus, code == MOSQ_ERR_ERRNO ? "cannot connect" : mosquitto_strerror(code));
}

void bus_tick(struct bus *bus)
{
    if (bus->state == BUS_WAITING && clock_mono_ms() >= bus->due_ms)
        bus_begin_connect(bus);
    else if (bus->state == BUS_CONNECTING)
        tick_connecting(bus);
    else if (bus->state == BUS_HANDSHAKE && clock_mono_ms() >= bus->due_ms)
        bus_drop(bus, "no CONNACK");
    else if (bus->mosq)
        bus_settle(bus, mosquitto_loop_misc(bus->mosq));
}

enum err bus_subscribe(struct bus *bus, const char *const *topics, int count, int qos, int flags,
                       int *id)
{
    int options = MQTT_SUB_OPT_SEND_RETAIN_NEVER;

    if (bus->state != BUS_CONNECTED)
        return ERR_UNAVAILABLE;
    if (flags & BUS_NO_LOCAL)
        options |= MQTT_SUB_OPT_NO_LOCAL;
    int code = mosquitto_subscribe_multiple(bus->mosq, id, count, (char *const *)topics, qos,
                                            options, NULL);
    if (code == MOSQ_ERR_SUCCESS)
        return ERR_OK;
    bus->broken = code == MOSQ_ERR_CONN_LOST || code == MOSQ_ERR_ERRNO;
    log_event(LOG_WARN, "mqtt_subscribe_failed", "reason=\"%s\"", mosquitto_strerror(code));
    return ERR_UNAVAILABLE;
}

enum err bus_unsubscribe(struct bus *bus, const char *const *topics, int count)
{
    if (bus->state != BUS_CONNECTED)
        return ERR_UNAVAILABLE;
    int code = mosquitto_unsubscribe_multiple(bus->mosq, NULL, count, (char *const *)topics, NULL);
    if (code == MOSQ_ERR_SUCCESS)
        return ERR_OK;
    bus->broken = code == MOSQ_ERR_CONN_LOST || code == MOSQ_ERR_ERRNO;
    return ERR_UNAVAILABLE;
}

/* The library wants C strings: all of them in one allocation, *memory, to be freed after use. */
static int make_props(const struct bus_prop *props, int count, mosquitto_property **out,
                      char **memory)
{
    size_t size = 0;
    int code = MOSQ_ERR_SUCCESS;

    for (int i = 0; i < count; i++)
        size += props[i].name.len + props[i].value.len + 2;
    char *at = *memory = mem_alloc(size + 1); /* zeroed: the NULs are there */
    for (int i = 0; i < count && code == MOSQ_ERR_SUCCESS; i++) {
        char *name = at, *value = at + props[i].name.len + 1;
        memcpy(name, props[i].name.ptr, props[i].name.len);
        memcpy(value, props[i].value.ptr, props[i].value.len);
        at = value + props[i].value.len + 1;
        code = mosquitto_property_add_string_pair(out, MQTT_PROP_USER_PROPERTY, name, value);
    }
    return code;
}

/* Publish, and tell what became of it. `list` and `mid` may be NULL. */
static enum err publish(struct bus *bus, const char *topic, struct span payload, int qos,
                        const mosquitto_property *list, int *mid)
{
    int code;

    bus->outstanding++; /* before: a QoS 0 publish may be through before the call returns */
    code = mosquitto_publish_v5(bus->mosq, mid, topic, (int)payload.len, payload.ptr, qos, false,
                                list);
    if (code == MOSQ_ERR_SUCCESS)
        return ERR_OK;
    if (bus->outstanding > 0)
        bus->outstanding--;
    if (code == MOSQ_ERR_CONN_LOST || code == MOSQ_ERR_NO_CONN || code == MOSQ_ERR_ERRNO) {
        bus->broken = true; /* dropped in the next tick: perhaps we are inside a callback */
        return ERR_FULL;
    }
    log_event(LOG_WARN, "mqtt_publish_failed", "topic=%s reason=\"%s\"", topic,
              mosquitto_strerror(code));
    return ERR_IO;
}

static bool takes_more(const struct bus *bus)
{
    return bus->state == BUS_CONNECTED && !bus->broken && bus->outstanding < bus->options.inflight;
}

enum err bus_publish(struct bus *bus, const char *topic, struct span payload,
                     const struct bus_prop *props, int prop_count, int qos)
{
    mosquitto_property *list = NULL;
    char *memory = NULL;
    enum err err = ERR_IO;

    if (!takes_more(bus))
        return ERR_FULL;
    if (make_props(props, prop_count, &list, &memory) == MOSQ_ERR_SUCCESS)
        err = publish(bus, topic, payload, qos, list, NULL);
    mosquitto_property_free_all(&list);
    free(memory);
    return err;
}

enum err bus_probe(struct bus *bus, const char *topic)
{
    if (!takes_more(bus))
        return ERR_FULL;
    bus->probe_answered = false;
    return publish(bus, topic, SPAN_NONE, 1, NULL, &bus->probe);
}

bool bus_probe_answered(const struct bus *bus)
{
    return bus->probe_answered;
}

enum err bus_answer(struct bus *bus, const char *topic, struct span payload,
                    struct span correlation)
{
    mosquitto_property *list = NULL;
    enum err err = ERR_IO;
    int code = MOSQ_ERR_SUCCESS;

    if (!takes_more(bus))
        return ERR_FULL;
    if (span_present(correlation))
        code = mosquitto_property_add_binary(&list, MQTT_PROP_CORRELATION_DATA, correlation.ptr,
                                             (uint16_t)correlation.len);
    if (code == MOSQ_ERR_SUCCESS)
        err = publish(bus, topic, payload, 1, list, NULL);
    mosquitto_property_free_all(&list);
    return err;
}
