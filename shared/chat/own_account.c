/*
 * A user's own account: password, sessions, deletion. Passwords are verified and hashed before the
 * transaction; in it the stored hash is compared once more.
 */
#include "shared/chat/own_account.h"

#include "shared/base/clock.h"
#include "shared/base/json_scan.h"
#include "shared/base/json_write.h"
#include "shared/base/mem.h"
#include "shared/chat/account_internal.h"
#include "shared/chat/command_internal.h"
#include "shared/chat/page_cursor.h"
#include "shared/chat/render.h"
#include "shared/chat/rules.h"
#include "shared/store/account.h"

static struct room_viewer viewer_of(const struct chat_actor *actor)
{
    return (struct room_viewer){.user_id = actor->user_id, .session_id = actor->session_id};
}

/* The actor's own row, and that `password` is its password: a try like one to log in. */
static enum err verify_current(struct chat *chat, struct db *db, const struct chat_actor *actor,
                               struct span password, int64_t *retry_ms, struct user_row *user)
{
    struct room_viewer viewer = viewer_of(actor);
    struct buf key;
    enum err err = account_find(db, &viewer, user);
    if (err)
        return err;
    buf_init(&key, BUF_MAX_DEFAULT);
    rule_username_key(span_of(user->username), &key);
    struct span account = buf_span(&key);
    err = account_limited(chat_limit_password(chat, account, actor->address), retry_ms);
    if (!err)
        err = account_verify(chat, password, user->password_hash, retry_ms);
    if (!err)
        chat_limit_password_passed(chat, account, actor->address);
    buf_release(&key);
    return err == ERR_UNAUTHENTICATED ? ERR_WRONG_PASSWORD : err;
}

static void add_ended(const struct chat_actor *actor, const struct db_result *rows,
                      struct event_list *events)
{
    for (int row = 0; row < account_ended_count(rows); row++) {
        struct account_ended ended;
        account_ended_get(rows, row, &ended);
        account_ended_event(actor->user_id, ended.session_id, ended.inbox_seq, ended.at_us, events);
    }
}

/* ---- password ---- */

static enum err read_change(struct chat *chat, struct span body, struct account_request *request,
                            struct buf *problems)
{
    if (account_read_object(chat, body, problems)) {
        account_read_string(body, "password", &request->first, problems);
        account_read_string(body, "currentPassword", &request->second, problems);
    }
    if (problems->len == 0) {
        const char *problem = rule_user_password(chat->conf, buf_span(&request->first));
        if (problem)
            account_problem(problems, "password", problem);
    }
    return problems->len > 0 ? ERR_VALIDATION_FAILED : ERR_OK;
}

enum err chat_password_change(struct chat *chat, struct db *db, const struct chat_actor *actor,
                              struct span body, struct buf *problems, int64_t *retry_ms,
                              struct event_list *events)
{
    const struct room_viewer viewer = viewer_of(actor);
    char hash[PASSWORD_HASH_SIZE];
    struct account_request request;
    struct db_result rows = {0};
    struct user_row user;
    account_request_init(&request);
    enum err err = read_change(chat, body, &request, problems);
    if (!err)
        err = verify_current(chat, db, actor, buf_span(&request.second), retry_ms, &user);
    if (!err)
        err = account_hash(chat, buf_span(&request.first), hash, retry_ms);
    if (!err)
        err = account_change_password(db, &viewer, user.password_hash, hash, &rows);
    if (!err)
        add_ended(actor, &rows, events);
    db_result_release(&rows);
    account_request_release(&request);
    return err_public(err);
}

/* ---- sessions ---- */

static int64_t write_session(struct json_writer *w, const struct db_result *rows, int row)
{
    struct account_session session;
    account_session(rows, row, &session);
    json_object(w, NULL);
    json_int(w, "id", session.id);
    json_date(w, "createdAt", session.created_us);
    json_date(w, "lastUsedAt", session.used_us);
    json_date(w, "expiresAt", session.expires_us);
    json_bool(w, "current", session.current);
    json_object_end(w);
    return session.id;
}

enum err chat_sessions_list(struct db *db, const struct chat_actor *actor, struct span cursor,
                            int64_t limit, struct buf *out, struct buf *next_cursor)
{
    const struct room_viewer viewer = viewer_of(actor);
    struct db_result rows = {0};
    int64_t after_id;
    int count = 0;
    enum err err = page_cursor_parse(cursor, &after_id);
    if (err)
        return err;
    err = account_sessions(db, &viewer, after_id, limit + 1, &rows, &count);
    if (!err)
        page_cursor_write("sessions", write_session, &rows, count, limit, out, next_cursor);
    db_result_release(&rows);
    return err_public(err);
}

