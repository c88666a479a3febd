/* Answers of an HTTP connection: made, written, and what follows them. */
#include "broker/net/impl.h"
#include "shared/base/mem.h"

/* No progress in writing an answer for so long: the connection is given up. */
#define WRITE_MS 30000
#define IDLE_MS 65000

static struct net_conn *conn_of(struct eio_exchange *exchange)
{
    return list_entry(exchange, struct http, exchange)->conn;
}

/* ---- writing ---- */

static void all_written(struct net_conn *conn)
{
    struct http *http = conn->http;

    buf_release(&http->out);
    http->out_sent = 0;
    if (http->answer_open) {
        net_conn_deadline(conn, 0);
        eio_exchange_drained(conn->listener->eio, &http->exchange, loop_now(conn->listener->loop));
    } else if (http->answered) {
        http_answered(conn);
    }
}

void http_flush(struct net_conn *conn)
{
    struct http *http = conn->http;

    if (conn->state != NET_HTTP)
        return;
    while (!conn->blocked && http->out_sent < http->out.len) {
        ssize_t sent =
            net_send(conn, http->out.data + http->out_sent, http->out.len - http->out_sent);

        if (sent < 0) {
            net_conn_kill(conn);
            return;
        }
        http->out_sent += (size_t)sent;
        if (sent == 0) {
            net_conn_deadline(conn, WRITE_MS);
            net_conn_want_writable(conn);
        }
    }
    if (http->out.len > 0 && http->out_sent == http->out.len)
        all_written(conn);
}

void http_answered(struct net_conn *conn)
{
    struct http *http = conn->http;

    if (http->out.len > 0)
        return; /* all_written comes back */
    if (!http->keep_alive) {
        net_conn_linger(conn);
        return;
    }
    if (http->reading)
        return; /* the rest of its body is read off first */
    http->busy = http->answered = false;
    net_conn_deadline(conn, IDLE_MS);
    if (http->in.len > 0)
        net_conn_ready(conn);
    else
        buf_release(&http->in);
}

/* ---- heads ---- */

static void add_head(struct net_conn *conn, int status, const char *content_type,
                     struct span more_headers)
{
    struct http *http = conn->http;

    buf_addf(&http->out, "HTTP/1.1 %d %s\r\n", status, http_reason(status));
    if (content_type)
        buf_addf(&http->out, "Content-Type: %s\r\n", content_type);
    buf_add_span(&http->out, more_headers);
    if (!http->keep_alive)
        buf_add_str(&http->out, "Connection: close\r\n");
    else if (http->http10)
        buf_add_str(&http->out, "Connection: keep-alive\r\n");
}

/* Too long to read it off for the sake of the connection. */
static bool body_is_long(const struct http *http)
{
    return http->reading && (http->chunked || http->body_left > HTTP_DISCARD_MAX);
}

static void answer_whole(struct net_conn *conn, const struct eio_answer *answer)
{
    struct http *http = conn->http;

    http->keep_alive = http->keep_alive && !answer->close && !body_is_long(http);
    add_head(conn, answer->status, answer->content_type, answer->headers);
    if (answer->status != 204 || answer->headers.len > 0)
        buf_addf(&http->out, "Content-Length: %zu\r\n", answer->body.len);
    buf_add_str(&http->out, "\r\n");
    if (!http->exchange.head)
        buf_add_span(&http->out, answer->body);
    http->held = false;
    http->answered = true;
    if (http->reading) /* before its body came: that is dropped */
        http->discarding = true;
    http_flush(conn);
}

void http_answer_status(struct net_conn *conn, int status, const char *more_headers,
                        const char *content_type, struct span body, bool close)
{
    answer_whole(conn, &(struct eio_answer){.status = status,
                                            .content_type = content_type,
                                            .headers = span_of(more_headers),
                                            .body = body,
                                            .close = close});
}

/* ---- for eio ---- */

void net_answer(struct eio_exchange *exchange, const struct eio_answer *answer)
{
    answer_whole(conn_of(exchange), answer);
}

static void add_chunk(struct http *http, struct span part)
{
    if (part.len == 0)
        return;
    if (!http->http10)
        buf_addf(&http->out, "%zx\r\n", part.len);
    buf_add_span(&http->out, part);
    if (!http->http10)
        buf_add_str(&http->out, "\r\n");
}

size_t net_answer_begin(struct eio_exchange *exchange, const struct eio_answer *answer)
{
    struct net_conn *conn = conn_of(exchange);
    struct http *http = conn->http;

    if (http->http10)
        http->keep_alive = false; /* its end is the connection's */
    add_head(conn, answer->status, answer->content_type, answer->headers);
    buf_add_str(&http->out, http->http10 ? "\r\n" : "Transfer-Encoding: chunked\r\n\r\n");
    add_chunk(http, answer->body);
    http->answer_open = true;
    http_flush(conn);
    return conn->http->out.len - conn->http->out_sent;
}

size_t net_answer_part(struct eio_exchange *exchange, struct span part, bool last)
{
    struct net_conn *conn = conn_of(exchange);
    struct http *http = conn->http;

    add_chunk(http, part);
    if (last) {
        http->answer_open = http->held = false;
        http->answered = true;
        if (!http->http10)
            buf_add_str(&http->out, "0\r\n\r\n");
    }
    http_flush(conn);
    if (last && conn->state == NET_HTTP && conn->http->busy && conn->http->out.len == 0)
        http_answered(conn);
    return conn->http->out.len - conn->http->out_sent;
}

void net_drop(struct eio_exchange *exchange)
{
    struct net_conn *conn = conn_of(exchange);

    conn->http->held = false;
    net_conn_kill(conn);
}
