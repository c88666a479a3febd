/*
 * The HTTP long-polling transport (Engine.IO protocol v4, "HTTP long-polling"): GETs that wait for
 * output, POSTs that bring input. One of each at a time.
 */
#include "broker/eio/fields.h"
#include "broker/eio/gzip.h"
#include "broker/eio/impl.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/utf8.h"

#define TEXT_PLAIN "text/plain; charset=UTF-8"

/* ---- requests ---- */

static void answer_empty(struct eio_server *server, struct eio_exchange *exchange, int status,
                         bool close)
{
    eio_answer_body(server, exchange, status, NULL, SPAN_NONE, close);
}

/* A request that asks for something no session takes. */
static void answer_full(struct eio_server *server, struct eio_exchange *exchange)
{
    server->stats.refused++;
    eio_answer_body(server, exchange, 503, "application/json",
                    SPAN_LIT("{\"code\":4,\"message\":\"Service unavailable\"}"), true);
}

static enum eio_begin handshake(struct eio_server *server, struct eio_exchange *exchange,
                                const struct eio_request *request, struct span query)
{
    struct eio_session *session;

    if (!eio_may_open(server, request)) {
        answer_full(server, exchange);
        return EIO_ANSWERED;
    }
    session = eio_session_new(server, request, query, false);
    session->get = exchange;
    exchange->session = session;
    eio_answer_cookie(server, exchange, session->sid);
    eio_session_start(session);
    return EIO_HELD;
}

static enum eio_begin for_session(struct eio_session *session, struct eio_exchange *exchange,
                                  const struct eio_request *request)
{
    if (span_is(request->method, "GET"))
        return eio_polling_get(session, exchange);
    if (span_is(request->method, "POST"))
        return eio_polling_post(session, exchange, request);
    eio_answer_method(session->server, exchange);
    return EIO_ANSWERED;
}

enum eio_begin eio_request_begin(struct eio_server *server, struct eio_exchange *exchange,
                                 const struct eio_request *request, int64_t now)
{
    struct eio_checked checked = {0};
    enum eio_refusal refusal;
    const char *message;
    enum eio_begin result = EIO_ANSWERED;

    eio_server_tick(server, now);
    *exchange =
        (struct eio_exchange){.lines = eio_cors_lines(server, request),
                              .gzip = server->options.gzip && eio_gzip_accepted(request->headers),
                              .head = span_is(request->method, "HEAD")};
    if (eio_cors_enabled(server) && span_is(request->method, "OPTIONS")) {
        eio_answer_preflight(server, exchange, request);
        return EIO_ANSWERED;
    }
    buf_init(&checked.query, BUF_MAX_DEFAULT);
    if (!eio_check(server, request, false, &checked, &refusal, &message))
        eio_answer_refusal(server, exchange, refusal, message);
    else if (checked.session)
        result = for_session(checked.session, exchange, request);
    else
        result = handshake(server, exchange, request, buf_span(&checked.query));
    buf_release(&checked.query);
    return result;
}

/* ---- GET ---- */

/* Everything up to the next stream, as one payload. */
static void take_payload(struct eio_session *session, struct buf *payload)
{
    struct eio_frame *frame;

    while ((frame = eio_queue_first(&session->queue)) && frame->kind != EIO_FRAME_STREAM) {
        eio_queue_take(&session->queue);
        session->server->bytes_queued -= frame->len;
        eio_frame_to_payload(frame, payload);
        eio_frame_unref(frame);
    }
}

static void answer_get(struct eio_session *session, struct span payload)
{
    struct eio_exchange *get = session->get;

    session->get = NULL;
    eio_answer_ok(session->server, get, TEXT_PLAIN, payload);
}

/* The text that waits in a stream. */
static void take_stream_text(struct eio_stream *stream, struct buf *text)
{
    struct eio_frame *frame;

    while ((frame = eio_queue_take(eio_stream_held(stream)))) {
        buf_add(text, eio_frame_payload(frame), eio_frame_payload_len(frame));
        eio_frame_unref(frame);
    }
}

/* The stream at the head of the queue goes on in the answer of this GET, and ends it. */
static void flush_stream(struct eio_session *session, struct eio_stream *stream)
{
    const struct eio_net_ops *ops = session->server->net_ops;
    struct eio_exchange *get = session->get;
    bool last = eio_stream_ended(stream);
    struct buf text;
    size_t waiting;

    buf_init(&text, BUF_MAX_DEFAULT);
    take_stream_text(stream, &text);
    if (get->streaming)
        waiting = ops->answer_part(get, buf_span(&text), false);
    else
        waiting = eio_answer_begin(session->server, get, TEXT_PLAIN, buf_span(&text));
    buf_release(&text);
    if (last) {
        session->get = NULL;
        get->session = NULL;
        eio_frame_unref(eio_queue_take(&session->queue));
        ops->answer_part(get, SPAN_NONE, true);
    } else if (waiting == 0) {
        eio_stream_drained(stream);
    }
}

void eio_polling_flush(struct eio_session *session)
{
    struct eio_frame *first = eio_queue_first(&session->queue);
    struct buf payload;

    if (!session->get || session->state != EIO_STATE_OPEN)
        return;
    if (!first) {
        if (session->probed) /* let the client's poll return, so that it can upgrade */
            answer_get(session, SPAN_LIT("6"));
        return;
    }
    if (first->kind == EIO_FRAME_STREAM) {
        flush_stream(session, first->stream);
        return;
    }
    buf_init(&payload, SIZE_MAX);
    take_payload(session, &payload);
    answer_get(session, buf_span(&payload));
    buf_release(&payload);
}

