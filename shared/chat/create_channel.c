/* createChannel: a PUBLIC or PRIVATE channel, or the direct room of two users. */
#include "shared/chat/step.h"

#include "shared/chat/chat_internal.h"
#include "shared/chat/rules.h"
#include "shared/store/user.h"

/* ---- PUBLIC and PRIVATE ---- */

static enum chat_progress fill(struct chat_command *command, struct db *db,
                               const struct room_state *room)
{
    const struct chat_actor *actor = &command->actor;
    struct step_texts texts;
    struct change change;
    step_texts_init(&texts);
    change_init(&change, room);
    int64_t seq = change_add_row(
        &change, &(struct change_row){
                     .kind = EVENT_MEMBER_JOINED,
                     .actor = actor->user_id,
                     .subject = actor->user_id,
                     .payload = step_member_payload(&texts, actor->username, ROLE_OWNER),
                 });
    change_add_row(&change,
                   &(struct change_row){
                       .kind = EVENT_SYSTEM,
                       .text = step_sentence(&texts, actor->username, "created the channel", ""),
                   });
    change_add_member(
        &change, &(struct change_member){actor->user_id, CHANGE_ENTER, ROLE_OWNER, .seq = seq});
    change_add_notice(&change, &(struct change_notice){.user_id = actor->user_id,
                                                       .kind = EVENT_INBOX_JOINED,
                                                       .actor = actor->user_id,
                                                       .room_seq = seq});
    enum chat_progress progress = step_commit(command, db, &change, room, ROLE_OWNER);
    step_texts_release(&texts);
    return progress;
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

static int64_t add_direct_member(struct change *change, struct step_texts *texts, int64_t actor,
                                 int64_t user_id, const char *username)
{
    int64_t seq =
        change_add_row(change, &(struct change_row){
                                   .kind = EVENT_MEMBER_JOINED,
                                   .actor = actor,
                                   .subject = user_id,
                                   .payload = step_member_payload(texts, username, ROLE_NONE),
                               });
    change_add_member(change,
                      &(struct change_member){user_id, CHANGE_ENTER, ROLE_NONE, .seq = seq});
    change_add_notice(change, &(struct change_notice){.user_id = user_id,
                                                      .kind = EVENT_INBOX_JOINED,
                                                      .actor = actor,
                                                      .room_seq = seq});
    return seq;
}

static enum chat_progress fill_direct(struct chat_command *command, struct db *db,
                                      const struct room_state *room, const struct user_row *other)
{
    const struct chat_actor *actor = &command->actor;
    struct step_texts texts;
    struct change change;
    step_texts_init(&texts);
    change_init(&change, room);
    add_direct_member(&change, &texts, actor->user_id, actor->user_id, actor->username);
    add_direct_member(&change, &texts, actor->user_id, other->id, other->username);
    struct span text =
        step_sentence(&texts, actor->username, "opened a conversation with ", other->username);
    change_add_row(&change, &(struct change_row){.kind = EVENT_SYSTEM, .text = text});
    change_add_notice(&change, &(struct change_notice){.user_id = other->id,
                                                       .kind = EVENT_INBOX_DIRECT_OPENED,
                                                       .actor = actor->user_id});
    enum chat_progress progress = step_commit(command, db, &change, room, ROLE_NONE);
    step_texts_release(&texts);
    return progress;
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
        err = room.alive ? step_check_room_count(command, &room) : ERR_UNAUTHENTICATED;
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
