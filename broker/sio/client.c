/*
 * One connection of a client: its packets decoded, put together with their attachments and handed
 * to the socket of their namespace (Socket.IO protocol v5). Whatever breaks the protocol closes the
 * whole connection, without an answer.
 */
#include "broker/sio/impl.h"

#include "shared/base/json_scan.h"
#include "shared/base/json_write.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"

static void on_connect_timeout(struct eio_timer *timer, int64_t now)
{
    struct sio_client *client = list_entry(timer, struct sio_client, connect_timer);

    (void)now;
    eio_session_close(client->session, EIO_REASON_FORCED);
}

struct sio_client *sio_client_new(struct sio_server *server, struct eio_session *session)
{
    struct sio_client *client = mem_alloc(sizeof *client);

    client->server = server;
    client->session = session;
    client->connect_timer.fn = on_connect_timeout;
    list_init(&client->sockets);
    client->idle_left = server->connect_timeout_ms;
    client->welcome_at = eio_server_now(server->eio);
    sio_client_check_timeout(client);
    return client;
}

/* The timer stands still while a namespace is connected, and gets back what that time was worth: a
 * client that is sent away each time it asks does not stay by asking again. */
void sio_client_check_timeout(struct sio_client *client)
{
    struct eio_timers *timers = eio_server_timers(client->server->eio);
    int64_t now = eio_server_now(client->server->eio);
    bool connected = false;

    list_for_each(node, &client->sockets) if (list_entry(node, struct sio_socket, link)->state ==
                                              SIO_CONNECTED) connected = true;
    if (connected || !client->session) {
        if (eio_timer_running(&client->connect_timer)) {
            client->idle_left = client->connect_timer.at - now;
            client->welcome_at = now;
        }
        eio_timer_cancel(timers, &client->connect_timer);
    } else if (!eio_timer_running(&client->connect_timer)) {
        client->idle_left += now - client->welcome_at;
        if (client->idle_left > client->server->connect_timeout_ms)
            client->idle_left = client->server->connect_timeout_ms;
        eio_timer_set(timers, &client->connect_timer, now + client->idle_left);
    }
}

static void pending_free(struct sio_client *client)
{
    struct sio_pending *pending = client->pending;

    if (!pending)
        return;
    for (int i = 0; i < pending->have; i++)
        free((char *)pending->attachments[i].ptr);
    mem_free(pending->text);
    mem_free(client->pending);
}

static enum sio_reason reason_of(const struct sio_client *client, enum eio_reason reason)
{
    static const enum sio_reason map[] = {
        [EIO_REASON_CLIENT] = SIO_TRANSPORT_CLOSE,    [EIO_REASON_TRANSPORT] = SIO_TRANSPORT_ERROR,
        [EIO_REASON_PING_TIMEOUT] = SIO_PING_TIMEOUT, [EIO_REASON_PARSE] = SIO_PARSE_ERROR,
        [EIO_REASON_SLOW_READER] = SIO_SLOW_READER,   [EIO_REASON_FORCED] = SIO_FORCED,
        [EIO_REASON_SHUTDOWN] = SIO_SHUTDOWN,
    };

    return client->parse_error ? SIO_PARSE_ERROR : map[reason];
}

void sio_client_gone(struct sio_client *client, enum eio_reason reason)
{
    while (!list_is_empty(&client->sockets)) {
        struct sio_socket *socket = list_entry(client->sockets.next, struct sio_socket, link);

        sio_socket_end(socket, reason_of(client, reason));
        sio_socket_sweep(socket);
    }
    client->session = NULL;
    sio_client_check_timeout(client);
    pending_free(client);
    mem_free(client);
}

/* The client broke the protocol. */
static void reject(struct sio_client *client, const char *what)
{
    log_event(LOG_DEBUG, "sio_protocol_error", "connection=%llu what=%s",
              (unsigned long long)eio_session_number(client->session), what);
    client->parse_error = true;
    eio_session_close(client->session, EIO_REASON_FORCED);
}

static struct sio_socket *find_socket(const struct sio_client *client, struct span name)
{
    list_for_each(node, &client->sockets)
    {
        struct sio_socket *socket = list_entry(node, struct sio_socket, link);

        if (socket->state != SIO_CLOSED && span_is(name, socket->ns->name))
            return socket;
    }
    return NULL;
}

