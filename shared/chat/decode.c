/*
 * Decoding: from the bytes of a DTO to a command whose fields have their types and follow the rules
 * about values (rules.h). All problems are collected, so that a client sees them at once. What
 * needs the database is left to the steps.
 */
#include "shared/chat/chat_internal.h"
#include "shared/chat/command_internal.h"

#include "shared/base/json_scan.h"
#include "shared/base/utf8.h"
#include "shared/chat/nonce.h"
#include "shared/chat/rules.h"

#define PAGE_DEFAULT 50

void chat_command_preset(struct chat_command *command, enum chat_field field, struct span value)
{
    struct chat_value *given = &command->values[field];
    given->given = true;
    buf_clear(&given->text);
    buf_add_span(&given->text, value);
}

/* ---- from JSON to values ---- */

static bool is_null(struct span json)
{
    return json_type_of(json) == JSON_NULL;
}

/* The name of a field, for its problems. */
static const char *called(const struct chat_command *command, const struct chat_field_def *def)
{
    const char *name = command->values[def->field].called;
    return name ? name : def->name;
}

static void decode_string(struct chat_command *command, const struct chat_field_def *def,
                          struct span json)
{
    struct chat_value *value = &command->values[def->field];
    if (json_type_of(json) != JSON_STRING || !json_is_unicode(json)) {
        command_problem(command, called(command, def),
                        json_type_of(json) == JSON_STRING ? "holds half of a surrogate pair"
                                                          : "must be a string");
        value->bad = true;
        return;
    }
    json_unescape(json, &value->text);
    value->given = def->type != FIELD_PASSWORD || value->text.len > 0;
}

static void decode_number(struct chat_command *command, const struct chat_field_def *def,
                          struct span json)
{
    struct chat_value *value = &command->values[def->field];
    long long number;
    if (json_type_of(json) != JSON_NUMBER || !json_to_int(json, &number) || number < 0) {
        command_problem(command, def->name, "must be a whole number, 0 or more");
        return;
    }
    value->number = number;
    value->given = true;
}

/* A preset number comes from a path or a query. */
static void convert_preset(struct chat_command *command, const struct chat_field_def *def)
{
    struct span text = buf_span(&command->values[def->field].text);
    if (!utf8_is_valid(text))
        command_problem(command, def->name, "must be valid UTF-8");
    else if (def->type == FIELD_NUMBER)
        decode_number(command, def, json_scan(text, 1) ? SPAN_LIT("null") : text);
}

/* The new name of a channel is "newName", or "name" where the path already says which channel. */
static struct span find_member(struct chat_command *command, const struct chat_field_def *def,
                               struct span object, bool name_in_path)
{
    struct span json = json_member(object, def->name);
    if (span_present(json) || def->field != CHAT_FIELD_NEW_NAME || !name_in_path)
        return json;
    command->values[def->field].called = "name";
    return json_member(object, "name");
}

static void decode_fields(struct chat_command *command, struct span object)
{
    bool name_in_path = command->values[CHAT_FIELD_NAME].given;
    for (const struct chat_field_def *def = command->def->fields; def->name; def++) {
        if (command->values[def->field].given) {
            convert_preset(command, def);
            continue;
        }
        struct span json = find_member(command, def, object, name_in_path);
        if (!span_present(json) || (def->type == FIELD_PASSWORD && is_null(json))) {
            if (def->required)
                command_problem(command, def->name, "is required");
        } else if (def->type == FIELD_NUMBER) {
            decode_number(command, def, json);
        } else {
            decode_string(command, def, json);
        }
    }
}

/* ---- rules of each command ---- */

static bool is_given(const struct chat_command *command, enum chat_field field)
{
    return command->values[field].given;
}

/* Add the problem that `problem` is, if any. */
static void check(struct chat_command *command, const char *field, const char *problem)
{
    if (problem)
        command_problem(command, field, problem);
}

/* The room the command is about; names that no room can have lead to an empty key. */
static void take_room_key(struct chat_command *command, enum chat_field field, const char *name)
{
    if (!is_given(command, field))
        return;
    if (command_text(command, field).len == 0)
        command_problem(command, name, "must not be empty");
    rule_room_key(command_text(command, field), &command->room_key);
}

static void check_room(struct chat_command *command)
{
    take_room_key(command, CHAT_FIELD_NAME, "name");
}

