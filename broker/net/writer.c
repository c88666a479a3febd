/*
 * Writing: everything that waits for a websocket goes out in one system call per turn, from the
 * frames that all receivers share. What the socket does not take stays in the queue and goes on
 * when libwebsockets reports it writable; nothing is kept twice.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "broker/net/impl.h"

#define PIECES_MAX 128
#define TOGETHER_MAX 16384
/* How long a closing websocket may take: to accept what waits, and then to answer our close. */
#define CLOSE_MS 5000
/* So many connections at a time are given the time to read a frame alone (net_options.pace_ms): a
 * courtesy for one that comes by itself, and nothing that a storm of handshakes waits for. */
#define PACED_MAX 4

static void closing_written(struct net_conn *conn)
{
    if (conn->peer_closed)
        net_conn_linger(conn);
    else if (!conn->deadline)
        net_conn_deadline(conn, CLOSE_MS);
}

static bool may_pace(const struct net_listener *listener)
{
    int count = 0;

    if (listener->pace_ms == 0)
        return false;
    for (const struct list *at = listener->paced.next; at != &listener->paced; at = at->next)
        if (++count == PACED_MAX)
            return false;
    return true;
}

static void pace(struct net_conn *conn)
{
    struct net_listener *listener = conn->listener;

    conn->paced_until = loop_now(listener->loop) + listener->pace_ms;
    list_remove(&conn->queued);
    list_append(&listener->paced, &conn->queued);
    if (!loop_timer_active(listener->pace_timer))
        loop_timer_start(listener->pace_timer, listener->pace_ms, 0);
}

/* As send(2) of all pieces. Several short ones are put together first: the kernel takes longer to
 * walk them than a copy from the cache does. */
static ssize_t send_pieces(struct net_conn *conn, struct iovec *pieces, int count, size_t total)
{
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};
    char together[TOGETHER_MAX];
    size_t len = 0;

    if (count == 1)
        return send(conn->fd, pieces->iov_base, total, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (total > sizeof together)
        return sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    for (int i = 0; i < count; len += pieces[i++].iov_len)
        memcpy(together + len, pieces[i].iov_base, pieces[i].iov_len);
    return send(conn->fd, together, total, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* False: no more can be written now. */
static bool write_some(struct net_conn *conn)
{
    struct eio_server *eio = conn->listener->eio;
    struct iovec pieces[PIECES_MAX];
    size_t total = 0;
    bool alone = may_pace(conn->listener);
    int count = eio_wire_gather(eio, &conn->wire, alone, pieces, PIECES_MAX);
    ssize_t sent;

    if (count == 0) {
        if (conn->wire.closing)
            closing_written(conn);
        return false;
    }
    for (int i = 0; i < count; i++)
        total += pieces[i].iov_len;
    do
        sent = send_pieces(conn, pieces, count, total);
    while (sent < 0 && errno == EINTR);
    conn->listener->writes++;
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
        net_conn_kill(conn);
        return false;
    }
    if (sent > 0 && eio_wire_written(eio, &conn->wire, (size_t)sent) && alone)
        pace(conn);
    if (sent < 0 || (size_t)sent < total) {
        net_conn_want_writable(conn);
        return false;
    }
    return true;
}

void net_write(struct eio_wire *wire)
{
    struct net_conn *conn = list_entry(wire, struct net_conn, wire);

    if (wire->closing && !conn->deadline)
        net_conn_deadline(conn, CLOSE_MS);
    while (conn->state == NET_WEBSOCKET && !conn->blocked && !conn->paced_until && write_some(conn))
        continue;
}

void net_write_paced(struct net_listener *listener)
{
    int64_t now = loop_now(listener->loop);

    while (!list_is_empty(&listener->paced)) { /* in the order of their times */
        struct net_conn *conn = list_entry(listener->paced.next, struct net_conn, queued);

        if (conn->paced_until > now) {
            loop_timer_start(listener->pace_timer, conn->paced_until - now, 0);
            return;
        }
        list_remove(&conn->queued);
        conn->paced_until = 0;
        net_write(&conn->wire);
    }
}

ssize_t net_send(struct net_conn *conn, const char *bytes, size_t len)
{
    ssize_t sent;

    do
        sent = send(conn->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    conn->listener->writes++;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    return sent;
}
