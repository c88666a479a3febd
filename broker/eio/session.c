/*
 * An Engine.IO session: made, fed, ended. What it means that a packet came is decided here; how it
 * came is polling.c's and websocket.c's business.
 */
#include "broker/eio/impl.h"

#include <assert.h>

#include "broker/eio/fields.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"

/* What the application may ask for later (eio_session_header). */
static const char *const kept_headers[] = {"authorization", "origin", "user-agent",
                                           "cookie",        "host",   "x-forwarded-for"};

static struct eio_handshake *handshake_new(const struct eio_request *request,
                                           struct span query_fields)
{
    struct eio_handshake *handshake;
    struct buf headers;

    buf_init(&headers, BUF_MAX_DEFAULT);
    for (size_t i = 0; i < sizeof kept_headers / sizeof *kept_headers; i++) {
        struct span value = eio_fields_get(request->headers, kept_headers[i]);

        if (span_present(value))
            eio_fields_add(&headers, span_of(kept_headers[i]), value);
    }
    handshake = mem_alloc(sizeof *handshake + query_fields.len + headers.len);
    handshake->query_len = query_fields.len;
    handshake->headers_len = headers.len;
    if (query_fields.len > 0)
        memcpy(handshake->fields, query_fields.ptr, query_fields.len);
    if (headers.len > 0)
        memcpy(handshake->fields + query_fields.len, headers.data, headers.len);
    buf_release(&headers);
    return handshake;
}

static struct eio_address *address_take(struct eio_server *server, const char *text)
{
    struct strtab_node *node = strtab_find(&server->addresses, span_of(text));
    struct eio_address *address;

    if (node) {
        address = list_entry(node, struct eio_address, node);
    } else {
        address = mem_alloc(sizeof *address + strlen(text) + 1);
        memcpy(address->text, text, strlen(text));
        address->node.key = address->text;
        strtab_add(&server->addresses, &address->node);
    }
    address->sessions++;
    return address;
}

static void address_leave(struct eio_server *server, struct eio_address *address)
{
    if (--address->sessions > 0)
        return;
    strtab_remove(&server->addresses, &address->node);
    mem_free(address);
}

bool eio_address_full(const struct eio_server *server, const char *address)
{
    struct strtab_node *node = strtab_find(&server->addresses, span_of(address));

    return node &&
           list_entry(node, struct eio_address, node)->sessions >= server->options.max_per_address;
}

struct eio_session *eio_session_new(struct eio_server *server, const struct eio_request *request,
                                    struct span query_fields, bool websocket)
{
    struct eio_session *session = mem_alloc(sizeof *session);
    size_t prefix = strlen(server->options.sid_prefix);

    session->server = server;
    session->websocket = websocket;
    memcpy(session->sid, server->options.sid_prefix, prefix);
    random_id(session->sid + prefix);
    session->number = ++server->stats.handshakes;
    session->node.key = session->sid;
    strtab_add(&server->sessions, &session->node);
    session->address = address_take(server, request->address);
    session->handshake = handshake_new(request, query_fields);
    eio_queue_init(&session->queue);
    list_init(&session->dirty);
    list_init(&session->dead);
    list_init(&session->streams);
    /* Before the handshake is written: the client counts from when it reads it. */
    eio_heartbeat_start(session);
    return session;
}

void eio_session_start(struct eio_session *session)
{
    struct eio_server *server = session->server;
    struct eio_open open = {
        .sid = session->sid,
        .can_upgrade = !session->websocket && server->options.websocket,
        .ping_interval_ms = server->options.ping_interval_ms,
        .ping_timeout_ms = server->options.ping_timeout_ms,
        .max_payload = server->options.max_payload,
    };
    struct buf packet;

    buf_init(&packet, BUF_MAX_DEFAULT);
    eio_open_encode(&packet, &open);
    eio_session_queue_packet(session, buf_span(&packet));
    buf_release(&packet);
    server->app_ops->open(server->app, session);
}

struct eio_queue *eio_session_output(struct eio_session *session)
{
    return session->wire ? &session->wire->queue : &session->queue;
}

