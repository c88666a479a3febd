/* Connection state recovery out of the memory of the library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/sio/world.h"

/* The string that ends the arguments of an event. */
static void offset_of(int client, char *out, size_t size)
{
    char text[256];
    char *quote;
    int opcode;

    world_copy(text, sizeof text, fake_ws_frame(&world.clients[client].ws, &opcode));
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
    snprintf(first, sizeof first, "%s", world_connect_client(0, "40"));
    sio_room_join(world.room, world.last);
    room_emit("[\"seen\"]");
    world_turn();
    offset_of(0, offset, sizeof offset);
    connect_packet(packet, sizeof packet, first, offset);
    fake_ws_gone(&world.net, &world.clients[0].ws);
    world_turn();
    room_emit("[\"missed\",1]");
    room_emit("[\"missed\",2]");
    answer = world_connect_client(0, packet);
    assert_string_equal(answer, first); /* the same sid and pid */
    assert_true(sio_socket_recovered(world.last));
    assert_int_equal(sio_room_size(world.room), 1);
    for (int i = 1; i <= 2; i++) {
        char expected[64];

        snprintf(expected, sizeof expected, "42[\"missed\",%d,", i);
        assert_memory_equal(fake_ws_frame(&world.clients[0].ws, &opcode).ptr, expected,
                            strlen(expected));
    }
    world_assert_nothing(0);
}

static void test_recovery_evicts_the_old_socket(void **state)
{
    char first[256], packet[256];

    (void)state;
    snprintf(first, sizeof first, "%s", world_connect_client(0, "40"));
    connect_packet(packet, sizeof packet, first, NULL); /* it had received nothing */
    sio_accept(world.last);                             /* a second answer changes nothing */
    sio_emit(world.last, SPAN_LIT("[\"one\"]"));
    assert_string_equal(world_connect_client(1, packet), first);
    world_assert_ended(0);
    assert_int_equal(world.disconnects, 1);
    world_turn();
    assert_memory_equal(fake_ws_frame(&world.clients[1].ws, &(int){0}).ptr, "42[\"one\",", 8);
}

static void test_recovery_fails_to_a_fresh_session(void **state)
{
    char first[256], packet[256];

    (void)state;
    snprintf(first, sizeof first, "%s", world_connect_client(0, "40"));
    connect_packet(packet, sizeof packet, first, "nonsense");
    fake_ws_gone(&world.net, &world.clients[0].ws);
    world_turn();
    assert_string_not_equal(world_connect_client(0, packet), first);
    assert_false(sio_socket_recovered(world.last));
    snprintf(first, sizeof first, "%s", world_connect_client(1, "40"));
    connect_packet(packet, sizeof packet, first, NULL);
    world_send_text(1, "41");
    assert_string_not_equal(world_connect_client(1, packet), first); /* 41 is final */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_recovery, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_recovery),
        TEST(test_recovery_evicts_the_old_socket),
        TEST(test_recovery_fails_to_a_fresh_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
