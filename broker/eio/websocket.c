/*
 * The websocket transport (Engine.IO protocol v4, "WebSocket"): one packet a message. What RFC 6455
 * asks of a connection is seen to by who owns the socket; here are its consequences.
 */
#include "broker/eio/fields.h"
#include "broker/eio/impl.h"
#include "shared/base/mem.h"

#define WS_TOO_BIG 1009 /* RFC 6455 section 7.4.1 */

const char *eio_upgrade_check(struct eio_server *server, const struct eio_request *request,
                              int64_t now, int *status)
{
    struct eio_checked checked = {0};
    enum eio_refusal refusal;
    const char *message;
    bool good;

    eio_server_tick(server, now);
    *status = 400;
    buf_init(&checked.query, BUF_MAX_DEFAULT);
    good = eio_check(server, request, true, &checked, &refusal, &message);
    buf_release(&checked.query);
    if (!good) {
        server->stats.refused++;
        return message ? message : eio_refusal_message(refusal);
    }
    if (!checked.session && !eio_may_open(server, request)) {
        server->stats.refused++;
        *status = 503;
        return "Service unavailable";
    }
    return NULL;
}

void eio_wire_dirty(struct eio_server *server, struct eio_wire *wire)
{
    if (!list_is_empty(&wire->dirty))
        return;
    list_append(&server->dirty_wires, &wire->dirty);
    eio_server_wake(server);
}

void eio_wire_push(struct eio_server *server, struct eio_wire *wire, struct eio_frame *frame)
{
    eio_queue_push(&wire->queue, frame);
    server->bytes_queued += frame->len;
    eio_wire_dirty(server, wire);
}

static void wire_init(struct eio_server *server, struct eio_wire *wire, struct span greeting)
{
    struct eio_frame *frame = eio_frame_raw(greeting);

    *wire = (struct eio_wire){0};
    eio_queue_init(&wire->queue);
    list_init(&wire->dirty);
    eio_wire_push(server, wire, frame);
    eio_frame_unref(frame);
}

void eio_wire_close(struct eio_server *server, struct eio_wire *wire, int code)
{
    struct eio_frame *frame = eio_frame_close(code);

    wire->session = NULL;
    if (!wire->closing)
        eio_wire_push(server, wire, frame);
    wire->closing = true;
    eio_frame_unref(frame);
}

static void open_session(struct eio_server *server, struct eio_wire *wire,
                         const struct eio_request *request, struct span query)
{
    struct eio_session *session = eio_session_new(server, request, query, true);

    session->wire = wire;
    wire->session = session;
    eio_session_start(session);
}

void eio_wire_open(struct eio_server *server, struct eio_wire *wire, struct span greeting,
                   const struct eio_request *request, int64_t now)
{
    struct eio_checked checked = {0};
    enum eio_refusal refusal;
    const char *message;

    server->now = now;
    wire_init(server, wire, greeting);
    buf_init(&checked.query, BUF_MAX_DEFAULT);
    if (!eio_check(server, request, true, &checked, &refusal, &message))
        eio_wire_close(server, wire, 0);
    else if (!checked.session)
        open_session(server, wire, request, buf_span(&checked.query));
    else if (checked.session->websocket || checked.session->probe ||
             checked.session->state != EIO_STATE_OPEN)
        eio_wire_close(server, wire, 0); /* one is enough; the session goes on */
    else
        eio_upgrade_begin(checked.session, wire);
    buf_release(&checked.query);
}

static void session_message(struct eio_session *session, struct span data, bool binary)
{
    struct eio_packet packet = {EIO_MESSAGE, true, data};
    struct buf decoded;

    buf_init(&decoded, session->server->options.max_payload);
    if (binary || eio_packet_decode(data, &decoded, &packet) == ERR_OK)
        eio_session_packet(session, &packet);
    else
        eio_session_close(session, EIO_REASON_PARSE);
    buf_release(&decoded);
}

void eio_wire_message(struct eio_server *server, struct eio_wire *wire, struct span data,
                      bool binary, int64_t now)
{
    struct eio_session *session = wire->session;

    server->now = now; /* no tick: see eio_server_tick */
    if (!session)
        return;
    if (session->probe == wire)
        eio_upgrade_message(session, data, binary);
    else
        session_message(session, data, binary);
}

void eio_wire_ping(struct eio_server *server, struct eio_wire *wire, struct span payload)
{
    if (wire->closing)
        return;
    eio_frame_unref(wire->pong);
    wire->pong = eio_frame_control(WS_PONG, payload);
    eio_wire_dirty(server, wire);
}

/* Its session, if it has one, loses it. */
static void part(struct eio_server *server, struct eio_wire *wire, enum eio_reason reason, int code)
{
    struct eio_session *session = wire->session;

    if (!session)
        return;
    if (session->probe == wire) {
        session->probe = NULL;
        eio_wire_close(server, wire, code);
        eio_upgrade_abort(session);
    } else {
        eio_session_end(session, reason, code);
    }
}

void eio_wire_fail(struct eio_server *server, struct eio_wire *wire, int code, int64_t now)
{
    server->now = now;
    server->stats.too_long += code == WS_TOO_BIG;
    part(server, wire, EIO_REASON_TRANSPORT, code);
}

void eio_wire_peer_closed(struct eio_server *server, struct eio_wire *wire, int code, int64_t now)
{
    server->now = now;
    part(server, wire, EIO_REASON_CLIENT, code);
}

void eio_wire_gone(struct eio_server *server, struct eio_wire *wire, int64_t now)
{
    server->now = now;
    part(server, wire, EIO_REASON_CLIENT, 0);
    list_remove(&wire->dirty);
    server->bytes_queued -= wire->queue.bytes;
    eio_queue_clear(&wire->queue);
    eio_frame_unref(wire->pong);
    wire->pong = NULL;
}

int eio_wire_gather(struct eio_server *server, struct eio_wire *wire, bool alone,
                    struct iovec *pieces, int max)
{
    struct eio_frame *pong = wire->pong;

    if (pong && !eio_queue_in_frame(&wire->queue)) {
        eio_queue_push_front(&wire->queue, pong);
        server->bytes_queued += pong->len;
        eio_frame_unref(pong);
        wire->pong = NULL;
    }
    return eio_queue_gather(&wire->queue, alone, pieces, max);
}

bool eio_wire_written(struct eio_server *server, struct eio_wire *wire, size_t bytes)
{
    size_t before = wire->queue.bytes;
    bool held;

    eio_queue_written(&wire->queue, bytes);
    server->bytes_queued -= before - wire->queue.bytes;
    held = wire->queue.held;
    wire->queue.held = false;
    return held;
}
