/* The Channel of the contract. What an event says about a channel is in render.c. */
#include "shared/chat/channel.h"

void channel_render(struct json_writer *w, const char *key, const struct chat_room_view *room)
{
    char topic[EVENT_TOPIC_SIZE];
    event_topic(LOG_ROOM, room->id, topic);
    json_object(w, key);
    json_string(w, "name", span_of(room->name));
    json_cstr(w, "status", room->status);
    if (room->role)
        json_cstr(w, "role", room->role);
    json_int(w, "members", room->members);
    json_int(w, "lastSeq", room->last_seq);
    json_cstr(w, "topic", topic);
    json_date(w, "createdAt", room->created_us);
    if (room->counted) {
        json_int(w, "lastReadSeq", room->last_read_seq);
        json_int(w, "unread", room->unread);
    }
    json_object_end(w);
}
