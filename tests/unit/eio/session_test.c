/* Engine.IO sessions over both transports, without a socket and with time as a number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/eio/stream.h"
#include "tests/unit/eio/fake_net.h"

#define NEW "/engine.io/?EIO=4&transport=polling"
#define NEW_WS "/engine.io/?EIO=4&transport=websocket"

struct world {
    struct eio_server *server;
    struct fake_net net;
    struct fake_http get, post;
    struct fake_ws ws, ws2;
    struct eio_session *session;
    struct eio_stream *stream;
    int opened, closed, wants, gone;
    enum eio_reason reason;
    char sid[64];
};

/* ---- the application: echoes ---- */

static struct world world;

static void on_open(void *app, struct eio_session *session)
{
    struct world *w = app;

    w->session = session;
    w->opened++;
}

static void send_text(const char *text)
{
    struct eio_frame *frame = eio_frame_message(span_of(text), SPAN_NONE);

    eio_session_send(world.session, frame);
    eio_frame_unref(frame);
}

static void on_message(struct eio_session *session, struct span data, bool binary)
{
    struct eio_frame *frame = binary ? eio_frame_binary(data) : eio_frame_message(data, SPAN_NONE);

    eio_session_send(session, frame);
    eio_frame_unref(frame);
}

static void on_close(struct eio_session *session, enum eio_reason reason)
{
    assert_ptr_equal(session, world.session);
    world.closed++;
    world.reason = reason;
}

static const struct eio_app_ops app_ops = {NULL, on_open, on_message, on_close};

/* ---- set-up ---- */

static int world_setup(void **state)
{
    struct eio_options options;

    world = (struct world){0};
    eio_options_init(&options);
    options.ping_interval_ms = 300;
    options.ping_timeout_ms = 200;
    options.max_payload = 1000;
    options.output_bytes = 2000;
    options.output_packets = 50;
    options.origins = "http://a.example";
    world.server = eio_server_new(&options, &app_ops, &world, 1000);
    fake_net_init(&world.net, world.server, 1000);
    *state = &world;
    return 0;
}

static int world_teardown(void **state)
{
    struct eio_stats stats;

    (void)state;
    eio_server_close_all(world.server);
    fake_flush(&world.net);
    fake_http_release(&world.net, &world.get);
    fake_http_release(&world.net, &world.post);
    fake_ws_gone(&world.net, &world.ws);
    fake_ws_gone(&world.net, &world.ws2);
    eio_server_stats(world.server, &stats);
    assert_int_equal(stats.sessions, 0);
    assert_int_equal(stats.bytes_queued, 0);
    assert_int_equal(world.opened, world.closed);
    eio_server_free(world.server);
    return 0;
}

static const char *with_sid(const char *target)
{
    static char text[128];

    snprintf(text, sizeof text, "%s&sid=%s", target, eio_session_sid(world.session));
    return text;
}

static void get(const char *target)
{
    fake_http_release(&world.net, &world.get);
    fake_request(&world.net, &world.get, "GET", target, NULL, 0);
    fake_flush(&world.net);
}

static void post(const char *body)
{
    fake_http_release(&world.net, &world.post);
    fake_post(&world.net, &world.post, with_sid(NEW), body);
    fake_flush(&world.net);
}

static void open_polling(void)
{
    get(NEW);
    assert_int_equal(world.get.status, 200);
    assert_int_equal(world.get.body.data[0], '0');
}

static void open_ws(void)
{
    int opcode;

    fake_ws_open(&world.net, &world.ws, NEW_WS);
    assert_null(world.ws.refused);
    fake_flush(&world.net);
    assert_int_equal(fake_ws_frame(&world.ws, &opcode).ptr[0], '0');
    assert_int_equal(opcode, 0x81);
}

static void assert_get(int status, const char *body)
{
    assert_int_equal(world.get.status, status);
    assert_string_equal(world.get.body.data ? world.get.body.data : "", body);
}

static void assert_frame(struct fake_ws *ws, const char *text)
{
    int opcode;
    struct span payload = fake_ws_frame(ws, &opcode);

    assert_int_equal(opcode, 0x81);
    assert_true(span_is(payload, text));
}

