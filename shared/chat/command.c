/*
 * Commands: the table, the life of one, and what its steps have in common. Decoding is in decode.c,
 * answering in answer.c, each verb's rules in a file of its own.
 */
#include "shared/chat/chat_internal.h"
#include "shared/chat/command_internal.h"

#include <assert.h>

#include "shared/base/clock.h"
#include "shared/base/json_write.h"
#include "shared/base/mem.h"

/* How long somebody is asked to wait who found the line of the hash gate full. */
#define GATE_RETRY_MS 1000

/* A password that changes under our feet is verified anew this often, then we give up. */
#define HASH_COUNT_MAX 4

static const struct chat_field_def fields_CHAT_SEND_MESSAGE[] = {
    {"room", CHAT_FIELD_ROOM, FIELD_STRING, true},
    {"text", CHAT_FIELD_TEXT, FIELD_STRING, true},
    {"nonce", CHAT_FIELD_NONCE, FIELD_STRING, false},
    {0},
};
static const struct chat_field_def fields_CHAT_CREATE_CHANNEL[] = {
    {"name", CHAT_FIELD_NAME, FIELD_STRING, true},
    {"status", CHAT_FIELD_STATUS, FIELD_STRING, true},
    {"password", CHAT_FIELD_PASSWORD, FIELD_PASSWORD, false},
    {0},
};
static const struct chat_field_def fields_CHAT_JOIN_CHANNEL[] = {
    {"name", CHAT_FIELD_NAME, FIELD_STRING, true},
    {"password", CHAT_FIELD_PASSWORD, FIELD_PASSWORD, false},
    {0},
};
static const struct chat_field_def fields_CHAT_LEAVE_CHANNEL[] = {
    {"name", CHAT_FIELD_NAME, FIELD_STRING, true},
    {0},
};
static const struct chat_field_def fields_CHAT_DELETE_CHANNEL[] = {
    {"name", CHAT_FIELD_NAME, FIELD_STRING, true},
    {0},
};
static const struct chat_field_def fields_CHAT_UPDATE_CHANNEL[] = {
    {"name", CHAT_FIELD_NAME, FIELD_STRING, true},
    {"status", CHAT_FIELD_STATUS, FIELD_STRING, false},
    {"password", CHAT_FIELD_PASSWORD, FIELD_PASSWORD, false},
    {"newName", CHAT_FIELD_NEW_NAME, FIELD_STRING, false},
    {"owner", CHAT_FIELD_OWNER, FIELD_STRING, false},
    {0},
};
static const struct chat_field_def fields_CHAT_EDIT_MESSAGE[] = {
    {"room", CHAT_FIELD_ROOM, FIELD_STRING, true},
    {"seq", CHAT_FIELD_SEQ, FIELD_NUMBER, true},
    {"text", CHAT_FIELD_TEXT, FIELD_STRING, true},
    {0},
};
static const struct chat_field_def fields_CHAT_DELETE_MESSAGE[] = {
    {"room", CHAT_FIELD_ROOM, FIELD_STRING, true},
    {"seq", CHAT_FIELD_SEQ, FIELD_NUMBER, true},
    {0},
};
static const struct chat_field_def fields_CHAT_MARK_READ[] = {
    {"room", CHAT_FIELD_ROOM, FIELD_STRING, true},
    {"seq", CHAT_FIELD_SEQ, FIELD_NUMBER, true},
    {0},
};
static const struct chat_field_def fields_CHAT_BLOCK_USER[] = {
    {"username", CHAT_FIELD_USERNAME, FIELD_STRING, true},
    {0},
};
static const struct chat_field_def fields_CHAT_UNBLOCK_USER[] = {
    {"username", CHAT_FIELD_USERNAME, FIELD_STRING, true},
    {0},
};
static const struct chat_field_def fields_of_sanction[] = {
    {"room", CHAT_FIELD_ROOM, FIELD_STRING, true},
    {"username", CHAT_FIELD_USERNAME, FIELD_STRING, true},
    {"seconds", CHAT_FIELD_SECONDS, FIELD_NUMBER, false},
    {"reason", CHAT_FIELD_REASON, FIELD_STRING, false},
    {0},
};
#define fields_CHAT_MUTE_USER fields_of_sanction
#define fields_CHAT_BAN_USER fields_of_sanction

