/* Socket.IO sockets over a network that is none: admission, events, acks, rooms, streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/sio/world.h"

static void test_connect(void **state)
{
    char expected[64];

    (void)state;
    const char *answer = world_connect_client(0, "40{\"token\":\"x\"}");
    snprintf(expected, sizeof expected, "40{\"sid\":\"%s\"}", sio_socket_id(world.last));
    assert_string_equal(answer, expected);
    assert_string_equal(world.auth, "{\"token\":\"x\"}");
    assert_string_equal(sio_socket_namespace(world.last), "/");
    assert_string_equal(sio_socket_address(world.last), "192.0.2.1");
    assert_true(span_is(sio_socket_query(world.last, "user"), "a b"));
    assert_false(span_present(sio_socket_header(world.last, "cookie")));
    world_send_text(0, "40/chat");
    assert_string_equal(world.auth, "{}");
    assert_int_equal(world.connects, 2);
}

static void test_packets_wait_for_admission(void **state)
{
    (void)state;
    world.hold = true;
    world_open_client(0);
    world_send_text(0, "40");
    world_send_text(0, "42[\"a\",1]");
    world_send_text(0, "427[\"b\",2]");
    assert_string_equal(world.events, "");
    sio_accept(world.last);
    world_turn();
    assert_string_equal(world.events, "a(1)b(2)");
    fake_ws_frame(&world.clients[0].ws, &(int){0}); /* CONNECT */
    world_assert_next(0, "437[\"ok\"]");
}

static void test_too_many_waiting_packets(void **state)
{
    (void)state;
    world.hold = true;
    world_open_client(0);
    world_send_text(0, "40");
    for (int i = 0; i < 3; i++)
        world_send_text(0, "42[\"a\"]");
    world_assert_ended(0);
    assert_int_equal(world.reason, SIO_PARSE_ERROR);
    assert_string_equal(world.events, "");
}

/* Past 1000 bytes (max_payload, in world_setup) nothing more may wait. */
static void test_too_many_waiting_bytes(void **state)
{
    char packet[1100];

    (void)state;
    world.hold = true;
    world_open_client(0);
    world_send_text(0, "40");
    snprintf(packet, sizeof packet, "42[\"a\",\"%01000d\"]", 7);
    world_send_text(0, packet);
    world_turn();
    assert_int_equal(world.disconnects, 0);
    world_send_text(0, packet);
    world_assert_ended(0);
    assert_string_equal(world.events, "");
}

static void test_binary_for_nobody(void **state)
{
    (void)state;
    world_open_client(0);
    world_send_text(0, "40");
    world_send_text(0, "451-/other,[\"b\",{\"_placeholder\":true,\"num\":0}]");
    world_assert_ended(0);
}

static void test_refuse(void **state)
{
    (void)state;
    world.hold = true;
    world_open_client(0);
    world_send_text(0, "40");
    sio_refuse(world.last, "not \"you\"", SPAN_LIT("{\"a\":1}"));
    world_turn();
    world_assert_next(0, "44{\"message\":\"not \\\"you\\\"\",\"data\":{\"a\":1}}");
    assert_int_equal(world.disconnects, 1);
    world_send_text(0, "40"); /* may try again */
    assert_int_equal(world.connects, 2);
}

static void test_connect_timeout(void **state)
{
    (void)state;
    world_open_client(0);
    fake_pass(&world.net, 999);
    world_assert_nothing(0);
    fake_pass(&world.net, 1);
    world_assert_ended(0);
    /* It runs again once the last namespace is left. */
    world_connect_client(1, "40");
    fake_pass(&world.net, 2000);
    world_assert_nothing(1);
    world_send_text(1, "41");
    fake_pass(&world.net, 1000);
    world_assert_ended(1);
}

/* Time spent in a namespace is earned; to be sent away at once earns nothing. */
static void test_connect_timeout_of_the_denied(void **state)
{
    int opcode;

    (void)state;
    world.hold = true;
    world_open_client(0);
    for (int i = 0; i < 3; i++) {
        fake_pass(&world.net, 300);
        world_send_text(0, "40");
        sio_accept(world.last);
        sio_disconnect(world.last, false);
        world_turn();
        fake_ws_frame(&world.clients[0].ws, &opcode); /* 40 */
        world_assert_next(0, "41");
    }
    fake_pass(&world.net, 99);
    world_assert_nothing(0);
    fake_pass(&world.net, 1);
    world_assert_ended(0);
}

static void test_disconnects(void **state)
{
    (void)state;
    world_connect_client(0, "40");
    world_send_text(0, "41");
    assert_int_equal(world.reason, SIO_CLIENT_DISCONNECT);
    world_connect_client(1, "40");
    sio_disconnect(world.last, false);
    sio_emit(world.last, SPAN_LIT("[\"too late\"]"));
    world_turn();
    world_assert_next(1, "41");
    world_assert_nothing(1);
    assert_int_equal(world.reason, SIO_SERVER_DISCONNECT);
    world_connect_client(2, "40");
    sio_close(world.last);
    world_turn();
    assert_int_equal(world.reason, SIO_FORCED);
    world_assert_ended(2);
}

static void test_parse_error_ends_all_namespaces(void **state)
{
    (void)state;
    world_connect_client(0, "40");
    world_send_text(0, "40/chat");
    world_send_text(0, "42/nobody,[\"x\"]");
    assert_int_equal(world.disconnects, 2);
    assert_int_equal(world.reason, SIO_PARSE_ERROR);
}

