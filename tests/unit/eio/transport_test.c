/* The upgrade, the bounds of output, and streams, without a socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/eio/stream.h"
#include "tests/unit/eio/world.h"

/* ---- upgrade ---- */

static void begin_upgrade(void)
{
    world_open_polling();
    fake_ws_open(&world.net, &world.ws, world_target(NEW_WS));
    assert_null(world.ws.refused);
    fake_ws_send(&world.net, &world.ws, SPAN_LIT("2probe"), false);
    fake_flush(&world.net);
    world_assert_frame(&world.ws, "3probe");
}

static void test_upgrade(void **state)
{
    char target[128];

    (void)state;
    begin_upgrade();
    snprintf(target, sizeof target, "%s", world_target(NEW));
    world_get(target);
    world_assert_get(200, "6");
    world_send("queued while it upgrades");
    fake_ws_send(&world.net, &world.ws, SPAN_LIT("5"), false);
    world_send("after");
    fake_flush(&world.net);
    world_assert_frame(&world.ws, "4queued while it upgrades");
    world_assert_frame(&world.ws, "4after");
    world_get(target);
    world_assert_get(400, "{\"code\":3,\"message\":\"Bad request\"}");
    /* Another websocket for it is accepted and closed; the session goes on. */
    fake_ws_open(&world.net, &world.ws2, world_target(NEW_WS));
    assert_null(world.ws2.refused);
    fake_flush(&world.net);
    world_assert_ws_closed(&world.ws2, 0);
    fake_ws_send(&world.net, &world.ws, SPAN_LIT("4x"), false);
    fake_flush(&world.net);
    world_assert_frame(&world.ws, "4x");
}

static void test_wrong_probe_leaves_polling(void **state)
{
    (void)state;
    world_open_polling();
    fake_ws_open(&world.net, &world.ws, world_target(NEW_WS));
    fake_ws_send(&world.net, &world.ws, SPAN_LIT("4hello"), false);
    fake_flush(&world.net);
    world_assert_ws_closed(&world.ws, 0);
    world_post("4still");
    world_get(world_target(NEW));
    world_assert_get(200, "4still");
    assert_int_equal(world.closed, 0);
}

static void test_upgrade_timeout(void **state)
{
    (void)state;
    begin_upgrade();
    for (int ms = 0; ms < 10000; ms += 250) { /* the heartbeat is kept up meanwhile */
        world_post("3");
        fake_pass(&world.net, 250);
    }
    world_assert_ws_closed(&world.ws, 0);
    assert_int_equal(world.closed, 0);
    world_get(world_target(NEW)); /* pings; no noop for the probe any more */
    assert_int_equal(world.get.body.data[0], '2');
}

static void test_wrong_revision_is_refused_before_101(void **state)
{
    (void)state;
    fake_ws_open(&world.net, &world.ws, "/engine.io/?transport=websocket");
    assert_string_equal(world.ws.refused, "Unsupported protocol version");
}

/* ---- bounds ---- */

static void test_new_sessions_are_refused_while_draining(void **state)
{
    (void)state;
    world_open_polling();
    eio_server_refuse_new(world.server);
    fake_ws_open(&world.net, &world.ws, NEW_WS);
    assert_string_equal(world.ws.refused, "Service unavailable");
    world_post("4goes on");
    world_get(world_target(NEW));
    world_assert_get(200, "4goes on");
    world_get(NEW);
    assert_int_equal(world.get.status, 503);
}

/* Two sessions of an address at most, and 3000 bytes for all queues (world_setup). */
static void test_sessions_of_an_address(void **state)
{
    struct fake_http more[2];

    (void)state;
    world_open_polling();
    for (int i = 0; i < 2; i++) {
        fake_request(&world.net, &more[i], "GET", NEW, NULL, 0);
        fake_flush(&world.net);
    }
    assert_int_equal(more[0].status, 200);
    assert_int_equal(more[1].status, 503);
    for (int i = 0; i < 2; i++)
        fake_http_release(&world.net, &more[i]);
}