/* CONNECT_ERROR for a namespace that nobody serves. */
static void refuse_namespace(struct sio_client *client, struct span name)
{
    struct sio_packet packet = {.type = SIO_PACKET_CONNECT_ERROR,
                                .nsp = name,
                                .payload = SPAN_LIT("{\"message\":\"Invalid namespace\"}")};
    struct buf *encoded = &client->server->encoded;
    struct eio_frame *frame;

    buf_clear(encoded);
    sio_packet_encode(encoded, &packet, SPAN_NONE);
    frame = eio_frame_message(buf_span(encoded), SPAN_NONE);
    eio_session_send(client->session, frame);
    eio_frame_unref(frame);
}

static void connect(struct sio_client *client, const struct sio_packet *packet)
{
    struct span auth = span_present(packet->payload) ? packet->payload : SPAN_LIT("{}");
    struct sio_namespace *ns = sio_server_find(client->server, packet->nsp);
    struct sio_socket *socket;

    if (!ns) {
        refuse_namespace(client, packet->nsp);
        return;
    }
    if (find_socket(client, packet->nsp)) {
        reject(client, "connected_twice");
        return;
    }
    socket = sio_socket_new(client, ns);
    if (ns->recovery)
        socket->restored = sio_recovery_find(ns, auth);
    socket->recovered = socket->restored != NULL;
    if (ns->ops->connect)
        ns->ops->connect(socket, auth);
    else
        sio_accept(socket);
}

/* A whole packet. `text` is what it was decoded from. */
static void dispatch(struct sio_client *client, const struct sio_packet *packet, struct span text,
                     const struct span *attachments)
{
    struct sio_socket *socket;

    if (packet->type == SIO_PACKET_CONNECT) {
        connect(client, packet);
        return;
    }
    socket = find_socket(client, packet->nsp);
    if (!socket || packet->type == SIO_PACKET_CONNECT_ERROR) {
        reject(client, "not_connected");
    } else if (packet->type == SIO_PACKET_DISCONNECT) {
        sio_socket_end(socket, SIO_CLIENT_DISCONNECT);
    } else if (socket->state == SIO_CONNECTED && list_is_empty(&socket->waiting)) {
        sio_socket_packet(socket, packet, attachments);
    } else if (socket->waiting_count >= client->server->wait_packets ||
               socket->waiting_bytes >= client->server->max_payload) {
        reject(client, "too_many_waiting");
    } else {
        sio_socket_wait(socket, text, attachments, packet->attachments);
    }
}

static void begin_binary(struct sio_client *client, struct span text, int attachments)
{
    struct sio_pending *pending = mem_alloc(sizeof *pending);

    pending->text = mem_span_dup(text);
    pending->text_len = text.len;
    pending->wanted = attachments;
    client->pending = pending;
}

static void handle_text(struct sio_client *client, struct span text)
{
    struct sio_server *server = client->server;
    struct sio_packet packet;

    if (client->pending) {
        reject(client, "text_within_binary");
        return;
    }
    if (sio_packet_decode(text, server->max_depth, &server->scratch, &packet) != ERR_OK) {
        reject(client, "malformed");
        return;
    }
    if (packet.attachments > 0 && !find_socket(client, packet.nsp))
        reject(client, "not_connected"); /* before it may fill memory */
    else if (packet.attachments > 0)
        begin_binary(client, text, packet.attachments);
    else
        dispatch(client, &packet, text, NULL);
}

static void handle_binary(struct sio_client *client, struct span bytes)
{
    struct sio_server *server = client->server;
    struct sio_pending *pending = client->pending;
    struct sio_packet packet;
    struct span text;

    if (!pending) {
        reject(client, "binary_unexpected");
        return;
    }
    pending->attachments[pending->have++] = span_make(mem_span_dup(bytes), bytes.len);
    if (pending->have < pending->wanted)
        return;
    text = span_make(pending->text, pending->text_len);
    /* It was decoded before, when it came. */
    if (sio_packet_decode(text, server->max_depth, &server->scratch, &packet) == ERR_OK)
        dispatch(client, &packet, text, pending->attachments);
    pending_free(client);
}

void sio_client_message(struct sio_client *client, struct span data, bool binary)
{
    if (binary)
        handle_binary(client, data);
    else
        handle_text(client, data);
}
