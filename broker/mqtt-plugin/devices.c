/* Devices, see devices.h. What a user may read is reader.c's; SQL is worker.c's. */
#include "broker/mqtt-plugin/devices.h"

#include "broker/mqtt-plugin/hold.h"
#include "broker/mqtt-plugin/props.h"
#include "broker/mqtt-plugin/topic.h"
#include "broker/mqtt-plugin/waker.h"
#include "broker/mqtt-plugin/worker.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"

#define RECHECK_MS 5000 /* a session is read again this often, whatever the inboxes say */
#define RECHECKS_MAX 50 /* in one round; the next one goes on from there */

struct subscription {
    enum topic_kind kind;
    int64_t room_id;
    int qos;
};

struct device {
    struct mosquitto *client;
    char *client_id;
    struct chat_actor actor;
    struct reader *reader;
    struct list reader_node;
    int64_t number;   /* names it to the worker */
    int64_t check_ms; /* when its session was last asked about */
    bool verified;    /* its session lives, as far as was seen */
    bool loading;     /* a load is on its way */
    bool replaced;    /* its client id has connected anew: a will of it must not be sent */
    bool holding;     /* messages take the way through `held`: to keep their order */
    struct hold held;
    struct list holding_node;
    struct subscription *subs;
    size_t sub_count, sub_cap;
};

/* The message being distributed. */
struct passing {
    char topic[EVENT_TOPIC_SIZE]; /* "": none; longer ones are no device's */
    const void *payload;
    const mosquitto_property *props;
    int64_t seq; /* of a room's row; 0: none */
};

struct devices {
    const struct conf *conf;
    struct chat *chat;
    struct waker *waker;
    struct worker *worker;
    struct idmap by_client; /* struct device by the client's address */
    struct idmap by_number;
    struct idmap readers; /* struct reader by user id */
    struct list holding;  /* devices with `holding` */
    int64_t last_number;
    int64_t next_round_ms;
    size_t round_cursor; /* of by_number: where the last round ended */
    struct passing passing;
};

static int64_t client_key(const struct mosquitto *client)
{
    return (int64_t)(uintptr_t)client;
}

/* ---- loads ---- */

static void ask_for(struct devices *devices, struct device *device)
{
    struct load *load = mem_alloc(sizeof *load);

    load->device = device->number;
    load->actor = device->actor;
    device->loading = true;
    device->reader->loads++;
    device->reader->load_failed = false;
    device->check_ms = clock_mono_ms();
    worker_ask(devices->worker, load);
}

/* One load at a time for a user; any device of it does. Not at once after one that failed: db
 * refuses without asking PostgreSQL, and all would turn round and round. */
static void ask_if_wanted(struct devices *devices, struct reader *reader)
{
    if (devices->worker && reader_wants_load(reader) && reader->loads == 0 &&
        !reader->load_failed && !list_is_empty(&reader->devices))
        ask_for(devices, list_entry(reader->devices.next, struct device, reader_node));
}

/* ---- life of a device ---- */

static struct reader *reader_open(struct devices *devices, int64_t user_id)
{
    struct reader *reader = idmap_get(&devices->readers, user_id);

    if (!reader) {
        reader = mem_alloc(sizeof *reader);
        reader_init(reader, user_id);
        idmap_put(&devices->readers, user_id, reader);
    }
    return reader;
}

static void reader_drop(struct devices *devices, struct reader *reader)
{
    idmap_remove(&devices->readers, reader->user_id);
    reader_release(reader);
    free(reader);
}

static void device_free(struct devices *devices, struct device *device)
{
    struct reader *reader = device->reader;

    idmap_remove(&devices->by_client, client_key(device->client));
    idmap_remove(&devices->by_number, device->number);
    list_remove(&device->reader_node);
    list_remove(&device->holding_node);
    if (device->loading)
        reader->loads--;
    if (--reader->device_count == 0)
        reader_drop(devices, reader);
    else
        ask_if_wanted(devices, reader);
    hold_release(&device->held);
    free(device->client_id);
    free(device->subs);
    free(device);
}

/* A connection of the same client id is about to be replaced: it does not count, and may do nothing
 * more. */
static int mark_replaced(const struct reader *reader, const char *client_id)
{
    int count = 0;

    list_for_each(node, &reader->devices)
    {
        struct device *device = list_entry(node, struct device, reader_node);

        if (strcmp(device->client_id, client_id) == 0)
            device->replaced = true;
        if (!device->replaced)
            count++;
    }
    return count;
}

