/* One big event, produced while it is written: a socket's view of an Engine.IO stream. */
#include "broker/sio/impl.h"
#include "shared/base/mem.h"

struct sio_stream {
    struct eio_stream *inner; /* NULL: the socket was not connected */
    struct list link;         /* on socket->streams */
    loop_fn want, gone;
    void *arg;
    bool failed; /* gone() was called: waits for the inner stream's end */
};

static void on_gone(void *arg)
{
    struct sio_stream *stream = arg;

    list_remove(&stream->link);
    if (!stream->failed)
        stream->gone(stream->arg);
    mem_free(stream);
}

static void on_want(void *arg)
{
    struct sio_stream *stream = arg;

    if (!stream->failed)
        stream->want(stream->arg);
}

struct sio_stream *sio_stream_begin(struct sio_socket *socket, size_t window, loop_fn want,
                                    loop_fn gone, void *arg)
{
    struct sio_stream *stream = mem_alloc(sizeof *stream);
    struct sio_packet packet = {.type = SIO_PACKET_EVENT, .nsp = span_of(socket->ns->name)};
    struct buf *encoded = &socket->ns->server->encoded;

    stream->want = want;
    stream->gone = gone;
    stream->arg = arg;
    list_append(&socket->streams, &stream->link);
    if (socket->state != SIO_CONNECTED)
        return stream;
    stream->inner = eio_stream_begin(socket->client->session, window, on_want, on_gone, stream);
    buf_clear(encoded);
    sio_packet_encode(encoded, &packet, SPAN_NONE);
    eio_stream_write(stream->inner, buf_span(encoded));
    return stream;
}

void sio_stream_write(struct sio_stream *stream, struct span piece)
{
    if (stream->inner)
        eio_stream_write(stream->inner, piece);
}

void sio_stream_end(struct sio_stream *stream)
{
    list_remove(&stream->link);
    if (stream->inner)
        eio_stream_end(stream->inner);
    mem_free(stream);
}

void sio_streams_fail(struct sio_socket *socket)
{
    struct list *node;

    while ((node = list_take_first(&socket->streams))) {
        struct sio_stream *stream = list_entry(node, struct sio_stream, link);

        stream->failed = true;
        stream->gone(stream->arg);
        if (!stream->inner)
            mem_free(stream);
    }
}
