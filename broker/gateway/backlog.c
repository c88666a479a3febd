/*
 * Reading and emitting the history and what `since` missed, one job on the readers at a time. Not
 * the replay of a session that is restored: that is restore.c.
 */
#include "broker/gateway/backlog.h"

#include "broker/gateway/gateway.h"
#include "broker/gateway/recovery.h"
#include "shared/base/mem.h"

#define RETRY_MS 200
#define RETRIES_MAX 25 /* reads that fail before the client is told to come back */
#define REPLAY_PAGE 200

struct backlog {
    struct pool_job job; /* first; one at a time */
    struct gateway *gateway;
    struct client *client; /* NULL: cancelled or done */
    struct loop_timer *timer;
    backlog_fn done;
    void *arg;
    struct chat_admission admission;
    struct chat_history history;
    struct sio_stream *stream;
    struct buf piece;
    struct event_list events;
    size_t room; /* being replayed, after this seq */
    int64_t after;
    enum err err;
    int tries;
    char offset[OFFSET_SIZE]; /* of the history */
    bool job_running, streaming, replayed;
};

size_t backlog_piece_bytes(const struct gateway *gateway)
{
    return (size_t)conf_int(gateway->conf, CONF_LIMIT_HISTORY_MEMORY_BYTES) / 4;
}

/* Free a cancelled one once nothing refers to it any more. */
static void maybe_free(struct backlog *b)
{
    if (b->client || b->job_running || b->stream)
        return;
    loop_timer_free(b->timer);
    chat_admission_release(&b->admission);
    buf_release(&b->piece);
    event_list_release(&b->events);
    free(b);
}

void backlog_cancel(struct backlog *backlog)
{
    if (!backlog)
        return;
    backlog->client = NULL;
    loop_timer_stop(backlog->timer);
    maybe_free(backlog);
}

static void submit(struct backlog *b, void (*run)(struct pool_job *, struct db *),
                   void (*done)(struct pool_job *))
{
    b->job = (struct pool_job){.run = run, .done = done};
    b->err = ERR_OK;
    b->job_running = pool_submit(b->gateway->readers, &b->job) == ERR_OK;
    if (!b->job_running)
        client_close(b->client);
}

/* A job has come back: false if there is nobody to go on for. */
static bool resume(struct backlog *b)
{
    b->job_running = false;
    if (b->client && b->client->state != CLIENT_GONE)
        return true;
    maybe_free(b);
    return false;
}

static void retry_later(struct backlog *b)
{
    if (++b->tries > RETRIES_MAX)
        client_close(b->client);
    else
        loop_timer_start(b->timer, RETRY_MS, 0);
}

static void finish(struct backlog *b)
{
    backlog_fn done = b->done;
    void *arg = b->arg;
    bool replayed = b->replayed;

    backlog_cancel(b);
    done(arg, replayed);
}

/* ---- since: what is not part of history follows as events ---- */

static void replay_next(struct backlog *b);

static void replay_run(struct pool_job *job, struct db *db)
{
    struct backlog *b = (struct backlog *)job;
    const struct chat_position *room = &b->admission.rooms[b->room];

    b->err = chat_log_read(db, LOG_ROOM, room->room_id, b->after, room->head, REPLAY_PAGE, true,
                           &b->events);
}

static void replay_done(struct pool_job *job)
{
    struct backlog *b = (struct backlog *)job;
    bool page_full = b->events.count == REPLAY_PAGE;

    if (!resume(b))
        return;
    if (b->err != ERR_OK) {
        retry_later(b);
        return;
    }
    for (size_t i = 0; i < b->events.count; i++) {
        const struct event *event = &b->events.items[i];

        b->after = event->seq;
        if (event->json && !client_hides(b->client, event->author))
            client_emit_json(b->client, span_make(event->json, event->json_len));
    }
    event_list_release(&b->events);
    event_list_init(&b->events);
    if (!page_full) {
        b->room++;
        b->after = 0;
    }
    replay_next(b);
}

