/* One client in one namespace: admission, what is known of it, its end. */
#include "broker/sio/impl.h"

#include <assert.h>

#include "broker/eio/fields.h"
#include "shared/base/json_write.h"
#include "shared/base/mem.h"

struct sio_socket *sio_socket_new(struct sio_client *client, struct sio_namespace *ns)
{
    struct sio_socket *socket = mem_alloc(sizeof *socket);

    socket->client = client;
    socket->ns = ns;
    random_id(socket->sid);
    list_append(&client->sockets, &socket->link);
    list_init(&socket->queued);
    list_init(&socket->memberships);
    list_init(&socket->acks);
    list_init(&socket->waiting);
    list_init(&socket->streams);
    ns->server->sockets++;
    return socket;
}

/* ---- sending ---- */

void sio_socket_send(struct sio_socket *socket, enum sio_packet_type type, struct span payload,
                     const uint64_t *id, const struct span *attachments, int count)
{
    struct sio_packet packet = {.type = type,
                                .nsp = span_of(socket->ns->name),
                                .payload = payload,
                                .has_id = id != NULL,
                                .id = id ? *id : 0,
                                .attachments = count};
    struct buf *encoded = &socket->ns->server->encoded;
    struct eio_frame *frame;
    bool sent;

    buf_clear(encoded);
    sio_packet_encode(encoded, &packet, SPAN_NONE);
    frame = eio_frame_message(buf_span(encoded), SPAN_NONE);
    frame->alone = type == SIO_PACKET_CONNECT;
    sent = eio_session_send(socket->client->session, frame);
    eio_frame_unref(frame);
    for (int i = 0; sent && i < count; i++) {
        frame = eio_frame_binary(attachments[i]);
        sent = eio_session_send(socket->client->session, frame);
        eio_frame_unref(frame);
    }
}

/* ---- admission ---- */

static void send_connect(struct sio_socket *socket)
{
    struct json_writer w;
    struct buf payload;

    buf_init(&payload, BUF_MAX_DEFAULT);
    json_begin(&w, &payload);
    json_object(&w, NULL);
    json_cstr(&w, "sid", socket->sid);
    if (socket->pid)
        json_cstr(&w, "pid", socket->pid);
    json_object_end(&w);
    sio_socket_send(socket, SIO_PACKET_CONNECT, buf_span(&payload), NULL, NULL, 0);
    buf_release(&payload);
}

static void accept_as(struct sio_socket *socket, const char *sid, const char *pid)
{
    struct sio_server *server = socket->ns->server;

    if (socket->state != SIO_WAITING) /* it went while the application was deciding */
        return;
    if (sid)
        snprintf(socket->sid, sizeof socket->sid, "%s", sid);
    if (pid)
        socket->pid = mem_strdup(pid);
    socket->state = SIO_CONNECTED;
    sio_client_check_timeout(socket->client);
    send_connect(socket);
    if (!list_is_empty(&socket->waiting)) {
        list_append(&server->ready, &socket->queued);
        sio_server_sweep_later(server);
    }
}

void sio_accept(struct sio_socket *socket)
{
    struct sio_restored *restored = socket->restored;
    char pid[RANDOM_ID_SIZE];

    if (socket->state != SIO_WAITING) /* answered before, or it went meanwhile */
        return;
    if (!socket->ns->recovery) {
        accept_as(socket, NULL, NULL);
    } else if (restored) {
        socket->restored = NULL;
        accept_as(socket, sio_restored_sid(restored), sio_restored_pid(restored));
        sio_recovery_replay(socket, restored);
        sio_recovery_add(socket);
    } else {
        random_id(pid);
        accept_as(socket, NULL, pid);
        sio_recovery_add(socket);
    }
}

void sio_accept_recoverable(struct sio_socket *socket, const char *sid, const char *pid)
{
    accept_as(socket, sid, pid);
}

