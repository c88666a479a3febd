/*
 * What the JavaScript client's own tests want of their server (npm socket.io-client, test/support):
 * a few namespaces, one that refuses, events that answer with dates, UTF-8 and binary.
 */
#include "broker/eio/fields.h"
#include "shared/base/clock.h"
#include "shared/base/json_write.h"
#include "shared/base/mem.h"
#include "tests/conformance/profile.h"

#define ADMISSION_MS 10
#define PLACEHOLDER "{\"_placeholder\":true,\"num\":0}"

static void emit_str(struct sio_socket *socket, const char *json)
{
    sio_emit(socket, span_of(json));
}

/* What is kept with each socket. */
struct client {
    char *auth;
    struct loop_timer *admission; /* NULL: decided */
};

/* ---- the handshake record ---- */

static void add_header(struct json_writer *w, const struct sio_socket *socket, const char *name)
{
    struct span value = sio_socket_header(socket, name);

    if (span_present(value))
        json_string(w, name, value);
}

static void add_handshake(struct json_writer *w, const struct sio_socket *socket)
{
    const struct client *client = sio_socket_data(socket);
    struct span name, value;

    json_object(w, NULL);
    json_object(w, "headers");
    add_header(w, socket, "host");
    add_header(w, socket, "user-agent");
    add_header(w, socket, "origin");
    json_object_end(w);
    json_date(w, "time", clock_wall_us());
    json_cstr(w, "address", sio_socket_address(socket));
    json_bool(w, "xdomain", span_present(sio_socket_header(socket, "origin")));
    json_bool(w, "secure", false);
    json_int(w, "issued", clock_wall_us() / 1000);
    json_cstr(w, "url", "/socket.io/");
    json_object(w, "query");
    for (size_t cursor = 0; sio_socket_query_next(socket, &cursor, &name, &value);) {
        json_key_span(w, name);
        json_string(w, NULL, value);
    }
    json_object_end(w);
    json_raw(w, "auth", span_of(client->auth));
    json_object_end(w);
}

/* ---- admission takes its time ---- */

static void on_disconnect(struct sio_socket *socket, enum sio_reason reason)
{
    struct client *client = sio_socket_data(socket);

    (void)reason;
    loop_timer_free(client->admission);
    mem_free(client->auth);
    mem_free(client);
}

static struct client *client_new(struct sio_socket *socket, struct span auth)
{
    struct client *client = mem_alloc(sizeof *client);

    client->auth = mem_span_dup(auth);
    sio_socket_set_data(socket, client);
    return client;
}

static void admit_now(struct sio_socket *socket, struct span auth)
{
    client_new(socket, auth);
    sio_accept(socket);
}

static void on_admission_due(void *arg)
{
    struct sio_socket *socket = arg;

    if (span_present(sio_socket_query(socket, "fail")))
        sio_refuse(socket, "Auth failed (main namespace)", SPAN_NONE);
    else
        sio_accept(socket);
}

static void root_connect(struct sio_socket *socket, struct span auth)
{
    struct client *client = client_new(socket, auth);

    client->admission = loop_timer_new(sio_socket_app(socket), on_admission_due, socket);
    loop_timer_start(client->admission, ADMISSION_MS, 0);
}

static void no_connect(struct sio_socket *socket, struct span auth)
{
    (void)auth;
    sio_refuse(socket, "Auth failed (custom namespace)", SPAN_NONE);
}

static void abc_connect(struct sio_socket *socket, struct span auth)
{
    struct json_writer w;
    struct buf json;

    admit_now(socket, auth);
    buf_init(&json, BUF_MAX_DEFAULT);
    json_begin(&w, &json);
    json_array(&w, NULL);
    json_cstr(&w, NULL, "handshake");
    add_handshake(&w, socket);
    json_array_end(&w);
    sio_emit(socket, buf_span(&json));
    buf_release(&json);
}

/* ---- events ---- */

static void on_hi(struct sio_socket *socket, const struct sio_event *event)
{
    (void)event;
    emit_str(socket, "[\"hi\"]");
}

static void on_echo(struct sio_socket *socket, const struct sio_event *event)
{
    struct buf json;

    if (!event->has_ack)
        return;
    buf_init(&json, BUF_MAX_DEFAULT);
    buf_add_char(&json, '[');
    buf_add_span(&json, event->first);
    buf_add_char(&json, ']');
    sio_ack_binary(socket, event->ack_id, buf_span(&json), event->attachments,
                   event->attachment_count);
    buf_release(&json);
}

static void on_acked(struct sio_socket *socket, enum err err, const struct sio_event *answer,
                     void *arg)
{
    (void)arg;
    if (err == ERR_OK && span_is(answer->first, "5"))
        emit_str(socket, "[\"got it\"]");
}

static void on_ack(struct sio_socket *socket, const struct sio_event *event)
{
    (void)event;
    sio_emit_with_ack(socket, SPAN_LIT("[\"ack\"]"), 5000, on_acked, NULL);
}

/* before + date + after */
static void date_text(struct buf *json, const char *before, const char *after)
{
    char date[CLOCK_ISO_SIZE];

    clock_iso(clock_wall_us(), date);
    buf_init(json, BUF_MAX_DEFAULT);
    buf_addf(json, "%s\"%s\"%s", before, date, after);
}

