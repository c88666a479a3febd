/* Socket.IO sockets over a network that is none: admission, events, acks, rooms, recovery. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/net/loop_ev.h"
#include "broker/sio/impl.h"
#include "tests/unit/eio/fake_net.h"

#define CLIENTS 3

struct client {
    struct fake_ws ws;
    struct sio_socket *socket;
};

struct world {
    struct loop *loop;
    struct sio_server *server;
    struct sio_room *room;
    struct fake_net net;
    struct client clients[CLIENTS];
    struct sio_socket *last; /* that connected */
    bool hold;               /* admission is decided later */
    int connects, disconnects, acks, gone;
    enum sio_reason reason;
    enum err ack_err;
    char auth[64], events[256], answer[64];
};

static struct world world;

/* ---- the application ---- */

static void copy(char *to, size_t size, struct span from)
{
    snprintf(to, size, "%.*s", (int)from.len, from.ptr);
}

static void on_connect(struct sio_socket *socket, struct span auth)
{
    world.last = socket;
    world.connects++;
    copy(world.auth, sizeof world.auth, auth);
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

static void on_ack(struct sio_socket *socket, enum err err, const struct sio_event *answer,
                   void *arg)
{
    (void)socket;
    assert_ptr_equal(arg, &world);
    world.acks++;
    world.ack_err = err;
    if (answer)
        copy(world.answer, sizeof world.answer, answer->args);
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

static int setup(void **state)
{
    (void)state;
    return setup_with(0);
}

static int setup_recovery(void **state)
{
    (void)state;
    return setup_with(60000);
}

static int teardown(void **state)
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

/* The end of the turn for both layers. */
static void turn(void)
{
    fake_flush(&world.net);
    loop_turn(world.loop);
    fake_flush(&world.net);
}

static void send_text(int client, const char *text)
{
    fake_ws_send(&world.net, &world.clients[client].ws, span_of(text), false);
    turn();
}

static void assert_next(int client, const char *text)
{
    char got[512];
    int opcode;
    struct span payload = fake_ws_frame(&world.clients[client].ws, &opcode);

    copy(got, sizeof got, payload);
    assert_int_equal(opcode, 0x81);
    assert_string_equal(got, text);
}

static void assert_nothing(int client)
{
    int opcode;

    fake_ws_frame(&world.clients[client].ws, &opcode);
    assert_int_equal(opcode, -1);
}

static void open_client(int client)
{
    int opcode;

    fake_ws_gone(&world.net, &world.clients[client].ws);
    fake_ws_open(&world.net, &world.clients[client].ws,
                 "/socket.io/?EIO=4&transport=websocket&user=a%20b");
    turn();
    fake_ws_frame(&world.clients[client].ws, &opcode); /* the open packet */
    assert_int_equal(opcode, 0x81);
}

/* Connect to "/"; the CONNECT answer is returned. */
static const char *connect_client(int client, const char *packet)
{
    static char answer[256];
    int opcode;

    open_client(client);
    send_text(client, packet);
    copy(answer, sizeof answer, fake_ws_frame(&world.clients[client].ws, &opcode));
    world.clients[client].socket = world.last;
    return answer;
}

static void assert_ended(int client)
{
    int opcode;

    do
        fake_ws_frame(&world.clients[client].ws, &opcode);
    while (opcode == 0x81 || opcode == 0x82);
    assert_int_equal(opcode, 0x88);
}

/* ---- tests ---- */

static void test_connect(void **state)
{
    char expected[64];

    (void)state;
    const char *answer = connect_client(0, "40{\"token\":\"x\"}");
    snprintf(expected, sizeof expected, "40{\"sid\":\"%s\"}", sio_socket_id(world.last));
    assert_string_equal(answer, expected);
    assert_string_equal(world.auth, "{\"token\":\"x\"}");
    assert_string_equal(sio_socket_namespace(world.last), "/");
    assert_string_equal(sio_socket_address(world.last), "192.0.2.1");
    assert_true(span_is(sio_socket_query(world.last, "user"), "a b"));
    assert_false(span_present(sio_socket_header(world.last, "cookie")));
    send_text(0, "40/chat");
    assert_string_equal(world.auth, "{}");
    assert_int_equal(world.connects, 2);
}

static void test_packets_wait_for_admission(void **state)
{
    (void)state;
    world.hold = true;
    open_client(0);
    send_text(0, "40");
    send_text(0, "42[\"a\",1]");
    send_text(0, "427[\"b\",2]");
    assert_string_equal(world.events, "");
    sio_accept(world.last);
    turn();
    assert_string_equal(world.events, "a(1)b(2)");
    fake_ws_frame(&world.clients[0].ws, &(int){0}); /* CONNECT */
    assert_next(0, "437[\"ok\"]");
}

static void test_too_many_waiting_packets(void **state)
{
    (void)state;
    world.hold = true;
    open_client(0);
    send_text(0, "40");
    for (int i = 0; i < 3; i++)
        send_text(0, "42[\"a\"]");
    assert_ended(0);
    assert_int_equal(world.reason, SIO_PARSE_ERROR);
    assert_string_equal(world.events, "");
}

/* Past 1000 bytes (max_payload, in setup) nothing more may wait. */
static void test_too_many_waiting_bytes(void **state)
{
    char packet[1100];

    (void)state;
    world.hold = true;
    open_client(0);
    send_text(0, "40");
    snprintf(packet, sizeof packet, "42[\"a\",\"%01000d\"]", 7);
    send_text(0, packet);
    turn();
    assert_int_equal(world.disconnects, 0);
    send_text(0, packet);
    assert_ended(0);
    assert_string_equal(world.events, "");
}

static void test_binary_for_nobody(void **state)
{
    (void)state;
    open_client(0);
    send_text(0, "40");
    send_text(0, "451-/other,[\"b\",{\"_placeholder\":true,\"num\":0}]");
    assert_ended(0);
}

static void test_refuse(void **state)
{
    (void)state;
    world.hold = true;
    open_client(0);
    send_text(0, "40");
    sio_refuse(world.last, "not \"you\"", SPAN_LIT("{\"a\":1}"));
    turn();
    assert_next(0, "44{\"message\":\"not \\\"you\\\"\",\"data\":{\"a\":1}}");
    assert_int_equal(world.disconnects, 1);
    send_text(0, "40"); /* may try again */
    assert_int_equal(world.connects, 2);
}

static void test_connect_timeout(void **state)
{
    (void)state;
    open_client(0);
    fake_pass(&world.net, 999);
    assert_nothing(0);
    fake_pass(&world.net, 1);
    assert_ended(0);
    /* It runs again once the last namespace is left. */
    connect_client(1, "40");
    fake_pass(&world.net, 2000);
    assert_nothing(1);
    send_text(1, "41");
    fake_pass(&world.net, 1000);
    assert_ended(1);
}

/* Time spent in a namespace is earned; to be sent away at once earns nothing. */
static void test_connect_timeout_of_the_denied(void **state)
{
    int opcode;

    (void)state;
    world.hold = true;
    open_client(0);
    for (int i = 0; i < 3; i++) {
        fake_pass(&world.net, 300);
        send_text(0, "40");
        sio_accept(world.last);
        sio_disconnect(world.last, false);
        turn();
        fake_ws_frame(&world.clients[0].ws, &opcode); /* 40 */
        assert_next(0, "41");
    }
    fake_pass(&world.net, 99);
    assert_nothing(0);
    fake_pass(&world.net, 1);
    assert_ended(0);
}

static void test_disconnects(void **state)
{
    (void)state;
    connect_client(0, "40");
    send_text(0, "41");
    assert_int_equal(world.reason, SIO_CLIENT_DISCONNECT);
    connect_client(1, "40");
    sio_disconnect(world.last, false);
    sio_emit(world.last, SPAN_LIT("[\"too late\"]"));
    turn();
    assert_next(1, "41");
    assert_nothing(1);
    assert_int_equal(world.reason, SIO_SERVER_DISCONNECT);
    connect_client(2, "40");
    sio_close(world.last);
    turn();
    assert_int_equal(world.reason, SIO_FORCED);
    assert_ended(2);
}

static void test_parse_error_ends_all_namespaces(void **state)
{
    (void)state;
    connect_client(0, "40");
    send_text(0, "40/chat");
    send_text(0, "42/nobody,[\"x\"]");
    assert_int_equal(world.disconnects, 2);
    assert_int_equal(world.reason, SIO_PARSE_ERROR);
}

static void test_rooms(void **state)
{
    struct sio_message *message = sio_message_new(SPAN_LIT("[\"m\",1]"));

    (void)state;
    for (int i = 0; i < CLIENTS; i++) {
        connect_client(i, "40");
        sio_room_join(world.room, world.clients[i].socket);
        sio_room_join(world.room, world.clients[i].socket);
    }
    assert_int_equal(sio_room_size(world.room), CLIENTS);
    sio_room_emit(world.room, message, world.clients[1].socket);
    turn();
    assert_next(0, "42[\"m\",1]");
    assert_nothing(1);
    assert_next(2, "42[\"m\",1]");
    sio_room_leave(world.room, world.clients[0].socket);
    send_text(2, "41"); /* leaves by itself */
    assert_int_equal(sio_room_size(world.room), 1);
    sio_room_emit(world.room, message, NULL);
    turn();
    assert_nothing(0);
    assert_next(1, "42[\"m\",1]");
    sio_message_unref(message);
}

static void test_one_message_for_two_namespaces(void **state)
{
    struct sio_message *message = sio_message_new(SPAN_LIT("[\"m\"]"));
    struct sio_socket *root;

    (void)state;
    connect_client(0, "40");
    root = world.last;
    send_text(0, "40/chat");
    fake_ws_frame(&world.clients[0].ws, &(int){0}); /* CONNECT */
    sio_emit_message(root, message);
    sio_emit_message(world.last, message);
    sio_message_unref(message);
    turn();
    assert_next(0, "42[\"m\"]");
    assert_next(0, "42/chat,[\"m\"]");
}

static void test_volatile(void **state)
{
    struct sio_message *message = sio_message_new(SPAN_LIT("[\"v\"]"));

    (void)state;
    connect_client(0, "40");
    sio_emit_volatile(world.last, message);
    sio_emit_volatile(world.last, message); /* the first still waits */
    turn();
    assert_next(0, "42[\"v\"]");
    assert_nothing(0);
    sio_message_unref(message);
}

static void test_acks(void **state)
{
    (void)state;
    connect_client(0, "40");
    sio_emit_with_ack(world.last, SPAN_LIT("[\"q\"]"), 500, on_ack, &world);
    turn();
    assert_next(0, "420[\"q\"]");
    send_text(0, "435[]"); /* nobody's */
    send_text(0, "430[1,\"a\"]");
    send_text(0, "430[2]"); /* once only */
    assert_int_equal(world.acks, 1);
    assert_int_equal(world.ack_err, ERR_OK);
    assert_string_equal(world.answer, "[1,\"a\"]");
    sio_emit_with_ack(world.last, SPAN_LIT("[\"q\"]"), 500, on_ack, &world);
    fake_pass(&world.net, 499);
    assert_int_equal(world.acks, 1);
    fake_pass(&world.net, 1);
    assert_int_equal(world.acks, 2);
    assert_int_equal(world.ack_err, ERR_UNAVAILABLE);
    sio_emit_with_ack(world.last, SPAN_LIT("[\"q\"]"), 500, on_ack, &world);
    fake_ws_gone(&world.net, &world.clients[0].ws);
    turn();
    assert_int_equal(world.acks, 3);
}

static void test_binary_is_put_together(void **state)
{
    (void)state;
    connect_client(0, "40");
    send_text(0, "452-[\"b\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}]");
    fake_ws_send(&world.net, &world.clients[0].ws, SPAN_LIT("x"), true);
    assert_string_equal(world.events, "");
    fake_ws_send(&world.net, &world.clients[0].ws, SPAN_LIT("y"), true);
    assert_string_equal(world.events, "b({\"_placeholder\":true,\"num\":1})");
    send_text(0, "451-[\"b\",{\"_placeholder\":true,\"num\":0}]");
    send_text(0, "42[\"between\"]");
    assert_ended(0);
}

static void on_want(void *arg)
{
    (void)arg;
}

static void on_gone(void *arg)
{
    assert_ptr_equal(arg, &world);
    assert_int_equal(world.disconnects, 0); /* before the socket's end is told */
    world.gone++;
}

static void test_stream(void **state)
{
    struct sio_stream *stream;
    int opcode;

    (void)state;
    connect_client(0, "40");
    stream = sio_stream_begin(world.last, 1024, on_want, on_gone, &world);
    sio_stream_write(stream, SPAN_LIT("[\"h\","));
    sio_emit(world.last, SPAN_LIT("[\"behind\"]"));
    sio_stream_write(stream, SPAN_LIT("1]"));
    sio_stream_end(stream);
    turn();
    assert_true(span_is(fake_ws_frame(&world.clients[0].ws, &opcode), "4"));
    assert_true(span_is(fake_ws_frame(&world.clients[0].ws, &opcode), "2"));
    assert_true(span_is(fake_ws_frame(&world.clients[0].ws, &opcode), "[\"h\","));
    assert_true(span_is(fake_ws_frame(&world.clients[0].ws, &opcode), "1]"));
    fake_ws_frame(&world.clients[0].ws, &opcode);
    assert_int_equal(opcode, 0x80);
    assert_next(0, "42[\"behind\"]");
    assert_int_equal(world.gone, 0);
}

static void test_stream_of_a_socket_that_ends(void **state)
{
    (void)state;
    connect_client(0, "40");
    sio_stream_write(sio_stream_begin(world.last, 1024, on_want, on_gone, &world),
                     SPAN_LIT("[\"h\","));
    sio_disconnect(world.last, false);
    turn();
    assert_int_equal(world.gone, 1);
    assert_int_equal(world.disconnects, 1);
    assert_ended(0); /* half an event is on the wire: the connection is of no use */
}

/* ---- recovery ---- */

/* The string that ends the arguments of an event. */
static void offset_of(int client, char *out, size_t size)
{
    char text[256];
    char *quote;
    int opcode;

    copy(text, sizeof text, fake_ws_frame(&world.clients[client].ws, &opcode));
    assert_int_equal(opcode, 0x81);
    assert_true(strlen(text) > 2);
    text[strlen(text) - 2] = '\0';
    quote = strrchr(text, '"');
    assert_non_null(quote);
    snprintf(out, size, "%s", quote + 1);
}

static void connect_packet(char *out, size_t size, const char *answer, const char *offset)
{
    const char *pid = strstr(answer, "\"pid\":\"");

    assert_non_null(pid);
    if (offset)
        snprintf(out, size, "40{\"pid\":\"%.20s\",\"offset\":\"%s\"}", pid + 7, offset);
    else
        snprintf(out, size, "40{\"pid\":\"%.20s\"}", pid + 7);
}

static void room_emit(const char *json)
{
    struct sio_message *message = sio_message_new(span_of(json));

    sio_room_emit(world.room, message, NULL);
    sio_message_unref(message);
}

static void test_recovery(void **state)
{
    char first[256], packet[256], offset[64];
    const char *answer;
    int opcode;

    (void)state;
    snprintf(first, sizeof first, "%s", connect_client(0, "40"));
    sio_room_join(world.room, world.last);
    room_emit("[\"seen\"]");
    turn();
    offset_of(0, offset, sizeof offset);
    connect_packet(packet, sizeof packet, first, offset);
    fake_ws_gone(&world.net, &world.clients[0].ws);
    turn();
    room_emit("[\"missed\",1]");
    room_emit("[\"missed\",2]");
    answer = connect_client(0, packet);
    assert_string_equal(answer, first); /* the same sid and pid */
    assert_true(sio_socket_recovered(world.last));
    assert_int_equal(sio_room_size(world.room), 1);
    for (int i = 1; i <= 2; i++) {
        char expected[64];

        snprintf(expected, sizeof expected, "42[\"missed\",%d,", i);
        assert_memory_equal(fake_ws_frame(&world.clients[0].ws, &opcode).ptr, expected,
                            strlen(expected));
    }
    assert_nothing(0);
}

static void test_recovery_evicts_the_old_socket(void **state)
{
    char first[256], packet[256];

    (void)state;
    snprintf(first, sizeof first, "%s", connect_client(0, "40"));
    connect_packet(packet, sizeof packet, first, NULL); /* it had received nothing */
    sio_accept(world.last);                             /* a second answer changes nothing */
    sio_emit(world.last, SPAN_LIT("[\"one\"]"));
    assert_string_equal(connect_client(1, packet), first);
    assert_ended(0);
    assert_int_equal(world.disconnects, 1);
    turn();
    assert_memory_equal(fake_ws_frame(&world.clients[1].ws, &(int){0}).ptr, "42[\"one\",", 8);
}

static void test_recovery_fails_to_a_fresh_session(void **state)
{
    char first[256], packet[256];

    (void)state;
    snprintf(first, sizeof first, "%s", connect_client(0, "40"));
    connect_packet(packet, sizeof packet, first, "nonsense");
    fake_ws_gone(&world.net, &world.clients[0].ws);
    turn();
    assert_string_not_equal(connect_client(0, packet), first);
    assert_false(sio_socket_recovered(world.last));
    snprintf(first, sizeof first, "%s", connect_client(1, "40"));
    connect_packet(packet, sizeof packet, first, NULL);
    send_text(1, "41");
    assert_string_not_equal(connect_client(1, packet), first); /* 41 is final */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_RECOVERY(name) cmocka_unit_test_setup_teardown(name, setup_recovery, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_connect),
        TEST(test_packets_wait_for_admission),
        TEST(test_too_many_waiting_packets),
        TEST(test_too_many_waiting_bytes),
        TEST(test_binary_for_nobody),
        TEST(test_refuse),
        TEST(test_connect_timeout),
        TEST(test_connect_timeout_of_the_denied),
        TEST(test_disconnects),
        TEST(test_parse_error_ends_all_namespaces),
        TEST(test_rooms),
        TEST(test_one_message_for_two_namespaces),
        TEST(test_volatile),
        TEST(test_acks),
        TEST(test_binary_is_put_together),
        TEST(test_stream),
        TEST(test_stream_of_a_socket_that_ends),
        TEST_RECOVERY(test_recovery),
        TEST_RECOVERY(test_recovery_evicts_the_old_socket),
        TEST_RECOVERY(test_recovery_fails_to_a_fresh_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
