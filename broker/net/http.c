/*
 * The requests of an HTTP connection: one at a time, in order (RFC 9112 section 9.3.2). What comes
 * behind a request that is not answered waits here, bounded.
 */
#include "broker/eio/fields.h"
#include "broker/net/impl.h"
#include "shared/base/mem.h"

/* What may wait behind a request: a client that sends more ahead is closed. */
#define PIPELINE_MAX 16384
#define HEADER_MS 10000
#define BODY_MS 30000

struct http *http_new(struct net_conn *conn, const char *peer)
{
    struct http *http = mem_alloc(sizeof *http);

    http->conn = conn;
    buf_init(&http->in, SIZE_MAX);
    buf_init(&http->out, SIZE_MAX);
    buf_init(&http->body, SIZE_MAX);
    memcpy(http->peer, peer, strlen(peer) + 1);
    return http;
}

void http_free(struct http *http)
{
    if (!http)
        return;
    buf_release(&http->in);
    buf_release(&http->out);
    buf_release(&http->body);
    mem_free(http->exchange.lines);
    mem_free(http);
}

/* ---- bodies ---- */

static void body_complete(struct net_conn *conn)
{
    struct http *http = conn->http;

    http->reading = false;
    if (http->discarding) {
        http->discarding = false;
        buf_release(&http->body);
        if (http->answered)
            http_answered(conn);
        return;
    }
    net_conn_deadline(conn, 0);
    eio_request_body(conn->listener->eio, &http->exchange, buf_span(&http->body),
                     loop_now(conn->listener->loop));
    if (conn->http)
        buf_release(&conn->http->body);
}

/* Past the limit on the way. */
static void body_too_long(struct net_conn *conn)
{
    struct http *http = conn->http;

    http->keep_alive = false;
    if (!http->discarding)
        eio_request_too_long(conn->listener->eio, &http->exchange, loop_now(conn->listener->loop));
    else if (http->answered)
        net_conn_linger(conn);
    else
        net_conn_kill(conn);
}

static int64_t take_length(struct http *http, struct span input, bool *done)
{
    size_t here = input.len < http->body_left ? input.len : (size_t)http->body_left;

    if (!http->discarding)
        buf_add(&http->body, input.ptr, here);
    http->body_left -= here;
    *done = http->body_left == 0;
    return (int64_t)here;
}

/* Read on in the body with what is in `in`. */
static void run_body(struct net_conn *conn)
{
    struct http *http = conn->http;
    struct span input = buf_span(&http->in);
    bool done = false;
    int64_t used = http->chunked ? http_chunks_feed(&http->chunks, input, &http->body, &done)
                                 : take_length(http, input, &done);

    if (used < 0) {
        net_conn_kill(conn);
        return;
    }
    buf_drop(&http->in, (size_t)used);
    if (http->body.failed)
        body_too_long(conn);
    else if (done)
        body_complete(conn);
}

/* ---- requests ---- */

static void begin_body(struct net_conn *conn, const struct http_request *request)
{
    struct http *http = conn->http;

    http->discarding = false;
    http->body.max = eio_server_max_payload(conn->listener->eio);
    net_conn_deadline(conn, BODY_MS);
    if (request->content_length == 0) {
        body_complete(conn);
    } else if (http_list_has(eio_fields_get(request->headers, "expect"), "100-continue")) {
        buf_add_str(&http->out, "HTTP/1.1 100 Continue\r\n\r\n");
        http_flush(conn);
    }
}

static void to_eio(struct net_conn *conn, const struct http_request *request,
                   const struct eio_request *eio_request)
{
    struct http *http = conn->http;

    http->held = true; /* an answer may come at once */
    if (eio_request_begin(conn->listener->eio, &http->exchange, eio_request,
                          loop_now(conn->listener->loop)) == EIO_WANT_BODY)
        begin_body(conn, request);
}

static void route(struct net_conn *conn, const struct http_request *request)
{
    struct net_listener *listener = conn->listener;
    char address[NET_ADDRESS_MAX];
    struct eio_request eio_request = {
        .method = request->method,
        .path = request->path,
        .query = request->query,
        .headers = request->headers,
        .address = address,
        .content_length = request->content_length,
    };

    net_client_address(listener, conn->http->peer,
                       eio_fields_get(request->headers, "x-forwarded-for"), address);
    if (http_list_has(eio_fields_get(request->headers, "upgrade"), "websocket")) {
        ws_handshake(conn, request, &eio_request);
    } else if (eio_server_owns(listener->eio, request->path)) {
        to_eio(conn, request, &eio_request);
    } else if (!page_answer(conn, request)) {
        http_answer_status(conn, 404, "", NULL, SPAN_NONE, false);
    }
}

static void begin_request(struct net_conn *conn, const struct http_request *request)
{
    struct http *http = conn->http;

    http->busy = true;
    http->begun = false;
    http->answered = http->answer_open = http->held = false;
    /* Until somebody wants the body it is read to be dropped. */
    http->reading = http->discarding = request->content_length != 0;
    http->keep_alive = request->keep_alive;
    http->http10 = request->minor == 0;
    http->chunked = request->chunked;
    http->chunks = (struct http_chunks){0};
    http->body_left = request->content_length > 0 ? (uint64_t)request->content_length : 0;
    http->exchange = (struct eio_exchange){.head = span_is(request->method, "HEAD")};
    buf_clear(&http->body);
    http->body.max = HTTP_DISCARD_MAX;
    net_conn_deadline(conn, 0);
}

/* Find the next request in `in`. False: it is not there yet. */
static bool next_request(struct net_conn *conn)
{
    struct http *http = conn->http;
    struct http_request request;
    struct buf head;
    int size = http_parse(buf_span(&http->in), conn->listener->header_bytes,
                          &conn->listener->fields, &request);

    if (size == 0) {
        if (http->in.len > 0 && !http->begun)
            net_conn_deadline(conn, HEADER_MS);
        http->begun = http->in.len > 0;
        if (http->in.len == 0)
            buf_release(&http->in); /* idle: hold nothing */
        return false;
    }
    if (size < 0) {
        http->busy = true;
        http_answer_status(conn, -size, "", NULL, SPAN_NONE, true);
        return false;
    }
    /* The request's spans point into `in`, which goes on to the body meanwhile. */
    head = http->in;
    buf_init(&http->in, SIZE_MAX);
    buf_add(&http->in, head.data + size, head.len - (size_t)size);
    begin_request(conn, &request);
    route(conn, &request);
    buf_release(&head);
    return true;
}

void http_run(struct net_conn *conn)
{
    while (conn->state == NET_HTTP) {
        struct http *http = conn->http;

        if (http->reading && http->in.len > 0)
            run_body(conn);
        else if (http->busy)
            break;
        else if (!next_request(conn))
            break;
    }
}

void http_input(struct net_conn *conn, const char *bytes, size_t len)
{
    struct http *http = conn->http;

    if (http->busy && !http->reading && http->in.len + len > PIPELINE_MAX) {
        net_conn_kill(conn);
        return;
    }
    buf_add(&http->in, bytes, len);
    net_conn_arrived(conn);
}
