/* Websockets: the handshake (RFC 6455 section 4.2) and what comes in. Writing is writer.c's. */
#include <libwebsockets.h>

#include "broker/eio/fields.h"
#include "broker/net/impl.h"
#include "shared/base/mem.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY_LEN 24
#define PROTOCOL_MAX 128

/* ---- handshake ---- */

static void refuse(struct net_conn *conn, int status, const char *more_headers, const char *text)
{
    http_answer_status(conn, status, more_headers, "text/html", span_of(text), true);
}

/* Sixteen bytes in base64 are 22 characters and two signs of padding. */
static bool is_key(struct span key)
{
    if (key.len != KEY_LEN || key.ptr[22] != '=' || key.ptr[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++) {
        char c = key.ptr[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '+' || c == '/'))
            return false;
    }
    return true;
}

/* Is this a handshake at all? Refuses it if not. */
static bool check_headers(struct net_conn *conn, const struct http_request *request)
{
    struct span headers = request->headers;
    const char *text = NULL;

    if (!span_is(request->method, "GET"))
        text = "Bad request";
    else if (request->minor != 1 ||
             !http_list_has(eio_fields_get(headers, "connection"), "upgrade"))
        text = "Bad request";
    else if (!is_key(eio_fields_get(headers, "sec-websocket-key")))
        text = "Missing or invalid Sec-WebSocket-Key header";
    if (text) {
        refuse(conn, 400, "", text);
        return false;
    }
    if (!span_is(eio_fields_get(headers, "sec-websocket-version"), "13")) {
        refuse(conn, 426, "Sec-WebSocket-Version: 13\r\n",
               "Missing or invalid Sec-WebSocket-Version header");
        return false;
    }
    return true;
}

static void add_accept(struct buf *out, struct span key)
{
    char text[KEY_LEN + sizeof GUID];
    unsigned char digest[20];
    char encoded[32];

    memcpy(text, key.ptr, KEY_LEN);
    memcpy(text + KEY_LEN, GUID, sizeof GUID);
    lws_SHA1((const unsigned char *)text, KEY_LEN + sizeof GUID - 1, digest);
    lws_b64_encode_string((const char *)digest, sizeof digest, encoded, sizeof encoded);
    buf_add_str(out, encoded);
}

/* The first subprotocol offered, as the reference server chooses. */
static struct span first_protocol(struct span offered)
{
    size_t len = 0;

    while (len < offered.len && offered.ptr[len] != ',' && offered.ptr[len] != ' ')
        len++;
    return span_make(offered.ptr, len <= PROTOCOL_MAX ? len : 0);
}

static void add_answer(struct buf *out, const struct http_request *request)
{
    struct span protocol =
        first_protocol(eio_fields_get(request->headers, "sec-websocket-protocol"));

    buf_add_str(out, "HTTP/1.1 101 Switching Protocols\r\n"
                     "Upgrade: websocket\r\n"
                     "Connection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: ");
    add_accept(out, eio_fields_get(request->headers, "sec-websocket-key"));
    if (protocol.len > 0) {
        buf_add_str(out, "\r\nSec-WebSocket-Protocol: ");
        buf_add_span(out, protocol);
    }
    buf_add_str(out, "\r\n\r\n");
}

static void become_websocket(struct net_conn *conn, const struct http_request *request,
                             const struct eio_request *eio_request)
{
    struct net_listener *listener = conn->listener;
    struct http *http = conn->http;
    struct buf answer;

    buf_init(&answer, BUF_MAX_DEFAULT);
    add_answer(&answer, request);
    conn->state = NET_WEBSOCKET;
    ws_reader_init(&conn->reader);
    net_conn_deadline(conn, 0);
    eio_wire_open(listener->eio, &conn->wire, buf_span(&answer), eio_request,
                  loop_now(listener->loop));
    buf_release(&answer);
    conn->http = NULL;
    if (http->in.len > 0)
        ws_input(conn, http->in.data, http->in.len);
    http_free(http);
}

void ws_handshake(struct net_conn *conn, const struct http_request *request,
                  const struct eio_request *eio_request)
{
    struct net_listener *listener = conn->listener;
    const char *refusal;
    int status;

    if (!eio_server_owns(listener->eio, request->path)) {
        refuse(conn, 404, "", "");
        return;
    }
    if (!check_headers(conn, request))
        return;
    refusal = eio_upgrade_check(listener->eio, eio_request, loop_now(listener->loop), &status);
    if (refusal)
        refuse(conn, status, "", refusal);
    else
        become_websocket(conn, request, eio_request);
}

/* ---- input ---- */

static void peer_closed(struct net_conn *conn)
{
    struct net_listener *listener = conn->listener;

    conn->peer_closed = true;
    eio_wire_peer_closed(listener->eio, &conn->wire, conn->reader.code, loop_now(listener->loop));
    eio_wire_dirty(listener->eio, &conn->wire); /* to be looked at: it may be the answer to ours */
}

static void handle(struct net_conn *conn, enum ws_read read, struct span data)
{
    struct eio_server *eio = conn->listener->eio;
    int64_t now = loop_now(conn->listener->loop);

    if (read == WS_READ_MESSAGE) {
        eio_wire_message(eio, &conn->wire, data, conn->reader.binary, now);
    } else if (read == WS_READ_PING) {
        eio_wire_ping(eio, &conn->wire, data);
    } else if (read == WS_READ_CLOSE) {
        peer_closed(conn);
    } else if (read == WS_READ_FAIL) {
        eio_wire_fail(eio, &conn->wire, conn->reader.code, now);
        conn->peer_closed = true; /* nothing that follows can be read */
    }
}

void ws_input(struct net_conn *conn, char *bytes, size_t len)
{
    size_t max = eio_server_max_payload(conn->listener->eio);

    while (!conn->peer_closed && conn->state == NET_WEBSOCKET) {
        struct span data;
        enum ws_read read = ws_reader_feed(&conn->reader, &bytes, &len, max, &data);

        if (read == WS_READ_MORE)
            break;
        handle(conn, read, data);
    }
}