static void assert_ws_closed(struct fake_ws *ws, int code)
{
    int opcode;
    struct span payload = fake_ws_frame(ws, &opcode);

    assert_int_equal(opcode, 0x88);
    assert_int_equal(payload.len, code ? 2 : 0);
    assert_true(ws->wire.closing);
}

/* ---- polling ---- */

static void test_polling_echo(void **state)
{
    (void)state;
    open_polling();
    get(with_sid(NEW));
    assert_true(world.get.held);
    post("4hello\x1e"
         "bAQIDBA==");
    assert_int_equal(world.post.status, 200);
    assert_string_equal(world.post.body.data, "ok");
    assert_get(200, "4hello\x1e"
                    "bAQIDBA==");
}

static void test_bad_payload_handles_what_came_before(void **state)
{
    (void)state;
    open_polling();
    get(with_sid(NEW));
    post("4a\x1e"
         "abc\x1e"
         "4b");
    assert_int_equal(world.post.status, 400);
    assert_get(200, "4a\x1e"
                    "1");
    assert_int_equal(world.reason, EIO_REASON_PARSE);
}

static void test_two_polls_end_the_session(void **state)
{
    struct fake_http second;

    (void)state;
    open_polling();
    get(with_sid(NEW));
    fake_request(&world.net, &second, "GET", with_sid(NEW), NULL, 0);
    fake_flush(&world.net);
    assert_int_equal(second.status, 400);
    assert_get(200, "1");
    assert_int_equal(world.reason, EIO_REASON_TRANSPORT);
    fake_http_release(&world.net, &second);
}

static void test_aborted_poll_ends_the_session_at_once(void **state)
{
    (void)state;
    open_polling();
    get(with_sid(NEW));
    fake_abort(&world.net, &world.get);
    fake_flush(&world.net);
    assert_int_equal(world.closed, 1);
}

static void test_second_post_ends_the_session(void **state)
{
    struct fake_http second;

    (void)state;
    open_polling();
    fake_request(&world.net, &world.post, "POST", with_sid(NEW), NULL, 10);
    assert_true(world.post.wants_body);
    fake_request(&world.net, &second, "POST", with_sid(NEW), NULL, 10);
    fake_flush(&world.net);
    assert_int_equal(second.status, 400);
    assert_true(world.post.dropped);
    assert_int_equal(world.closed, 1);
    fake_http_release(&world.net, &second);
}

static void test_body_limit(void **state)
{
    (void)state;
    open_polling();
    fake_request(&world.net, &world.post, "POST", with_sid(NEW), NULL, 1001);
    assert_int_equal(world.post.status, 413);
    post("4still here");
    assert_int_equal(world.post.status, 200);
    get(with_sid(NEW));
    assert_get(200, "4still here");
}

static void test_client_closes(void **state)
{
    (void)state;
    open_polling();
    get(with_sid(NEW));
    post("1");
    assert_int_equal(world.post.status, 200);
    assert_get(200, "6");
    assert_int_equal(world.reason, EIO_REASON_CLIENT);
}

static void test_server_close_is_parked_for_the_next_poll(void **state)
{
    (void)state;
    open_polling();
    send_text("last");
    eio_session_close(world.session, EIO_REASON_FORCED);
    fake_flush(&world.net);
    assert_int_equal(world.closed, 1);
    get(with_sid(NEW));
    assert_get(200, "4last\x1e"
                    "1");
}

static void test_server_close_without_output(void **state)
{
    (void)state;
    open_polling();
    eio_session_close(world.session, EIO_REASON_FORCED);
    fake_flush(&world.net);
    get(with_sid(NEW));
    assert_get(200, "6\x1e"
                    "1");
}

