/*
 * The Socket.IO library alone, as a peer of the benchmarks: rooms in memory, nothing of the chat.
 * broadcast-server --port N; prints "ready". `join` {room} is acknowledged; `say` {room, ...} goes
 * to all in the room as `said`, the payload's bytes as they came.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "broker/sio/sio.h"
#include "shared/base/buf.h"

#define ROOMS 4096

struct app {
    struct sio_namespace *ns;
    struct sio_room *rooms[ROOMS];
};

/* The room of {"room":"rN",...}; the generator writes it first. */
static struct sio_room **room_of(struct sio_socket *socket, const struct sio_event *event)
{
    static const char head[] = "{\"room\":\"r";
    struct app *app = sio_socket_app(socket);
    size_t number = 0, at = sizeof head - 1;

    if (event->first.len < sizeof head || memcmp(event->first.ptr, head, at) != 0)
        return NULL;
    for (; event->first.ptr[at] >= '0' && event->first.ptr[at] <= '9' && number < ROOMS; at++)
        number = number * 10 + (size_t)(event->first.ptr[at] - '0');
    return number < ROOMS ? &app->rooms[number] : NULL;
}

static void on_join(struct sio_socket *socket, const struct sio_event *event)
{
    struct sio_room **room = room_of(socket, event);
    struct app *app = sio_socket_app(socket);

    if (!room)
        return;
    if (!*room)
        *room = sio_room_new(app->ns);
    sio_room_join(*room, socket);
    if (event->has_ack)
        sio_ack(socket, event->ack_id, SPAN_LIT("[{}]"));
}

static void on_say(struct sio_socket *socket, const struct sio_event *event)
{
    struct sio_room **room = room_of(socket, event);
    struct sio_message *message;
    struct buf json;

    if (!room || !*room)
        return;
    buf_init(&json, BUF_MAX_DEFAULT);
    buf_add_str(&json, "[\"said\",");
    buf_add_span(&json, event->first);
    buf_add_char(&json, ']');
    message = sio_message_new(buf_span(&json));
    sio_room_emit(*room, message, NULL);
    sio_message_unref(message);
    buf_release(&json);
}

static const struct sio_event_handler events[] = {
    {"join", on_join},
    {"say", on_say},
    {NULL, NULL},
};

static const struct sio_namespace_ops ops = {.events = events};

static void stop(void *loop)
{
    loop_stop(loop);
}

int main(int argc, char **argv)
{
    struct rlimit files = {65536, 65536};
    struct loop *loop = loop_new();
    struct sio_options options;
    struct sio_server *server;
    struct app app = {0};
    int port;

    if (argc < 3)
        return 2;
    setrlimit(RLIMIT_NOFILE, &files);
    sio_options_init(&options);
    options.max_connections = options.max_per_address = 60000;
    server = sio_server_new(loop, &options);
    app.ns = sio_server_namespace(server, "/", &ops, &app);
    loop_signal(loop, SIGTERM, stop, loop);
    if (sio_server_listen(server, "127.0.0.1", (int)strtol(argv[2], NULL, 10), &port) != ERR_OK)
        return 1;
    puts("ready");
    fflush(stdout);
    loop_run(loop);
    for (size_t i = 0; i < ROOMS; i++)
        if (app.rooms[i])
            sio_room_free(app.rooms[i]);
    sio_server_free(server);
    loop_free(loop);
    return 0;
}