void eio_exchange_drained(struct eio_server *server, struct eio_exchange *exchange, int64_t now)
{
    struct eio_session *session = exchange->session;
    struct eio_frame *first;

    server->now = now;
    if (!session || !exchange->streaming)
        return;
    first = eio_queue_first(&session->queue);
    if (first && first->kind == EIO_FRAME_STREAM)
        eio_stream_drained(first->stream);
}

void eio_polling_part(struct eio_session *session)
{
    struct eio_frame *first = eio_queue_first(&session->queue);
    struct buf payload;

    if (first && first->kind == EIO_FRAME_STREAM) { /* complete, or it would have been cut off */
        flush_stream(session, first->stream);
        return;
    }
    buf_init(&payload, SIZE_MAX);
    take_payload(session, &payload);
    if (payload.len > 0) {
        answer_get(session, buf_span(&payload));
    } else {
        answer_get(session, SPAN_LIT("6\x1e"
                                     "1"));
        eio_session_unpark(session);
    }
    buf_release(&payload);
}

enum eio_begin eio_polling_get(struct eio_session *session, struct eio_exchange *exchange)
{
    if (session->get) {
        /* Two polls at once: the first is told to go, the session ends. */
        eio_session_close(session, EIO_REASON_TRANSPORT);
        answer_empty(session->server, exchange, 400, false);
        return EIO_ANSWERED;
    }
    session->get = exchange;
    exchange->session = session;
    if (session->state == EIO_STATE_PARKED) {
        eio_polling_part(session);
        return EIO_ANSWERED;
    }
    eio_session_has_output(session); /* or not: seen at the end of the turn */
    return EIO_HELD;
}

/* ---- POST ---- */

enum eio_begin eio_polling_post(struct eio_session *session, struct eio_exchange *exchange,
                                const struct eio_request *request)
{
    struct eio_server *server = session->server;
    struct span type = eio_fields_get(request->headers, "content-type");

    if (session->post) {
        struct eio_exchange *first = session->post;

        session->post = NULL;
        first->session = NULL;
        mem_free(first->lines);
        server->net_ops->drop(first);
        eio_session_close(session, EIO_REASON_TRANSPORT);
        answer_empty(server, exchange, 400, true);
        return EIO_ANSWERED;
    }
    /* Binary bodies belong to revision 3. */
    if (span_is(type, "application/octet-stream")) {
        eio_session_close(session, EIO_REASON_TRANSPORT);
        answer_empty(server, exchange, 400, true);
        return EIO_ANSWERED;
    }
    if (request->content_length > (int64_t)server->options.max_payload) {
        server->stats.too_long++;
        answer_empty(server, exchange, 413, true);
        return EIO_ANSWERED;
    }
    session->post = exchange;
    exchange->session = session;
    return EIO_WANT_BODY;
}

/* All packets of a body. False: one of them is none; those before it have been handled. */
static bool handle_payload(struct eio_session *session, struct span body)
{
    struct eio_packet packet;
    struct eio_payload payload;
    struct buf binary;
    bool good = true;

    buf_init(&binary, session->server->options.max_payload);
    eio_payload_begin(&payload, body);
    while (good && session->state == EIO_STATE_OPEN && eio_payload_more(&payload)) {
        good = eio_payload_next(&payload, &binary, &packet) == ERR_OK;
        if (good)
            eio_session_packet(session, &packet);
        if (good &&
            packet.type == EIO_PING) /* which only a server sends: it has ended the session */
            good = false;
    }
    buf_release(&binary);
    return good;
}

void eio_request_body(struct eio_server *server, struct eio_exchange *exchange, struct span body,
                      int64_t now)
{
    struct eio_session *session = exchange->session;
    bool good;

    eio_server_tick(server, now);
    if (!session || session->state == EIO_STATE_CLOSED) {
        if (session)
            session->post = NULL;
        eio_answer_refusal(server, exchange, EIO_SID_UNKNOWN, NULL);
        return;
    }
    good = utf8_is_valid(body) && handle_payload(session, body);
    if (!good)
        eio_session_close(session, EIO_REASON_PARSE);
    session->post = NULL;
    if (good)
        eio_answer_ok(server, exchange, "text/html", SPAN_LIT("ok"));
    else
        answer_empty(server, exchange, 400, false);
}

void eio_request_too_long(struct eio_server *server, struct eio_exchange *exchange, int64_t now)
{
    server->now = now;
    if (exchange->session)
        exchange->session->post = NULL;
    server->stats.too_long++;
    answer_empty(server, exchange, 413, true);
}

/* ---- the end ---- */

void eio_exchange_aborted(struct eio_server *server, struct eio_exchange *exchange, int64_t now)
{
    struct eio_session *session = exchange->session;

    server->now = now;
    mem_free(exchange->lines);
    exchange->session = NULL;
    if (!session)
        return;
    if (session->get == exchange)
        session->get = NULL;
    else
        session->post = NULL;
    eio_session_close(session, EIO_REASON_TRANSPORT);
}

void eio_polling_finish(struct eio_session *session)
{
    struct eio_exchange *post = session->post;
    struct eio_exchange *get = session->get;
    struct buf payload;

    if (post) { /* its body is still being read */
        session->post = NULL;
        eio_answer_refusal(session->server, post, EIO_SID_UNKNOWN, NULL);
    }
    if (!get)
        return;
    if (get->streaming) { /* an answer that cannot be completed */
        session->get = NULL;
        get->session = NULL;
        session->server->net_ops->drop(get);
        return;
    }
    if (session->reason == EIO_REASON_CLIENT) {
        answer_get(session, SPAN_LIT("6"));
        return;
    }
    buf_init(&payload, SIZE_MAX);
    take_payload(session, &payload);
    if (payload.len > 0)
        buf_add_char(&payload, EIO_SEPARATOR);
    buf_add_str(&payload, "1");
    answer_get(session, buf_span(&payload));
    buf_release(&payload);
}