static void on_get_ack_date(struct sio_socket *socket, const struct sio_event *event)
{
    struct buf json;

    date_text(&json, "[", "]");
    sio_ack(socket, event->ack_id, buf_span(&json));
    buf_release(&json);
}

static void on_get_date(struct sio_socket *socket, const struct sio_event *event)
{
    struct buf json;

    (void)event;
    date_text(&json, "[\"takeDate\",", "]");
    sio_emit(socket, buf_span(&json));
    buf_release(&json);
}

static void on_get_date_obj(struct sio_socket *socket, const struct sio_event *event)
{
    struct buf json;

    (void)event;
    date_text(&json, "[\"takeDateObj\",{\"date\":", "}]");
    sio_emit(socket, buf_span(&json));
    buf_release(&json);
}

static void on_get_utf8(struct sio_socket *socket, const struct sio_event *event)
{
    (void)event;
    emit_str(socket, "[\"takeUtf8\",\"てすと\"]");
    emit_str(socket, "[\"takeUtf8\",\"Я Б Г Д Ж Й\"]");
    emit_str(socket, "[\"takeUtf8\",\"Ä ä Ü ü ß\"]");
    emit_str(socket, "[\"takeUtf8\",\"utf8 — string\"]");
    emit_str(socket, "[\"takeUtf8\",\"utf8 — string\"]");
}

static void on_false(struct sio_socket *socket, const struct sio_event *event)
{
    (void)event;
    emit_str(socket, "[\"false\",false]");
}

static void emit_binary(struct sio_socket *socket, const char *json)
{
    struct span bytes = SPAN_LIT("asdfasdf");
    struct sio_message *message = sio_message_binary(span_of(json), &bytes, 1);

    sio_emit_message(socket, message);
    sio_message_unref(message);
}

static void on_doge(struct sio_socket *socket, const struct sio_event *event)
{
    (void)event;
    emit_binary(socket, "[\"doge\"," PLACEHOLDER "]");
}

static void on_getbin(struct sio_socket *socket, const struct sio_event *event)
{
    (void)event;
    emit_binary(socket, "[\"takebin\"," PLACEHOLDER "]");
}

/* Events that are answered with another if their binary parts came. */
static void on_binary(struct sio_socket *socket, const struct sio_event *event)
{
    static const struct {
        const char *name, *answer;
        bool binary;
    } answers[] = {
        {"buffa", "[\"buffack\"]", true},         {"jsonbuff", "[\"jsonbuff-ack\"]", true},
        {"abuff2", "[\"abuff2-ack\"]", false},    {"blob", "[\"back\"]", true},
        {"jsonblob", "[\"jsonblob-ack\"]", true}, {"blob3", "[\"blob3-ack\"]", true},
    };

    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (span_is(event->name, answers[i].name) &&
            (event->attachment_count > 0 || !answers[i].binary))
            emit_str(socket, answers[i].answer);
}

static void on_get_handshake(struct sio_socket *socket, const struct sio_event *event)
{
    struct json_writer w;
    struct buf json;

    buf_init(&json, BUF_MAX_DEFAULT);
    json_begin(&w, &json);
    json_array(&w, NULL);
    add_handshake(&w, socket);
    json_array_end(&w);
    sio_ack(socket, event->ack_id, buf_span(&json));
    buf_release(&json);
}

static void on_get_id(struct sio_socket *socket, const struct sio_event *event)
{
    struct buf json;

    buf_init(&json, BUF_MAX_DEFAULT);
    buf_addf(&json, "[\"%s\"]", sio_socket_id(socket));
    sio_ack(socket, event->ack_id, buf_span(&json));
    buf_release(&json);
}

static const struct sio_event_handler root_events[] = {
    {"hi", on_hi},
    {"echo", on_echo},
    {"ack", on_ack},
    {"getAckDate", on_get_ack_date},
    {"getDate", on_get_date},
    {"getDateObj", on_get_date_obj},
    {"getUtf8", on_get_utf8},
    {"false", on_false},
    {"doge", on_doge},
    {"getbin", on_getbin},
    {"getHandshake", on_get_handshake},
    {"getId", on_get_id},
    {NULL, NULL},
};

static const struct sio_event_handler id_events[] = {
    {"getId", on_get_id},
    {NULL, NULL},
};

static const struct sio_namespace_ops root_ops = {.connect = root_connect,
                                                  .events = root_events,
                                                  .event = on_binary,
                                                  .disconnect = on_disconnect};
static const struct sio_namespace_ops plain_ops = {
    .connect = admit_now, .events = id_events, .disconnect = on_disconnect};
static const struct sio_namespace_ops abc_ops = {.connect = abc_connect,
                                                 .disconnect = on_disconnect};
static const struct sio_namespace_ops no_ops = {.connect = no_connect};

void profile_client(struct sio_server *server, struct loop *loop)
{
    static const char *const plain[] = {"/foo", "/timeout_socket", "/valid", "/asd"};

    sio_server_namespace(server, "/", &root_ops, loop);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        sio_server_namespace(server, plain[i], &plain_ops, loop);
    sio_server_namespace(server, "/abc", &abc_ops, loop);
    sio_server_namespace(server, "/no", &no_ops, loop);
}
