/* updateChannel and deleteChannel: what an owner does to the channel itself. */
#include "shared/chat/step.h"

#include "shared/base/json_write.h"
#include "shared/base/mem.h"
#include "shared/chat/chat_internal.h"
#include "shared/chat/rules.h"

static enum err check_owner(const struct room_state *room)
{
    enum err err = step_check_member(room);
    if (err)
        return err;
    return room->role == ROLE_OWNER ? ERR_OK : ERR_FORBIDDEN;
}

/* ---- updateChannel ---- */

static bool is_given(const struct chat_command *command, enum chat_field field)
{
    return span_present(command_text(command, field));
}

static enum room_status wanted_status(const struct chat_command *command,
                                      const struct room_state *room)
{
    return is_given(command, CHAT_FIELD_STATUS) ? command->status : room->status;
}

/* A password belongs to a PRIVATE channel, and a PRIVATE channel has one. NULL: fine. */
static const char *password_problem(const struct chat_command *command,
                                    const struct room_state *room)
{
    bool given = is_given(command, CHAT_FIELD_PASSWORD);
    if (wanted_status(command, room) == ROOM_PUBLIC)
        return given ? "is for PRIVATE channels only" : NULL;
    return given || room->status == ROOM_PRIVATE ? NULL : "is required for a PRIVATE channel";
}

static struct span update_payload(struct buf *out, const struct change *change,
                                  const struct room_state *room)
{
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w, NULL);
    json_string(&w, "name", change->name);
    json_cstr(&w, "status", room_status_name(change->status));
    if (!span_is(change->name, room->name))
        json_cstr(&w, "previousName", room->name);
    json_object_end(&w);
    return buf_span(out);
}

/* Fill the room's columns; false if nothing would change. */
static bool plan_update(const struct chat_command *command, const struct room_state *room,
                        struct change *change, struct buf *new_key)
{
    bool renamed = is_given(command, CHAT_FIELD_NEW_NAME);
    bool new_password = is_given(command, CHAT_FIELD_PASSWORD);
    change->settings = true;
    change->status = wanted_status(command, room);
    change->name = renamed ? command_text(command, CHAT_FIELD_NEW_NAME) : span_of(room->name);
    if (renamed) {
        rule_room_key(change->name, new_key);
        change->name_key = buf_span(new_key);
    }
    if (change->status == ROOM_PRIVATE)
        change->password_hash = span_of(new_password ? command->hash : room->password_hash);
    return new_password || change->status != room->status || !span_is(change->name, room->name);
}

static enum chat_progress update(struct chat_command *command, struct db *db,
                                 const struct room_state *room)
{
    struct change change;
    struct buf payload, new_key;
    enum chat_progress progress;
    buf_init(&payload, BUF_MAX_DEFAULT);
    buf_init(&new_key, BUF_MAX_DEFAULT);
    change_init(&change, room);
    if (plan_update(command, room, &change, &new_key)) {
        change_add_row(&change,
                       &(struct change_row){.kind = EVENT_CHANNEL_UPDATED,
                                            .actor = command->actor.user_id,
                                            .payload = update_payload(&payload, &change, room)});
        progress = step_commit(command, db, &change, room, room->role);
    } else {
        step_show_room(command, room);
        progress = step_refuse(command, db, ERR_OK);
    }
    buf_release(&payload);
    buf_release(&new_key);
    return progress;
}

/* An owner may not keep the hasher busy for everybody. */
static enum chat_progress hash_password(struct chat_command *command)
{
    char account[TOKEN_USERNAME_SIZE + 16];
    snprintf(account, sizeof account, "settings of %s", command->actor.username);
    command->retry_after_ms =
        chat_limit_password(command->chat, span_of(account), command->actor.address);
    if (command->retry_after_ms > 0)
        return command_finish(command, ERR_RATE_LIMITED);
    return command_want_hash(command);
}

enum chat_progress update_channel_run(struct chat_command *command, struct db *db)
{
    struct room_viewer viewer = step_viewer(command);
    struct span key = buf_span(&command->room_key);
    bool hash_needed = is_given(command, CHAT_FIELD_PASSWORD) && command->hash_work == HASH_NONE;
    struct room_state room;
    enum err err = hash_needed ? room_look(db, key, &viewer, &room)
                               : room_lock(db, key, &viewer, false, &room);
    if (err)
        return command_db_failed(command, err);
    err = check_owner(&room);
    if (err)
        return step_refuse(command, db, err);
    const char *problem = password_problem(command, &room);
    if (problem) {
        db_rollback(db);
        return command_invalid(command, "password", problem);
    }
    return hash_needed ? hash_password(command) : update(command, db, &room);
}

/* ---- deleteChannel ---- */

static enum chat_progress end(struct chat_command *command, struct db *db,
                              const struct room_state *room)
{
    struct change change;
    struct change_notice *notices = NULL;
    size_t count = 0;
    change_init(&change, room);
    change_add_row(&change, &(struct change_row){.kind = EVENT_CHANNEL_DELETED,
                                                 .actor = command->actor.user_id});
    enum err err =
        change_commit_end(db, &change, EVENT_INBOX_LEFT, command->actor.user_id, &notices, &count);
    if (err)
        return command_db_failed(command, err);
    step_show_room(command, room);
    command->seq = change.first_seq;
    command->at_us = change.at_us;
    step_add_events(command, &change, span_of(room->name));
    for (size_t i = 0; i < count; i++)
        step_add_notice(command, &change, &notices[i], span_of(room->name));
    mem_free(notices);
    return command_finish(command, ERR_OK);
}

enum chat_progress delete_channel_run(struct chat_command *command, struct db *db)
{
    struct room_viewer viewer = step_viewer(command);
    struct room_state room;
    enum err err = room_lock(db, buf_span(&command->room_key), &viewer, false, &room);
    if (err)
        return command_db_failed(command, err);
    err = check_owner(&room);
    return err ? step_refuse(command, db, err) : end(command, db, &room);
}
