/*
 * From polling to websocket (Engine.IO protocol v4, "Upgrade"). Until the client's `5` only the
 * answer to the probe is written on the new websocket; everything else goes on over polling.
 */
#include "broker/eio/impl.h"

static void on_upgrade_timeout(struct eio_timer *timer, int64_t now)
{
    (void)now;
    eio_upgrade_abort(list_entry(timer, struct eio_session, upgrade_timer));
}

void eio_upgrade_begin(struct eio_session *session, struct eio_wire *wire)
{
    struct eio_server *server = session->server;

    wire->session = session;
    session->probe = wire;
    session->probed = false;
    session->upgrade_timer.fn = on_upgrade_timeout;
    eio_timer_set(&server->timers, &session->upgrade_timer,
                  server->now + server->options.upgrade_timeout_ms);
}

void eio_upgrade_abort(struct eio_session *session)
{
    struct eio_wire *wire = session->probe;

    eio_timer_cancel(&session->server->timers, &session->upgrade_timer);
    session->probed = false;
    session->probe = NULL;
    if (wire)
        eio_wire_close(session->server, wire, 0);
}

static void answer_probe(struct eio_session *session)
{
    struct eio_frame *frame = eio_frame_packet(SPAN_LIT("3probe"));

    eio_wire_push(session->server, session->probe, frame);
    eio_frame_unref(frame);
    session->probed = true;
    eio_session_has_output(session); /* a parked poll gets its noop */
}

/* The session was closed while the client upgraded: what was left, and the end. */
static void complete_parked(struct eio_session *session)
{
    struct eio_wire *wire = session->probe;

    session->probe = NULL;
    eio_queue_move(&session->queue, &wire->queue);
    eio_wire_close(session->server, wire, 0);
    eio_session_unpark(session);
}

static void complete(struct eio_session *session)
{
    struct eio_server *server = session->server;
    struct eio_wire *wire = session->probe;

    if (session->get && session->get->streaming) {
        /* A client that upgrades in the middle of an answer would lose the rest of it. */
        eio_session_close(session, EIO_REASON_TRANSPORT);
        return;
    }
    eio_timer_cancel(&server->timers, &session->upgrade_timer);
    session->probe = NULL;
    session->probed = false;
    if (session->get) { /* the client should have waited for it */
        struct eio_exchange *get = session->get;

        session->get = NULL;
        eio_answer_body(server, get, 200, "text/plain; charset=UTF-8", SPAN_LIT("1"), false);
    }
    list_remove(&session->dirty);
    eio_queue_move(&session->queue, &wire->queue);
    session->wire = wire;
    session->websocket = true;
    eio_session_has_output(session);
}

void eio_upgrade_message(struct eio_session *session, struct span data, bool binary)
{
    if (!binary && span_is(data, "2probe"))
        answer_probe(session);
    else if (!binary && span_is(data, "5") && session->state == EIO_STATE_PARKED)
        complete_parked(session);
    else if (!binary && span_is(data, "5"))
        complete(session);
    else
        eio_upgrade_abort(session);
}