void eio_session_has_output(struct eio_session *session)
{
    if (session->wire) {
        eio_wire_dirty(session->server, session->wire);
    } else if (list_is_empty(&session->dirty)) {
        list_append(&session->server->dirty_sessions, &session->dirty);
        eio_server_wake(session->server);
    }
}

bool eio_session_queue_frame(struct eio_session *session, struct eio_frame *frame)
{
    if (session->state != EIO_STATE_OPEN)
        return false;
    eio_queue_push(eio_session_output(session), frame);
    session->server->bytes_queued += frame->len;
    eio_session_has_output(session);
    return true;
}

void eio_session_queue_packet(struct eio_session *session, struct span packet)
{
    struct eio_frame *frame = eio_frame_packet(packet);

    eio_session_queue_frame(session, frame);
    eio_frame_unref(frame);
}

static bool past_bound(struct eio_session *session, uint64_t *counter)
{
    (*counter)++;
    eio_session_close(session, EIO_REASON_SLOW_READER);
    return false;
}

bool eio_session_send(struct eio_session *session, struct eio_frame *frame)
{
    const struct eio_options *options = &session->server->options;
    const struct eio_queue *output = eio_session_output(session);

    if (session->state != EIO_STATE_OPEN)
        return false;
    if (output->bytes + frame->len > options->output_bytes)
        return past_bound(session, &session->server->stats.past_bytes);
    if (output->count >= options->output_packets)
        return past_bound(session, &session->server->stats.past_packets);
    session->server->stats.packets_out++;
    return eio_session_queue_frame(session, frame);
}

void eio_session_fetch(const struct eio_session *session)
{
    __builtin_prefetch(&session->server);
    __builtin_prefetch(&session->wire);
    __builtin_prefetch(&session->state);
}

void eio_session_fetch_output(const struct eio_session *session)
{
    if (!session->wire)
        return;
    __builtin_prefetch(&session->wire->session, 1);
    __builtin_prefetch(&session->wire->dirty, 1);
}

bool eio_session_writable(const struct eio_session *session)
{
    if (session->state != EIO_STATE_OPEN)
        return false;
    if (session->wire)
        return session->wire->queue.count == 0;
    return session->get && !session->get->streaming && session->queue.count == 0;
}

bool eio_session_lags(const struct eio_session *session)
{
    const struct eio_options *options = &session->server->options;
    const struct eio_queue *output = session->wire ? &session->wire->queue : &session->queue;

    return output->bytes > options->output_bytes / 4 || output->count > options->output_packets / 4;
}

bool eio_session_is_open(const struct eio_session *session)
{
    return session->state == EIO_STATE_OPEN;
}

void eio_session_packet(struct eio_session *session, const struct eio_packet *packet)
{
    struct eio_server *server = session->server;

    server->stats.packets_in++;
    if (packet->type == EIO_PONG)
        eio_heartbeat_pong(session);
    else
        eio_heartbeat_traffic(session);
    if (packet->type == EIO_MESSAGE)
        server->app_ops->message(session, packet->data, packet->binary);
    else if (packet->type == EIO_CLOSE)
        eio_session_close(session, EIO_REASON_CLIENT);
    else if (packet->type == EIO_PING) /* in revision 4 the server pings */
        eio_session_close(session, EIO_REASON_TRANSPORT);
    /* open, upgrade, noop: nothing, as in the reference server */
}

static void session_dead(struct eio_session *session)
{
    list_remove(&session->dead);
    list_append(&session->server->dead, &session->dead);
    eio_server_wake(session->server);
}

void eio_session_unpark(struct eio_session *session)
{
    session->state = EIO_STATE_CLOSED;
    eio_upgrade_abort(session);
    session_dead(session);
}

static void on_parked_too_long(struct eio_timer *timer, int64_t now)
{
    (void)now;
    eio_session_unpark(list_entry(timer, struct eio_session, timer));
}

/* A polling client hears of the end with its next GET, unless the end is its own doing. A GET that
 * waits is told at once if it has nothing else to bring (see eio_polling_part). */
static bool worth_parking(const struct eio_session *session, enum eio_reason reason)
{
    bool later = !session->get || session->queue.count > 0;

    return !session->websocket && later && reason == EIO_REASON_FORCED && !session->server->ending;
}

