/* Messages that are produced while they are written. Knows neither transport nor socket. */
#include "broker/eio/stream.h"

#include "broker/eio/impl.h"
#include "shared/base/mem.h"

struct eio_stream {
    struct eio_session *session; /* NULL once the session is closed */
    struct list of_session;      /* on session->streams until it ends */
    struct list wanting;         /* on server->wanting while want() is due */
    struct eio_queue held;
    size_t window;
    eio_stream_fn want, gone;
    void *arg;
    bool begun; /* the first frame has been made */
    bool ended;
    bool asked;  /* want() was called and nothing written since */
    bool queued; /* its frame is in the session's queue */
};

static void stream_free(struct eio_stream *stream)
{
    list_remove(&stream->of_session);
    list_remove(&stream->wanting);
    eio_queue_clear(&stream->held);
    mem_free(stream);
}

/* Due for want(): it is called from the end of the turn, never from inside a write. */
static void mark_wanting(struct eio_stream *stream)
{
    if (stream->ended || !stream->queued || stream->asked ||
        stream->held.bytes >= stream->window / 2)
        return;
    list_remove(&stream->wanting);
    list_append(&stream->session->server->wanting, &stream->wanting);
    eio_server_wake(stream->session->server);
}

static void add_frame(struct eio_stream *stream, struct span piece, bool fin)
{
    enum ws_opcode opcode = stream->begun ? WS_CONTINUATION : WS_TEXT;
    struct eio_frame *frame = eio_frame_new(EIO_FRAME_TEXT, opcode, fin, piece.len);

    if (piece.len > 0)
        memcpy(eio_frame_payload(frame), piece.ptr, piece.len);
    stream->begun = true;
    eio_queue_push(&stream->held, frame);
    eio_frame_unref(frame);
    eio_session_has_output(stream->session);
}

struct eio_stream *eio_stream_begin(struct eio_session *session, size_t window, eio_stream_fn want,
                                    eio_stream_fn gone, void *arg)
{
    struct eio_stream *stream = mem_alloc(sizeof *stream);
    struct eio_frame *place = eio_frame_new(EIO_FRAME_STREAM, WS_TEXT, true, 0);

    place->len = place->header = 0;
    place->stream = stream;
    stream->session = session;
    stream->window = window;
    stream->want = want;
    stream->gone = gone;
    stream->arg = arg;
    list_init(&stream->wanting);
    list_append(&session->streams, &stream->of_session);
    stream->queued = eio_session_queue_frame(session, place);
    eio_frame_unref(place);
    if (stream->queued) {
        add_frame(stream, SPAN_LIT("4"), false);
        mark_wanting(stream);
    }
    return stream;
}

void eio_stream_write(struct eio_stream *stream, struct span piece)
{
    if (!stream->queued || piece.len == 0)
        return;
    list_remove(&stream->wanting);
    stream->asked = false;
    add_frame(stream, piece, false);
}

void eio_stream_end(struct eio_stream *stream)
{
    stream->ended = true;
    list_remove(&stream->of_session);
    list_remove(&stream->wanting);
    if (stream->queued)
        add_frame(stream, SPAN_NONE, true);
    else
        stream_free(stream);
}

struct eio_queue *eio_stream_held(struct eio_stream *stream)
{
    return &stream->held;
}

bool eio_stream_ended(const struct eio_stream *stream)
{
    return stream->ended;
}

void eio_stream_drained(struct eio_stream *stream)
{
    mark_wanting(stream);
}

void eio_stream_dropped(struct eio_stream *stream)
{
    stream->queued = false;
    eio_queue_clear(&stream->held);
    list_remove(&stream->wanting);
    if (stream->ended)
        stream_free(stream);
}

void eio_streams_ask(struct list *wanting)
{
    struct list due;
    struct list *node;

    /* Those that still want after their answer wait for the next round. */
    list_init(&due);
    while ((node = list_take_first(wanting)))
        list_append(&due, node);
    while ((node = list_take_first(&due))) {
        struct eio_stream *stream = list_entry(node, struct eio_stream, wanting);

        stream->asked = true;
        stream->want(stream->arg);
    }
}

void eio_streams_gone(struct list *streams)
{
    struct list *node;

    while ((node = list_take_first(streams))) {
        struct eio_stream *stream = list_entry(node, struct eio_stream, of_session);

        stream->gone(stream->arg);
        stream_free(stream);
    }
}
