/*
 * The connecting sequence of one client, a chain of steps; what blocks is a job on the readers.
 *
 *   begin -> with a pid: get the session, from here or from where it is
 *         -> subscribe the inbox (SUBACK, or MQTT is down, or patience ends)
 *         -> admit: one snapshot of rooms, positions and inbox, and the first piece of history
 *         -> accepted; with a session: what was missed (restore.c), and live
 *         -> history, streamed with back-pressure
 *         -> for `since`: what was missed of edits and memberships, as the events themselves
 *         -> live: enter every room from the snapshot's position
 */
#include "broker/gateway/connect.h"

#include "broker/gateway/claim.h"
#include "broker/gateway/gateway.h"
#include "broker/gateway/relay.h"
#include "broker/gateway/restore.h"
#include "broker/gateway/user.h"
#include "shared/base/json_scan.h"
#include "shared/base/json_write.h"
#include "shared/base/mem.h"
#include "shared/chat/read.h"

#define SUBACK_PATIENCE_MS 1000
#define RETRY_MS 200
#define RETRIES_MAX 25 /* reads that fail before the client is told to come back */
#define ADMIT_MAX 20   /* snapshots taken while the inbox keeps moving on */
#define REPLAY_PAGE 200

struct connecting {
    struct pool_job job; /* first; one at a time */
    struct gateway *gateway;
    struct client *client; /* NULL: cancelled */
    struct chat_actor actor;
    struct loop_timer *timer; /* patience with SUBACK; pause before a retry */
    char *auth;
    struct chat_connect_options options;
    struct chat_admission admission;
    struct chat_history history;
    size_t piece_bytes;
    struct sio_stream *stream;
    struct buf piece;
    struct event_list events;
    struct restore_wish wish;
    struct claim *claim;     /* asking for the session */
    struct restore *restore; /* replaying */
    size_t replay_room;
    int64_t replay_after;
    enum err err;
    int tries;
    char offset[OFFSET_SIZE]; /* of the history */
    bool admitting, job_running, streaming, replayed;
};

static void connecting_free(struct connecting *c)
{
    loop_timer_free(c->timer);
    free(c->auth);
    chat_admission_release(&c->admission);
    buf_release(&c->piece);
    event_list_release(&c->events);
    free(c);
}

/* Free a cancelled one once nothing refers to it any more. */
static void maybe_free(struct connecting *c)
{
    if (!c->client && !c->job_running && !c->stream)
        connecting_free(c);
}

void connect_cancel(struct client *client)
{
    struct connecting *c = client->connecting;

    if (!c)
        return;
    client->connecting = NULL;
    c->client = NULL;
    loop_timer_stop(c->timer);
    claim_cancel(c->claim);
    restore_cancel(c->restore);
    maybe_free(c);
}

void connect_deny(struct sio_socket *socket, enum err err, const char *message)
{
    struct buf out;
    struct json_writer w;

    buf_init(&out, 1024);
    json_begin(&w, &out);
    json_array(&w, NULL);
    json_cstr(&w, NULL, "accessDenied");
    json_object(&w, NULL);
    json_cstr(&w, "message", message);
    json_cstr(&w, "code", err_code(err));
    json_object_end(&w);
    json_array_end(&w);
    sio_emit(socket, buf_span(&out));
    buf_release(&out);
    sio_disconnect(socket, false);
}

static void deny_new(struct gateway *gateway, struct sio_socket *socket, enum err err)
{
    gateway->stats.clients_denied++;
    sio_accept(socket);
    connect_deny(socket, err, err_message(err));
}

static bool submit(struct connecting *c, void (*run)(struct pool_job *, struct db *),
                   void (*done)(struct pool_job *))
{
    c->job = (struct pool_job){.run = run, .done = done};
    c->err = ERR_OK;
    c->job_running = pool_submit(c->gateway->readers, &c->job) == ERR_OK;
    if (!c->job_running)
        client_close(c->client);
    return c->job_running;
}

/* A job has come back: false if there is nobody to go on for. */
static bool resume(struct connecting *c)
{
    c->job_running = false;
    if (c->client && c->client->state != CLIENT_GONE)
        return true;
    maybe_free(c);
    return false;
}

/* ---- live ---- */