static const struct chat_field_def fields_of_moderation[] = {
    {"room", CHAT_FIELD_ROOM, FIELD_STRING, true},
    {"username", CHAT_FIELD_USERNAME, FIELD_STRING, true},
    {"reason", CHAT_FIELD_REASON, FIELD_STRING, false},
    {0},
};
#define fields_CHAT_UNMUTE_USER fields_of_moderation
#define fields_CHAT_UNBAN_USER fields_of_moderation
#define fields_CHAT_KICK_USER fields_of_moderation
#define fields_CHAT_ADD_ADMIN fields_of_moderation
#define fields_CHAT_REMOVE_ADMIN fields_of_moderation

static const struct chat_field_def fields_CHAT_GET_HISTORY[] = {
    {"room", CHAT_FIELD_ROOM, FIELD_STRING, true},
    {"before", CHAT_FIELD_BEFORE, FIELD_NUMBER, false},
    {"after", CHAT_FIELD_AFTER, FIELD_NUMBER, false},
    {"limit", CHAT_FIELD_LIMIT, FIELD_NUMBER, false},
    {0},
};

static enum chat_progress send_run(struct chat_command *command, struct db *db)
{
    enum chat_progress progress = CHAT_DONE;
    chat_send_batch(db, &command, &progress, 1);
    return progress;
}

