/*
 * From an event to its answer. The rules are shared/chat's; here is only which thread runs a
 * command and what may overtake what.
 */
#include "broker/gateway/command.h"

#include "broker/gateway/app_event.h"
#include "broker/gateway/gateway.h"
#include "broker/gateway/news.h"
#include "broker/gateway/relay.h"
#include "broker/gateway/timeline.h"
#include "broker/gateway/typing.h"
#include "shared/base/clock.h"
#include "shared/base/json_write.h"
#include "shared/base/mem.h"

/* getHistory is no barrier, but what one connection has asked for must not fill the readers' queue,
 * which everybody's admission and repair wait in. */
#define READS_MAX 4

struct command_job {
    struct pool_job pool;   /* first */
    struct write_job write; /* sends */
    struct client *client;  /* a reference */
    struct chat_command *command;
    enum chat_progress progress;
    int64_t began_us;
    bool has_ack;
    uint64_t ack_id;
    struct list node; /* client->commands while it waits */
};

static bool is_barrier(const struct command_job *job)
{
    return chat_command_definition(job->command)->flags & CHAT_BARRIER;
}

static bool is_read(const struct command_job *job)
{
    return chat_command_definition(job->command)->verb == CHAT_GET_HISTORY;
}

/* ---- answers ---- */

void command_answer(struct client *client, const char *name, struct span body, bool has_ack,
                    uint64_t ack_id)
{
    struct buf out;
    struct json_writer w;

    if (!client->socket || client->state == CLIENT_GONE)
        return;
    buf_init(&out, BUF_MAX_DEFAULT);
    json_begin(&w, &out);
    json_array(&w, NULL);
    json_cstr(&w, NULL, name);
    json_raw(&w, NULL, body);
    json_array_end(&w);
    client_emit_json(client, buf_span(&out));
    if (has_ack) {
        buf_clear(&out);
        json_begin(&w, &out);
        json_array(&w, NULL);
        json_raw(&w, NULL, body);
        json_array_end(&w);
        sio_ack(client->socket, ack_id, buf_span(&out));
    }
    buf_release(&out);
}

static void answer(struct command_job *job)
{
    const struct chat_command_def *def = chat_command_definition(job->command);
    enum err err = chat_command_error(job->command);
    int64_t us = clock_mono_us() - job->began_us;
    struct buf body;

    job->client->gateway->stats.commands++;
    if (err != ERR_OK)
        job->client->gateway->stats.commands_failed++;
    times_command(&job->client->gateway->times, def->verb, us);
    log_event(LOG_DEBUG, "command", "connection=%llu user=%lld command=%s code=%s us=%lld",
              (unsigned long long)job->client->log.connection,
              (long long)job->client->actor.user_id, def->event,
              err == ERR_OK ? "ok" : err_code(err), (long long)us);
    if ((def->flags & CHAT_SILENT) && err == ERR_OK)
        return;
    buf_init(&body, BUF_MAX_DEFAULT);
    chat_command_body(job->command, &body);
    command_answer(job->client, err == ERR_OK ? def->success_event : def->error_event,
                   buf_span(&body), job->has_ack, job->ack_id);
    buf_release(&body);
}

static void answer_unknown(struct client *client, const struct sio_event *event)
{
    struct buf body;
    struct json_writer w;

    buf_init(&body, 1024);
    json_begin(&w, &body);
    json_object(&w, NULL);
    json_cstr(&w, "message", "There is no such event.");
    json_cstr(&w, "code", err_code(ERR_VALIDATION_FAILED));
    json_object_end(&w);
    command_answer(client, "error", buf_span(&body), event->has_ack, event->ack_id);
    buf_release(&body);
}

/* ---- what a commit made true ---- */

static void deliver_log(struct gateway *gateway, struct event_list *events, enum log_type type)
{
    for (size_t i = 0; i < events->count; i++) {
        struct event *event = &events->items[i];
        struct livelog *live;

        if (event->log != type || event->seq == 0)
            continue;
        relay_publish(gateway->relay, event);
        live = livelog_find(gateway, type, event->log_id);
        if (live)
            livelog_feed(live, event);
        else
            event_release(event);
    }
}

static void deliver_news(struct gateway *gateway, struct event_list *events)
{
    for (size_t i = 0; i < events->count; i++) {
        if (event_is_news(&events->items[i]))
            news_send(gateway, &events->items[i]);
    }
}

/* Inboxes first: who has just joined a room is in it before its rows are delivered. */
void command_deliver_events(struct gateway *gateway, struct event_list *events, uint32_t timeline)
{
    for (size_t i = 0; i < events->count; i++)
        events->items[i].timeline = timeline;
    if (timeline_fits(gateway, timeline)) {
        deliver_log(gateway, events, LOG_INBOX);
        deliver_log(gateway, events, LOG_ROOM);
        deliver_news(gateway, events);
    }
    event_list_release(events);
    event_list_init(events);
}

/* ---- running ---- */

static void pump(struct client *client);

static void job_free(struct command_job *job)
{
    chat_command_free(job->command);
    client_unref(job->client);
    free(job);
}

static void finish(struct command_job *job)
{
    struct client *client = job->client;

    client->commands_running--;
    client->gateway->stats.commands_running--;
    if (is_read(job))
        client->reads_running--;
    if (is_barrier(job))
        client->barrier_running = false;
    answer(job);
    command_deliver_events(client->gateway, chat_command_events(job->command),
                           job->write.timeline ? job->write.timeline : job->pool.timeline);
    pump(client);
    job_free(job);
}