static struct device *device_new(struct devices *devices, struct mosquitto *client,
                                 const struct chat_actor *actor)
{
    struct device *device = mem_alloc(sizeof *device);

    device->client = client;
    device->client_id = mem_strdup(mosquitto_client_id(client));
    device->actor = *actor;
    device->number = ++devices->last_number;
    device->reader = reader_open(devices, actor->user_id);
    device->reader->device_count++;
    list_append(&device->reader->devices, &device->reader_node);
    list_init(&device->holding_node);
    hold_init(&device->held, (int)conf_int(devices->conf, CONF_LIMIT_DEVICE_HELD));
    idmap_put(&devices->by_client, client_key(client), device);
    idmap_put(&devices->by_number, device->number, device);
    return device;
}

static bool has_room_for(struct devices *devices, int64_t user_id, const char *client_id)
{
    struct reader *reader = idmap_get(&devices->readers, user_id);

    return !reader ||
           mark_replaced(reader, client_id) < conf_int(devices->conf, CONF_LIMIT_DEVICES_PER_USER);
}

enum err devices_connect(struct devices *devices, struct mosquitto *client, const char *username,
                         const char *password)
{
    const char *client_id = mosquitto_client_id(client);
    const char *address = mosquitto_client_address(client);
    struct chat_actor actor;
    enum err err;

    if (!username || !password || !client_id)
        return ERR_UNAUTHENTICATED;
    err = chat_authenticate(devices->chat, span_of(password), address ? address : "", &actor);
    if (err != ERR_OK)
        return err;
    if (actor.user_id == 0) {
        worker_identify(devices->worker, devices->chat, password);
        return ERR_UNAVAILABLE; /* sent away, and known when it comes back */
    }
    if (strcmp(actor.username, username) != 0 || !topic_client_id_fits(client_id, username) ||
        !mosquitto_client_clean_session(client))
        return ERR_FORBIDDEN;
    devices_disconnect(devices, client); /* none is there; its address could be an old one's */
    if (!has_room_for(devices, actor.user_id, client_id))
        return ERR_RATE_LIMITED;
    ask_for(devices, device_new(devices, client, &actor));
    return ERR_OK;
}

void devices_disconnect(struct devices *devices, const struct mosquitto *client)
{
    struct device *device = devices_find(devices, client);

    if (device)
        device_free(devices, device);
}

/* Calls devices_disconnect. */
static void kick(struct device *device, const char *why)
{
    char *client_id = mem_strdup(device->client_id);

    log_event(LOG_INFO, "device_kicked", "user=%lld session=%lld reason=%s",
              (long long)device->actor.user_id, (long long)device->actor.session_id, why);
    if (mosquitto_kick_client_by_clientid(client_id, false) != MOSQ_ERR_SUCCESS)
        log_event(LOG_WARN, "device_not_kicked", "user=%lld", (long long)device->actor.user_id);
    free(client_id);
}

struct device *devices_find(const struct devices *devices, const struct mosquitto *client)
{
    return idmap_get(&devices->by_client, client_key(client));
}

const struct chat_actor *device_actor(const struct device *device)
{
    return &device->actor;
}

/* ---- subscriptions ---- */

static bool is_own(const struct device *device, struct span username)
{
    return span_is(username, device->actor.username);
}

static struct subscription *find_subscription(const struct device *device, struct topic topic)
{
    for (size_t i = 0; i < device->sub_count; i++) {
        if (device->subs[i].kind == topic.kind && device->subs[i].room_id == topic.id)
            return &device->subs[i];
    }
    return NULL;
}

static bool keep_subscription(struct devices *devices, struct device *device, struct topic topic,
                              int qos)
{
    struct subscription *sub = find_subscription(device, topic);

    if (!sub) {
        if ((int64_t)device->sub_count >= conf_int(devices->conf, CONF_LIMIT_DEVICE_SUBSCRIPTIONS))
            return false;
        if (device->sub_count == device->sub_cap) {
            device->sub_cap = device->sub_cap ? device->sub_cap * 2 : 4;
            device->subs = mem_regrow(device->subs, device->sub_cap, sizeof *device->subs);
        }
        sub = &device->subs[device->sub_count++];
    }
    *sub = (struct subscription){.kind = topic.kind, .room_id = topic.id, .qos = qos};
    return true;
}

bool device_may_subscribe(struct devices *devices, struct device *device, const char *filter,
                          int qos)
{
    struct topic topic = topic_parse(filter);
    bool allowed = false;

    if (topic.kind == TOPIC_ROOM || topic.kind == TOPIC_LIVE)
        allowed = !device->verified || reader_membership(device->reader, topic.id) != VERDICT_NO;
    else if (topic.kind == TOPIC_RESULT)
        allowed = is_own(device, topic.username);
    return allowed && keep_subscription(devices, device, topic, qos);
}

void device_unsubscribed(struct device *device, const char *filter)
{
    struct subscription *sub = find_subscription(device, topic_parse(filter));

    if (sub)
        *sub = device->subs[--device->sub_count];
}

