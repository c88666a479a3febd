/* One connection from accept to close, whatever it speaks. */
#include <libwebsockets.h>
#include <sys/socket.h>

#include "broker/net/impl.h"
#include "shared/base/mem.h"

#define FIRST_REQUEST_MS 10000
#define LINGER_MS 2000

struct net_conn *net_conn_new(struct net_listener *listener, int fd, const char *peer)
{
    struct net_conn *conn = mem_alloc(sizeof *conn);

    conn->listener = listener;
    conn->fd = fd;
    conn->state = NET_HTTP;
    conn->http = http_new(conn, peer);
    list_append(&listener->conns, &conn->link);
    list_init(&conn->timed);
    list_init(&conn->queued);
    listener->sockets++;
    net_conn_deadline(conn, FIRST_REQUEST_MS);
    return conn;
}

void net_conn_gone(struct net_conn *conn)
{
    struct net_listener *listener = conn->listener;
    int64_t now = loop_now(listener->loop);

    if (conn->http && conn->http->held)
        eio_exchange_aborted(listener->eio, &conn->http->exchange, now);
    http_free(conn->http);
    if (conn->wire.dirty.next) { /* eio has filled it */
        eio_wire_gone(listener->eio, &conn->wire, now);
        ws_reader_release(&conn->reader);
    }
    list_remove(&conn->link);
    list_remove(&conn->timed);
    list_remove(&conn->queued);
    listener->sockets--;
    mem_free(conn);
}

void net_conn_input(struct net_conn *conn, char *bytes, size_t len)
{
    if (conn->state == NET_HTTP)
        http_input(conn, bytes, len);
    else if (conn->state == NET_WEBSOCKET)
        ws_input(conn, bytes, len);
}

void net_conn_writable(struct net_conn *conn)
{
    conn->blocked = false;
    if (conn->state == NET_HTTP)
        http_flush(conn);
    else if (conn->state == NET_WEBSOCKET)
        net_write(&conn->wire);
}

void net_conn_want_writable(struct net_conn *conn)
{
    conn->blocked = true;
    lws_callback_on_writable(conn->wsi);
}

void net_conn_deadline(struct net_conn *conn, int64_t ms)
{
    list_remove(&conn->timed);
    conn->deadline = ms ? loop_now(conn->listener->loop) + ms : 0;
    if (ms)
        list_append(&conn->listener->timed, &conn->timed);
}

void net_conn_kill(struct net_conn *conn)
{
    if (conn->state == NET_DEAD)
        return;
    conn->state = NET_DEAD;
    list_remove(&conn->queued);
    list_append(&conn->listener->dead, &conn->queued);
    loop_defer(conn->listener->loop, &conn->listener->turn);
}

void net_conn_linger(struct net_conn *conn)
{
    if (conn->state >= NET_LINGER)
        return;
    conn->state = NET_LINGER;
    shutdown(conn->fd, SHUT_WR);
    net_conn_deadline(conn, LINGER_MS);
}

/* libev hands out the events of one turn last come, first served. What a client does on two
 * connections one after the other (upgrade and poll, poll and close) must not change places: so
 * requests wait for the end of the turn, behind every websocket message, and are put right there.
 */
void net_conn_arrived(struct net_conn *conn)
{
    if (!list_is_empty(&conn->queued))
        return;
    list_prepend(&conn->listener->arrived, &conn->queued);
    loop_defer(conn->listener->loop, &conn->listener->turn);
}

void net_conn_ready(struct net_conn *conn)
{
    if (conn->state == NET_DEAD)
        return;
    list_remove(&conn->queued);
    list_append(&conn->listener->ready, &conn->queued);
    loop_defer(conn->listener->loop, &conn->listener->turn);
}