static void go_live(struct connecting *c)
{
    struct client *client = c->client;

    client->state = CLIENT_LIVE;
    if (client->session)
        recoverable_live(client->session, c->replayed);
    for (size_t i = 0; i < client->room_count; i++)
        room_enter(client->gateway, client->rooms[i]);
    connect_cancel(client);
}

/* ---- since: what is not part of history follows as events ---- */

static void replay_next(struct connecting *c);

static void replay_run(struct pool_job *job, struct db *db)
{
    struct connecting *c = (struct connecting *)job;
    const struct chat_position *room = &c->admission.rooms[c->replay_room];

    c->err = chat_log_read(db, LOG_ROOM, room->room_id, c->replay_after, room->head, REPLAY_PAGE,
                           true, &c->events);
}

static void retry_later(struct connecting *c)
{
    if (++c->tries > RETRIES_MAX)
        client_close(c->client);
    else
        loop_timer_start(c->timer, RETRY_MS, 0);
}

static void replay_done(struct pool_job *job)
{
    struct connecting *c = (struct connecting *)job;
    bool page_full = c->events.count == REPLAY_PAGE;

    if (!resume(c))
        return;
    if (c->err != ERR_OK) {
        retry_later(c);
        return;
    }
    for (size_t i = 0; i < c->events.count; i++) {
        const struct event *event = &c->events.items[i];

        c->replay_after = event->seq;
        if (event->json && !client_hides(c->client, event->author))
            client_emit_json(c->client, span_make(event->json, event->json_len));
    }
    event_list_release(&c->events);
    event_list_init(&c->events);
    if (!page_full) {
        c->replay_room++;
        c->replay_after = 0;
    }
    replay_next(c);
}

static void replay_next(struct connecting *c)
{
    const struct chat_admission *admission = &c->admission;

    for (; c->replay_room < admission->room_count; c->replay_room++, c->replay_after = 0) {
        const struct chat_position *room = &admission->rooms[c->replay_room];

        if (!room->since || room->after >= room->head)
            continue;
        if (c->replay_after < room->after)
            c->replay_after = room->after;
        c->replayed = true;
        submit(c, replay_run, replay_done);
        return;
    }
    go_live(c);
}

/* ---- history ---- */

static void history_next(struct connecting *c);

static void history_run(struct pool_job *job, struct db *db)
{
    struct connecting *c = (struct connecting *)job;
    struct chat_history before = c->history;

    buf_clear(&c->piece);
    c->err = chat_history_next(db, &c->history, c->piece_bytes, &c->piece);
    if (c->err != ERR_OK)
        c->history = before;
}

static void history_finish(struct connecting *c)
{
    c->streaming = false;
    c->tries = 0;
    replay_next(c);
}

/* What ends the event: its offset, for a client that can be recovered. */
static void history_end(struct connecting *c, struct buf *out)
{
    if (c->offset[0] != '\0')
        buf_addf(out, ",\"%s\"", c->offset);
    buf_add_char(out, ']');
}

static void history_done(struct pool_job *job)
{
    struct connecting *c = (struct connecting *)job;
    bool last = c->history.done; /* on_want may start the next read while we write */

    if (!resume(c))
        return;
    if (c->err != ERR_OK) {
        retry_later(c);
        return;
    }
    c->tries = 0;
    if (!c->stream) /* the socket is about to be gone */
        return;
    sio_stream_write(c->stream, buf_span(&c->piece));
    if (!last)
        return; /* on_want asks for more */
    buf_clear(&c->piece);
    history_end(c, &c->piece);
    sio_stream_write(c->stream, buf_span(&c->piece));
    sio_stream_end(c->stream);
    c->stream = NULL;
    history_finish(c);
}

static void history_next(struct connecting *c)
{
    if (!c->job_running && c->streaming && !c->history.done)
        submit(c, history_run, history_done);
}

static void on_want(void *arg)
{
    struct connecting *c = arg;

    if (c->client && c->client->state != CLIENT_GONE && !loop_timer_active(c->timer))
        history_next(c);
}

static void on_gone(void *arg)
{
    struct connecting *c = arg;

    c->stream = NULL;
    maybe_free(c);
}