static void replay_next(struct backlog *b)
{
    for (; b->room < b->admission.room_count; b->room++, b->after = 0) {
        const struct chat_position *room = &b->admission.rooms[b->room];

        if (!room->since || room->after >= room->head)
            continue;
        if (b->after < room->after)
            b->after = room->after;
        b->replayed = true;
        submit(b, replay_run, replay_done);
        return;
    }
    finish(b);
}

/* ---- history ---- */

static void history_run(struct pool_job *job, struct db *db)
{
    struct backlog *b = (struct backlog *)job;
    struct chat_history before = b->history;

    buf_clear(&b->piece);
    b->err = chat_history_next(db, &b->history, backlog_piece_bytes(b->gateway), &b->piece);
    if (b->err != ERR_OK)
        b->history = before;
}

static void history_finish(struct backlog *b)
{
    b->streaming = false;
    b->tries = 0;
    replay_next(b);
}

/* What ends the event: its offset, for a client that can be recovered. */
static void history_end(struct backlog *b, struct buf *out)
{
    if (b->offset[0] != '\0')
        buf_addf(out, ",\"%s\"", b->offset);
    buf_add_char(out, ']');
}

static void history_done(struct pool_job *job)
{
    struct backlog *b = (struct backlog *)job;
    bool last = b->history.done; /* on_want may start the next read while we write */

    if (!resume(b))
        return;
    if (b->err != ERR_OK) {
        retry_later(b);
        return;
    }
    b->tries = 0;
    if (!b->stream) /* the socket is about to be gone */
        return;
    sio_stream_write(b->stream, buf_span(&b->piece));
    if (!last)
        return; /* on_want asks for more */
    buf_clear(&b->piece);
    history_end(b, &b->piece);
    sio_stream_write(b->stream, buf_span(&b->piece));
    sio_stream_end(b->stream);
    b->stream = NULL;
    history_finish(b);
}

static void history_next(struct backlog *b)
{
    if (!b->job_running && b->streaming && !b->history.done)
        submit(b, history_run, history_done);
}

static void on_want(void *arg)
{
    struct backlog *b = arg;

    if (b->client && b->client->state != CLIENT_GONE && !loop_timer_active(b->timer))
        history_next(b);
}

static void on_gone(void *arg)
{
    struct backlog *b = arg;

    b->stream = NULL;
    maybe_free(b);
}

/* The first piece came with the snapshot; most histories end with it. */
void backlog_run(struct backlog *backlog)
{
    struct buf out;

    buf_init(&out, BUF_MAX_DEFAULT);
    buf_add_str(&out, "[\"updateChatHistory\",");
    buf_add_span(&out, buf_span(&backlog->piece));
    if (!backlog->history.done && backlog->client->session)
        recoverable_offset(backlog->client->session, 0, 0, backlog->offset);
    if (backlog->history.done) {
        buf_add_char(&out, ']');
        client_emit_json(backlog->client, buf_span(&out));
        history_finish(backlog);
    } else {
        size_t window = (size_t)conf_int(backlog->gateway->conf, CONF_LIMIT_HISTORY_MEMORY_BYTES);

        backlog->streaming = true;
        backlog->stream =
            sio_stream_begin(backlog->client->socket, window, on_want, on_gone, backlog);
        sio_stream_write(backlog->stream, buf_span(&out));
    }
    buf_release(&out);
}

/* It is time to try a read again. */
static void on_timer(void *arg)
{
    struct backlog *b = arg;

    if (!b->client || b->client->state == CLIENT_GONE || b->job_running)
        return;
    if (b->streaming)
        history_next(b);
    else
        replay_next(b);
}

struct backlog *backlog_new(struct client *client, struct chat_admission *admission,
                            const struct chat_history *history, struct buf *piece, backlog_fn done,
                            void *arg)
{
    struct backlog *b = mem_alloc(sizeof *b);

    b->gateway = client->gateway;
    b->client = client;
    b->done = done;
    b->arg = arg;
    b->timer = loop_timer_new(client->gateway->loop, on_timer, b);
    b->admission = *admission;
    *admission = (struct chat_admission){0};
    b->history = *history;
    b->history.admission = &b->admission;
    b->piece = *piece;
    buf_init(piece, BUF_MAX_DEFAULT);
    event_list_init(&b->events);
    return b;
}