bool device_may_publish(struct devices *devices, const struct device *device, const char *topic,
                        uint32_t len, bool retain)
{
    struct topic parsed = topic_parse(topic);

    return parsed.kind == TOPIC_SEND && is_own(device, parsed.username) && !retain &&
           !device->replaced && len <= conf_int(devices->conf, CONF_LIMIT_DEVICE_PAYLOAD_BYTES);
}

/* ---- reading ---- */

/* Its token of an outside issuer; a round sends it away. */
static bool has_expired(const struct device *device)
{
    return device->actor.expires_us != 0 && clock_wall_us() >= device->actor.expires_us;
}

static enum verdict judge(struct device *device, struct topic topic, int64_t seq)
{
    if (has_expired(device))
        return VERDICT_NO;
    switch (topic.kind) {
    case TOPIC_ROOM:
        if (seq == 0)
            return VERDICT_NO; /* nothing that parley has published */
        return device->verified ? reader_judge(device->reader, topic.id, seq) : VERDICT_ASK;
    case TOPIC_LIVE: /* passes by: who is not known to be a member misses it */
        return device->verified && reader_judge(device->reader, topic.id, 0) == VERDICT_YES
                   ? VERDICT_YES
                   : VERDICT_NO;
    case TOPIC_RESULT:
        if (!is_own(device, topic.username))
            return VERDICT_NO;
        return device->verified ? VERDICT_YES : VERDICT_ASK;
    default:
        return VERDICT_NO;
    }
}

static void keep(struct devices *devices, struct device *device, const struct held *message)
{
    if (!hold_add(&device->held, message))
        log_event(LOG_WARN, "device_held_dropped", "user=%lld", (long long)device->actor.user_id);
    if (device->holding)
        return;
    device->holding = true;
    list_append(&devices->holding, &device->holding_node);
    waker_call(devices->waker);
}

bool device_may_read(struct devices *devices, struct device *device, const char *topic,
                     const void *payload, uint32_t len, int qos)
{
    const struct passing *passing = &devices->passing;
    struct topic parsed = topic_parse(topic);
    struct subscription *sub = find_subscription(device, parsed);
    bool known = payload == passing->payload && strcmp(topic, passing->topic) == 0;
    int64_t seq = known ? passing->seq : 0;
    enum verdict verdict = sub ? judge(device, parsed, seq) : VERDICT_NO;

    if (verdict == VERDICT_NO || (verdict == VERDICT_YES && !device->holding))
        return verdict == VERDICT_YES;
    if (parsed.kind == TOPIC_LIVE)
        return true; /* has no place in the order */
    keep(devices, device,
         &(struct held){.topic = topic,
                        .payload = payload,
                        .len = len,
                        .qos = qos < sub->qos ? qos : sub->qos,
                        .seq = seq,
                        .snapshots = device->reader->snapshots,
                        .props = known ? passing->props : NULL});
    ask_if_wanted(devices, device->reader);
    return false;
}

/* ---- what is held ---- */

/* What snapshots taken since know nothing of was never written. */
static enum verdict judge_held(struct device *device, const struct held *message)
{
    enum verdict verdict = judge(device, topic_parse(message->topic), message->seq);

    if (verdict == VERDICT_ASK && device->reader->snapshots - message->snapshots >= READER_PATIENCE)
        return VERDICT_NO;
    return verdict;
}

/* In the order it came; what is not decided yet stays, and holds nothing back but itself. */
static void flush(struct device *device)
{
    struct hold later;
    struct held *message;

    hold_init(&later, 0);
    while ((message = hold_take(&device->held))) {
        enum verdict verdict = judge_held(device, message);

        if (verdict == VERDICT_ASK)
            hold_give(&later, message);
        else if (verdict == VERDICT_YES)
            held_hand_over(message, device->client_id);
        else
            held_free(message);
    }
    hold_move(&device->held, &later);
}

/* Messages handed over reach the client in the next round of mosquitto's loop. Only if nothing was
 * held since the last turn, which was in an earlier round, can messages go the direct way again
 * without overtaking one of them. */
static void flush_all(struct devices *devices)
{
    list_for_each(node, &devices->holding)
    {
        struct device *device = list_entry(node, struct device, holding_node);

        if (device->held.count == 0) {
            device->holding = false;
            list_remove(&device->holding_node);
            continue;
        }
        flush(device);
        ask_if_wanted(devices, device->reader);
        if (device->held.count == 0)
            waker_call(devices->waker);
    }
}

/* ---- rows of logs ---- */

static struct device *find_session(const struct reader *reader, int64_t session)
{
    list_for_each(node, &reader->devices)
    {
        struct device *device = list_entry(node, struct device, reader_node);

        if (session == 0 || device->actor.session_id == session)
            return device;
    }
    return NULL;
}