/* The first piece came with the snapshot; most histories end with it. */
static void history_begin(struct connecting *c)
{
    struct buf out;

    buf_init(&out, BUF_MAX_DEFAULT);
    buf_add_str(&out, "[\"updateChatHistory\",");
    buf_add_span(&out, buf_span(&c->piece));
    if (!c->history.done && c->client->session)
        recoverable_offset(c->client->session, 0, 0, c->offset);
    if (c->history.done) {
        buf_add_char(&out, ']');
        client_emit_json(c->client, buf_span(&out));
        history_finish(c);
    } else {
        size_t window = (size_t)conf_int(c->gateway->conf, CONF_LIMIT_HISTORY_MEMORY_BYTES);

        c->streaming = true;
        c->stream = sio_stream_begin(c->client->socket, window, on_want, on_gone, c);
        sio_stream_write(c->stream, buf_span(&out));
    }
    buf_release(&out);
}

/* ---- admission ---- */

static void admit(struct connecting *c);

static void admit_run(struct pool_job *job, struct db *db)
{
    struct connecting *c = (struct connecting *)job;

    chat_admission_release(&c->admission);
    memset(&c->admission, 0, sizeof c->admission);
    c->err = chat_admit(c->gateway->chat, db, &c->actor, &c->options, &c->admission);
    if (c->err != ERR_OK)
        return;
    c->history = (struct chat_history){.admission = &c->admission};
    history_run(job, db);
}

/* CONNECT is answered: with the session it had, a new one, or none. */
static void accept(struct connecting *c)
{
    struct client *client = c->client;
    bool restored = client->session != NULL;

    if (!restored && c->wish.wanted && c->gateway->recovery)
        recoverable_open(c->gateway->recovery, client);
    if (client->session)
        sio_accept_recoverable(client->socket, client->session->sid, client->session->pid);
    else
        sio_accept(client->socket);
    if (restored)
        c->gateway->stats.sessions_recovered++;
    else if (c->wish.pid[0] != '\0')
        c->gateway->stats.sessions_lost++;
}

/* Bring the user's inbox and this client's snapshot together. False: the inbox has moved past the
 * snapshot, a newer one is needed. */
static bool join_inbox(struct connecting *c)
{
    struct livelog *inbox = &c->client->user->live;
    int64_t seq = c->admission.inbox_seq;

    if (inbox->seq.last > seq)
        return false;
    c->client->inbox_skip = seq;
    for (size_t i = 0; i < c->admission.room_count; i++)
        client_add_room(c->client, c->admission.rooms[i].room_id, c->admission.rooms[i].head);
    user_set_blocked(c->client->user, c->admission.blocked, c->admission.blocked_count);
    c->client->state = CLIENT_HISTORY;
    c->gateway->stats.clients_admitted++;
    accept(c);
    if (inbox->seq.last == SEQLOG_UNKNOWN)
        livelog_start(inbox, seq);
    else
        livelog_note(inbox, seq);
    return true;
}

static void on_restored(void *arg)
{
    struct connecting *c = arg;

    c->restore = NULL;
    go_live(c);
}

/* The client learns of everything up to the snapshot. */
static void bring_up(struct connecting *c)
{
    struct recoverable *session = c->client->session;
    struct record *record = session ? session->restored : NULL;

    if (record && !record->unsent) {
        c->restore = restore_new(c->client, &c->admission, on_restored, c);
        restore_run(c->restore);
        return;
    }
    if (record)
        recoverable_forget_record(session);
    history_begin(c);
}

static void admit_done(struct pool_job *job)
{
    struct connecting *c = (struct connecting *)job;

    if (!resume(c))
        return;
    if (c->err == ERR_UNAUTHENTICATED) {
        client_deny(c->client, ERR_UNAUTHENTICATED, "Your session has ended.");
    } else if (c->err != ERR_OK) {
        client_close(c->client); /* unavailable: no 41, so that the client comes back */
    } else if (join_inbox(c)) {
        if (c->client->state == CLIENT_HISTORY)
            bring_up(c);
    } else if (++c->tries < ADMIT_MAX) {
        admit(c);
    } else {
        client_close(c->client);
    }
}

static void admit(struct connecting *c)
{
    c->admitting = true;
    loop_timer_stop(c->timer);
    submit(c, admit_run, admit_done);
}

void connect_subscribed(struct client *client)
{
    struct connecting *c = client->connecting;

    if (c && !c->admitting && !c->claim)
        admit(c);
}

/* Admit when the inbox is subscribed. */
static void await_inbox(struct connecting *c)
{
    if (c->client->user->live.sub == SUB_ACTIVE || !relay_is_connected(c->gateway->relay))
        admit(c);
    else
        loop_timer_start(c->timer, SUBACK_PATIENCE_MS, 0);
}

