/* Engine.IO sessions over polling, and the heartbeat, with time as a number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/eio/world.h"

/* ---- polling ---- */

static void test_polling_echo(void **state)
{
    (void)state;
    world_open_polling();
    world_get(world_target(NEW));
    assert_true(world.get.held);
    world_post("4hello\x1e"
               "bAQIDBA==");
    assert_int_equal(world.post.status, 200);
    assert_string_equal(world.post.body.data, "ok");
    world_assert_get(200, "4hello\x1e"
                          "bAQIDBA==");
}

static void test_bad_payload_handles_what_came_before(void **state)
{
    (void)state;
    world_open_polling();
    world_get(world_target(NEW));
    world_post("4a\x1e"
               "abc\x1e"
               "4b");
    assert_int_equal(world.post.status, 400);
    world_assert_get(200, "4a\x1e"
                          "1");
    assert_int_equal(world.reason, EIO_REASON_PARSE);
}

static void test_two_polls_end_the_session(void **state)
{
    struct fake_http second;

    (void)state;
    world_open_polling();
    world_get(world_target(NEW));
    fake_request(&world.net, &second, "GET", world_target(NEW), NULL, 0);
    fake_flush(&world.net);
    assert_int_equal(second.status, 400);
    world_assert_get(200, "1");
    assert_int_equal(world.reason, EIO_REASON_TRANSPORT);
    fake_http_release(&world.net, &second);
}

static void test_aborted_poll_ends_the_session_at_once(void **state)
{
    (void)state;
    world_open_polling();
    world_get(world_target(NEW));
    fake_abort(&world.net, &world.get);
    fake_flush(&world.net);
    assert_int_equal(world.closed, 1);
}

static void test_second_post_ends_the_session(void **state)
{
    struct fake_http second;

    (void)state;
    world_open_polling();
    fake_request(&world.net, &world.post, "POST", world_target(NEW), NULL, 10);
    assert_true(world.post.wants_body);
    fake_request(&world.net, &second, "POST", world_target(NEW), NULL, 10);
    fake_flush(&world.net);
    assert_int_equal(second.status, 400);
    assert_true(world.post.dropped);
    assert_int_equal(world.closed, 1);
    fake_http_release(&world.net, &second);
}

static void test_body_limit(void **state)
{
    (void)state;
    world_open_polling();
    fake_request(&world.net, &world.post, "POST", world_target(NEW), NULL, 1001);
    assert_int_equal(world.post.status, 413);
    world_post("4still here");
    assert_int_equal(world.post.status, 200);
    world_get(world_target(NEW));
    world_assert_get(200, "4still here");
}

static void test_client_closes(void **state)
{
    (void)state;
    world_open_polling();
    world_get(world_target(NEW));
    world_post("1");
    assert_int_equal(world.post.status, 200);
    world_assert_get(200, "6");
    assert_int_equal(world.reason, EIO_REASON_CLIENT);
}

static void test_server_close_is_parked_for_the_next_poll(void **state)
{
    (void)state;
    world_open_polling();
    world_send("last");
    eio_session_close(world.session, EIO_REASON_FORCED);
    fake_flush(&world.net);
    assert_int_equal(world.closed, 1);
    world_get(world_target(NEW));
    world_assert_get(200, "4last");
    world_get(world_target(NEW));
    world_assert_get(200, "6\x1e"
                          "1");
}

/* An official client would show what came with the close only once it is connected again. */
static void test_server_close_is_not_sent_with_messages(void **state)
{
    (void)state;
    world_open_polling();
    world_get(world_target(NEW));
    world_send("last");
    eio_session_close(world.session, EIO_REASON_FORCED);
    fake_flush(&world.net);
    world_assert_get(200, "4last");
    assert_int_equal(world.closed, 1);
    world_get(world_target(NEW));
    world_assert_get(200, "6\x1e"
                          "1");
}

static void test_server_close_without_output(void **state)
{
    (void)state;
    world_open_polling();
    eio_session_close(world.session, EIO_REASON_FORCED);
    fake_flush(&world.net);
    world_get(world_target(NEW));
    world_assert_get(200, "6\x1e"
                          "1");
}

