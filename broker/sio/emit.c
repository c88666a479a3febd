/* Emitting to one socket. */
#include "broker/sio/impl.h"

/* The offset that ends the arguments for this socket; NULL: none. Every event of a recoverable
 * socket has one, else its client would take a string payload for it. */
static const char *offset_for(const struct sio_socket *socket, const struct sio_message *message)
{
    if (!socket->pid || sio_message_offset(message))
        return NULL;
    return socket->last ? sio_message_offset(socket->last) : SIO_NO_OFFSET;
}

static void remember_offset(struct sio_socket *socket, struct sio_message *message)
{
    if (socket->pid && sio_message_offset(message) && socket->last != message) {
        sio_message_unref(socket->last);
        socket->last = sio_message_ref(message);
    }
}

void sio_deliver(struct sio_socket *socket, struct sio_message *message)
{
    struct eio_session *session = socket->client->session;
    const char *borrowed = offset_for(socket, message);
    struct eio_frame **attachments;
    int count;
    bool sent;

    if (socket->state != SIO_CONNECTED)
        return;
    if (borrowed) {
        struct eio_frame *frame = sio_message_frame_as(message, socket->ns, borrowed);

        sent = eio_session_send(session, frame);
        eio_frame_unref(frame);
    } else {
        sent = eio_session_send(session, sio_message_frame(message, socket->ns, socket->pid));
    }
    attachments = sio_message_attachments(message, &count);
    for (int i = 0; sent && i < count; i++)
        sent = eio_session_send(session, attachments[i]);
    remember_offset(socket, message);
}

void sio_emit_message(struct sio_socket *socket, struct sio_message *message)
{
    if (socket->state != SIO_CONNECTED)
        return;
    if (socket->live.key)
        sio_recovery_log(socket->ns, message, NULL, socket, NULL);
    sio_deliver(socket, message);
}

void sio_emit_volatile(struct sio_socket *socket, struct sio_message *message)
{
    if (socket->state == SIO_CONNECTED && eio_session_writable(socket->client->session))
        sio_deliver(socket, message);
}

void sio_emit_passing(struct sio_socket *socket, struct sio_message *message)
{
    if (socket->state != SIO_CONNECTED)
        return;
    if (eio_session_lags(socket->client->session))
        socket->client->server->passing_dropped++;
    else
        sio_deliver(socket, message);
}

void sio_emit(struct sio_socket *socket, struct span json)
{
    struct sio_message *message;

    if (socket->state != SIO_CONNECTED)
        return;
    message = sio_message_new(json);
    sio_emit_message(socket, message);
    sio_message_unref(message);
}
