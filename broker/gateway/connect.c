/*
 * The connecting sequence of one client, a chain of steps; what blocks is a job on the readers.
 *
 *   begin -> with a pid: get the session, from here or from where it is
 *         -> subscribe the inbox (SUBACK, or MQTT is down, or patience ends)
 *         -> admit: one snapshot of rooms, positions and inbox, and the first piece of history
 *         -> accepted; with a session: what was missed (restore.c), and live
 *         -> the history and what `since` missed (backlog.c)
 *         -> live: enter every room from the snapshot's position
 */
#include "broker/gateway/connect.h"

#include "broker/gateway/backlog.h"
#include "broker/gateway/claim.h"
#include "broker/gateway/gateway.h"
#include "broker/gateway/identify.h"
#include "broker/gateway/presence.h"
#include "broker/gateway/relay.h"
#include "broker/gateway/restore.h"
#include "broker/gateway/timeline.h"
#include "broker/gateway/user.h"
#include "shared/base/clock.h"
#include "shared/base/json_scan.h"
#include "shared/base/json_write.h"
#include "shared/base/mem.h"
#include "shared/chat/read.h"

#define SUBACK_PATIENCE_MS 1000
#define ADMIT_MAX 20 /* snapshots taken while the inbox keeps moving on */

struct connecting {
    struct pool_job job; /* first; one at a time */
    struct gateway *gateway;
    struct client *client; /* NULL: cancelled */
    struct chat_actor actor;
    struct loop_timer *timer; /* patience with SUBACK */
    char *auth;
    struct chat_connect_options options;
    struct chat_admission admission;
    struct chat_history history;
    struct buf piece; /* of history, the first */
    struct restore_wish wish;
    struct claim *claim;     /* asking for the session */
    struct restore *restore; /* replaying */
    struct backlog *backlog; /* telling what was */
    enum err err;
    int64_t began_us;
    struct log_context log;
    int tries;
    bool admitting, job_running;
};

static void connecting_free(struct connecting *c)
{
    loop_timer_free(c->timer);
    free(c->auth);
    chat_admission_release(&c->admission);
    buf_release(&c->piece);
    free(c);
}

