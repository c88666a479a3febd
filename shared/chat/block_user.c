/*
 * blockUser and unblockUser. They decide nothing about messages: what is hidden is filtered by the
 * author wherever messages are read or delivered, and the direct room of the two refuses sends.
 */
#include "shared/chat/step.h"

#include "shared/chat/chat_internal.h"
#include "shared/chat/render.h"
#include "shared/chat/rules.h"
#include "shared/store/block.h"
#include "shared/store/user.h"

static const enum err verdict_errors[] = {
    [BLOCK_WRITTEN] = ERR_OK,
    [BLOCK_NO_CHANGE] = ERR_OK,
    [BLOCK_UNAUTHENTICATED] = ERR_UNAUTHENTICATED,
    [BLOCK_TOO_MANY] = ERR_FORBIDDEN,
};

static void tell(struct chat_command *command, const struct block_change *change,
                 const struct block_outcome *outcome)
{
    const struct log_row row = {
        .log = LOG_INBOX,
        .log_id = command->actor.user_id,
        .seq = outcome->inbox_seq,
        .kind = (enum event_kind)change->inbox_kind,
        .actor = change->other,
        .at_us = outcome->at_us,
    };
    render_to_event(&row, event_list_add(&command->events));
}

static enum chat_progress change_block(struct chat_command *command, struct db *db, int64_t other)
{
    const struct room_viewer viewer = step_viewer(command);
    bool blocks = command->def->verb == CHAT_BLOCK_USER;
    const struct block_change change = {
        .other = other,
        .block = blocks,
        .inbox_kind = blocks ? EVENT_INBOX_BLOCKED : EVENT_INBOX_UNBLOCKED,
        .max = conf_int(command->chat->conf, CONF_LIMIT_BLOCKS_PER_USER),
    };
    struct block_outcome outcome;
    enum err err = block_write(db, &viewer, &change, &outcome);
    if (err)
        return command_db_failed(command, err);
    if (outcome.verdict == BLOCK_AGAIN)
        return CHAT_BUSY;
    if (outcome.verdict == BLOCK_TOO_MANY)
        command->reason = "You have blocked too many users.";
    if (outcome.verdict == BLOCK_WRITTEN)
        tell(command, &change, &outcome);
    command->replay = outcome.verdict == BLOCK_NO_CHANGE;
    return command_finish(command, verdict_errors[outcome.verdict]);
}

enum chat_progress block_user_run(struct chat_command *command, struct db *db)
{
    struct user_row other;
    struct buf key;
    buf_init(&key, BUF_MAX_DEFAULT);
    rule_username_key(command_text(command, CHAT_FIELD_USERNAME), &key);
    enum err err =
        user_view(db, command->actor.session_id, command->actor.user_id, buf_span(&key), &other);
    buf_release(&key);
    if (err)
        return command_db_failed(command, err);
    if (other.id == command->actor.user_id)
        return command_invalid(command, "username", "must be somebody else's");
    snprintf(command->username, sizeof command->username, "%s", other.username);
    return change_block(command, db, other.id);
}
