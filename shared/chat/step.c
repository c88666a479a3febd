/* What the steps of the room commands have in common, see step.h. No verb is named here. */
#include "shared/chat/step.h"

#include <assert.h>

#include "shared/base/json_write.h"
#include "shared/base/mem.h"
#include "shared/chat/chat_internal.h"
#include "shared/chat/render.h"

struct room_viewer step_viewer(const struct chat_command *command)
{
    return (struct room_viewer){.user_id = command->actor.user_id,
                                .session_id = command->actor.session_id};
}

enum err step_check_found(const struct room_state *room)
{
    if (!room->alive)
        return ERR_UNAUTHENTICATED;
    if (room->id == 0 || (room->status == ROOM_DIRECT && !room->is_member))
        return ERR_ROOM_NOT_FOUND;
    return ERR_OK;
}

enum err step_check_member(const struct room_state *room)
{
    enum err err = step_check_found(room);
    if (err)
        return err;
    if (room->status == ROOM_DIRECT)
        return ERR_FORBIDDEN;
    return room->is_member ? ERR_OK : ERR_NOT_A_MEMBER;
}

enum err step_check_room_count(struct chat_command *command, const struct room_state *room)
{
    if (room->rooms_of_viewer < conf_int(command->chat->conf, CONF_LIMIT_ROOMS_PER_USER))
        return ERR_OK;
    command->reason = "You are a member of too many channels.";
    return ERR_FORBIDDEN;
}

enum chat_progress step_refuse(struct chat_command *command, struct db *db, enum err err)
{
    db_rollback(db);
    return command_finish(command, err);
}

/* ---- texts ---- */

void step_texts_init(struct step_texts *texts)
{
    *texts = (struct step_texts){.count = 0};
}

void step_texts_release(struct step_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        buf_release(&texts->items[i]);
    texts->count = 0;
}

static struct buf *next_text(struct step_texts *texts)
{
    assert(texts->count < sizeof texts->items / sizeof texts->items[0]);
    struct buf *text = &texts->items[texts->count++];
    buf_init(text, BUF_MAX_DEFAULT);
    return text;
}

struct span step_member_payload(struct step_texts *texts, const char *username, enum room_role role)
{
    struct buf *text = next_text(texts);
    struct json_writer w;
    json_begin(&w, text);
    json_object(&w, NULL);
    json_cstr(&w, "username", username);
    if (role != ROLE_NONE)
        json_cstr(&w, "role", room_role_name(role));
    json_object_end(&w);
    return buf_span(text);
}

struct span step_sentence(struct step_texts *texts, const char *username, const char *what,
                          const char *more)
{
    struct buf *text = next_text(texts);
    buf_addf(text, "%s %s%s", username, what, more);
    return buf_span(text);
}

/* ---- results ---- */

void step_show_room(struct chat_command *command, const struct room_state *room)
{
    mem_free(command->room.name);
    command->room = (struct chat_room_view){
        .id = room->id,
        .name = mem_strdup(room->name),
        .status = room_status_name(room->status),
        .role = room_role_name(room->role),
        .members = room->members,
        .last_seq = room->last_seq,
        .created_us = room->created_us,
    };
}

static void add_event(struct chat_command *command, const struct log_row *row)
{
    render_to_event(row, event_list_add(&command->events));
}

void step_add_notice(struct chat_command *command, const struct change *change,
                     const struct change_notice *notice, struct span room_name)
{
    add_event(command, &(struct log_row){.log = LOG_INBOX,
                                         .log_id = notice->user_id,
                                         .seq = notice->seq,
                                         .kind = (enum event_kind)notice->kind,
                                         .actor = notice->actor,
                                         .at_us = change->at_us,
                                         .room_name = room_name,
                                         .room = change->room_id,
                                         .room_seq = notice->room_seq});
}

void step_add_events(struct chat_command *command, const struct change *change,
                     struct span room_name)
{
    for (size_t i = 0; i < change->row_count; i++) {
        const struct change_row *row = &change->rows[i];
        int64_t seq = change->first_seq + (int64_t)i;
        add_event(command, &(struct log_row){.log = LOG_ROOM,
                                             .log_id = change->room_id,
                                             .seq = seq,
                                             .kind = (enum event_kind)row->kind,
                                             .actor = row->actor,
                                             .subject = row->subject,
                                             .at_us = change->at_us,
                                             .room_name = room_name,
                                             .payload = row->payload,
                                             .message = {.seq = seq,
                                                         .kind = (enum event_kind)row->kind,
                                                         .text = row->text,
                                                         .at_us = change->at_us}});
    }
    for (size_t i = 0; i < change->notice_count; i++)
        step_add_notice(command, change, &change->notices[i], room_name);
}

enum chat_progress step_commit(struct chat_command *command, struct db *db, struct change *change,
                               const struct room_state *room, enum room_role role)
{
    enum err err = change_commit(db, change);
    if (err)
        return command_db_failed(command, err);
    struct room_state after = *room;
    after.role = role;
    after.last_seq = change->first_seq + (int64_t)change->row_count - 1;
    after.members += change_members_added(change);
    if (change->settings) {
        after.status = change->status;
        memcpy(after.name, change->name.ptr, change->name.len);
        after.name[change->name.len] = '\0';
    }
    step_show_room(command, &after);
    command->seq = change->first_seq;
    command->at_us = change->at_us;
    step_add_events(command, change, span_of(after.name));
    return command_finish(command, ERR_OK);
}
