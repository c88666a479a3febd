/*
 * Whole Engine.IO and Socket.IO sessions: a script of requests, messages, aborts, time and what the
 * application does meanwhile. Whatever it is, nothing is used after it was freed, every socket that
 * connected disconnects once, and at the end nothing is left.
 */
#include "tests/fuzz/fuzz.h"

#include "broker/net/loop_ev.h"
#include "broker/sio/impl.h"
#include "tests/unit/eio/fake_net.h"

#define SLOTS 4
#define STEPS_MAX 400

struct slot {
    char sid[64];
    struct fake_http get, post;
    struct fake_ws ws[2];
    struct sio_socket *sockets[2];
    struct sio_stream *stream;
    struct slot *self; /* what callbacks get: NULLed streams are seen by it */
};

struct world {
    const uint8_t *data;
    size_t left;
    struct fake_net net;
    struct slot slots[SLOTS];
    struct sio_room *room;
    int connects, disconnects;
    bool wide; /* large bounds, gzip, a cookie */
};

static struct world world;
static struct sio_server *server;
static struct loop *loop;

static uint8_t next_byte(void)
{
    if (world.left == 0)
        return 0;
    world.left--;
    return *world.data++;
}

static struct span next_bytes(void)
{
    size_t len = next_byte() & 31;
    struct span bytes;

    if (len > world.left)
        len = world.left;
    bytes = span_make((const char *)world.data, len);
    world.data += len;
    world.left -= len;
    return bytes;
}

/* ---- the application ---- */

static void on_connect(struct sio_socket *socket, struct span auth)
{
    world.connects++;
    sio_room_join(world.room, socket);
    for (int i = 0; i < SLOTS; i++)
        for (int j = 0; j < 2; j++)
            if (!world.slots[i].sockets[j]) {
                world.slots[i].sockets[j] = socket;
                i = SLOTS;
                break;
            }
    if (auth.len < 6) /* else it is admitted later, or never */
        sio_accept(socket);
}

static void on_event(struct sio_socket *socket, const struct sio_event *event)
{
    if (event->has_ack)
        sio_ack_binary(socket, event->ack_id, SPAN_LIT("[1]"), event->attachments,
                       event->attachment_count);
    sio_emit(socket, event->args);
}

static void on_leave(struct sio_socket *socket, const struct sio_event *event)
{
    sio_disconnect(socket, event->argc > 0);
}

static void on_disconnect(struct sio_socket *socket, enum sio_reason reason)
{
    (void)reason;
    world.disconnects++;
    for (int i = 0; i < SLOTS; i++)
        for (int j = 0; j < 2; j++)
            if (world.slots[i].sockets[j] == socket)
                world.slots[i].sockets[j] = NULL;
}

static const struct sio_event_handler events[] = {{"leave", on_leave}, {NULL, NULL}};
static const struct sio_namespace_ops ops = {on_connect, events, on_event, on_disconnect};

static void on_want(void *arg)
{
    struct slot *slot = arg;

    if (slot->stream)
        sio_stream_write(slot->stream, SPAN_LIT("\"abcdefghij\","));
}

static void on_gone(void *arg)
{
    struct slot *slot = arg;

    slot->stream = NULL;
}

static void on_ack(struct sio_socket *socket, enum err err, const struct sio_event *answer,
                   void *arg)
{
    (void)arg;
    if (err == ERR_OK)
        sio_emit(socket, answer->args);
}

static void app_stream(struct slot *slot, struct sio_socket *socket)
{
    if (slot->stream) {
        struct sio_stream *stream = slot->stream;

        slot->stream = NULL;
        sio_stream_write(stream, SPAN_LIT("1]"));
        sio_stream_end(stream);
    } else {
        slot->stream = sio_stream_begin(socket, 32, on_want, on_gone, slot);
        sio_stream_write(slot->stream, SPAN_LIT("[\"history\","));
    }
}

