/* The server whose sockets are tested. */
#include "tests/unit/sio/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/net/loop_ev.h"

struct world world;

/* ---- the application ---- */

void world_copy(char *to, size_t size, struct span from)
{
    snprintf(to, size, "%.*s", (int)from.len, from.ptr);
}

static void on_connect(struct sio_socket *socket, struct span auth)
{
    world.last = socket;
    world.connects++;
    world_copy(world.auth, sizeof world.auth, auth);
    if (!world.hold)
        sio_accept(socket);
}

static void on_event(struct sio_socket *socket, const struct sio_event *event)
{
    size_t len = strlen(world.events);

    snprintf(world.events + len, sizeof world.events - len, "%.*s(%.*s)", (int)event->name.len,
             event->name.ptr, (int)event->first.len, event->first.ptr ? event->first.ptr : "");
    if (event->has_ack)
        sio_ack(socket, event->ack_id, SPAN_LIT("[\"ok\"]"));
}

static void on_disconnect(struct sio_socket *socket, enum sio_reason reason)
{
    (void)socket;
    world.disconnects++;
    world.reason = reason;
}

void world_on_ack(struct sio_socket *socket, enum err err, const struct sio_event *answer,
                  void *arg)
{
    (void)socket;
    assert_ptr_equal(arg, &world);
    world.acks++;
    world.ack_err = err;
    if (answer)
        world_copy(world.answer, sizeof world.answer, answer->args);
}

static const struct sio_namespace_ops ops = {on_connect, NULL, on_event, on_disconnect};

/* ---- set-up ---- */

static int setup_with(int64_t recovery_window_ms)
{
    struct sio_options options;

    world = (struct world){.loop = loop_new()};
    sio_options_init(&options);
    options.recovery_window_ms = recovery_window_ms;
    options.connect_timeout_ms = 1000;
    options.wait_packets = 2;
    options.max_payload = 1000;
    world.server = sio_server_new_bare(world.loop, &options);
    world.room = sio_room_new(sio_server_namespace(world.server, "/", &ops, NULL));
    sio_server_namespace(world.server, "/chat", &ops, NULL);
    fake_net_init(&world.net, world.server->eio, eio_server_now(world.server->eio));
    return 0;
}

int world_setup(void **state)
{
    (void)state;
    return setup_with(0);
}

int world_setup_recovery(void **state)
{
    (void)state;
    return setup_with(60000);
}

int world_teardown(void **state)
{
    (void)state;
    eio_server_close_all(world.server->eio);
    fake_flush(&world.net);
    loop_turn(world.loop);
    for (int i = 0; i < CLIENTS; i++)
        fake_ws_gone(&world.net, &world.clients[i].ws);
    assert_int_equal(world.connects, world.disconnects);
    sio_server_free(world.server);
    loop_free(world.loop);
    return 0;
}

void world_turn(void)
{
    fake_flush(&world.net);
    loop_turn(world.loop);
    fake_flush(&world.net);
}

void world_send_text(int client, const char *text)
{
    fake_ws_send(&world.net, &world.clients[client].ws, span_of(text), false);
    world_turn();
}

void world_assert_next(int client, const char *text)
{
    char got[512];
    int opcode;
    struct span payload = fake_ws_frame(&world.clients[client].ws, &opcode);

    world_copy(got, sizeof got, payload);
    assert_int_equal(opcode, 0x81);
    assert_string_equal(got, text);
}

void world_assert_nothing(int client)
{
    int opcode;

    fake_ws_frame(&world.clients[client].ws, &opcode);
    assert_int_equal(opcode, -1);
}

void world_open_client(int client)
{
    int opcode;

    fake_ws_gone(&world.net, &world.clients[client].ws);
    fake_ws_open(&world.net, &world.clients[client].ws,
                 "/socket.io/?EIO=4&transport=websocket&user=a%20b");
    world_turn();
    fake_ws_frame(&world.clients[client].ws, &opcode); /* the open packet */
    assert_int_equal(opcode, 0x81);
}

const char *world_connect_client(int client, const char *packet)
{
    static char answer[256];
    int opcode;

    world_open_client(client);
    world_send_text(client, packet);
    world_copy(answer, sizeof answer, fake_ws_frame(&world.clients[client].ws, &opcode));
    world.clients[client].socket = world.last;
    return answer;
}

void world_assert_ended(int client)
{
    int opcode;

    do
        fake_ws_frame(&world.clients[client].ws, &opcode);
    while (opcode == 0x81 || opcode == 0x82);
    assert_int_equal(opcode, 0x88);
}