static void check_send(struct chat_command *command)
{
    const struct conf *conf = command->chat->conf;
    struct span text = command_text(command, CHAT_FIELD_TEXT);
    struct span nonce = command_text(command, CHAT_FIELD_NONCE);
    take_room_key(command, CHAT_FIELD_ROOM, "room");
    if (span_present(text))
        check(command, "text", rule_message_text(conf, text));
    if (span_present(nonce) && !nonce_is_valid(nonce, conf_int(conf, CONF_LIMIT_NONCE_CHARS)))
        command_problem(command, "nonce", "must be visible ASCII characters, and not too many");
    char made[NONCE_SERVER_SIZE];
    if (!span_present(nonce)) {
        nonce_make(made);
        nonce = span_of(made);
    }
    buf_add_span(&command->nonce, nonce);
    buf_add_span(&command->text, text);
    digest_make(buf_span(&command->text), command->body_hash);
}

static void check_message(struct chat_command *command)
{
    take_room_key(command, CHAT_FIELD_ROOM, "room");
}

static void check_edit(struct chat_command *command)
{
    struct span text = command_text(command, CHAT_FIELD_TEXT);
    check_message(command);
    if (span_present(text))
        check(command, "text", rule_message_text(command->chat->conf, text));
    buf_add_span(&command->text, text);
}

static void check_user(struct chat_command *command)
{
    struct span username = command_text(command, CHAT_FIELD_USERNAME);
    if (span_present(username) && username.len == 0)
        command_problem(command, "username", "must not be empty");
}

/* False if there is a status and it is none. */
static bool check_status(struct chat_command *command)
{
    struct span status = command_text(command, CHAT_FIELD_STATUS);
    bool direct_allowed = command->def->verb == CHAT_CREATE_CHANNEL;
    if (!span_present(status))
        return true;
    bool known = room_status_parse(status, &command->status) &&
                 (command->status != ROOM_DIRECT || direct_allowed);
    if (!known)
        command_problem(command, "status",
                        direct_allowed ? "must be PUBLIC, PRIVATE or DIRECT"
                                       : "must be PUBLIC or PRIVATE");
    return known;
}

/* A password that comes with a PUBLIC channel is a misunderstanding that must not pass silently. */
static void check_password(struct chat_command *command, bool required)
{
    struct span password = command_text(command, CHAT_FIELD_PASSWORD);
    bool has_status = is_given(command, CHAT_FIELD_STATUS);
    if (!span_present(password)) {
        bool missing = !command->values[CHAT_FIELD_PASSWORD].bad;
        if (missing && required && has_status && command->status == ROOM_PRIVATE)
            command_problem(command, "password", "is required for a PRIVATE channel");
    } else if (has_status && command->status != ROOM_PRIVATE) {
        command_problem(command, "password", "is for PRIVATE channels only");
    } else {
        check(command, "password", rule_room_password(command->chat->conf, password));
    }
}

static void check_create(struct chat_command *command)
{
    struct span name = command_text(command, CHAT_FIELD_NAME);
    if (check_status(command))
        check_password(command, true);
    if (!span_present(name))
        return;
    if (command->status == ROOM_DIRECT && is_given(command, CHAT_FIELD_STATUS)) {
        check(command, "name", name.len == 0 ? "must not be empty" : NULL);
        return;
    }
    check(command, "name", rule_channel_name(command->chat->conf, name));
    rule_room_key(name, &command->room_key);
}

static void check_update(struct chat_command *command)
{
    struct span new_name = command_text(command, CHAT_FIELD_NEW_NAME);
    check_room(command);
    if (check_status(command))
        check_password(command, false);
    const char *given_as = command->values[CHAT_FIELD_NEW_NAME].called;
    if (span_present(new_name))
        check(command, given_as ? given_as : "newName",
              rule_channel_name(command->chat->conf, new_name));
    if (command->problems.len == 0 && !span_present(new_name) &&
        !is_given(command, CHAT_FIELD_STATUS) && !is_given(command, CHAT_FIELD_PASSWORD) &&
        !is_given(command, CHAT_FIELD_OWNER))
        command_problem(command, "",
                        "must have at least one of status, password, owner and a new name");
}

