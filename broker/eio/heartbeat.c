/*
 * The heartbeat of a session (Engine.IO protocol v4, "Heartbeat"): the server pings, the client
 * must answer in time. One timer a session, which is either the time of the next ping or the
 * deadline of the pong. An upgrade does not touch it: the deadline stands.
 */
#include "broker/eio/impl.h"

static void on_deadline(struct eio_timer *timer, int64_t now)
{
    struct eio_session *session = list_entry(timer, struct eio_session, timer);
    struct eio_server *server = session->server;
    int64_t timeout = server->options.ping_timeout_ms;
    /* From the ping's own time: lateness must not add up. But a loop that stood still for long
     * must not take that from the client. */
    int64_t from = now - timer->at <= timeout / 2 ? timer->at : now;

    if (session->awaiting_pong) {
        eio_session_close(session, EIO_REASON_PING_TIMEOUT);
        return;
    }
    session->awaiting_pong = true;
    session->extended = false;
    eio_timer_set(&server->timers, timer, from + timeout);
    eio_session_queue_packet(session, SPAN_LIT("2"));
}

void eio_heartbeat_start(struct eio_session *session)
{
    struct eio_server *server = session->server;

    session->timer.fn = on_deadline;
    session->awaiting_pong = false;
    eio_timer_set(&server->timers, &session->timer, server->now + server->options.ping_interval_ms);
}

void eio_heartbeat_pong(struct eio_session *session)
{
    if (session->awaiting_pong) /* an unsolicited pong means nothing */
        eio_heartbeat_start(session);
}

void eio_heartbeat_traffic(struct eio_session *session)
{
    struct eio_server *server = session->server;

    if (!session->awaiting_pong || session->extended)
        return;
    session->extended = true;
    eio_timer_set(&server->timers, &session->timer, server->now + server->options.ping_timeout_ms);
}