static void test_the_fullest_makes_room(void **state)
{
    struct eio_session *full;

    (void)state;
    world_open_polling();
    full = world.session;
    for (int i = 0; i < 20; i++)
        world_send("0123456789012345678901234567890123456789012345678901234567890123456789");
    world_open_ws();
    world.ws.blocked = true;
    for (int i = 0; i < 16; i++)
        world_send("0123456789012345678901234567890123456789012345678901234567890123456789");
    assert_int_equal(world.closed, 0);
    for (int i = 0; i < 6; i++)
        world_send("0123456789012345678901234567890123456789012345678901234567890123456789");
    eio_server_flush(world.server, world.net.now);
    assert_int_equal(world.closed, 1);
    assert_int_equal(world.reason, EIO_REASON_SLOW_READER);
    assert_true(eio_session_is_open(full)); /* the other, with more in its queue, is swept */
}

static void test_slow_reader(void **state)
{
    struct eio_stats stats;
    int opcode;

    (void)state;
    world_open_ws();
    world.ws.blocked = true;
    world_send("first");
    fake_flush(&world.net);
    fake_ws_write(&world.net, &world.ws, 3); /* in the middle of a frame */
    for (int i = 0; i < 60; i++)
        world_send("more");
    fake_flush(&world.net);
    assert_int_equal(world.reason, EIO_REASON_SLOW_READER);
    eio_server_stats(world.server, &stats);
    assert_int_equal(stats.slow_closed, 1);
    /* The frame that was begun is completed, then comes the close frame. */
    fake_ws_write(&world.net, &world.ws, SIZE_MAX);
    world_assert_frame(&world.ws, "4first");
    fake_ws_frame(&world.ws, &opcode);
    assert_int_equal(opcode, 0x88);
}

static void test_lagging(void **state)
{
    (void)state;
    world_open_ws();
    world.ws.blocked = true;
    for (int i = 0; i < 12; i++) {
        assert_false(eio_session_lags(world.session));
        world_send("x");
    }
    world_send("more than a quarter of fifty packets");
    assert_true(eio_session_lags(world.session));
    fake_flush(&world.net);
    fake_ws_write(&world.net, &world.ws, SIZE_MAX);
    assert_false(eio_session_lags(world.session));
}

static void test_pong_waits_for_the_end_of_a_frame(void **state)
{
    int opcode;

    (void)state;
    world_open_ws();
    world.ws.blocked = true;
    world_send("first");
    world_send("second");
    fake_ws_write(&world.net, &world.ws, 4);
    eio_wire_ping(world.server, &world.ws.wire, SPAN_LIT("p1"));
    eio_wire_ping(world.server, &world.ws.wire, SPAN_LIT("p2"));
    fake_ws_write(&world.net, &world.ws, 4); /* the rest of the first */
    fake_ws_write(&world.net, &world.ws, SIZE_MAX);
    world_assert_frame(&world.ws, "4first");
    assert_true(span_is(fake_ws_frame(&world.ws, &opcode), "p2"));
    assert_int_equal(opcode, 0x8A);
    world_assert_frame(&world.ws, "4second");
}

/* ---- streams ---- */

static void on_want(void *arg)
{
    (void)arg;
    world.wants++;
}

static void on_gone(void *arg)
{
    (void)arg;
    world.gone++;
}

static void begin_stream(void)
{
    world.stream = eio_stream_begin(world.session, 64, on_want, on_gone, NULL);
    fake_flush(&world.net);
}

static void test_stream_over_websocket(void **state)
{
    int opcode;

    (void)state;
    world_open_ws();
    begin_stream();
    assert_true(world.wants > 0);
    eio_stream_write(world.stream, SPAN_LIT("[1,"));
    world_send("behind");
    fake_flush(&world.net);
    assert_true(span_is(fake_ws_frame(&world.ws, &opcode), "4"));
    assert_int_equal(opcode, 0x01);
    assert_true(span_is(fake_ws_frame(&world.ws, &opcode), "[1,"));
    assert_int_equal(opcode, 0x00);
    fake_ws_frame(&world.ws, &opcode);
    assert_int_equal(opcode, -1); /* what is behind waits */
    eio_stream_write(world.stream, SPAN_LIT("2]"));
    eio_stream_end(world.stream);
    fake_flush(&world.net);
    assert_true(span_is(fake_ws_frame(&world.ws, &opcode), "2]"));
    assert_true(span_is(fake_ws_frame(&world.ws, &opcode), ""));
    assert_int_equal(opcode, 0x80);
    world_assert_frame(&world.ws, "4behind");
}