static void test_parked_close_is_forgotten(void **state)
{
    char target[128];

    (void)state;
    open_polling();
    snprintf(target, sizeof target, "%s", with_sid(NEW));
    eio_session_close(world.session, EIO_REASON_FORCED);
    fake_pass(&world.net, 29000);
    fake_pass(&world.net, 1500);
    get(target);
    assert_get(400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
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
        assert_get(rows[i].status, rows[i].body);
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
    open_polling();
    snprintf(target, sizeof target, "%s", with_sid(NEW));
    fake_pass(&world.net, 310); /* the ping is late: its deadline is not */
    world.net.now += 190;       /* and is seen by the request itself */
    get(target);
    assert_get(400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
    assert_int_equal(world.reason, EIO_REASON_PING_TIMEOUT);
}

static void test_a_loop_that_stood_still_closes_nobody(void **state)
{
    (void)state;
    open_ws();
    fake_pass(&world.net, 5000);
    assert_frame(&world.ws, "2");
    fake_pass(&world.net, 199);
    assert_int_equal(world.closed, 0);
    fake_pass(&world.net, 1);
    assert_int_equal(world.closed, 1);
}

static void test_ping_and_pong(void **state)
{
    (void)state;
    open_ws();
    for (int i = 0; i < 5; i++) {
        fake_pass(&world.net, 299);
        fake_pass(&world.net, 1);
        assert_frame(&world.ws, "2");
        fake_pass(&world.net, 150);
        fake_ws_send(&world.net, &world.ws, SPAN_LIT("3"), false);
    }
    fake_pass(&world.net, 300);
    assert_frame(&world.ws, "2");
    fake_pass(&world.net, 199);
    assert_int_equal(world.closed, 0);
    fake_pass(&world.net, 1);
    assert_ws_closed(&world.ws, 0);
    assert_int_equal(world.reason, EIO_REASON_PING_TIMEOUT);
}

static void test_traffic_moves_the_deadline_once(void **state)
{
    (void)state;
    open_ws();
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

/* ---- upgrade ---- */

static void begin_upgrade(void)
{
    open_polling();
    fake_ws_open(&world.net, &world.ws, with_sid(NEW_WS));
    assert_null(world.ws.refused);
    fake_ws_send(&world.net, &world.ws, SPAN_LIT("2probe"), false);
    fake_flush(&world.net);
    assert_frame(&world.ws, "3probe");
}

static void test_upgrade(void **state)
{
    char target[128];

    (void)state;
    begin_upgrade();
    snprintf(target, sizeof target, "%s", with_sid(NEW));
    get(target);
    assert_get(200, "6");
    send_text("queued while it upgrades");
    fake_ws_send(&world.net, &world.ws, SPAN_LIT("5"), false);
    send_text("after");
    fake_flush(&world.net);
    assert_frame(&world.ws, "4queued while it upgrades");
    assert_frame(&world.ws, "4after");
    get(target);
    assert_get(400, "{\"code\":3,\"message\":\"Bad request\"}");
    /* Another websocket for it is accepted and closed; the session goes on. */
    fake_ws_open(&world.net, &world.ws2, with_sid(NEW_WS));
    assert_null(world.ws2.refused);
    fake_flush(&world.net);
    assert_ws_closed(&world.ws2, 0);
    fake_ws_send(&world.net, &world.ws, SPAN_LIT("4x"), false);
    fake_flush(&world.net);
    assert_frame(&world.ws, "4x");
}

static void test_wrong_probe_leaves_polling(void **state)
{
    (void)state;
    open_polling();
    fake_ws_open(&world.net, &world.ws, with_sid(NEW_WS));
    fake_ws_send(&world.net, &world.ws, SPAN_LIT("4hello"), false);
    fake_flush(&world.net);
    assert_ws_closed(&world.ws, 0);
    post("4still");
    get(with_sid(NEW));
    assert_get(200, "4still");
    assert_int_equal(world.closed, 0);
}

static void test_upgrade_timeout(void **state)
{
    (void)state;
    begin_upgrade();
    for (int ms = 0; ms < 10000; ms += 250) { /* the heartbeat is kept up meanwhile */
        post("3");
        fake_pass(&world.net, 250);
    }
    assert_ws_closed(&world.ws, 0);
    assert_int_equal(world.closed, 0);
    get(with_sid(NEW)); /* pings; no noop for the probe any more */
    assert_int_equal(world.get.body.data[0], '2');
}

static void test_wrong_revision_is_refused_before_101(void **state)
{
    (void)state;
    fake_ws_open(&world.net, &world.ws, "/engine.io/?transport=websocket");
    assert_string_equal(world.ws.refused, "Unsupported protocol version");
}

/* ---- bounds ---- */

static void test_slow_reader(void **state)
{
    struct eio_stats stats;
    int opcode;

    (void)state;
    open_ws();
    world.ws.blocked = true;
    send_text("first");
    fake_flush(&world.net);
    fake_ws_write(&world.net, &world.ws, 3); /* in the middle of a frame */
    for (int i = 0; i < 60; i++)
        send_text("more");
    fake_flush(&world.net);
    assert_int_equal(world.reason, EIO_REASON_SLOW_READER);
    eio_server_stats(world.server, &stats);
    assert_int_equal(stats.slow_closed, 1);
    /* The frame that was begun is completed, then comes the close frame. */
    fake_ws_write(&world.net, &world.ws, SIZE_MAX);
    assert_frame(&world.ws, "4first");
    fake_ws_frame(&world.ws, &opcode);
    assert_int_equal(opcode, 0x88);
}

static void test_pong_waits_for_the_end_of_a_frame(void **state)
{
    int opcode;

    (void)state;
    open_ws();
    world.ws.blocked = true;
    send_text("first");
    send_text("second");
    fake_ws_write(&world.net, &world.ws, 4);
    eio_wire_ping(world.server, &world.ws.wire, SPAN_LIT("p1"));
    eio_wire_ping(world.server, &world.ws.wire, SPAN_LIT("p2"));
    fake_ws_write(&world.net, &world.ws, 4); /* the rest of the first */
    fake_ws_write(&world.net, &world.ws, SIZE_MAX);
    assert_frame(&world.ws, "4first");
    assert_true(span_is(fake_ws_frame(&world.ws, &opcode), "p2"));
    assert_int_equal(opcode, 0x8A);
    assert_frame(&world.ws, "4second");
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
    open_ws();
    begin_stream();
    assert_true(world.wants > 0);
    eio_stream_write(world.stream, SPAN_LIT("[1,"));
    send_text("behind");
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
    assert_frame(&world.ws, "4behind");
}

static void test_stream_asks_only_while_less_than_half_is_held(void **state)
{
    int wants;

    (void)state;
    open_ws();
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
    open_polling();
    send_text("before");
    begin_stream();
    get(with_sid(NEW));
    assert_get(200, "4before");
    get(with_sid(NEW));
    assert_true(world.get.streaming);
    eio_stream_write(world.stream, SPAN_LIT("[1,"));
    fake_flush(&world.net);
    send_text("behind");
    eio_stream_write(world.stream, SPAN_LIT("2]"));
    eio_stream_end(world.stream);
    fake_flush(&world.net);
    assert_false(world.get.held);
    assert_get(200, "4[1,2]");
    get(with_sid(NEW));
    assert_get(200, "4behind");
}

static void test_stream_cut_by_the_end(void **state)
{
    (void)state;
    open_ws();
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
    open_polling();
    begin_stream();
    get(with_sid(NEW));
    eio_session_close(world.session, EIO_REASON_FORCED);
    fake_flush(&world.net);
    assert_true(world.get.dropped);
    assert_int_equal(world.gone, 1);
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
        TEST(test_server_close_without_output),
        TEST(test_parked_close_is_forgotten),
        TEST(test_refusals),
        TEST(test_cors),
        TEST(test_no_pong_over_polling),
        TEST(test_a_loop_that_stood_still_closes_nobody),
        TEST(test_ping_and_pong),
        TEST(test_traffic_moves_the_deadline_once),
        TEST(test_upgrade),
        TEST(test_wrong_probe_leaves_polling),
        TEST(test_upgrade_timeout),
        TEST(test_wrong_revision_is_refused_before_101),
        TEST(test_slow_reader),
        TEST(test_pong_waits_for_the_end_of_a_frame),
        TEST(test_stream_over_websocket),
        TEST(test_stream_asks_only_while_less_than_half_is_held),
        TEST(test_stream_over_polling),
        TEST(test_stream_cut_by_the_end),
        TEST(test_stream_cut_over_polling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
