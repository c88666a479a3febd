/*
 * What the Socket.IO protocol's test suite wants: `auth` right after CONNECT, `message` echoed as
 * `message-back`, `message-with-ack` acknowledged with its own arguments.
 */
#include "shared/base/buf.h"
#include "tests/conformance/profile.h"

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

static const struct sio_event_handler events[] = {
    {"message", on_message},
    {"message-with-ack", on_message_with_ack},
    {NULL, NULL},
};

static const struct sio_namespace_ops root_ops = {.connect = on_connect, .events = events};
static const struct sio_namespace_ops custom_ops = {.connect = on_connect};

void profile_suite(struct sio_server *server)
{
    sio_server_namespace(server, "/", &root_ops, NULL);
    sio_server_namespace(server, "/custom", &custom_ops, NULL);
}