static void app_emit_binary(struct sio_socket *socket)
{
    struct span bytes = SPAN_LIT("\1\2\3");
    struct sio_message *message =
        sio_message_binary(SPAN_LIT("[\"b\",{\"_placeholder\":true,\"num\":0}]"), &bytes, 1);

    sio_emit_volatile(socket, message);
    sio_room_emit(world.room, message, socket);
    sio_message_unref(message);
}

static void app_step(struct slot *slot)
{
    uint8_t what = next_byte();
    struct sio_socket *socket = slot->sockets[what >> 7];

    if (!socket)
        return;
    switch (what & 7) {
    case 0:
        for (int i = 0; world.wide && i < (what & 0x38); i++)
            sio_emit(socket, SPAN_LIT("[\"e\",\"many of these are worth compressing\"]"));
        sio_emit(socket, SPAN_LIT("[\"e\",\"0123456789012345678901234567890123456789\"]"));
        break;
    case 1:
        app_emit_binary(socket);
        break;
    case 2:
        sio_disconnect(socket, (what & 8) != 0);
        break;
    case 3:
        sio_close(socket);
        break;
    case 4:
    case 5:
        app_stream(slot, socket);
        break;
    case 6:
        sio_emit_with_ack(socket, SPAN_LIT("[\"q\"]"), 500, on_ack, NULL);
        break;
    default:
        if (what & 8)
            sio_refuse(socket, "no", SPAN_NONE);
        else
            sio_accept(socket);
    }
}

/* ---- the network ---- */

static void learn_sid(struct slot *slot, struct span open)
{
    const char *at = open.len > 8 ? memmem(open.ptr, open.len, "\"sid\":\"", 7) : NULL;

    if (open.len > 0 && open.ptr[0] == '0' && at)
        snprintf(slot->sid, sizeof slot->sid, "&sid=%.20s", at + 7);
}

static const char *target(const struct slot *slot, const char *transport, bool with_sid)
{
    static char text[160];

    snprintf(text, sizeof text, "/socket.io/?EIO=4&transport=%s%s", transport,
             with_sid ? slot->sid : "");
    return text;
}

static void step_get(struct slot *slot, bool with_sid)
{
    if (slot->get.held)
        return;
    fake_http_release(&world.net, &slot->get);
    fake_request(&world.net, &slot->get, "GET", target(slot, "polling", with_sid),
                 world.wide ? "accept-encoding: gzip\n" : NULL, 0);
    fake_flush(&world.net);
    if (slot->get.status == 200)
        learn_sid(slot, buf_span(&slot->get.body));
}

static struct span common(uint8_t which)
{
    static const char *const texts[] = {
        "40",
        "2probe",
        "5",
        "3",
        "42[\"a\",1]",
        "421[\"a\"]",
        "41",
        "40/x,{\"t\":1}",
        "1",
        "42/x,[\"a\"]",
        "451-[\"b\",{\"_placeholder\":true,\"num\":0}]",
        "430[1]",
        "42[\"leave\"]",
        "42[\"leave\",1]",
        "41/x,",
        "6",
        "40{}",
    };
    size_t count = sizeof texts / sizeof *texts;

    return which < count ? span_of(texts[which]) : SPAN_NONE;
}

static void step_post(struct slot *slot)
{
    struct span body = common(next_byte() & 31);

    if (!span_present(body))
        body = next_bytes();
    if (!slot->post.held) {
        fake_http_release(&world.net, &slot->post);
        fake_request(&world.net, &slot->post, "POST", target(slot, "polling", true), NULL,
                     (int64_t)body.len);
    }
    if (slot->post.wants_body && (next_byte() & 3))
        fake_body(&world.net, &slot->post, body);
}

static void step_message(struct slot *slot, struct fake_ws *ws, bool binary)
{
    struct span data = binary ? SPAN_NONE : common(next_byte() & 31);
    struct buf text;

    if (!span_present(data))
        data = next_bytes();
    buf_init(&text, BUF_MAX_DEFAULT);
    for (size_t i = 0; i < data.len && !binary; i++) /* only valid UTF-8 comes this far */
        buf_add_char(&text, (char)(data.ptr[i] & 0x7F));
    fake_ws_send(&world.net, ws, binary ? data : buf_span(&text), binary);
    buf_release(&text);
    (void)slot;
}