/* Free a cancelled one once nothing refers to it any more. */
static void maybe_free(struct connecting *c)
{
    if (!c->client && !c->job_running)
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
    backlog_cancel(c->backlog);
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
    log_event(LOG_DEBUG, "client_denied", "connection=%llu address=%s code=%s",
              (unsigned long long)sio_socket_connection(socket), sio_socket_address(socket),
              err_code(err));
    sio_accept(socket);
    connect_deny(socket, err, err_message(err));
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

static void go_live(struct connecting *c, bool replayed)
{
    struct client *client = c->client;

    client->state = CLIENT_LIVE;
    if (client->session)
        recoverable_live(client->session, replayed);
    for (size_t i = 0; i < client->room_count; i++)
        room_enter(client->gateway, client->rooms[i]);
    presence_client_live(client);
    connect_cancel(client);
}

/* ---- admission ---- */

static void admit(struct connecting *c);

static void admit_run(struct pool_job *job, struct db *db)
{
    struct connecting *c = (struct connecting *)job;

    chat_admission_release(&c->admission);
    memset(&c->admission, 0, sizeof c->admission);
    log_set_context(&c->log);
    c->err = chat_admit(c->gateway->chat, db, &c->actor, &c->options, &c->admission);
    c->history = (struct chat_history){.admission = &c->admission};
    buf_clear(&c->piece);
    if (c->err == ERR_OK)
        c->err = chat_history_next(db, &c->history, backlog_piece_bytes(c->gateway), &c->piece);
    log_set_context(NULL);
}

/* CONNECT is answered: with the session it had, a new one, or none. */
static void accept(struct connecting *c)
{
    struct client *client = c->client;
    bool restored = client->session != NULL;
    int64_t us;

    if (!restored && c->wish.wanted && c->gateway->recovery)
        recoverable_open(c->gateway->recovery, client);
    if (client->session)
        sio_accept_recoverable(client->socket, client->session->sid, client->session->pid);
    else
        sio_accept(client->socket);
    us = clock_mono_us() - c->began_us;
    histogram_add_us(&c->gateway->times.admissions, us);
    log_event(LOG_DEBUG, "client_admitted",
              "connection=%llu user=%lld address=%s recovered=%s us=%lld",
              (unsigned long long)c->log.connection, (long long)c->actor.user_id, c->actor.address,
              restored ? "true" : "false", (long long)us);
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
    for (size_t i = 0; i < c->admission.room_count; i++) {
        const struct chat_position *room = &c->admission.rooms[i];

        client_add_room(c->client, room->room_id, span_of(room->name), room->head);
    }
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
    go_live(c, false);
}

static void on_told(void *arg, bool replayed)
{
    struct connecting *c = arg;

    c->backlog = NULL;
    go_live(c, replayed);
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
    c->backlog = backlog_new(c->client, &c->admission, &c->history, &c->piece, on_told, c);
    backlog_run(c->backlog);
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
    c->job = (struct pool_job){.run = admit_run, .done = admit_done};
    c->job_running = pool_submit(c->gateway->readers, &c->job) == ERR_OK;
    if (!c->job_running)
        client_close(c->client);
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
    if (record && !timeline_fits(c->gateway, record->timeline)) {
        record_release(record); /* PostgreSQL has failed over: its positions may be void */
        record = NULL;
    }
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

/* Patience with SUBACK is over. */
static void on_timer(void *arg)
{
    struct connecting *c = arg;

    if (c->client && c->client->state != CLIENT_GONE && !c->admitting)
        admit(c);
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

static void connect_as(struct sio_socket *socket, struct span auth, enum err err,
                       const struct chat_actor *actor);

/* *waiting: connect_as is called later. */
static enum err authenticate(struct gateway *gateway, struct sio_socket *socket, struct span auth,
                             struct chat_actor *actor, bool *waiting)
{
    struct buf buf;
    struct span token;
    enum err err = ERR_UNAUTHENTICATED;

    buf_init(&buf, 2 * (size_t)TOKEN_MAX_BYTES);
    token = token_of(gateway, socket, auth, &buf);
    if (span_present(token) && buf_ok(&buf))
        err = chat_authenticate(gateway->chat, token, sio_socket_address(socket), actor);
    *waiting = err == ERR_OK && actor->user_id == 0;
    if (*waiting)
        err = identify_begin(gateway, socket, auth, token, connect_as);
    buf_release(&buf);
    return err;
}

static void deny_crowd(struct client *client)
{
    client->gateway->stats.refused[CONF_LIMIT_CONNECTIONS_PER_USER]++;
    client_deny(client, ERR_RATE_LIMITED, "You have too many connections.");
}

/* Who it is, is known; or that it is nobody, or that it cannot be known now. */
static void connect_as(struct sio_socket *socket, struct span auth, enum err err,
                       const struct chat_actor *actor)
{
    struct gateway *gateway = sio_socket_app(socket);
    struct connecting *c;
    struct client *client;

    if (err != ERR_OK && err != ERR_UNAUTHENTICATED && err != ERR_TOKEN_EXPIRED) {
        sio_close(socket); /* no 41, so that the client comes back */
        return;
    }
    c = mem_alloc(sizeof *c);
    c->actor = *actor;
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
    c->began_us = clock_mono_us();
    c->log =
        (struct log_context){.connection = sio_socket_connection(socket), .user = c->actor.user_id};
    client->log = c->log;
    c->timer = loop_timer_new(gateway->loop, on_timer, c);
    restore_wish_parse(span_make(c->auth, auth.len), &c->wish);
    buf_init(&c->piece, BUF_MAX_DEFAULT);
    if (client->user->client_count > conf_int(gateway->conf, CONF_LIMIT_CONNECTIONS_PER_USER))
        deny_crowd(client);
    else if (chat_limit_connect(gateway->chat, c->actor.user_id) > 0)
        client_close(client); /* no 41, so that an honest client comes back, later and later */
    else
        find_session(c);
}

void connect_begin(struct sio_socket *socket, struct span auth)
{
    struct chat_actor actor = {.user_id = 0};
    bool waiting = false;
    enum err err = authenticate(sio_socket_app(socket), socket, auth, &actor, &waiting);

    if (!waiting || err != ERR_OK)
        connect_as(socket, auth, err, &actor);
}

void connect_end(struct sio_socket *socket, enum sio_reason reason)
{
    struct client *client = sio_socket_data(socket);

    if (!client) {
        identify_cancel(sio_socket_app(socket), socket);
        return;
    }
    log_event(LOG_DEBUG, "client_gone", "connection=%llu user=%lld reason=\"%s\"",
              (unsigned long long)client->log.connection, (long long)client->actor.user_id,
              sio_reason_name(reason));
    client_gone(client, sio_reason_recoverable(reason));
}