static void run_step(struct pool_job *pool, struct db *db)
{
    struct command_job *job = (struct command_job *)pool;

    log_set_context(&job->client->log);
    job->progress = chat_command_run(job->command, db);
    log_set_context(NULL);
}

static void run_hash(struct pool_job *pool, struct db *db)
{
    (void)db;
    chat_command_hash(((struct command_job *)pool)->command);
}

static struct pool *pool_of(const struct command_job *job)
{
    struct gateway *gateway = job->client->gateway;

    return is_read(job) ? gateway->readers : gateway->commanders;
}

static void step_done(struct pool_job *pool);
static void hash_done(struct pool_job *pool);

static void fail(struct command_job *job, enum err err)
{
    chat_command_fail(job->command, err);
    finish(job);
}

static void submit_step(struct command_job *job)
{
    job->pool.run = run_step;
    job->pool.done = step_done;
    if (loop_now(job->client->gateway->loop) > job->pool.deadline_ms)
        fail(job, ERR_UNAVAILABLE);
    else if (pool_submit(pool_of(job), &job->pool) != ERR_OK)
        fail(job, ERR_UNAVAILABLE);
}

static void submit_hash(struct command_job *job)
{
    job->pool.run = run_hash;
    job->pool.done = hash_done;
    if (pool_submit(job->client->gateway->hashers, &job->pool) != ERR_OK)
        fail(job, ERR_RATE_LIMITED);
}

static void step_done(struct pool_job *pool)
{
    struct command_job *job = (struct command_job *)pool;

    switch (job->progress) {
    case CHAT_DONE:
        finish(job);
        break;
    case CHAT_HASH:
        submit_hash(job);
        break;
    case CHAT_BUSY:
        submit_step(job);
        break;
    }
}

static void hash_done(struct pool_job *pool)
{
    submit_step((struct command_job *)pool);
}

static void on_written(struct write_job *write)
{
    finish(list_entry(write, struct command_job, write));
}

static void start(struct command_job *job)
{
    struct client *client = job->client;
    struct gateway *gateway = client->gateway;

    client->commands_running++;
    gateway->stats.commands_running++;
    if (is_read(job))
        client->reads_running++;
    client->barrier_running = is_barrier(job);
    job->pool.deadline_ms = job->write.started_ms + conf_int(gateway->conf, CONF_PG_TIMEOUT_MS);
    if (chat_command_definition(job->command)->verb != CHAT_SEND_MESSAGE)
        submit_step(job);
    else if (writers_submit(gateway->writers, &job->write) != ERR_OK)
        fail(job, ERR_UNAVAILABLE);
}

static bool may_start(const struct client *client, const struct command_job *job)
{
    if (is_barrier(job))
        return client->commands_running == 0;
    return !is_read(job) || client->reads_running < READS_MAX;
}

/* Start what may start now. */
static void pump(struct client *client)
{
    while (!client->barrier_running && !list_is_empty(&client->commands)) {
        struct command_job *job = list_entry(client->commands.next, struct command_job, node);

        if (!may_start(client, job))
            return;
        list_remove(&job->node);
        client->commands_waiting--;
        client->gateway->stats.commands_waiting--;
        start(job);
    }
}

static void refuse_waiting(struct command_job *job)
{
    job->client->gateway->stats.refused[CONF_LIMIT_COMMANDS_WAITING]++;
    chat_command_fail(job->command, ERR_RATE_LIMITED);
}

static struct command_job *job_new(struct client *client, const struct chat_command_def *def,
                                   const struct sio_event *event)
{
    struct command_job *job = mem_alloc(sizeof *job);

    job->client = client_ref(client);
    job->command = chat_command_new(client->gateway->chat, def, &client->actor);
    job->began_us = clock_mono_us();
    job->has_ack = event->has_ack;
    job->ack_id = event->ack_id;
    job->write.command = job->command;
    job->write.done = on_written;
    job->write.started_ms = loop_now(client->gateway->loop);
    list_init(&job->node);
    return job;
}

void command_on_event(struct sio_socket *socket, const struct sio_event *event)
{
    struct client *client = sio_socket_data(socket);
    const struct chat_command_def *def = chat_command_find(event->name);
    struct span dto = span_present(event->first) ? event->first : SPAN_LIT("null");
    struct command_job *job;

    if (!client || client->state == CLIENT_GONE)
        return;
    if (span_is(event->name, "typing")) {
        typing_on_event(client, dto);
        return;
    }
    if (!def) {
        if (!app_event_take(client, event))
            answer_unknown(client, event);
        return;
    }
    job = job_new(client, def, event);
    if (client->gateway->drain_timer) /* its client resends, elsewhere */
        chat_command_fail(job->command, ERR_UNAVAILABLE);
    else if (client->commands_waiting >=
             conf_int(client->gateway->conf, CONF_LIMIT_COMMANDS_WAITING))
        refuse_waiting(job);
    else if (chat_command_decode(job->command, dto) == ERR_OK) {
        list_append(&client->commands, &job->node);
        client->commands_waiting++;
        client->gateway->stats.commands_waiting++;
        pump(client);
        return;
    }
    answer(job);
    job_free(job);
}

void command_drop_waiting(struct client *client)
{
    struct list *node;

    while ((node = list_take_first(&client->commands)))
        job_free(list_entry(node, struct command_job, node));
    client->gateway->stats.commands_waiting -= (uint64_t)client->commands_waiting;
    client->commands_waiting = 0;
}