static void step_ws_open(struct slot *slot, struct fake_ws *ws, bool with_sid)
{
    if (ws->open)
        return;
    fake_ws_open(&world.net, ws, target(slot, "websocket", with_sid));
    ws->blocked = (next_byte() & 1) != 0;
}

static void step(void)
{
    uint8_t code = next_byte();
    struct slot *slot = &world.slots[(code >> 4) & (SLOTS - 1)];
    struct fake_ws *ws = &slot->ws[(code >> 6) & 1];

    switch (code & 15) {
    case 0:
        step_get(slot, false);
        break;
    case 1:
        step_get(slot, true);
        break;
    case 2:
        step_post(slot);
        break;
    case 3:
        fake_abort(&world.net, &slot->get);
        break;
    case 4:
        fake_abort(&world.net, &slot->post);
        break;
    case 5:
        step_ws_open(slot, ws, false);
        break;
    case 6:
        step_ws_open(slot, ws, true);
        break;
    case 7:
    case 8:
        step_message(slot, ws, false);
        break;
    case 9:
        step_message(slot, ws, true);
        break;
    case 10:
        fake_ws_gone(&world.net, ws);
        break;
    case 11:
        fake_pass(&world.net, 1 + next_byte() * 4);
        break;
    case 12:
        fake_ws_write(&world.net, ws, next_byte() & 63);
        break;
    case 13:
        fake_flush(&world.net);
        break;
    case 14:
        loop_turn(loop);
        break;
    default:
        app_step(slot);
    }
}

/* ---- life ---- */

static void begin(void)
{
    struct sio_options options;

    if (!loop)
        loop = loop_new(); /* one for all runs: it costs descriptors */
    sio_options_init(&options);
    options.ping_interval_ms = 300;
    options.ping_timeout_ms = 200;
    options.upgrade_timeout_ms = 400;
    options.connect_timeout_ms = 1000;
    world.wide = world.left > 0 && (world.data[0] & 2);
    options.output_bytes = world.wide ? 4000 : 400;
    options.output_packets = world.wide ? 120 : 12;
    options.process_output_bytes = world.wide ? 7000 : 700;
    options.cookie = world.wide ? "io" : NULL;
    options.max_payload = 256;
    options.wait_packets = 3;
    options.recovery_window_ms = world.left > 0 && (world.data[0] & 1) ? 2000 : 0;
    server = sio_server_new_bare(loop, &options);
    world.room = sio_room_new(sio_server_namespace(server, "/", &ops, NULL));
    sio_server_namespace(server, "/x", &ops, NULL);
    fake_net_init(&world.net, server->eio, eio_server_now(server->eio));
}

static void end(void)
{
    struct eio_stats stats;

    eio_server_close_all(server->eio);
    fake_flush(&world.net);
    loop_turn(loop);
    eio_server_stats(server->eio, &stats);
    FUZZ_ASSERT(stats.sessions == 0);
    FUZZ_ASSERT(world.connects == world.disconnects);
    for (int i = 0; i < SLOTS; i++) {
        struct slot *slot = &world.slots[i];

        FUZZ_ASSERT(!slot->stream);
        FUZZ_ASSERT(!slot->get.held && !slot->post.held);
        fake_http_release(&world.net, &slot->get);
        fake_http_release(&world.net, &slot->post);
        fake_ws_gone(&world.net, &slot->ws[0]);
        fake_ws_gone(&world.net, &slot->ws[1]);
    }
    eio_server_stats(server->eio, &stats);
    FUZZ_ASSERT(stats.bytes_queued == 0);
    sio_server_free(server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&world, 0, sizeof world);
    world.data = data;
    world.left = size;
    begin();
    next_byte();
    for (int i = 0; i < STEPS_MAX && world.left > 0; i++)
        step();
    end();
    return 0;
}
