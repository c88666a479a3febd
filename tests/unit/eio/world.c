/* The server that echoes, for tests. */
#include "tests/unit/eio/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* ---- the application: echoes ---- */

struct world world;

static void on_open(void *app, struct eio_session *session)
{
    struct world *w = app;

    w->session = session;
    w->opened++;
}

void world_send(const char *text)
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
    (void)session;
    world.closed++;
    world.reason = reason;
}

static const struct eio_app_ops app_ops = {NULL, on_open, on_message, on_close};

/* ---- set-up ---- */

int world_setup(void **state)
{
    struct eio_options options;

    world = (struct world){0};
    eio_options_init(&options);
    options.ping_interval_ms = 300;
    options.ping_timeout_ms = 200;
    options.max_payload = 1000;
    options.output_bytes = 2000;
    options.output_packets = 50;
    options.process_output_bytes = 3000;
    options.max_per_address = 2;
    options.origins = "http://a.example";
    world.server = eio_server_new(&options, &app_ops, &world, 1000);
    fake_net_init(&world.net, world.server, 1000);
    *state = &world;
    return 0;
}

int world_teardown(void **state)
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

const char *world_target(const char *target)
{
    static char text[128];

    snprintf(text, sizeof text, "%s&sid=%s", target, eio_session_sid(world.session));
    return text;
}

void world_get(const char *target)
{
    fake_http_release(&world.net, &world.get);
    fake_request(&world.net, &world.get, "GET", target, NULL, 0);
    fake_flush(&world.net);
}

void world_post(const char *body)
{
    fake_http_release(&world.net, &world.post);
    fake_post(&world.net, &world.post, world_target(NEW), body);
    fake_flush(&world.net);
}

void world_open_polling(void)
{
    world_get(NEW);
    assert_int_equal(world.get.status, 200);
    assert_int_equal(world.get.body.data[0], '0');
}

void world_open_ws(void)
{
    int opcode;

    fake_ws_open(&world.net, &world.ws, NEW_WS);
    assert_null(world.ws.refused);
    fake_flush(&world.net);
    assert_int_equal(fake_ws_frame(&world.ws, &opcode).ptr[0], '0');
    assert_int_equal(opcode, 0x81);
}

void world_assert_get(int status, const char *body)
{
    assert_int_equal(world.get.status, status);
    assert_string_equal(world.get.body.data ? world.get.body.data : "", body);
}

void world_assert_frame(struct fake_ws *ws, const char *text)
{
    int opcode;
    struct span payload = fake_ws_frame(ws, &opcode);

    assert_int_equal(opcode, 0x81);
    assert_true(span_is(payload, text));
}

void world_assert_ws_closed(struct fake_ws *ws, int code)
{
    int opcode;
    struct span payload = fake_ws_frame(ws, &opcode);

    assert_int_equal(opcode, 0x88);
    assert_int_equal(payload.len, code ? 2 : 0);
    assert_true(ws->wire.closing);
}