/* ---- the session it had ---- */

static struct span wished_offset(const struct connecting *c)
{
    return c->wish.has_offset ? span_of(c->wish.offset) : SPAN_NONE;
}

static void on_claimed(void *arg, struct record *record)
{
    struct connecting *c = arg;

    c->claim = NULL;
    if (c->client->state == CLIENT_GONE)
        return;
    if (record)
        recoverable_reopen(c->gateway->recovery, c->client, span_of(c->wish.pid), wished_offset(c),
                           record);
    await_inbox(c);
}

static void find_session(struct connecting *c)
{
    struct recovery *recovery = c->gateway->recovery;
    struct record record = {0};
    enum taken taken = TAKEN_LOST;

    if (recovery && c->wish.pid[0] != '\0')
        taken = recovery_take(recovery, span_of(c->wish.pid), c->actor.user_id, wished_offset(c),
                              &record);
    if (taken == TAKEN_NONE)
        c->claim = claim_begin(recovery, span_of(c->wish.pid), c->actor.user_id, wished_offset(c),
                               on_claimed, c);
    else
        on_claimed(c, taken == TAKEN_OK ? &record : NULL);
}

/* Patience with SUBACK is over, or it is time to try a read again. */
static void on_timer(void *arg)
{
    struct connecting *c = arg;

    if (!c->client || c->client->state == CLIENT_GONE || c->job_running)
        return;
    if (!c->admitting)
        admit(c);
    else if (c->streaming)
        history_next(c);
    else
        replay_next(c);
}

/* ---- begin ---- */

static struct span token_of(struct gateway *gateway, struct sio_socket *socket, struct span auth,
                            struct buf *out)
{
    struct span member = json_member(auth, "token");
    struct span header = sio_socket_header(socket, "authorization");

    if (span_present(member) && json_type_of(member) == JSON_STRING) {
        json_unescape(member, out);
        return buf_span(out);
    }
    if (span_present(header))
        return header;
    if (conf_bool(gateway->conf, CONF_SIO_TOKEN_IN_QUERY))
        return sio_socket_query(socket, "token");
    return SPAN_NONE;
}

static enum err authenticate(struct gateway *gateway, struct sio_socket *socket, struct span auth,
                             struct chat_actor *actor)
{
    struct buf buf;
    struct span token;
    enum err err = ERR_UNAUTHENTICATED;

    buf_init(&buf, TOKEN_MAX_BYTES * 2);
    token = token_of(gateway, socket, auth, &buf);
    if (span_present(token) && buf_ok(&buf))
        err = chat_authenticate(gateway->chat, token, sio_socket_address(socket), actor);
    buf_release(&buf);
    return err;
}

void connect_begin(struct sio_socket *socket, struct span auth)
{
    struct gateway *gateway = sio_socket_app(socket);
    struct connecting *c = mem_alloc(sizeof *c);
    struct client *client;
    enum err err = authenticate(gateway, socket, auth, &c->actor);

    c->auth = mem_span_dup(auth);
    if (err == ERR_OK)
        err = chat_connect_options_parse(span_make(c->auth, auth.len), &c->options);
    if (err != ERR_OK) {
        free(c->auth);
        free(c);
        deny_new(gateway, socket, err);
        return;
    }
    client = client_new(gateway, socket, &c->actor);
    client->connecting = c;
    c->gateway = gateway;
    c->client = client;
    c->timer = loop_timer_new(gateway->loop, on_timer, c);
    restore_wish_parse(span_make(c->auth, auth.len), &c->wish);
    c->piece_bytes = (size_t)conf_int(gateway->conf, CONF_LIMIT_HISTORY_MEMORY_BYTES) / 4;
    buf_init(&c->piece, BUF_MAX_DEFAULT);
    event_list_init(&c->events);
    if (client->user->client_count > conf_int(gateway->conf, CONF_LIMIT_CONNECTIONS_PER_USER))
        client_deny(client, ERR_RATE_LIMITED, "You have too many connections.");
    else
        find_session(c);
}

void connect_end(struct sio_socket *socket, enum sio_reason reason)
{
    struct client *client = sio_socket_data(socket);

    if (client)
        client_gone(client, sio_reason_recoverable(reason));
}
