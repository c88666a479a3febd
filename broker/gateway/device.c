/*
 * From a device's message to its answer, see device.h. A command whose broker dies is not answered:
 * the device sends again with the same nonce.
 */
#include "broker/gateway/device.h"

#include "broker/gateway/command.h"
#include "broker/gateway/gateway.h"
#include "broker/gateway/relay.h"
#include "shared/base/clock.h"
#include "shared/base/json_scan.h"
#include "shared/base/json_write.h"
#include "shared/base/mem.h"

#define TOPIC_PREFIX "parley/v1/devices/"
#define TOPIC_SUFFIX "/send"
#define NONCE_JSON_MAX 1024

struct device_job {
    struct write_job write;
    struct gateway *gateway;
    int64_t began_us;
    char username[TOKEN_USERNAME_SIZE];
    char *nonce;       /* as it came, JSON; NULL: none */
    char *correlation; /* NULL: none */
    size_t correlation_len;
};

static bool parse_topic(struct span topic, char username[TOKEN_USERNAME_SIZE])
{
    size_t prefix = strlen(TOPIC_PREFIX), suffix = strlen(TOPIC_SUFFIX);
    size_t len = topic.len - prefix - suffix;

    if (topic.len <= prefix + suffix || len >= TOKEN_USERNAME_SIZE ||
        memcmp(topic.ptr, TOPIC_PREFIX, prefix) != 0 ||
        memcmp(topic.ptr + topic.len - suffix, TOPIC_SUFFIX, suffix) != 0)
        return false;
    memcpy(username, topic.ptr + prefix, len);
    username[len] = '\0';
    return true;
}

/* A property that is there once, of the plugin's making. */
static struct span prop(const struct bus_message *message, const char *name)
{
    struct span value = SPAN_NONE;

    for (int i = 0; i < message->prop_count; i++) {
        if (span_is(message->props[i].name, name))
            value = span_present(value) ? SPAN_LIT("") : message->props[i].value;
    }
    return value;
}

static int64_t prop_id(const struct bus_message *message, const char *name)
{
    struct span text = prop(message, name);
    long long id = 0;

    if (!span_present(text) || json_scan(text, 1) != ERR_OK || !json_to_int(text, &id) || id < 1)
        return 0;
    return id;
}

static bool read_actor(const struct bus_message *message, const char *username,
                       struct chat_actor *actor)
{
    struct span address = prop(message, "address");

    *actor = (struct chat_actor){.user_id = prop_id(message, "user"),
                                 .session_id = prop_id(message, "session")};
    snprintf(actor->username, sizeof actor->username, "%s", username);
    snprintf(actor->address, sizeof actor->address, "%.*s", (int)address.len,
             span_present(address) ? address.ptr : "");
    return actor->user_id > 0 && actor->session_id > 0;
}

/* ---- answers ---- */

/* The body that a socket gets, with the event's name in it, and the nonce also of an error. */
static void make_answer(const struct device_job *job, struct buf *out)
{
    const struct chat_command_def *def = chat_command_definition(job->write.command);
    bool failed = chat_command_error(job->write.command) != ERR_OK;
    struct json_writer w;
    struct buf body;

    buf_init(&body, BUF_MAX_DEFAULT);
    chat_command_body(job->write.command, &body);
    json_begin(&w, out);
    json_object(&w, NULL);
    json_cstr(&w, "event", failed ? def->error_event : def->success_event);
    if (failed && job->nonce)
        json_raw(&w, "nonce", span_of(job->nonce));
    buf_add_char(out, ',');
    buf_add(out, body.data + 1, body.len - 2);
    json_object_end(&w);
    buf_release(&body);
}

static void answer(const struct device_job *job)
{
    struct gateway *gateway = job->gateway;
    char topic[sizeof TOPIC_PREFIX + TOKEN_USERNAME_SIZE + 8];
    struct buf out;

    gateway->stats.commands++;
    times_command(&gateway->times, CHAT_SEND_MESSAGE, clock_mono_us() - job->began_us);
    if (chat_command_error(job->write.command) != ERR_OK)
        gateway->stats.commands_failed++;
    buf_init(&out, BUF_MAX_DEFAULT);
    make_answer(job, &out);
    snprintf(topic, sizeof topic, TOPIC_PREFIX "%s/result", job->username);
    relay_answer(gateway->relay, topic, buf_span(&out),
                 job->correlation ? span_make(job->correlation, job->correlation_len) : SPAN_NONE);
    buf_release(&out);
}

static void finish(struct device_job *job)
{
    answer(job);
    command_deliver_events(job->gateway, chat_command_events(job->write.command),
                           job->write.timeline);
    chat_command_free(job->write.command);
    free(job->nonce);
    free(job->correlation);
    free(job);
}

static void on_written(struct write_job *write)
{
    finish(list_entry(write, struct device_job, write));
}

/* ---- commands ---- */

static char *find_nonce(struct span payload)
{
    struct span nonce;

    if (json_scan(payload, JSON_DEPTH_LIMIT) != ERR_OK)
        return NULL;
    nonce = json_member(payload, "nonce");
    if (!span_present(nonce) || json_type_of(nonce) != JSON_STRING || nonce.len > NONCE_JSON_MAX)
        return NULL;
    return mem_span_dup(nonce);
}

static struct device_job *job_new(struct gateway *gateway, const struct chat_actor *actor,
                                  const struct bus_message *message)
{
    struct device_job *job = mem_alloc(sizeof *job);

    job->gateway = gateway;
    job->began_us = clock_mono_us();
    memcpy(job->username, actor->username, sizeof job->username);
    job->nonce = find_nonce(message->payload);
    if (span_present(message->correlation)) {
        job->correlation = mem_span_dup(message->correlation);
        job->correlation_len = message->correlation.len;
    }
    job->write.command =
        chat_command_new(gateway->chat, chat_command_def(CHAT_SEND_MESSAGE), actor);
    job->write.started_ms = loop_now(gateway->loop);
    job->write.done = on_written;
    list_init(&job->write.node);
    return job;
}

static void run(struct device_job *job, struct span payload)
{
    if (job->gateway->drain_timer) { /* the device sends again, and another broker gets it */
        chat_command_fail(job->write.command, ERR_UNAVAILABLE);
    } else if (chat_command_decode(job->write.command, payload) == ERR_OK) {
        if (writers_submit(job->gateway->writers, &job->write) == ERR_OK)
            return;
        chat_command_fail(job->write.command, ERR_UNAVAILABLE);
    }
    finish(job);
}

bool device_on_message(struct gateway *gateway, const struct bus_message *message)
{
    struct chat_actor actor;
    char username[TOKEN_USERNAME_SIZE];

    if (!parse_topic(message->topic, username))
        return false;
    if (read_actor(message, username, &actor))
        run(job_new(gateway, &actor, message), message->payload);
    return true;
}
