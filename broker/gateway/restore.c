/*
 * Reading and emitting what was missed, log by log. A membership's head moves along, so that a
 * connection lost in the middle is restored from there.
 */
#include "broker/gateway/restore.h"

#include "broker/gateway/gateway.h"
#include "shared/base/json_scan.h"
#include "shared/base/mem.h"

#define PAGE 200
#define RETRY_MS 200
#define RETRIES_MAX 25

/* One log to be read. */
struct missed {
    enum log_type log;
    int64_t id;
    int64_t after, upto;
    int64_t start; /* it was here; the row itself is looked at: is it its leave? */
    int64_t kept;  /* where to come back to: while it is away, its leave */
    bool member;   /* at the snapshot; else `upto` is to be found first */
    bool seek;
    int64_t sought; /* as far as was looked for the end */
    bool away;      /* the log has come to where it had left and not yet come back */
};

struct restore {
    struct pool_job job; /* first */
    struct gateway *gateway;
    struct client *client; /* NULL: cancelled */
    struct loop_timer *timer;
    loop_fn done;
    void *arg;
    struct missed *logs;
    size_t count, current;
    struct event_list events;
    enum err err;
    int tries;
    bool job_running;
};

/* ---- CONNECT ---- */

static bool text_of(struct span value, char *out, size_t size)
{
    struct buf text;
    bool good;

    buf_init(&text, size - 1);
    json_unescape(value, &text);
    good = buf_ok(&text) && text.len > 0 && !memchr(text.data, '\0', text.len);
    snprintf(out, size, "%s", good ? text.data : "");
    buf_release(&text);
    return good;
}

static bool is_text(struct span value)
{
    return span_present(value) && json_type_of(value) == JSON_STRING;
}

void restore_wish_parse(struct span auth, struct restore_wish *out)
{
    struct span pid = json_member(auth, "pid"), offset = json_member(auth, "offset");

    *out = (struct restore_wish){0};
    out->wanted = is_text(pid) || span_is(json_member(auth, "recovery"), "true");
    if (is_text(pid))
        (void)text_of(pid, out->pid, sizeof out->pid);
    out->has_offset = span_present(offset) && json_type_of(offset) != JSON_NULL;
    if (out->has_offset && (!is_text(offset) || !text_of(offset, out->offset, sizeof out->offset)))
        snprintf(out->offset, sizeof out->offset, "?");
}

/* ---- reading ---- */

static void restore_free(struct restore *restore)
{
    loop_timer_free(restore->timer);
    event_list_release(&restore->events);
    free(restore->logs);
    free(restore);
}

void restore_cancel(struct restore *restore)
{
    if (!restore)
        return;
    restore->client = NULL;
    loop_timer_stop(restore->timer);
    if (!restore->job_running)
        restore_free(restore);
}

static void run(struct pool_job *job, struct db *db)
{
    struct restore *restore = (struct restore *)job;
    const struct missed *log = &restore->logs[restore->current];

    int64_t after = log->seek ? log->sought : log->after;

    if (!log->seek && after == log->start && after > 0)
        after--;
    restore->err = chat_log_read(db, log->log, log->id, after, log->seek ? 0 : log->upto, PAGE,
                                 log->seek, &restore->events);
}

/* How far the client is in a log now. */
static void moved_on(struct restore *restore, const struct missed *log)
{
    struct client *client = restore->client;
    struct membership *membership;

    if (log->log == LOG_INBOX) {
        client->session->inbox = log->kept;
    } else if (!log->member) {
        recoverable_past_room(client->session, log->id, log->kept, log->after >= log->upto);
    } else {
        membership = client_room(client, log->id);
        if (membership)
            membership->head = log->kept;
    }
}

static bool is_about(const struct restore *restore, const struct event *event, enum event_kind kind)
{
    return event->kind == kind && event->subject == restore->client->actor.user_id;
}

static void emit(struct restore *restore, struct missed *log, const struct event *event)
{
    struct client *client = restore->client;
    int64_t room = log->log == LOG_ROOM ? log->id : 0;

    if (is_about(restore, event, EVENT_MEMBER_JOINED))
        log->away = false;
    if (event->json && !log->away && event->seq > log->start &&
        !client_hides(client, event->author))
        client_emit_row(client, room, event->seq, span_make(event->json, event->json_len));
    if (!log->away)
        log->kept = event->seq;
    if (is_about(restore, event, EVENT_MEMBER_LEFT))
        log->away = true;
    log->after = event->seq;
}

/* A room it is not in any more: where did its stay end? Nothing after that is for it. True: the
 * log has no such row, nothing is for it. */
