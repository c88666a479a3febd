/* A site's own events, from its clients to its backend; see app_event.h. */
#include "broker/gateway/app_event.h"

#include "broker/gateway/command.h"
#include "broker/gateway/gateway.h"
#include "broker/gateway/relay.h"
#include "broker/gateway/roomname.h"
#include "shared/base/bucket.h"
#include "shared/base/json_scan.h"
#include "shared/base/json_write.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/chat/event_name.h"

#define RATE_KEYS 65536
#define TOPIC "parley/v1/app/"
#define TOPIC_SIZE 96

struct app_events {
    struct buf names; /* space-separated */
    struct bucket_table *rate;
};

/* What became of one. */
struct outcome {
    enum err err;
    const char *message, *field; /* field: of validation_failed */
    int64_t retry_ms;
};

/* ---- the answer ---- */

static void write_body(const struct outcome *outcome, struct buf *body)
{
    struct json_writer w;

    json_begin(&w, body);
    json_object(&w, NULL);
    json_cstr(&w, "message", outcome->message ? outcome->message : err_message(outcome->err));
    if (outcome->err != ERR_OK)
        json_cstr(&w, "code", err_code(outcome->err));
    if (outcome->err == ERR_RATE_LIMITED)
        json_int(&w, "retryAfter", (outcome->retry_ms + 999) / 1000);
    if (outcome->err == ERR_VALIDATION_FAILED) {
        json_array(&w, "errors");
        json_object(&w, NULL);
        json_cstr(&w, "field", outcome->field);
        json_cstr(&w, "problem", outcome->message);
        json_object_end(&w);
        json_array_end(&w);
    }
    json_object_end(&w);
}

static void answer(struct client *client, const struct sio_event *event,
                   const struct outcome *outcome)
{
    struct buf name, body;

    buf_init(&name, 1024);
    buf_init(&body, BUF_MAX_DEFAULT);
    buf_add_span(&name, event->name);
    buf_add_str(&name, outcome->err == ERR_OK ? "Success" : "Error");
    write_body(outcome, &body);
    client->gateway->stats.commands++;
    client->gateway->stats.commands_failed += outcome->err != ERR_OK;
    command_answer(client, name.data, buf_span(&body), event->has_ack, event->ack_id);
    buf_release(&name);
    buf_release(&body);
}

/* ---- passing it on ---- */

/* The name of the room it names, "" if it names none. */
static struct outcome find_room(struct client *client, struct span data, struct buf *name)
{
    struct span room = json_type_of(data) == JSON_OBJECT ? json_member(data, "room") : SPAN_NONE;
    struct membership *membership;
    struct buf text;

    if (!span_present(room) || json_type_of(room) == JSON_NULL)
        return (struct outcome){.err = ERR_OK};
    if (json_type_of(room) != JSON_STRING)
        return (struct outcome){ERR_VALIDATION_FAILED, "must be a string", "room", 0};
    buf_init(&text, BUF_MAX_DEFAULT);
    json_unescape(room, &text);
    membership = room_name_member(client, buf_span(&text));
    buf_release(&text);
    if (!membership || membership->away.count > 0)
        return (struct outcome){.err = ERR_NOT_A_MEMBER};
    buf_add_str(name, membership->room ? membership->room->name : membership->name);
    return (struct outcome){.err = ERR_OK};
}

static enum err publish(struct client *client, struct span event, struct span room,
                        struct span data)
{
    char topic[TOPIC_SIZE];
    struct json_writer w;
    struct buf payload;
    enum err err;

    snprintf(topic, sizeof topic, TOPIC "%.*s", (int)event.len, event.ptr);
    buf_init(&payload, BUF_MAX_DEFAULT);
    json_begin(&w, &payload);
    json_object(&w, NULL);
    json_cstr(&w, "user", client->actor.username);
    if (room.len > 0)
        json_string(&w, "room", room);
    else
        json_null(&w, "room");
    json_raw(&w, "data", data);
    json_object_end(&w);
    err = relay_pass(client->gateway->relay, topic, buf_span(&payload));
    buf_release(&payload);
    return err;
}

static int64_t wait_of(const struct client *client)
{
    int64_t user = client->actor.user_id;

    return bucket_take(client->gateway->app_events->rate,
                       span_make((const char *)&user, sizeof user), 1,
                       loop_now(client->gateway->loop));
}

static struct outcome pass_on(struct client *client, const struct sio_event *event)
{
    struct span data = span_present(event->first) ? event->first : SPAN_LIT("null");
    struct outcome outcome;
    struct buf room;

    if (client->gateway->drain_timer)
        return (struct outcome){.err = ERR_UNAVAILABLE};
    if (event->attachment_count > 0 || event->argc > 1)
        return (struct outcome){ERR_VALIDATION_FAILED, "must be one JSON value", "", 0};
    outcome.retry_ms = wait_of(client);
    client->gateway->stats.refused[CONF_LIMIT_APP_EVENTS_PER_S] += outcome.retry_ms > 0;
    if (outcome.retry_ms > 0)
        return (struct outcome){.err = ERR_RATE_LIMITED, .retry_ms = outcome.retry_ms};
    buf_init(&room, BUF_MAX_DEFAULT);
    outcome = find_room(client, data, &room);
    if (outcome.err == ERR_OK && publish(client, event->name, buf_span(&room), data) != ERR_OK)
        outcome.err = ERR_UNAVAILABLE;
    else if (outcome.err == ERR_OK)
        outcome.message = "Passed on.";
    buf_release(&room);
    return outcome;
}

bool app_event_take(struct client *client, const struct sio_event *event)
{
    const struct app_events *events = client->gateway->app_events;
    struct outcome outcome;

    if (events->names.len == 0 || !event_name_is_listed(events->names.data, event->name))
        return false;
    outcome = pass_on(client, event);
    answer(client, event, &outcome);
    return true;
}

/* ---- life ---- */

static void add_name(struct app_events *events, struct span name)
{
    const char *problem = rule_event_name(name);

    if (problem) {
        log_event(LOG_ERROR, "app_event_ignored", "name=%.*s problem=\"%s\"", (int)name.len,
                  name.ptr, problem);
        return;
    }
    if (events->names.len > 0)
        buf_add_char(&events->names, ' ');
    buf_add_span(&events->names, name);
}

static void read_names(struct app_events *events, const char *list)
{
    buf_clear(&events->names);
    while (*list) {
        size_t len = strcspn(list, " \t");

        if (len > 0)
            add_name(events, span_make(list, len));
        list += len + (list[len] != '\0');
    }
}

struct app_events *app_events_new(const struct conf *conf)
{
    struct app_events *events = mem_alloc(sizeof *events);
    int rate = (int)conf_int(conf, CONF_LIMIT_APP_EVENTS_PER_S);

    buf_init(&events->names, BUF_MAX_DEFAULT);
    read_names(events, conf_str(conf, CONF_APP_EVENTS));
    events->rate = bucket_table_new(rate, 1000, rate * 2 + 1, RATE_KEYS);
    return events;
}

void app_events_reload(struct app_events *events, const struct conf *conf)
{
    int rate = (int)conf_int(conf, CONF_LIMIT_APP_EVENTS_PER_S);

    read_names(events, conf_str(conf, CONF_APP_EVENTS));
    bucket_table_change(events->rate, rate, rate * 2 + 1);
}

void app_events_free(struct app_events *events)
{
    if (!events)
        return;
    buf_release(&events->names);
    bucket_table_free(events->rate);
    free(events);
}