static void test_parked_close_is_forgotten(void **state)
{
    char target[128];

    (void)state;
    world_open_polling();
    snprintf(target, sizeof target, "%s", world_target(NEW));
    eio_session_close(world.session, EIO_REASON_FORCED);
    fake_pass(&world.net, 29000);
    fake_pass(&world.net, 1500);
    world_get(target);
    world_assert_get(400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
}

static void test_refusals(void **state)
{
    static const struct {
        const char *method, *target;
        int status;
        const char *body;
    } rows[] = {
        {"GET", "/engine.io/?EIO=4&transport=x", 400,
         "{\"code\":0,\"message\":\"Transport unknown\"}"},
        {"GET", NEW "&sid=no", 400, "{\"code\":1,\"message\":\"Session ID unknown\"}"},
        {"POST", NEW, 400, "{\"code\":2,\"message\":\"Bad handshake method\"}"},
        {"GET", NEW_WS, 400, "{\"code\":3,\"message\":\"Bad request\"}"},
        {"GET", NEW "&EIO=3", 400, "{\"code\":5,\"message\":\"Unsupported protocol version\"}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fake_http_release(&world.net, &world.get);
        fake_request(&world.net, &world.get, rows[i].method, rows[i].target, NULL, 0);
        world_assert_get(rows[i].status, rows[i].body);
    }
    assert_int_equal(world.opened, 0);
}

static void test_cors(void **state)
{
    (void)state;
    fake_request(&world.net, &world.get, "GET", NEW, "origin: http://a.example\n", 0);
    fake_flush(&world.net);
    assert_non_null(strstr(world.get.headers.data, "Allow-Origin: http://a.example\r\n"));
    fake_http_release(&world.net, &world.get);
    fake_request(&world.net, &world.get, "OPTIONS", NEW, "origin: http://b.example\n", 0);
    assert_int_equal(world.get.status, 204);
    assert_null(strstr(world.get.headers.data, "Allow-Origin"));
    assert_non_null(strstr(world.get.headers.data, "Vary: Origin"));
    eio_session_close(world.session, EIO_REASON_FORCED);
}

/* ---- heartbeat ---- */

static void test_no_pong_over_polling(void **state)
{
    char target[128];

    (void)state;
    world_open_polling();
    snprintf(target, sizeof target, "%s", world_target(NEW));
    fake_pass(&world.net, 310); /* the ping is late: its deadline is not */
    world.net.now += 190;       /* and is seen by the request itself */
    world_get(target);
    world_assert_get(400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
    assert_int_equal(world.reason, EIO_REASON_PING_TIMEOUT);
}

static void test_a_loop_that_stood_still_closes_nobody(void **state)
{
    (void)state;
    world_open_ws();
    fake_pass(&world.net, 5000);
    world_assert_frame(&world.ws, "2");
    fake_pass(&world.net, 199);
    assert_int_equal(world.closed, 0);
    fake_pass(&world.net, 1);
    assert_int_equal(world.closed, 1);
}

static void test_a_pong_that_is_read_late(void **state)
{
    (void)state;
    world_open_ws();
    fake_pass(&world.net, 300);
    world_assert_frame(&world.ws, "2");
    world.net.now += 5000; /* the loop stands still; then it reads, then it looks at the time */
    fake_ws_send(&world.net, &world.ws, SPAN_LIT("3"), false);
    fake_pass(&world.net, 0);
    assert_int_equal(world.closed, 0);
    fake_pass(&world.net, 300);
    world_assert_frame(&world.ws, "2");
}

static void test_ping_and_pong(void **state)
{
    (void)state;
    world_open_ws();
    for (int i = 0; i < 5; i++) {
        fake_pass(&world.net, 299);
        fake_pass(&world.net, 1);
        world_assert_frame(&world.ws, "2");
        fake_pass(&world.net, 150);
        fake_ws_send(&world.net, &world.ws, SPAN_LIT("3"), false);
    }
    fake_pass(&world.net, 300);
    world_assert_frame(&world.ws, "2");
    fake_pass(&world.net, 199);
    assert_int_equal(world.closed, 0);
    fake_pass(&world.net, 1);
    world_assert_ws_closed(&world.ws, 0);
    assert_int_equal(world.reason, EIO_REASON_PING_TIMEOUT);
}

static void test_traffic_moves_the_deadline_once(void **state)
{
    (void)state;
    world_open_ws();
    fake_pass(&world.net, 300); /* ping; deadline at 500 */
    fake_pass(&world.net, 150);
    fake_ws_send(&world.net, &world.ws, SPAN_LIT("4x"), false); /* deadline at 650 */
    fake_pass(&world.net, 150);
    fake_ws_send(&world.net, &world.ws, SPAN_LIT("4x"), false); /* not again */
    fake_pass(&world.net, 49);
    assert_int_equal(world.closed, 0);
    fake_pass(&world.net, 1);
    assert_int_equal(world.closed, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_polling_echo),
        TEST(test_bad_payload_handles_what_came_before),
        TEST(test_two_polls_end_the_session),
        TEST(test_aborted_poll_ends_the_session_at_once),
        TEST(test_second_post_ends_the_session),
        TEST(test_body_limit),
        TEST(test_client_closes),
        TEST(test_server_close_is_parked_for_the_next_poll),
        TEST(test_server_close_is_not_sent_with_messages),
        TEST(test_server_close_without_output),
        TEST(test_parked_close_is_forgotten),
        TEST(test_refusals),
        TEST(test_cors),
        TEST(test_no_pong_over_polling),
        TEST(test_a_loop_that_stood_still_closes_nobody),
        TEST(test_a_pong_that_is_read_late),
        TEST(test_ping_and_pong),
        TEST(test_traffic_moves_the_deadline_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