static void test_rooms(void **state)
{
    struct sio_message *message = sio_message_new(SPAN_LIT("[\"m\",1]"));

    (void)state;
    for (int i = 0; i < CLIENTS; i++) {
        world_connect_client(i, "40");
        sio_room_join(world.room, world.clients[i].socket);
        sio_room_join(world.room, world.clients[i].socket);
    }
    assert_int_equal(sio_room_size(world.room), CLIENTS);
    sio_room_emit(world.room, message, world.clients[1].socket);
    world_turn();
    world_assert_next(0, "42[\"m\",1]");
    world_assert_nothing(1);
    world_assert_next(2, "42[\"m\",1]");
    sio_room_leave(world.room, world.clients[0].socket);
    world_send_text(2, "41"); /* leaves by itself */
    assert_int_equal(sio_room_size(world.room), 1);
    sio_room_emit(world.room, message, NULL);
    world_turn();
    world_assert_nothing(0);
    world_assert_next(1, "42[\"m\",1]");
    sio_message_unref(message);
}

static void test_one_message_for_two_namespaces(void **state)
{
    struct sio_message *message = sio_message_new(SPAN_LIT("[\"m\"]"));
    struct sio_socket *root;

    (void)state;
    world_connect_client(0, "40");
    root = world.last;
    world_send_text(0, "40/chat");
    fake_ws_frame(&world.clients[0].ws, &(int){0}); /* CONNECT */
    sio_emit_message(root, message);
    sio_emit_message(world.last, message);
    sio_message_unref(message);
    world_turn();
    world_assert_next(0, "42[\"m\"]");
    world_assert_next(0, "42/chat,[\"m\"]");
}

static void test_volatile(void **state)
{
    struct sio_message *message = sio_message_new(SPAN_LIT("[\"v\"]"));

    (void)state;
    world_connect_client(0, "40");
    sio_emit_volatile(world.last, message);
    sio_emit_volatile(world.last, message); /* the first still waits */
    world_turn();
    world_assert_next(0, "42[\"v\"]");
    world_assert_nothing(0);
    sio_message_unref(message);
}

static void test_acks(void **state)
{
    (void)state;
    world_connect_client(0, "40");
    sio_emit_with_ack(world.last, SPAN_LIT("[\"q\"]"), 500, world_on_ack, &world);
    world_turn();
    world_assert_next(0, "420[\"q\"]");
    world_send_text(0, "435[]"); /* nobody's */
    world_send_text(0, "430[1,\"a\"]");
    world_send_text(0, "430[2]"); /* once only */
    assert_int_equal(world.acks, 1);
    assert_int_equal(world.ack_err, ERR_OK);
    assert_string_equal(world.answer, "[1,\"a\"]");
    sio_emit_with_ack(world.last, SPAN_LIT("[\"q\"]"), 500, world_on_ack, &world);
    fake_pass(&world.net, 499);
    assert_int_equal(world.acks, 1);
    fake_pass(&world.net, 1);
    assert_int_equal(world.acks, 2);
    assert_int_equal(world.ack_err, ERR_UNAVAILABLE);
    sio_emit_with_ack(world.last, SPAN_LIT("[\"q\"]"), 500, world_on_ack, &world);
    fake_ws_gone(&world.net, &world.clients[0].ws);
    world_turn();
    assert_int_equal(world.acks, 3);
}

static void test_binary_is_put_together(void **state)
{
    (void)state;
    world_connect_client(0, "40");
    world_send_text(
        0, "452-[\"b\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}]");
    fake_ws_send(&world.net, &world.clients[0].ws, SPAN_LIT("x"), true);
    assert_string_equal(world.events, "");
    fake_ws_send(&world.net, &world.clients[0].ws, SPAN_LIT("y"), true);
    assert_string_equal(world.events, "b({\"_placeholder\":true,\"num\":1})");
    world_send_text(0, "451-[\"b\",{\"_placeholder\":true,\"num\":0}]");
    world_send_text(0, "42[\"between\"]");
    world_assert_ended(0);
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
    world_connect_client(0, "40");
    stream = sio_stream_begin(world.last, 1024, on_want, on_gone, &world);
    sio_stream_write(stream, SPAN_LIT("[\"h\","));
    sio_emit(world.last, SPAN_LIT("[\"behind\"]"));
    sio_stream_write(stream, SPAN_LIT("1]"));
    sio_stream_end(stream);
    world_turn();
    assert_true(span_is(fake_ws_frame(&world.clients[0].ws, &opcode), "4"));
    assert_true(span_is(fake_ws_frame(&world.clients[0].ws, &opcode), "2"));
    assert_true(span_is(fake_ws_frame(&world.clients[0].ws, &opcode), "[\"h\","));
    assert_true(span_is(fake_ws_frame(&world.clients[0].ws, &opcode), "1]"));
    fake_ws_frame(&world.clients[0].ws, &opcode);
    assert_int_equal(opcode, 0x80);
    world_assert_next(0, "42[\"behind\"]");
    assert_int_equal(world.gone, 0);
}

static void test_stream_of_a_socket_that_ends(void **state)
{
    (void)state;
    world_connect_client(0, "40");
    sio_stream_write(sio_stream_begin(world.last, 1024, on_want, on_gone, &world),
                     SPAN_LIT("[\"h\","));
    sio_disconnect(world.last, false);
    world_turn();
    assert_int_equal(world.gone, 1);
    assert_int_equal(world.disconnects, 1);
    world_assert_ended(0); /* half an event is on the wire: the connection is of no use */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