void eio_session_end(struct eio_session *session, enum eio_reason reason, int code)
{
    struct eio_server *server = session->server;
    struct eio_queue *output = eio_session_output(session);

    if (session->state != EIO_STATE_OPEN)
        return;
    session->reason = (uint8_t)reason;
    session->state = EIO_STATE_CLOSED;
    eio_timer_cancel(&server->timers, &session->timer);
    server->stats.closed[reason]++;
    if (reason == EIO_REASON_SLOW_READER)
        server->stats.slow_closed++;
    server->bytes_queued -= output->bytes;
    eio_queue_truncate(output, reason == EIO_REASON_SLOW_READER);
    server->bytes_queued += output->bytes;
    if (session->wire) {
        eio_wire_close(server, session->wire, code);
        session->wire = NULL;
    } else if (worth_parking(session, reason)) {
        /* An upgrade goes on: a client that has paused its polls for it hears of the end there. */
        session->state = EIO_STATE_PARKED;
        session->timer.fn = on_parked_too_long;
        eio_timer_set(&server->timers, &session->timer, server->now + EIO_PARK_MS);
    }
    if (session->state == EIO_STATE_CLOSED)
        eio_upgrade_abort(session);
    log_event(LOG_DEBUG, "connection_closed", "connection=%llu reason=%s",
              (unsigned long long)session->number, eio_reason_name(reason));
    session_dead(session);
}

void eio_session_close(struct eio_session *session, enum eio_reason reason)
{
    eio_session_end(session, reason, 0);
}

static void session_free(struct eio_session *session)
{
    struct eio_server *server = session->server;

    eio_timer_cancel(&server->timers, &session->timer);
    eio_timer_cancel(&server->timers, &session->upgrade_timer);
    list_remove(&session->dirty);
    list_remove(&session->dead);
    strtab_remove(&server->sessions, &session->node);
    server->bytes_queued -= session->queue.bytes;
    eio_queue_clear(&session->queue);
    address_leave(server, session->address);
    mem_free(session->handshake);
    mem_free(session);
}

void eio_session_sweep(struct eio_session *session)
{
    struct eio_server *server = session->server;

    if (session->state == EIO_STATE_PARKED && session->get)
        eio_polling_part(session);
    if (session->state == EIO_STATE_CLOSED)
        eio_polling_finish(session);
    if (!session->told) {
        session->told = true;
        eio_streams_gone(&session->streams);
        server->app_ops->close(session, session->reason);
    }
    if (session->state == EIO_STATE_CLOSED)
        session_free(session);
}

void eio_session_set_user(struct eio_session *session, void *user)
{
    session->user = user;
}

void *eio_session_user(const struct eio_session *session)
{
    return session->user;
}

const char *eio_session_sid(const struct eio_session *session)
{
    return session->sid;
}

uint64_t eio_session_number(const struct eio_session *session)
{
    return session->number;
}

const char *eio_reason_name(enum eio_reason reason)
{
    static const char *const names[EIO_REASON_COUNT] = {
        [EIO_REASON_CLIENT] = "client",
        [EIO_REASON_TRANSPORT] = "transport",
        [EIO_REASON_PING_TIMEOUT] = "ping_timeout",
        [EIO_REASON_PARSE] = "parse_error",
        [EIO_REASON_SLOW_READER] = "slow_reader",
        [EIO_REASON_FORCED] = "forced",
        [EIO_REASON_SHUTDOWN] = "shutdown",
    };

    return names[reason];
}

const char *eio_session_address(const struct eio_session *session)
{
    return session->address->text;
}

struct span eio_session_header(const struct eio_session *session, const char *name)
{
    const struct eio_handshake *handshake = session->handshake;

    return eio_fields_get(
        span_make(handshake->fields + handshake->query_len, handshake->headers_len), name);
}

struct span eio_session_query_fields(const struct eio_session *session)
{
    return span_make(session->handshake->fields, session->handshake->query_len);
}

struct span eio_session_query(const struct eio_session *session, const char *name)
{
    return eio_fields_get(eio_session_query_fields(session), name);
}