void sio_refuse(struct sio_socket *socket, const char *message, struct span data)
{
    struct json_writer w;
    struct buf payload;

    if (socket->state != SIO_WAITING)
        return;
    buf_init(&payload, BUF_MAX_DEFAULT);
    json_begin(&w, &payload);
    json_object(&w, NULL);
    json_cstr(&w, "message", message);
    if (span_present(data))
        json_raw(&w, "data", data);
    json_object_end(&w);
    sio_socket_send(socket, SIO_PACKET_CONNECT_ERROR, buf_span(&payload), NULL, NULL, 0);
    buf_release(&payload);
    sio_socket_end(socket, SIO_SERVER_DISCONNECT);
}

/* ---- the end ---- */

void sio_socket_end(struct sio_socket *socket, enum sio_reason reason)
{
    struct sio_server *server = socket->ns->server;

    if (socket->state == SIO_CLOSED)
        return;
    if (socket->live.key)
        sio_recovery_remove(socket, sio_reason_recoverable(reason));
    socket->state = SIO_CLOSED;
    socket->reason = (uint8_t)reason;
    list_remove(&socket->queued);
    list_append(&server->dead, &socket->queued);
    sio_server_sweep_later(server);
    sio_rooms_leave_all(socket);
    sio_client_check_timeout(socket->client);
    /* An event that is half written cannot be completed: the connection is of no use. */
    if (!list_is_empty(&socket->streams))
        eio_session_close(socket->client->session, EIO_REASON_FORCED);
}

void sio_socket_sweep(struct sio_socket *socket)
{
    const struct sio_namespace_ops *ops = socket->ns->ops;

    sio_acks_fail(socket);
    sio_streams_fail(socket);
    if (ops->disconnect)
        ops->disconnect(socket, socket->reason);
    sio_socket_drop_waiting(socket);
    sio_restored_free(socket->restored);
    sio_message_unref(socket->last);
    list_remove(&socket->link);
    list_remove(&socket->queued);
    mem_free(socket->pid);
    socket->ns->server->sockets--;
    mem_free(socket);
}

void sio_disconnect(struct sio_socket *socket, bool close)
{
    if (socket->state == SIO_CLOSED)
        return;
    sio_socket_send(socket, SIO_PACKET_DISCONNECT, SPAN_NONE, NULL, NULL, 0);
    sio_socket_end(socket, SIO_SERVER_DISCONNECT);
    if (close)
        eio_session_close(socket->client->session, EIO_REASON_FORCED);
}

void sio_close(struct sio_socket *socket)
{
    if (socket->state != SIO_CLOSED)
        eio_session_close(socket->client->session, EIO_REASON_FORCED);
}

/* ---- what is known ---- */

void sio_socket_set_data(struct sio_socket *socket, void *data)
{
    socket->data = data;
}

void *sio_socket_data(const struct sio_socket *socket)
{
    return socket->data;
}

void *sio_socket_app(const struct sio_socket *socket)
{
    return socket->ns->app;
}

const char *sio_socket_id(const struct sio_socket *socket)
{
    return socket->sid;
}

const char *sio_socket_namespace(const struct sio_socket *socket)
{
    return socket->ns->name;
}

bool sio_socket_recovered(const struct sio_socket *socket)
{
    return socket->recovered;
}

uint64_t sio_socket_connection(const struct sio_socket *socket)
{
    return eio_session_number(socket->client->session);
}

const char *sio_socket_address(const struct sio_socket *socket)
{
    return eio_session_address(socket->client->session);
}

struct span sio_socket_header(const struct sio_socket *socket, const char *name)
{
    return eio_session_header(socket->client->session, name);
}

struct span sio_socket_query(const struct sio_socket *socket, const char *name)
{
    return eio_session_query(socket->client->session, name);
}

bool sio_socket_query_next(const struct sio_socket *socket, size_t *cursor, struct span *name,
                           struct span *value)
{
    return eio_fields_next(eio_session_query_fields(socket->client->session), cursor, name, value);
}