enum err chat_session_end(struct db *db, const struct chat_actor *actor, struct span id,
                          struct event_list *events)
{
    const struct room_viewer viewer = viewer_of(actor);
    struct db_result rows = {0};
    int64_t session_id;
    if (!span_present(id) || page_cursor_parse(id, &session_id)) /* ids are written the same way */
        return ERR_ROUTE_NOT_FOUND;
    enum err err = account_end_session(db, &viewer, session_id, &rows);
    if (!err && account_ended_count(&rows) == 0)
        err = ERR_ROUTE_NOT_FOUND;
    if (!err)
        add_ended(actor, &rows, events);
    db_result_release(&rows);
    return err_public(err);
}

/* ---- deletion ---- */

static bool has_password(struct db *db, const struct chat_actor *actor, enum err *err)
{
    const struct room_viewer viewer = viewer_of(actor);
    struct user_row user;
    *err = account_find(db, &viewer, &user);
    return *err || user.password_hash[0] != '\0';
}

static enum err read_and_verify(struct chat *chat, struct db *db, const struct chat_actor *actor,
                                struct span body, struct buf *problems, int64_t *retry_ms)
{
    struct account_request request;
    struct user_row user;
    account_request_init(&request);
    bool given = account_read_object(chat, body, problems) &&
                 span_present(json_member(body, "currentPassword"));
    if (given)
        account_read_string(body, "currentPassword", &request.first, problems);
    enum err err = problems->len > 0 ? ERR_VALIDATION_FAILED : ERR_OK;
    if (!err && given)
        err = verify_current(chat, db, actor, buf_span(&request.first), retry_ms, &user);
    account_request_release(&request);
    return err;
}

enum err chat_account_check_deletion(struct chat *chat, struct db *db,
                                     const struct chat_actor *actor, struct span body,
                                     struct buf *problems, int64_t *retry_ms)
{
    enum err err;
    if (has_password(db, actor, &err) && !err)
        err = read_and_verify(chat, db, actor, body, problems, retry_ms);
    return err_public(err);
}

/* As leaveChannel does it. To have been thrown out of the channel meanwhile is as good. */
static enum err leave_room(struct chat *chat, struct db *db, const struct chat_actor *actor,
                           struct span name, struct event_list *events)
{
    struct chat_command *command =
        chat_command_new(chat, chat_command_def(CHAT_LEAVE_CHANNEL), actor);
    command->is_part = true; /* a refusal would leave the account half gone */
    chat_command_preset(command, CHAT_FIELD_NAME, name);
    enum err err = chat_command_decode(command, SPAN_LIT("{}"));
    while (!err && chat_command_run(command, db) != CHAT_DONE)
        continue; /* CHAT_BUSY, until the command's deadline */
    err = chat_command_error(command);
    struct event_list *made = chat_command_events(command);
    for (size_t i = 0; i < made->count; i++) {
        *event_list_add(events) = made->items[i];
        made->items[i] = (struct event){0};
    }
    chat_command_free(command);
    return err == ERR_NOT_A_MEMBER || err == ERR_ROOM_NOT_FOUND ? ERR_OK : err;
}

static enum err delete_account(struct db *db, const struct chat_actor *actor,
                               struct event_list *events, bool *done)
{
    const struct room_viewer viewer = viewer_of(actor);
    struct account_ended ended;
    enum err err = account_delete(db, &viewer, done, &ended);
    if (!err && *done)
        account_ended_event(actor->user_id, ended.session_id, ended.inbox_seq, ended.at_us, events);
    return err;
}

enum err chat_account_deletion_step(struct chat *chat, struct db *db,
                                    const struct chat_actor *actor, struct event_list *events,
                                    bool *done)
{
    const struct room_viewer viewer = viewer_of(actor);
    struct db_result rows = {0};
    struct span name;
    *done = false;
    enum err err = account_next_room(db, &viewer, &rows, &name);
    if (!err && span_present(name))
        err = leave_room(chat, db, actor, name, events);
    else if (!err)
        err = delete_account(db, actor, events, done);
    db_result_release(&rows);
    return err_public(err);
}