/* The reader may be gone afterwards. */
static void end_session(struct devices *devices, int64_t user_id, int64_t session)
{
    struct reader *reader;
    struct device *device;

    while ((reader = idmap_get(&devices->readers, user_id)) &&
           (device = find_session(reader, session))) {
        kick(device, "session_ended");
        if (idmap_get(&devices->readers, user_id) == reader &&
            find_session(reader, session) == device)
            device_free(devices, device); /* mosquitto no longer knew it */
    }
}

static void on_inbox(struct devices *devices, const struct event *event)
{
    struct reader *reader = idmap_get(&devices->readers, event->log_id);

    if (!reader)
        return;
    reader_on_inbox(reader, event);
    ask_if_wanted(devices, reader);
    if (event->kind == EVENT_INBOX_SESSION_ENDED)
        end_session(devices, event->log_id, event->session);
}

static void on_room(struct devices *devices, const struct event *event)
{
    struct reader *reader = event->subject ? idmap_get(&devices->readers, event->subject) : NULL;

    if (reader)
        reader_on_room(reader, event);
    devices->passing.seq = event->seq;
}

void devices_on_message(struct devices *devices, const char *topic, const void *payload,
                        const mosquitto_property *props)
{
    struct event event;

    devices->passing = (struct passing){.payload = payload, .props = props};
    if (strlen(topic) < sizeof devices->passing.topic)
        memcpy(devices->passing.topic, topic, strlen(topic) + 1);
    if (props_event(topic, props, &event) != ERR_OK)
        return;
    if (event.log == LOG_INBOX)
        on_inbox(devices, &event);
    else
        on_room(devices, &event);
    event_release(&event);
}

/* ---- turns ---- */

static void on_answer(struct devices *devices, struct load *load)
{
    struct device *device = idmap_get(&devices->by_number, load->device);

    if (!device)
        return;
    device->loading = false;
    device->reader->loads--;
    if (load->err == ERR_UNAUTHENTICATED) {
        kick(device, "session_ended");
        return;
    }
    device->reader->load_failed = load->err != ERR_OK; /* the next round asks again */
    if (device->reader->load_failed)
        return;
    device->verified = true;
    (void)reader_load(device->reader, &load->admission);
    ask_if_wanted(devices, device->reader);
}

static void on_heads(struct devices *devices)
{
    size_t count;
    struct chat_head *heads = worker_take_heads(devices->worker, &count);

    for (size_t i = 0; i < count; i++) {
        struct reader *reader = idmap_get(&devices->readers, heads[i].id);

        if (!reader)
            continue;
        reader_note(reader, heads[i].seq);
        ask_if_wanted(devices, reader);
    }
    free(heads);
}

/* Who is not known yet because PostgreSQL did not answer, and whose session was last seen to live a
 * while ago: it may have run out, or been ended by hand. */
static bool is_due(const struct device *device, int64_t now_ms)
{
    return !device->verified || has_expired(device) || now_ms - device->check_ms >= RECHECK_MS ||
           (reader_wants_load(device->reader) && device->reader->loads == 0);
}

static void look_after(struct devices *devices)
{
    int64_t now_ms = clock_mono_ms();
    struct device *device;
    int left = RECHECKS_MAX;

    if (now_ms < devices->next_round_ms)
        return;
    devices->next_round_ms = now_ms + conf_int(devices->conf, CONF_BROKER_SWEEP_MS) / 2;
    while (left > 0 && (device = idmap_next(&devices->by_number, &devices->round_cursor))) {
        if (device->loading || !is_due(device, now_ms))
            continue;
        ask_for(devices, device);
        left--;
    }
    if (left > 0)
        devices->round_cursor = 0; /* all have had their turn */
}

void devices_turn(struct devices *devices)
{
    struct load *load;

    while ((load = worker_take(devices->worker))) {
        on_answer(devices, load);
        load_free(load);
    }
    on_heads(devices);
    look_after(devices);
    flush_all(devices);
}

/* ---- life ---- */

struct devices *devices_new(const struct conf *conf)
{
    struct devices *devices = mem_alloc(sizeof *devices);

    devices->conf = conf;
    list_init(&devices->holding);
    devices->chat = chat_new(conf);
    devices->waker = waker_new(conf, conf_int(conf, CONF_BROKER_SWEEP_MS));
    devices->worker = worker_new(conf, devices->waker);
    return devices;
}

void devices_free(struct devices *devices)
{
    size_t cursor = 0;
    struct device *device;

    if (!devices)
        return;
    worker_free(devices->worker);
    waker_free(devices->waker);
    devices->worker = NULL;
    while ((device = idmap_next(&devices->by_number, &cursor))) {
        device_free(devices, device);
        cursor = 0;
    }
    idmap_release(&devices->by_client);
    idmap_release(&devices->by_number);
    idmap_release(&devices->readers);
    chat_free(devices->chat);
    free(devices);
}
