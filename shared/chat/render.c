/* Rows of the logs as JSON. One table says which members of the payload each kind shows. */
#include "shared/chat/render.h"

#include <assert.h>

#include "shared/base/json_scan.h"
#include "shared/base/mem.h"
#include "shared/chat/nonce.h"

#define PAYLOAD_MEMBERS_MAX 9

static const struct kind_shape {
    enum event_kind kind;
    const char *event; /* the Socket.IO event's name */
    const char *members[PAYLOAD_MEMBERS_MAX];
    bool dated;
} shapes[] = {
    {EVENT_MEMBER_JOINED, "memberJoined", {"username", "role"}, true},
    {EVENT_MEMBER_LEFT, "memberLeft", {"username", "reason", "by"}, true},
    {EVENT_MEMBER_UPDATED,
     "memberUpdated",
     {"username", "role", "muted", "mutedUntil", "banned", "bannedUntil", "reason", "by"},
     true},
    {EVENT_CHANNEL_UPDATED, "channelUpdated", {"name", "status", "previousName"}, false},
    {EVENT_CHANNEL_DELETED, "channelDeleted", {NULL}, false},
};

static const struct kind_shape *shape_of(enum event_kind kind)
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (shapes[i].kind == kind)
            return &shapes[i];
    }
    return NULL;
}

static void message_members(struct json_writer *w, struct span room_name,
                            const struct message_view *message)
{
    json_string(w, "room", room_name);
    json_int(w, "seq", message->seq);
    json_cstr(w, "kind", event_kind_name(message->kind));
    if (span_present(message->sender))
        json_string(w, "sender", message->sender);
    else
        json_null(w, "sender");
    json_string(w, "text", span_present(message->text) ? message->text : SPAN_LIT(""));
    json_date(w, "date", message->at_us);
    if (message->edited_us)
        json_date(w, "editedAt", message->edited_us);
    if (message->deleted_us)
        json_date(w, "deletedAt", message->deleted_us);
    if (span_present(message->nonce) && !nonce_is_server_made(message->nonce))
        json_string(w, "nonce", message->nonce);
}

void render_message(struct json_writer *w, const char *key, struct span room_name,
                    const struct message_view *message)
{
    json_object(w, key);
    message_members(w, room_name, message);
    json_object_end(w);
}

static void render_new_message(const struct log_row *row, struct json_writer *w)
{
    json_cstr(w, NULL, "newMessage");
    render_message(w, NULL, row->room_name, &row->message);
}

static void render_message_updated(const struct log_row *row, struct json_writer *w)
{
    json_cstr(w, NULL, "messageUpdated");
    json_object(w, NULL);
    message_members(w, row->room_name, &row->message);
    json_int(w, "eventSeq", row->seq);
    json_object_end(w);
}

static void render_message_deleted(const struct log_row *row, struct json_writer *w)
{
    json_cstr(w, NULL, "messageDeleted");
    json_object(w, NULL);
    message_members(w, row->room_name, &row->message);
    json_int(w, "eventSeq", row->seq);
    json_object_end(w);
}

static struct span payload_member(const struct log_row *row, const char *name)
{
    return span_present(row->payload) ? json_member(row->payload, name) : SPAN_NONE;
}

static void render_shaped(const struct log_row *row, struct json_writer *w)
{
    const struct kind_shape *shape = shape_of(row->kind);

    assert(shape);
    json_cstr(w, NULL, shape->event);
    json_object(w, NULL);
    json_string(w, "room", row->room_name);
    json_int(w, "seq", row->seq);
    for (int i = 0; i < PAYLOAD_MEMBERS_MAX && shape->members[i]; i++) {
        struct span value = payload_member(row, shape->members[i]);

        if (span_present(value))
            json_raw(w, shape->members[i], value);
    }
    if (shape->dated)
        json_date(w, "date", row->at_us);
    json_object_end(w);
}

/* Its data is kept as a text, so that it comes back byte for byte. */
static void render_custom(const struct log_row *row, struct json_writer *w)
{
    struct span name = payload_member(row, "event");
    struct span json = payload_member(row, "json");
    struct buf data;

    buf_init(&data, BUF_MAX_DEFAULT);
    if (span_present(json))
        json_unescape(json, &data);
    json_raw(w, NULL, span_present(name) ? name : SPAN_LIT("\"custom\""));
    json_object(w, NULL);
    if (row->log == LOG_ROOM)
        json_string(w, "room", row->room_name);
    if (row->log == LOG_ROOM && row->seq > 0)
        json_int(w, "seq", row->seq);
    json_raw(w, "data", data.len > 0 ? buf_span(&data) : SPAN_LIT("null"));
    if (row->seq > 0)
        json_date(w, "date", row->at_us);
    json_object_end(w);
    buf_release(&data);
}

static void render_reconnect_needed(const struct log_row *row, struct json_writer *w)
{
    json_cstr(w, NULL, "reconnectNeeded");
    json_object(w, NULL);
    json_cstr(w, "message", "A direct channel with you was opened.");
    json_string(w, "room", row->room_name);
    json_object_end(w);
}

typedef void render_fn(const struct log_row *row, struct json_writer *w);

/* NULL: this kind emits nothing. */
static render_fn *renderer_of(enum event_kind kind)
{
    switch (kind) {
    case EVENT_TEXT:
    case EVENT_SYSTEM:
        return render_new_message;
    case EVENT_MESSAGE_UPDATED:
        return render_message_updated;
    case EVENT_MESSAGE_DELETED:
        return render_message_deleted;
    case EVENT_CUSTOM:
    case EVENT_INBOX_CUSTOM:
        return render_custom;
    case EVENT_INBOX_DIRECT_OPENED:
        return render_reconnect_needed;
    default:
        return shape_of(kind) ? render_shaped : NULL;
    }
}

void render_event(const struct log_row *row, struct buf *out)
{
    render_fn *render = renderer_of(row->kind);
    struct json_writer w;

    if (render == NULL)
        return;
    json_begin(&w, out);
    json_array(&w, NULL);
    render(row, &w);
    json_array_end(&w);
}

void render_to_event(const struct log_row *row, struct event *event)
{
    struct buf json;

    event->log = row->log;
    event->log_id = row->log_id;
    event->seq = row->seq;
    event->kind = row->kind;
    event->actor = row->actor;
    event->author = row->author;
    event->subject = row->subject;
    event->room = row->room;
    event->room_seq = row->room_seq;
    event->session = row->session;
    if (row->log == LOG_INBOX && span_present(row->room_name))
        event->room_name = mem_span_dup(row->room_name);
    buf_init(&json, BUF_MAX_DEFAULT);
    render_event(row, &json);
    event->json = buf_take(&json, &event->json_len);
    buf_release(&json);
}
