/*
 * markRead: the marker moves, and who is connected hears of it in passing: the members of a small
 * room, in a large one only the reader's own other sockets.
 */
#include "shared/chat/step.h"

#include "shared/base/json_write.h"
#include "shared/store/marker.h"

/* In a room of n members each message may be read n times, and n hear of each. */
#define MEMBERS_TOLD_MAX 100

static void tell(struct chat_command *command, const struct marker_outcome *outcome)
{
    bool to_room = outcome->room.members <= MEMBERS_TOLD_MAX;
    struct event *event = event_list_add(&command->events);
    struct json_writer w;
    struct buf json;
    *event = (struct event){
        .log = to_room ? LOG_ROOM : LOG_INBOX,
        .log_id = to_room ? outcome->room.id : command->actor.user_id,
        .kind = EVENT_READ_MARKER,
        .actor = command->actor.user_id,
        .author = command->actor.user_id,
    };
    buf_init(&json, BUF_MAX_DEFAULT);
    json_begin(&w, &json);
    json_array(&w, NULL);
    json_cstr(&w, NULL, "readMarker");
    json_object(&w, NULL);
    json_cstr(&w, "room", outcome->room.name);
    json_cstr(&w, "username", command->actor.username);
    json_int(&w, "seq", outcome->seq);
    json_object_end(&w);
    json_array_end(&w);
    event->json = buf_take(&json, &event->json_len);
    buf_release(&json);
}

static enum err check(struct chat_command *command, const struct room_state *room)
{
    enum err err = step_check_found(room);
    if (err)
        return err;
    if (room->banned_until_us != 0) {
        command->until_us = room->banned_until_us;
        return ERR_BANNED;
    }
    return room->is_member ? ERR_OK : ERR_NOT_A_MEMBER;
}

enum chat_progress mark_read_run(struct chat_command *command, struct db *db)
{
    const struct room_viewer viewer = step_viewer(command);
    struct marker_outcome outcome;
    enum err err = marker_move(db, &viewer, buf_span(&command->room_key),
                               command->values[CHAT_FIELD_SEQ].number, &outcome);
    if (err)
        return command_db_failed(command, err);
    err = check(command, &outcome.room);
    if (err)
        return command_finish(command, err);
    step_show_room(command, &outcome.room);
    command->seq = outcome.seq;
    command->replay = !outcome.moved;
    if (outcome.moved)
        tell(command, &outcome);
    return command_finish(command, ERR_OK);
}
