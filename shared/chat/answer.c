/*
 * Answers: what a finished command tells its client, as the body of a Socket.IO event and ack, and
 * as a REST resource. It reads the command and changes nothing.
 */
#include "shared/chat/command_internal.h"

#include "shared/base/json_write.h"
#include "shared/chat/channel.h"
#include "shared/chat/nonce.h"
#include "shared/chat/render.h"

static const char *const sentences[CHAT_VERB_COUNT] = {
    [CHAT_SEND_MESSAGE] = "Message sent.",      [CHAT_CREATE_CHANNEL] = "Channel created.",
    [CHAT_JOIN_CHANNEL] = "Channel joined.",    [CHAT_LEAVE_CHANNEL] = "Channel left.",
    [CHAT_UPDATE_CHANNEL] = "Channel updated.", [CHAT_DELETE_CHANNEL] = "Channel deleted.",
    [CHAT_EDIT_MESSAGE] = "Message edited.",    [CHAT_DELETE_MESSAGE] = "Message deleted.",
    [CHAT_MARK_READ] = "Marked as read.",       [CHAT_BLOCK_USER] = "User blocked.",
    [CHAT_UNBLOCK_USER] = "User unblocked.",    [CHAT_ADD_ADMIN] = "Admin added.",
    [CHAT_REMOVE_ADMIN] = "Admin removed.",     [CHAT_MUTE_USER] = "User muted.",
    [CHAT_UNMUTE_USER] = "User unmuted.",       [CHAT_BAN_USER] = "User banned.",
    [CHAT_UNBAN_USER] = "User unbanned.",       [CHAT_KICK_USER] = "User kicked.",
    [CHAT_GET_HISTORY] = "History read.",
};

static struct span shown_nonce(const struct chat_command *command)
{
    struct span nonce = buf_span(&command->nonce);
    return nonce.len == 0 || nonce_is_server_made(nonce) ? SPAN_NONE : nonce;
}

static struct span room_name(const struct chat_command *command)
{
    return span_of(command->room.name ? command->room.name : "");
}

/* Seconds, rounded up, at least one. */
static int64_t retry_after_s(const struct chat_command *command)
{
    return command->retry_after_ms > 0 ? (command->retry_after_ms + 999) / 1000 : 1;
}

/* Until when; null: for good. Nothing if there is no such time. */
static void write_until(const struct chat_command *command, struct json_writer *w, const char *key)
{
    if (command->until_us == INT64_MAX)
        json_null(w, key);
    else if (command->until_us != 0)
        json_date(w, key, command->until_us);
}

static void write_error(const struct chat_command *command, struct json_writer *w)
{
    enum err err = command->err;
    json_cstr(w, "message", command->reason ? command->reason : err_message(err));
    json_cstr(w, "code", err_code(err));
    if (err == ERR_VALIDATION_FAILED) {
        json_array(w, "errors");
        if (command->problems.len > 0)
            json_raw(w, NULL, buf_span(&command->problems));
        json_array_end(w);
    }
    if (err == ERR_RATE_LIMITED)
        json_int(w, "retryAfter", retry_after_s(command));
    if (err == ERR_MUTED || err == ERR_BANNED)
        write_until(command, w, "until");
}

static void write_success(const struct chat_command *command, struct json_writer *w)
{
    enum chat_verb verb = command->def->verb;
    json_cstr(w, "message", sentences[verb]);
    if (verb == CHAT_BLOCK_USER || verb == CHAT_UNBLOCK_USER) {
        json_cstr(w, "username", command->username);
        return;
    }
    json_string(w, "room", room_name(command));
    if (command->username[0] && verb != CHAT_UPDATE_CHANNEL) {
        json_cstr(w, "username", command->username);
        write_until(command, w, "until");
    }
    if (verb == CHAT_SEND_MESSAGE || verb == CHAT_JOIN_CHANNEL || verb == CHAT_EDIT_MESSAGE ||
        verb == CHAT_DELETE_MESSAGE || verb == CHAT_MARK_READ)
        json_int(w, "seq", command->seq);
    if (command->event_seq != 0)
        json_int(w, "eventSeq", command->event_seq);
    if (verb == CHAT_SEND_MESSAGE && span_present(shown_nonce(command)))
        json_string(w, "nonce", shown_nonce(command));
    if (verb == CHAT_GET_HISTORY) {
        json_raw(w, "messages", buf_span(&command->page));
        json_bool(w, "hasMore", command->has_more);
    }
}

void chat_command_body(const struct chat_command *command, struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w, NULL);
    if (command->err)
        write_error(command, &w);
    else
        write_success(command, &w);
    json_object_end(&w);
}

static void write_message(const struct chat_command *command, struct json_writer *w)
{
    struct message_view message = {
        .seq = command->seq,
        .kind = EVENT_TEXT,
        .sender = span_of(command->actor.username),
        .text = buf_span(&command->text),
        .nonce = shown_nonce(command),
        .at_us = command->at_us,
        .edited_us = command->edited_us,
    };
    render_message(w, NULL, room_name(command), &message);
}

/* What became of somebody. */
static void write_standing(const struct chat_command *command, struct json_writer *w)
{
    json_object(w, NULL);
    json_cstr(w, "username", command->username);
    if (command->def->verb == CHAT_ADD_ADMIN)
        json_cstr(w, "role", room_role_name(ROLE_ADMIN));
    write_until(command, w, command->def->verb == CHAT_BAN_USER ? "bannedUntil" : "mutedUntil");
    json_object_end(w);
}

static void write_page(const struct chat_command *command, struct json_writer *w)
{
    json_object(w, NULL);
    json_raw(w, "messages", buf_span(&command->page));
    json_bool(w, "hasMore", command->has_more);
    json_object_end(w);
}

static void write_marker(const struct chat_command *command, struct json_writer *w)
{
    json_object(w, NULL);
    json_string(w, "room", room_name(command));
    json_int(w, "lastReadSeq", command->seq);
    json_object_end(w);
}

void chat_command_resource(const struct chat_command *command, struct buf *out)
{
    struct json_writer w;
    if (command->err)
        return;
    json_begin(&w, out);
    switch (command->def->verb) {
    case CHAT_SEND_MESSAGE:
    case CHAT_EDIT_MESSAGE:
        write_message(command, &w);
        break;
    case CHAT_CREATE_CHANNEL:
    case CHAT_JOIN_CHANNEL:
    case CHAT_UPDATE_CHANNEL:
        channel_render(&w, NULL, &command->room);
        break;
    case CHAT_ADD_ADMIN:
    case CHAT_MUTE_USER:
    case CHAT_BAN_USER:
        write_standing(command, &w);
        break;
    case CHAT_MARK_READ:
        write_marker(command, &w);
        break;
    case CHAT_GET_HISTORY:
        write_page(command, &w);
        break;
    default:
        break;
    }
}

void chat_command_errors(const struct chat_command *command, struct buf *out)
{
    buf_add_char(out, '[');
    buf_add_span(out, buf_span(&command->problems));
    buf_add_char(out, ']');
}
