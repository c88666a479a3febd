/* joinChannel: entering a PUBLIC channel, or a PRIVATE one with its password. */
#include "shared/chat/step.h"

#include "shared/chat/chat_internal.h"

static enum err check_join(struct chat_command *command, const struct room_state *room)
{
    enum err err = step_check_found(room);
    if (err)
        return err;
    if (room->status == ROOM_DIRECT)
        return ERR_FORBIDDEN;
    if (room->is_member)
        return ERR_ALREADY_MEMBER;
    command->until_us = room->banned_until_us;
    return room->banned_until_us != 0 ? ERR_BANNED : ERR_OK;
}

/* The account of the limit: who tries, not which room, or many rooms would give many tries. Apart
 * from that of logging in, which a forgotten room password must not prevent. */
struct account {
    char text[TOKEN_USERNAME_SIZE + 16];
};

static struct span account_of(const struct chat_command *command, struct account *account)
{
    snprintf(account->text, sizeof account->text, "rooms of %s", command->actor.username);
    return span_of(account->text);
}

static enum chat_progress verify(struct chat_command *command, const struct room_state *room)
{
    struct account account;
    if (command->hash_count == 0)
        /* cppcheck-suppress ctuuninitvar ; account_of() sets it */
        command->retry_after_ms = chat_limit_password(command->chat, account_of(command, &account),
                                                      command->actor.address);
    if (command->retry_after_ms > 0)
        return command_finish(command, ERR_RATE_LIMITED);
    return command_want_verify(command, room->password_hash);
}

static bool has_password(const struct chat_command *command)
{
    return span_present(command_text(command, CHAT_FIELD_PASSWORD));
}

/* Was the password compared with the hash that the room has now? */
static bool is_verified(const struct chat_command *command, const struct room_state *room)
{
    return command->hash_work == HASH_MATCHED && strcmp(command->hash, room->password_hash) == 0;
}

static enum chat_progress enter(struct chat_command *command, struct db *db,
                                const struct room_state *room)
{
    const struct chat_actor *actor = &command->actor;
    struct step_work work;
    step_begin(&work, room, actor->user_id);
    step_add_entry(&work, &(struct step_member){.user_id = actor->user_id,
                                                .username = actor->username,
                                                .role = ROLE_USER});
    step_add_system(&work, actor->username, "joined", "");
    return step_commit(command, db, &work, room, ROLE_USER);
}

enum chat_progress join_channel_run(struct chat_command *command, struct db *db)
{
    struct room_viewer viewer = step_viewer(command);
    struct span key = buf_span(&command->room_key);
    struct room_state room;
    if (command->hash_work == HASH_DIFFERED)
        return command_finish(command, ERR_WRONG_PASSWORD);
    if (has_password(command) && command->hash_work == HASH_NONE) {
        enum err err = room_look(db, key, &viewer, &room);
        if (err)
            return command_db_failed(command, err);
        err = check_join(command, &room);
        if (err)
            return command_finish(command, err);
        if (room.status == ROOM_PRIVATE)
            return verify(command, &room);
    }
    enum err err = room_lock(db, key, &viewer, true, &room);
    if (err)
        return command_db_failed(command, err);
    err = check_join(command, &room);
    if (!err)
        err = step_check_room_count(command, &room);
    if (!err && room.status == ROOM_PRIVATE && !has_password(command))
        err = ERR_WRONG_PASSWORD;
    if (err)
        return step_refuse(command, db, err);
    if (room.status == ROOM_PRIVATE && !is_verified(command, &room)) {
        db_rollback(db);
        return verify(command, &room);
    }
    struct account account;
    enum chat_progress progress = enter(command, db, &room);
    if (progress == CHAT_DONE && !command->err && command->hash_count > 0)
        chat_limit_password_passed(command->chat, account_of(command, &account),
                                   command->actor.address);
    return progress;
}