static const struct chat_command_def commands[CHAT_VERB_COUNT] = {
#define X(verb, event, flags)                                                                      \
    [verb] = {verb, event, event "Success", event "Error", flags, fields_##verb},
    CHAT_VERB_TABLE(X)
#undef X
};

static chat_run_fn *const run_functions[CHAT_VERB_COUNT] = {
    [CHAT_SEND_MESSAGE] = send_run,
    [CHAT_CREATE_CHANNEL] = create_channel_run,
    [CHAT_JOIN_CHANNEL] = join_channel_run,
    [CHAT_LEAVE_CHANNEL] = leave_channel_run,
    [CHAT_UPDATE_CHANNEL] = update_channel_run,
    [CHAT_DELETE_CHANNEL] = delete_channel_run,
    [CHAT_EDIT_MESSAGE] = edit_message_run,
    [CHAT_DELETE_MESSAGE] = delete_message_run,
    [CHAT_MARK_READ] = mark_read_run,
    [CHAT_BLOCK_USER] = block_user_run,
    [CHAT_UNBLOCK_USER] = block_user_run,
    [CHAT_ADD_ADMIN] = moderate_run,
    [CHAT_REMOVE_ADMIN] = moderate_run,
    [CHAT_MUTE_USER] = moderate_run,
    [CHAT_UNMUTE_USER] = moderate_run,
    [CHAT_BAN_USER] = moderate_run,
    [CHAT_UNBAN_USER] = moderate_run,
    [CHAT_KICK_USER] = moderate_run,
    [CHAT_GET_HISTORY] = get_history_run,
};

const struct chat_command_def *chat_command_def(enum chat_verb verb)
{
    assert(verb < CHAT_VERB_COUNT);
    return &commands[verb];
}

const struct chat_command_def *chat_command_find(struct span event)
{
    for (size_t verb = 0; verb < CHAT_VERB_COUNT; verb++)
        if (span_is(event, commands[verb].event))
            return &commands[verb];
    return NULL;
}

/* ---- life ---- */

struct chat_command *chat_command_new(struct chat *chat, const struct chat_command_def *def,
                                      const struct chat_actor *actor)
{
    struct chat_command *command = mem_alloc(sizeof *command);
    command->chat = chat;
    command->def = def;
    command->actor = *actor;
    command->began_ms = clock_mono_ms();
    buf_init(&command->room_key, BUF_MAX_DEFAULT);
    buf_init(&command->text, BUF_MAX_DEFAULT);
    buf_init(&command->nonce, BUF_MAX_DEFAULT);
    buf_init(&command->problems, BUF_MAX_DEFAULT);
    buf_init(&command->page, BUF_MAX_DEFAULT);
    for (int field = 0; field < CHAT_FIELD_COUNT; field++)
        buf_init(&command->values[field].text, BUF_MAX_DEFAULT);
    event_list_init(&command->events);
    return command;
}

/* A password does not stay in freed memory. */
static void value_release(struct chat_value *value)
{
    if (value->text.data)
        explicit_bzero(value->text.data, value->text.len);
    buf_release(&value->text);
}

void chat_command_free(struct chat_command *command)
{
    if (!command)
        return;
    for (int field = 0; field < CHAT_FIELD_COUNT; field++)
        value_release(&command->values[field]);
    buf_release(&command->room_key);
    buf_release(&command->text);
    buf_release(&command->nonce);
    buf_release(&command->problems);
    buf_release(&command->page);
    event_list_release(&command->events);
    mem_free(command->room.name);
    mem_free(command);
}

/* ---- running ---- */

int64_t command_deadline_ms(const struct chat_command *command)
{
    return command->began_ms + conf_int(command->chat->conf, CONF_PG_TIMEOUT_MS);
}

enum chat_progress chat_command_run(struct chat_command *command, struct db *db)
{
    assert(command->hash_work != HASH_MAKE && command->hash_work != HASH_VERIFY);
    if (command->done)
        return CHAT_DONE;
    if (clock_mono_ms() >= command_deadline_ms(command))
        return command_finish(command, ERR_UNAVAILABLE);
    db_set_deadline(db, command_deadline_ms(command));
    enum chat_progress progress = run_functions[command->def->verb](command, db);
    db_set_deadline(db, 0);
    if (progress == CHAT_BUSY && clock_mono_ms() >= command_deadline_ms(command))
        return command_finish(command, ERR_UNAVAILABLE);
    return progress;
}

enum chat_progress command_finish(struct chat_command *command, enum err err)
{
    command->done = true;
    command->err = err_public(err);
    return CHAT_DONE;
}

enum chat_progress command_db_failed(struct chat_command *command, enum err err)
{
    return err == ERR_DB_LOCK_TIMEOUT ? CHAT_BUSY : command_finish(command, err);
}

void command_problem(struct chat_command *command, const char *field, const char *problem)
{
    struct json_writer w;
    if (command->problems.len > 0)
        buf_add_char(&command->problems, ',');
    json_begin(&w, &command->problems);
    json_object(&w, NULL);
    json_cstr(&w, "field", field);
    json_cstr(&w, "problem", problem);
    json_object_end(&w);
}

enum chat_progress command_invalid(struct chat_command *command, const char *field,
                                   const char *problem)
{
    command_problem(command, field, problem);
    return command_finish(command, ERR_VALIDATION_FAILED);
}

void chat_command_fail(struct chat_command *command, enum err err)
{
    (void)command_finish(command, err);
}

/* ---- hashes ---- */

enum chat_progress command_want_hash(struct chat_command *command)
{
    command->hash_work = HASH_MAKE;
    return CHAT_HASH;
}

enum chat_progress command_want_verify(struct chat_command *command, const char *hash)
{
    if (command->hash_count >= HASH_COUNT_MAX)
        return command_finish(command, ERR_UNAVAILABLE);
    memcpy(command->hash, hash, sizeof command->hash);
    command->hash_work = HASH_VERIFY;
    return CHAT_HASH;
}

void chat_command_hash(struct chat_command *command)
{
    const struct password_cost *cost = &command->chat->password_cost;
    struct span password = command_text(command, CHAT_FIELD_PASSWORD);
    if (command->done)
        return;
    assert(command->hash_work == HASH_MAKE || command->hash_work == HASH_VERIFY);
    command->hash_count++;
    if (command->hash_work == HASH_MAKE) {
        password_hash(cost, password, command->hash);
        command->hash_work = HASH_MADE;
    } else {
        bool matched = password_verify(cost, password, command->hash);
        command->hash_work = matched ? HASH_MATCHED : HASH_DIFFERED;
    }
}

void chat_command_hash_gated(struct chat_command *command)
{
    struct gate *gate = &command->chat->gate;
    if (gate_enter(gate)) {
        chat_command_hash(command);
        gate_leave(gate);
        return;
    }
    chat_count_refusal(command->chat, CONF_LIMIT_HASH_QUEUE);
    command->retry_after_ms = GATE_RETRY_MS;
    chat_command_fail(command, ERR_RATE_LIMITED);
}

/* ---- results ---- */

struct span chat_command_room_key(const struct chat_command *command)
{
    return buf_span(&command->room_key);
}

enum err chat_command_error(const struct chat_command *command)
{
    return command->err;
}

const struct chat_command_def *chat_command_definition(const struct chat_command *command)
{
    return command->def;
}

int64_t chat_command_seq(const struct chat_command *command)
{
    return command->seq;
}

bool chat_command_is_replay(const struct chat_command *command)
{
    return command->replay;
}

const struct chat_room_view *chat_command_room(const struct chat_command *command)
{
    return &command->room;
}

int64_t chat_command_retry_after_ms(const struct chat_command *command)
{
    return command->retry_after_ms;
}

struct event_list *chat_command_events(struct chat_command *command)
{
    return &command->events;
}
