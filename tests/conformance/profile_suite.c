/*
 * What the Socket.IO protocol's test suite wants: `auth` right after CONNECT, `message` echoed as
 * `message-back`, `message-with-ack` acknowledged with its own arguments.
 */
#include "shared/base/json_scan.h"
#include "shared/base/mem.h"
#include "tests/conformance/profile.h"

#define STREAM_WINDOW 65536

/* The arguments after the name: `1,"2",{}`; empty if there are none. */
static struct span rest_of(const struct sio_event *event)
{
    const char *end = event->args.ptr + event->args.len - 1;

    return event->argc > 0 ? span_make(event->first.ptr, (size_t)(end - event->first.ptr))
                           : SPAN_LIT("");
}

static void on_connect(struct sio_socket *socket, struct span auth)
{
    struct buf json;

    buf_init(&json, BUF_MAX_DEFAULT);
    buf_add_str(&json, "[\"auth\",");
    buf_add_span(&json, auth);
    buf_add_char(&json, ']');
    sio_accept(socket);
    sio_emit(socket, buf_span(&json));
    buf_release(&json);
}

static void on_message(struct sio_socket *socket, const struct sio_event *event)
{
    struct sio_message *message;
    struct buf json;

    buf_init(&json, BUF_MAX_DEFAULT);
    buf_add_str(&json, event->argc > 0 ? "[\"message-back\"," : "[\"message-back\"");
    buf_add_span(&json, rest_of(event));
    buf_add_char(&json, ']');
    message = event->attachment_count > 0
                  ? sio_message_binary(buf_span(&json), event->attachments, event->attachment_count)
                  : sio_message_new(buf_span(&json));
    sio_emit_message(socket, message);
    sio_message_unref(message);
    buf_release(&json);
}

static void on_message_with_ack(struct sio_socket *socket, const struct sio_event *event)
{
    struct buf json;

    if (!event->has_ack)
        return;
    buf_init(&json, BUF_MAX_DEFAULT);
    buf_add_char(&json, '[');
    buf_add_span(&json, rest_of(event));
    buf_add_char(&json, ']');
    if (event->attachment_count > 0)
        sio_ack_binary(socket, event->ack_id, buf_span(&json), event->attachments,
                       event->attachment_count);
    else
        sio_ack(socket, event->ack_id, buf_span(&json));
    buf_release(&json);
}

/* ["NAME",answer...] */
static void emit_answer(struct sio_socket *socket, const char *name, struct span rest)
{
    struct buf json;

    buf_init(&json, BUF_MAX_DEFAULT);
    buf_addf(&json, rest.len > 0 ? "[\"%s\"," : "[\"%s\"", name);
    buf_add_span(&json, rest);
    buf_add_char(&json, ']');
    sio_emit(socket, buf_span(&json));
    buf_release(&json);
}

static void on_answer(struct sio_socket *socket, enum err err, const struct sio_event *answer,
                      void *arg)
{
    (void)arg;
    if (err == ERR_OK)
        emit_answer(socket, "answer", rest_of(answer));
}

static void on_ask(struct sio_socket *socket, const struct sio_event *event)
{
    struct buf json;

    buf_init(&json, BUF_MAX_DEFAULT);
    buf_add_str(&json, event->argc > 0 ? "[\"question\"," : "[\"question\"");
    buf_add_span(&json, rest_of(event));
    buf_add_char(&json, ']');
    sio_emit_with_ack(socket, buf_span(&json), 10000, on_answer, NULL);
    buf_release(&json);
}

static void on_leave(struct sio_socket *socket, const struct sio_event *event)
{
    (void)event;
    sio_disconnect(socket, false);
}

static void on_close(struct sio_socket *socket, const struct sio_event *event)
{
    (void)event;
    sio_close(socket);
}

/* ---- ["stream",N]: one event with an array of N numbers, produced as it is written ---- */

struct stream {
    struct sio_stream *stream;
    long long next, count;
};

static void on_want(void *arg)
{
    struct stream *stream = arg;
    struct buf piece;

    buf_init(&piece, BUF_MAX_DEFAULT);
    for (; stream->next < stream->count && piece.len < STREAM_WINDOW / 2; stream->next++)
        buf_addf(&piece, "%s%lld", stream->next > 0 ? "," : "", stream->next);
    sio_stream_write(stream->stream, buf_span(&piece));
    buf_release(&piece);
    if (stream->next < stream->count)
        return;
    sio_stream_write(stream->stream, SPAN_LIT("]]"));
    sio_stream_end(stream->stream);
    mem_free(stream);
}

static void on_gone(void *arg)
{
    struct stream *stream = arg;

    mem_free(stream);
}

static void on_stream(struct sio_socket *socket, const struct sio_event *event)
{
    struct stream *stream = mem_alloc(sizeof *stream);

    if (!json_to_int(event->first, &stream->count))
        stream->count = 0;
    stream->stream = sio_stream_begin(socket, STREAM_WINDOW, on_want, on_gone, stream);
    sio_stream_write(stream->stream, SPAN_LIT("[\"streamed\",["));
    sio_emit(socket, SPAN_LIT("[\"behind\"]"));
}

/* ["flood",N]: N events of a kilobyte at once. */
static void on_flood(struct sio_socket *socket, const struct sio_event *event)
{
    static const char json[] = "[\"flooded\",\"%01000d\"]";
    struct sio_message *message;
    struct buf text;
    long long count;

    if (!json_to_int(event->first, &count))
        return;
    buf_init(&text, BUF_MAX_DEFAULT);
    buf_addf(&text, json, 7);
    message = sio_message_new(buf_span(&text));
    for (long long i = 0; i < count; i++)
        sio_emit_message(socket, message);
    sio_message_unref(message);
    buf_release(&text);
}

static void no_connect(struct sio_socket *socket, struct span auth)
{
    (void)auth;
    sio_refuse(socket, "Auth failed (custom namespace)", SPAN_NONE);
}

static const struct sio_event_handler events[] = {
    {"message", on_message}, {"message-with-ack", on_message_with_ack},
    {"ask", on_ask},         {"leave", on_leave},
    {"close", on_close},     {"stream", on_stream},
    {"flood", on_flood},     {NULL, NULL},
};

static const struct sio_namespace_ops root_ops = {.connect = on_connect, .events = events};
static const struct sio_namespace_ops custom_ops = {.connect = on_connect};
static const struct sio_namespace_ops no_ops = {.connect = no_connect};

void profile_suite(struct sio_server *server)
{
    sio_server_namespace(server, "/", &root_ops, NULL);
    sio_server_namespace(server, "/custom", &custom_ops, NULL);
    sio_server_namespace(server, "/no", &no_ops, NULL);
}
