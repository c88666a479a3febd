/*
 * editMessage and deleteMessage: the message changes in place, and one row of the log says so. They
 * are no sends: they do not go through the batch writer, and are barriers among one connection's
 * commands.
 */
#include "shared/chat/step.h"

#include "shared/chat/permission.h"
#include "shared/chat/render.h"
#include "shared/store/edit.h"

/* What both see under the room's lock. */
struct scene {
    struct room_state room;
    struct edit_target target;
    int64_t seq;
};

static enum err check_room(struct chat_command *command, const struct room_state *room)
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

static enum err refuse_for(struct chat_command *command, const char *reason)
{
    command->reason = reason;
    return ERR_FORBIDDEN;
}

static enum err check_edit(struct chat_command *command, const struct scene *scene)
{
    const struct edit_target *target = &scene->target;
    if (target->muted_until_us != 0) {
        command->until_us = target->muted_until_us;
        return ERR_MUTED;
    }
    if (target->blocked)
        return ERR_BLOCKED;
    if (!target->found || target->deleted_us != 0)
        return ERR_MESSAGE_NOT_FOUND;
    if (target->kind != EVENT_TEXT)
        return refuse_for(command, "System messages cannot be edited.");
    if (target->author != command->actor.user_id)
        return refuse_for(command, "Only its author can edit a message.");
    return ERR_OK;
}

/* One's own, or one of a user below: an admin's or owner's right. Who is muted or blocked may still
 * take back what was said. */
static enum err check_delete(struct chat_command *command, const struct scene *scene)
{
    const struct edit_target *target = &scene->target;
    const struct permission_target author = {.is_member = target->author_role != ROLE_NONE,
                                             .role = target->author_role};
    if (!target->found)
        return ERR_MESSAGE_NOT_FOUND;
    if (target->kind != EVENT_TEXT)
        return refuse_for(command, "System messages cannot be deleted.");
    if (target->author == command->actor.user_id ||
        permission_check(command->def->verb, scene->room.role, &author) == ERR_OK)
        return ERR_OK;
    return refuse_for(command, "You may not delete this message.");
}

/* ---- the result ---- */

static struct message_view view_of(const struct scene *scene)
{
    const struct edit_target *target = &scene->target;
    return (struct message_view){
        .seq = scene->seq,
        .kind = EVENT_TEXT,
        .sender = target->sender,
        .text = target->text,
        .nonce = target->nonce,
        .at_us = target->at_us,
        .edited_us = target->edited_us,
        .deleted_us = target->deleted_us,
    };
}

static void show(struct chat_command *command, const struct scene *scene)
{
    const struct edit_target *target = &scene->target;
    step_show_room(command, &scene->room);
    command->seq = scene->seq;
    command->at_us = target->at_us;
    command->edited_us = target->edited_us;
    buf_clear(&command->nonce);
    if (span_present(target->nonce))
        buf_add_span(&command->nonce, target->nonce);
}

/* Nothing changes: it says that already, it is gone already. */
static enum chat_progress leave_as_it_is(struct chat_command *command, struct db *db,
                                         const struct scene *scene)
{
    show(command, scene);
    command->replay = true;
    return step_refuse(command, db, ERR_OK);
}

static enum chat_progress commit(struct chat_command *command, struct db *db, struct scene *scene,
                                 enum event_kind kind)
{
    const struct edit edit = {
        .room_id = scene->room.id,
        .seq = scene->seq,
        .text = scene->target.text,
        .event_seq = scene->room.last_seq + 1,
        .kind = (int)kind,
        .actor = command->actor.user_id,
        .at_us = scene->room.now_us,
        .taken_from = scene->target.author != command->actor.user_id ? scene->target.author : 0,
    };
    enum err err = edit_commit(db, &edit);
    if (err)
        return command_db_failed(command, err);
    scene->room.last_seq = edit.event_seq;
    show(command, scene);
    command->event_seq = edit.event_seq;
    const struct log_row row = {
        .log = LOG_ROOM,
        .log_id = edit.room_id,
        .seq = edit.event_seq,
        .kind = kind,
        .actor = edit.actor,
        .author = scene->target.author,
        .at_us = edit.at_us,
        .room_name = span_of(scene->room.name),
        .message = view_of(scene),
    };
    render_to_event(&row, event_list_add(&command->events));
    return command_finish(command, ERR_OK);
}

/* ---- steps ---- */

typedef enum err check_fn(struct chat_command *command, const struct scene *scene);

/* Lock the room and look; on ERR_OK the transaction is open and the change allowed. Spans of the
 * scene are borrowed from `rows`. */
static enum chat_progress begin(struct chat_command *command, struct db *db, check_fn *check,
                                struct scene *scene, struct db_result *rows)
{
    struct room_viewer viewer = step_viewer(command);
    enum err err = room_lock(db, buf_span(&command->room_key), &viewer, false, &scene->room);
    if (err)
        return command_db_failed(command, err);
    err = check_room(command, &scene->room);
    if (err)
        return step_refuse(command, db, err);
    scene->seq = command->values[CHAT_FIELD_SEQ].number;
    err = edit_look(db, &scene->room, scene->seq, viewer.user_id, rows, &scene->target);
    if (err)
        return command_db_failed(command, err);
    err = check(command, scene);
    return err ? step_refuse(command, db, err) : CHAT_DONE;
}

enum chat_progress edit_message_run(struct chat_command *command, struct db *db)
{
    struct scene scene;
    struct db_result rows = {0};
    enum chat_progress progress = begin(command, db, check_edit, &scene, &rows);
    if (progress == CHAT_DONE && !command->done) {
        struct span text = buf_span(&command->text);
        if (span_equal(scene.target.text, text)) {
            progress = leave_as_it_is(command, db, &scene);
        } else {
            scene.target.text = text;
            scene.target.edited_us = scene.room.now_us;
            progress = commit(command, db, &scene, EVENT_MESSAGE_UPDATED);
        }
    }
    db_result_release(&rows);
    return progress;
}

enum chat_progress delete_message_run(struct chat_command *command, struct db *db)
{
    struct scene scene;
    struct db_result rows = {0};
    enum chat_progress progress = begin(command, db, check_delete, &scene, &rows);
    if (progress == CHAT_DONE && !command->done) {
        if (scene.target.deleted_us != 0) {
            progress = leave_as_it_is(command, db, &scene);
        } else {
            scene.target.text = SPAN_NONE;
            scene.target.deleted_us = scene.room.now_us;
            progress = commit(command, db, &scene, EVENT_MESSAGE_DELETED);
        }
    }
    db_result_release(&rows);
    return progress;
}
