/* createChannel: a PUBLIC or PRIVATE channel, or the direct room of two users. */
#include "shared/chat/step.h"

#include "shared/chat/chat_internal.h"
#include "shared/chat/rules.h"
#include "shared/store/block.h"
#include "shared/store/user.h"

/* ---- PUBLIC and PRIVATE ---- */

static enum chat_progress fill(struct chat_command *command, struct db *db,
                               const struct room_state *room)
{
    const struct chat_actor *actor = &command->actor;
    struct step_work work;
    step_begin(&work, room, actor->user_id);
    step_add_entry(&work, &(struct step_member){.user_id = actor->user_id,
                                                .username = actor->username,
                                                .role = ROLE_OWNER});
    step_add_system(&work, actor->username, "created the channel", "");
    return step_commit(command, db, &work, room, ROLE_OWNER);
}

/* Before a hash is computed: is there any hope? What is found here is checked again later. */
static enum chat_progress prepare_private(struct chat_command *command, struct db *db)
{
    struct room_viewer viewer = step_viewer(command);
    struct room_state room;
    enum err err = room_look(db, buf_span(&command->room_key), &viewer, &room);
    if (err)
        return command_db_failed(command, err);
    if (!room.alive)
        return command_finish(command, ERR_UNAUTHENTICATED);
    if (room.id != 0)
        return command_finish(command, ERR_NAME_TAKEN);
    command->retry_after_ms = chat_limit_private_room(command->chat, viewer.user_id);
    if (command->retry_after_ms > 0)
        return command_finish(command, ERR_RATE_LIMITED);
    return command_want_hash(command);
}

static enum chat_progress create_named(struct chat_command *command, struct db *db)
{
    struct room_viewer viewer = step_viewer(command);
    struct room_state room;
    bool is_private = command->status == ROOM_PRIVATE;
    if (is_private && command->hash_work == HASH_NONE)
        return prepare_private(command, db);
    enum err err =
        room_make(db, command_text(command, CHAT_FIELD_NAME), buf_span(&command->room_key),
                  is_private ? command->hash : NULL, &viewer, &room);
    if (err)
        return command_db_failed(command, err);
    err = room.alive ? step_check_room_count(command, &room) : ERR_UNAUTHENTICATED;
    if (err)
        return step_refuse(command, db, err);
    return fill(command, db, &room);
}

/* ---- DIRECT ---- */

/* The two usernames in ASCII order, joined by @. */
static void direct_name(const char *one, const char *two, struct buf *out)
{
    bool ordered = strcmp(one, two) < 0;
    buf_addf(out, "%s@%s", ordered ? one : two, ordered ? two : one);
}

static enum chat_progress fill_direct(struct chat_command *command, struct db *db,
                                      const struct room_state *room, const struct user_row *other)
{
    const struct chat_actor *actor = &command->actor;
    struct step_work work;
    step_begin(&work, room, actor->user_id);
    step_add_entry(&work,
                   &(struct step_member){.user_id = actor->user_id, .username = actor->username});
    step_add_entry(&work, &(struct step_member){.user_id = other->id, .username = other->username});
    step_add_system(&work, actor->username, "opened a conversation with ", other->username);
    change_add_notice(&work.change, &(struct change_notice){.user_id = other->id,
                                                            .kind = EVENT_INBOX_DIRECT_OPENED,
                                                            .actor = actor->user_id});
    return step_commit(command, db, &work, room, ROLE_NONE);
}

/* Both users are locked, as by whoever blocks: no block appears before we commit. */
static enum err check_new_direct(struct chat_command *command, struct db *db,
                                 const struct room_state *room, const struct user_row *other)
{
    bool blocked = false;
    if (!room->alive)
        return ERR_UNAUTHENTICATED;
    enum err err = step_check_room_count(command, room);
    if (!err)
        err = block_between(db, command->actor.user_id, other->id, &blocked);
    return !err && blocked ? ERR_BLOCKED : err;
}

static enum chat_progress open_direct(struct chat_command *command, struct db *db,
                                      const struct user_row *other)
{
    struct room_viewer viewer = step_viewer(command);
    struct room_state room;
    struct buf name;
    bool made = false;
    buf_init(&name, BUF_MAX_DEFAULT);
    direct_name(command->actor.username, other->username, &name);
    buf_clear(&command->room_key);
    rule_room_key(buf_span(&name), &command->room_key);
    enum err err = room_make_direct(db, buf_span(&name), buf_span(&command->room_key), other->id,
                                    &viewer, &made, &room);
    buf_release(&name);
    if (err)
        return command_db_failed(command, err);
    if (made) {
        err = check_new_direct(command, db, &room, other);
        return err ? step_refuse(command, db, err) : fill_direct(command, db, &room, other);
    }
    err = step_check_found(&room);
    if (err)
        return command_finish(command, err);
    command->replay = true;
    step_show_room(command, &room);
    return command_finish(command, ERR_OK);
}

static enum chat_progress create_direct(struct chat_command *command, struct db *db)
{
    const struct chat_actor *actor = &command->actor;
    struct user_row other;
    struct buf key;
    buf_init(&key, BUF_MAX_DEFAULT);
    rule_username_key(command_text(command, CHAT_FIELD_NAME), &key);
    enum err err = user_view(db, actor->session_id, actor->user_id, buf_span(&key), &other);
    buf_release(&key);
    if (err)
        return command_db_failed(command, err);
    if (other.id == actor->user_id)
        return command_invalid(command, "name", "must be another user");
    return open_direct(command, db, &other);
}

enum chat_progress create_channel_run(struct chat_command *command, struct db *db)
{
    return command->status == ROOM_DIRECT ? create_direct(command, db) : create_named(command, db);
}