static bool seek(struct restore *restore, struct missed *log)
{
    for (size_t i = 0; i < restore->events.count && log->seek; i++) {
        const struct event *event = &restore->events.items[i];

        log->sought = event->seq;
        if (is_about(restore, event, EVENT_MEMBER_LEFT) || event->kind == EVENT_CHANNEL_DELETED) {
            log->upto = event->seq;
            log->seek = false;
        }
    }
    if (!log->seek || restore->events.count == PAGE)
        return false;
    recoverable_past_room(restore->client->session, log->id, log->after, true);
    return true;
}

/* What was read of the current log; true: it is done. */
static bool apply(struct restore *restore)
{
    struct missed *log = &restore->logs[restore->current];
    bool page_full = restore->events.count == PAGE;

    if (log->seek)
        return seek(restore, log);
    for (size_t i = 0; i < restore->events.count; i++)
        emit(restore, log, &restore->events.items[i]);
    if (!page_full) {
        log->after = log->upto;
        log->kept = log->away ? log->kept : log->upto;
    }
    moved_on(restore, log);
    return !page_full || log->after >= log->upto;
}

static void done(struct pool_job *job)
{
    struct restore *restore = (struct restore *)job;

    restore->job_running = false;
    if (!restore->client) {
        restore_free(restore);
        return;
    }
    if (restore->client->state == CLIENT_GONE)
        return; /* cancelled in a moment */
    if (restore->err != ERR_OK) {
        event_list_release(&restore->events);
        if (++restore->tries > RETRIES_MAX)
            client_close(restore->client);
        else
            loop_timer_start(restore->timer, RETRY_MS, 0);
        return;
    }
    restore->tries = 0;
    if (apply(restore))
        restore->current++;
    event_list_release(&restore->events);
    restore_run(restore);
}

void restore_run(struct restore *restore)
{
    loop_fn finished = restore->done;
    void *arg = restore->arg;

    while (restore->current < restore->count && !restore->logs[restore->current].seek &&
           restore->logs[restore->current].after >= restore->logs[restore->current].upto)
        restore->current++;
    if (restore->current < restore->count) {
        restore->job = (struct pool_job){.run = run, .done = done};
        restore->job_running = pool_submit(restore->gateway->readers, &restore->job) == ERR_OK;
        if (!restore->job_running)
            client_close(restore->client);
        return;
    }
    restore->client->session->inbox = -1;
    restore_free(restore);
    finished(arg);
}

static void on_timer(void *arg)
{
    struct restore *restore = arg;

    if (restore->client->state != CLIENT_GONE)
        restore_run(restore);
}

/* ---- what there is to read ---- */

static struct record_room *had(const struct record *record, int64_t room)
{
    for (size_t i = 0; i < record->room_count; i++) {
        if (record->rooms[i].id == room)
            return &record->rooms[i];
    }
    return NULL;
}

static void add(struct restore *restore, const struct missed *log)
{
    struct missed *mine = &restore->logs[restore->count++];

    *mine = *log;
    mine->start = mine->kept = mine->after;
    moved_on(restore, mine);
}

/* Rooms of the snapshot: from where it was, or from its join. */
static void add_rooms(struct restore *restore, const struct record *record,
                      const struct chat_admission *admission)
{
    for (size_t i = 0; i < admission->room_count; i++) {
        const struct chat_position *room = &admission->rooms[i];
        struct record_room *before = had(record, room->room_id);
        int64_t after = before ? before->after : room->joined_seq - 1;

        if (before)
            before->id = 0; /* what remains was left */
        after = after < 0 ? 0 : after > room->head ? room->head : after;
        add(restore, &(struct missed){.log = LOG_ROOM,
                                      .id = room->room_id,
                                      .after = after,
                                      .upto = room->head,
                                      .member = true});
    }
}

static void add_left(struct restore *restore, const struct record *record)
{
    for (size_t i = 0; i < record->room_count; i++) {
        if (record->rooms[i].id != 0)
            add(restore, &(struct missed){.log = LOG_ROOM,
                                          .id = record->rooms[i].id,
                                          .after = record->rooms[i].after,
                                          .sought = record->rooms[i].after,
                                          .upto = INT64_MAX,
                                          .seek = true});
    }
}

struct restore *restore_new(struct client *client, const struct chat_admission *admission,
                            loop_fn done_fn, void *arg)
{
    struct recoverable *session = client->session;
    struct record *record = session->restored;
    struct restore *restore = mem_alloc(sizeof *restore);

    restore->gateway = client->gateway;
    restore->client = client;
    restore->done = done_fn;
    restore->arg = arg;
    restore->timer = loop_timer_new(client->gateway->loop, on_timer, restore);
    restore->logs =
        mem_array(admission->room_count + record->room_count + 1, sizeof *restore->logs);
    event_list_init(&restore->events);
    add(restore, &(struct missed){.log = LOG_INBOX,
                                  .id = client->actor.user_id,
                                  .after = record->inbox,
                                  .upto = admission->inbox_seq,
                                  .member = true});
    add_rooms(restore, record, admission);
    add_left(restore, record);
    record_release(record);
    mem_free(session->restored);
    return restore;
}