static void test_stream_asks_only_while_less_than_half_is_held(void **state)
{
    int wants;

    (void)state;
    world_open_ws();
    begin_stream();
    world.ws.blocked = true;
    eio_stream_write(world.stream, SPAN_LIT("0123456789012345678901234567890123456789"));
    fake_flush(&world.net);
    wants = world.wants;
    fake_flush(&world.net);
    assert_int_equal(world.wants, wants);
    fake_ws_write(&world.net, &world.ws, SIZE_MAX);
    fake_flush(&world.net);
    assert_true(world.wants > wants);
    eio_stream_end(world.stream);
}

static void test_stream_over_polling(void **state)
{
    (void)state;
    world_open_polling();
    world_send("before");
    begin_stream();
    world_get(world_target(NEW));
    world_assert_get(200, "4before");
    world_get(world_target(NEW));
    assert_true(world.get.streaming);
    eio_stream_write(world.stream, SPAN_LIT("[1,"));
    fake_flush(&world.net);
    world_send("behind");
    eio_stream_write(world.stream, SPAN_LIT("2]"));
    eio_stream_end(world.stream);
    fake_flush(&world.net);
    assert_false(world.get.held);
    world_assert_get(200, "4[1,2]");
    world_get(world_target(NEW));
    world_assert_get(200, "4behind");
}

static void test_stream_cut_by_the_end(void **state)
{
    (void)state;
    world_open_ws();
    begin_stream();
    eio_stream_write(world.stream, SPAN_LIT("[1,"));
    eio_session_close(world.session, EIO_REASON_FORCED);
    eio_stream_write(world.stream, SPAN_LIT("ignored"));
    fake_flush(&world.net);
    assert_int_equal(world.gone, 1);
    assert_int_equal(world.closed, 1);
}

static void test_stream_cut_over_polling(void **state)
{
    (void)state;
    world_open_polling();
    begin_stream();
    world_get(world_target(NEW));
    eio_session_close(world.session, EIO_REASON_FORCED);
    fake_flush(&world.net);
    assert_true(world.get.dropped);
    assert_int_equal(world.gone, 1);
}

/* A stream that is complete is not lost to an end in the same turn. */
static void complete_stream_and_close(void)
{
    eio_stream_write(world.stream, SPAN_LIT("[1]"));
    eio_stream_end(world.stream);
    world_send("behind");
    eio_session_close(world.session, EIO_REASON_FORCED);
}

static void assert_stream_then_the_end(void)
{
    world_assert_get(200, "4[1]");
    world_get(world_target(NEW));
    world_assert_get(200, "4behind");
    world_get(world_target(NEW));
    world_assert_get(200, "6\x1e"
                          "1");
    assert_int_equal(world.gone, 0);
}

static void test_stream_then_the_end_over_polling(void **state)
{
    (void)state;
    world_open_polling();
    begin_stream();
    complete_stream_and_close();
    world_get(world_target(NEW));
    assert_stream_then_the_end();
}

static void test_stream_on_its_way_then_the_end(void **state)
{
    (void)state;
    world_open_polling();
    begin_stream();
    world_get(world_target(NEW));
    assert_true(world.get.streaming);
    complete_stream_and_close();
    fake_flush(&world.net);
    assert_false(world.get.held);
    assert_stream_then_the_end();
}

static void test_half_a_post_at_the_end(void **state)
{
    (void)state;
    world_open_polling();
    fake_request(&world.net, &world.post, "POST", world_target(NEW), NULL, 5);
    assert_true(world.post.wants_body);
    eio_session_close(world.session, EIO_REASON_FORCED);
    fake_flush(&world.net);
    world_get(world_target(NEW));
    world_assert_get(200, "6\x1e"
                          "1");
    assert_int_equal(world.post.status, 400);
    assert_false(world.post.held);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_upgrade),
        TEST(test_wrong_probe_leaves_polling),
        TEST(test_upgrade_timeout),
        TEST(test_wrong_revision_is_refused_before_101),
        TEST(test_new_sessions_are_refused_while_draining),
        TEST(test_sessions_of_an_address),
        TEST(test_the_fullest_makes_room),
        TEST(test_slow_reader),
        TEST(test_lagging),
        TEST(test_pong_waits_for_the_end_of_a_frame),
        TEST(test_stream_over_websocket),
        TEST(test_stream_asks_only_while_less_than_half_is_held),
        TEST(test_stream_over_polling),
        TEST(test_stream_cut_by_the_end),
        TEST(test_stream_cut_over_polling),
        TEST(test_stream_then_the_end_over_polling),
        TEST(test_stream_on_its_way_then_the_end),
        TEST(test_half_a_post_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
