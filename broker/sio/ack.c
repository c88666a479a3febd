/* Acknowledgements, both ways (Socket.IO protocol v5, "ACK"). */
#include "broker/sio/impl.h"
#include "shared/base/mem.h"

/* One that we wait for. */
struct sio_waiting_ack {
    struct list link;
    struct sio_socket *socket;
    struct eio_timer timer;
    uint64_t id;
    sio_ack_fn fn;
    void *arg;
};

void sio_ack(struct sio_socket *socket, uint64_t ack_id, struct span json)
{
    if (socket->state == SIO_CONNECTED)
        sio_socket_send(socket, SIO_PACKET_ACK, json, &ack_id, NULL, 0);
}

void sio_ack_binary(struct sio_socket *socket, uint64_t ack_id, struct span json,
                    const struct span *attachments, int count)
{
    /* A binary packet without attachments is an error to its receiver. */
    enum sio_packet_type type = count > 0 ? SIO_PACKET_BINARY_ACK : SIO_PACKET_ACK;

    if (socket->state == SIO_CONNECTED)
        sio_socket_send(socket, type, json, &ack_id, attachments, count);
}

/* Call back and forget it. */
static void finish(struct sio_waiting_ack *ack, enum err err, const struct sio_event *answer)
{
    struct sio_waiting_ack done = *ack;

    list_remove(&ack->link);
    eio_timer_cancel(eio_server_timers(ack->socket->ns->server->eio), &ack->timer);
    mem_free(ack);
    done.fn(done.socket, err, answer, done.arg);
}

static void on_timeout(struct eio_timer *timer, int64_t now)
{
    (void)now;
    finish(list_entry(timer, struct sio_waiting_ack, timer), ERR_UNAVAILABLE, NULL);
}

void sio_emit_with_ack(struct sio_socket *socket, struct span json, int64_t timeout_ms,
                       sio_ack_fn fn, void *arg)
{
    struct eio_server *eio = socket->ns->server->eio;
    struct sio_waiting_ack *ack = mem_alloc(sizeof *ack);

    ack->socket = socket;
    ack->id = socket->next_ack++;
    ack->fn = fn;
    ack->arg = arg;
    ack->timer.fn = on_timeout;
    list_append(&socket->acks, &ack->link);
    /* On a socket that has gone already the sweep calls back. */
    if (socket->state != SIO_CLOSED)
        eio_timer_set(eio_server_timers(eio), &ack->timer, eio_server_now(eio) + timeout_ms);
    if (socket->state == SIO_CONNECTED)
        sio_socket_send(socket, SIO_PACKET_EVENT, json, &ack->id, NULL, 0);
}

void sio_acks_answer(struct sio_socket *socket, uint64_t id, const struct sio_event *answer)
{
    list_for_each(node, &socket->acks)
    {
        struct sio_waiting_ack *ack = list_entry(node, struct sio_waiting_ack, link);

        if (ack->id == id) {
            finish(ack, ERR_OK, answer);
            return;
        }
    }
}

void sio_acks_fail(struct sio_socket *socket)
{
    while (!list_is_empty(&socket->acks))
        finish(list_entry(socket->acks.next, struct sio_waiting_ack, link), ERR_UNAVAILABLE, NULL);
}