static void check_moderation(struct chat_command *command)
{
    const struct conf *conf = command->chat->conf;
    const struct chat_value *seconds = &command->values[CHAT_FIELD_SECONDS];
    struct span reason = command_text(command, CHAT_FIELD_REASON);
    take_room_key(command, CHAT_FIELD_ROOM, "room");
    if (is_given(command, CHAT_FIELD_USERNAME) &&
        command_text(command, CHAT_FIELD_USERNAME).len == 0)
        command_problem(command, "username", "must not be empty");
    if (seconds->given &&
        (seconds->number < 1 || seconds->number > conf_int(conf, CONF_LIMIT_SANCTION_S)))
        command_problem(command, "seconds", "is out of range");
    if (span_present(reason))
        check(command, "reason", rule_reason(conf, reason));
}

static void check_history(struct chat_command *command)
{
    struct chat_value *limit = &command->values[CHAT_FIELD_LIMIT];
    int64_t max = conf_int(command->chat->conf, CONF_LIMIT_PAGE);
    take_room_key(command, CHAT_FIELD_ROOM, "room");
    if (!limit->given)
        limit->number = max < PAGE_DEFAULT ? max : PAGE_DEFAULT;
    else if (limit->number < 1 || limit->number > max)
        command_problem(command, "limit", "is out of range");
    if (is_given(command, CHAT_FIELD_BEFORE) && is_given(command, CHAT_FIELD_AFTER))
        command_problem(command, "after", "must not come with before");
}

typedef void check_fn(struct chat_command *command);

static check_fn *const checks[CHAT_VERB_COUNT] = {
    [CHAT_SEND_MESSAGE] = check_send,       [CHAT_CREATE_CHANNEL] = check_create,
    [CHAT_JOIN_CHANNEL] = check_room,       [CHAT_LEAVE_CHANNEL] = check_room,
    [CHAT_UPDATE_CHANNEL] = check_update,   [CHAT_DELETE_CHANNEL] = check_room,
    [CHAT_EDIT_MESSAGE] = check_edit,       [CHAT_DELETE_MESSAGE] = check_message,
    [CHAT_MARK_READ] = check_message,       [CHAT_BLOCK_USER] = check_user,
    [CHAT_UNBLOCK_USER] = check_user,       [CHAT_ADD_ADMIN] = check_moderation,
    [CHAT_REMOVE_ADMIN] = check_moderation, [CHAT_MUTE_USER] = check_moderation,
    [CHAT_UNMUTE_USER] = check_moderation,  [CHAT_BAN_USER] = check_moderation,
    [CHAT_UNBAN_USER] = check_moderation,   [CHAT_KICK_USER] = check_moderation,
    [CHAT_GET_HISTORY] = check_history,
};

/* ---- all of it ---- */

static const char *object_problem(const struct chat_command *command, struct span json)
{
    if (json_scan(json, (int)conf_int(command->chat->conf, CONF_LIMIT_JSON_DEPTH)))
        return "must be valid JSON";
    return json_type_of(json) == JSON_OBJECT ? NULL : "must be an object";
}

/* What reaches a whole channel as a message does. */
static bool is_like_a_send(enum chat_verb verb)
{
    return verb == CHAT_SEND_MESSAGE || verb == CHAT_EDIT_MESSAGE ||
           checks[verb] == check_moderation;
}

/* Only what is valid is charged: the rest costs a scan. Whatever else changes something is a
 * command. */
static enum err charge(struct chat_command *command)
{
    if (command->is_part)
        return ERR_OK;
    if (command->def->verb == CHAT_MARK_READ)
        command->retry_after_ms = chat_limit_mark(command->chat, command->actor.user_id);
    else if (is_like_a_send(command->def->verb))
        command->retry_after_ms = chat_limit_send(command->chat, command->actor.user_id);
    else if (command->def->flags & CHAT_BARRIER)
        command->retry_after_ms = chat_limit_command(command->chat, command->actor.user_id);
    return command->retry_after_ms > 0 ? ERR_RATE_LIMITED : ERR_OK;
}

enum err chat_command_decode(struct chat_command *command, struct span json)
{
    if (json.len == 0) /* no body, no argument */
        json = SPAN_LIT("{}");
    const char *problem = object_problem(command, json);
    if (problem) {
        command_problem(command, "", problem);
    } else {
        decode_fields(command, json);
        checks[command->def->verb](command);
    }
    enum err err = command->problems.len > 0 ? ERR_VALIDATION_FAILED : charge(command);
    if (err)
        (void)command_finish(command, err);
    return err;
}
