/* Packets for one socket: events to their handlers, acknowledgements to who waits for them. */
#include "broker/sio/impl.h"
#include "shared/base/mem.h"

/* A packet that came before the application had admitted its socket. */
struct waiting {
    struct list link;
    int count;
    struct span text;          /* owned */
    struct span attachments[]; /* owned */
};

static void fill_event(struct sio_event *event, const struct sio_packet *packet,
                       const struct span *attachments)
{
    bool is_event = packet->type == SIO_PACKET_EVENT || packet->type == SIO_PACKET_BINARY_EVENT;
    int count = sio_args_count(packet->payload);

    *event = (struct sio_event){
        .name = packet->name,
        .args = packet->payload,
        .first = sio_args_get(packet->payload, is_event ? 1 : 0),
        .argc = is_event ? count - 1 : count,
        .has_ack = packet->has_id,
        .ack_id = packet->id,
        .attachments = attachments,
        .attachment_count = packet->attachments,
    };
}

static void handle_event(struct sio_socket *socket, const struct sio_event *event)
{
    const struct sio_namespace_ops *ops = socket->ns->ops;

    for (const struct sio_event_handler *row = ops->events; row && row->name; row++) {
        if (span_is(event->name, row->name)) {
            row->handle(socket, event);
            return;
        }
    }
    if (ops->event)
        ops->event(socket, event);
}

void sio_socket_packet(struct sio_socket *socket, const struct sio_packet *packet,
                       const struct span *attachments)
{
    struct sio_event event;

    if (!span_present(packet->payload)) /* an empty ack means nothing */
        return;
    fill_event(&event, packet, attachments);
    if (packet->type == SIO_PACKET_EVENT || packet->type == SIO_PACKET_BINARY_EVENT)
        handle_event(socket, &event);
    else if (packet->has_id)
        sio_acks_answer(socket, packet->id, &event);
}

void sio_socket_wait(struct sio_socket *socket, struct span text, const struct span *attachments,
                     int count)
{
    struct waiting *waiting =
        mem_alloc(sizeof *waiting + (size_t)count * sizeof *waiting->attachments);

    waiting->count = count;
    waiting->text = span_make(mem_span_dup(text), text.len);
    for (int i = 0; i < count; i++) {
        waiting->attachments[i] = span_make(mem_span_dup(attachments[i]), attachments[i].len);
        socket->waiting_bytes += attachments[i].len;
    }
    list_append(&socket->waiting, &waiting->link);
    socket->waiting_count++;
    socket->waiting_bytes += text.len;
}

static void waiting_free(struct waiting *waiting)
{
    list_remove(&waiting->link);
    free((char *)waiting->text.ptr);
    for (int i = 0; i < waiting->count; i++)
        free((char *)waiting->attachments[i].ptr);
    mem_free(waiting);
}

void sio_socket_run_waiting(struct sio_socket *socket)
{
    struct sio_server *server = socket->ns->server;
    struct sio_packet packet;

    while (socket->state == SIO_CONNECTED && !list_is_empty(&socket->waiting)) {
        struct waiting *waiting = list_entry(socket->waiting.next, struct waiting, link);

        if (sio_packet_decode(waiting->text, server->max_depth, &server->scratch, &packet) ==
            ERR_OK)
            sio_socket_packet(socket, &packet, waiting->attachments);
        waiting_free(waiting);
        socket->waiting_count--;
    }
    socket->waiting_bytes = 0; /* none are left, or nobody counts them any more */
}

void sio_socket_drop_waiting(struct sio_socket *socket)
{
    while (!list_is_empty(&socket->waiting))
        waiting_free(list_entry(socket->waiting.next, struct waiting, link));
}
