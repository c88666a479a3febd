/* Users: the rows of app_user. Their sessions are in session.c, what they are members of is not
 * here either. */
#include "shared/store/user.h"

#include "shared/store/alive.h"
#include "shared/store/field.h"

static const struct db_stmt find = {
    .name = "user_find",
    .sql = "select id, username, password_hash, created_at, disabled_at is not null"
           " from app_user where username_key = $1 and deleted_at is null",
    .params = 1,
};

static const struct db_stmt create = {
    .name = "user_create",
    .sql = "insert into app_user (username, username_key, password_hash) values ($1, $2, $3)"
           " on conflict (username_key) do nothing returning id",
    .params = 3,
};

static const struct db_stmt sign_up = {
    .name = "user_sign_up",
    .sql = "with made as (insert into app_user (username, username_key, password_hash)"
           "  values ($1, $2, $3) on conflict (username_key) do nothing returning id, created_at),"
           " opened as (insert into session (user_id, expires_at)"
           "  select id, now() + make_interval(secs => $4) from made returning id)"
           " select made.id, made.created_at, opened.id from made, opened",
    .params = 4,
};

static const struct db_stmt view = {
    .name = "user_view",
    .sql = "select " SQL_ALIVE(
        "$1", "$2") ", u.username, u.created_at, u.id"
                    " from (select 1) one left join app_user u on u.deleted_at is null and "
                    "u.username_key ="
                    " coalesce($3::text, (select username_key from app_user where id = $2))",
    .params = 3,
};

static const struct db_stmt lock_sessions = {
    .name = "user_lock_sessions",
    .sql = "select 1 from session where ended_at is null and user_id ="
           " (select id from app_user where username_key = $1) order by id for update",
    .params = 1,
};

/* 35: EVENT_INBOX_SESSION_ENDED; without a session: all of the user's. */
static const struct db_stmt disable = {
    .name = "user_disable",
    .sql = "with off as (update app_user set inbox_seq = inbox_seq + 1,"
           "  disabled_at = coalesce(disabled_at, now())"
           "  where username_key = $1 and deleted_at is null returning id, inbox_seq),"
           " ended as (update session set ended_at = now() from off"
           "  where session.user_id = off.id and ended_at is null)"
           " insert into inbox_event (user_id, seq, kind) select id, inbox_seq, 35 from off",
    .params = 1,
};

static const struct db_stmt enable = {
    .name = "user_enable",
    .sql = "update app_user set disabled_at = null where username_key = $1 and deleted_at is null",
    .params = 1,
};

enum err user_find(struct db *db, struct span key, struct user_row *out)
{
    struct db_result rows = {0};
    *out = (struct user_row){0};
    enum err err = db_run(db, &find, DB_PARAMS(db_param_text(key)), &rows);
    if (!err && db_result_rows(&rows) == 0)
        err = ERR_USER_NOT_FOUND;
    if (!err) {
        out->id = db_result_int(&rows, 0, 0);
        FIELD_COPY(out->username, db_result_text(&rows, 0, 1));
        FIELD_COPY(out->password_hash, db_result_text(&rows, 0, 2));
        out->created_us = db_result_time(&rows, 0, 3);
        out->disabled = db_result_bool(&rows, 0, 4);
    }
    db_result_release(&rows);
    return err;
}

enum err user_create(struct db *db, struct span username, struct span key,
                     const char *password_hash, int64_t *user_id)
{
    struct db_result rows = {0};
    enum err err = db_run(db, &create,
                          DB_PARAMS(db_param_text(username), db_param_text(key),
                                    db_param_text(span_of(password_hash))),
                          &rows);
    if (!err && db_result_rows(&rows) == 0)
        err = ERR_NAME_TAKEN;
    *user_id = err ? 0 : db_result_int(&rows, 0, 0);
    db_result_release(&rows);
    return err;
}

enum err user_sign_up(struct db *db, struct span username, struct span key,
                      const char *password_hash, int64_t ttl_s, struct user_row *user,
                      int64_t *session_id)
{
    struct db_result rows = {0};
    *user = (struct user_row){0};
    enum err err = db_run(db, &sign_up,
                          DB_PARAMS(db_param_text(username), db_param_text(key),
                                    db_param_text(span_of(password_hash)), db_param_int(ttl_s)),
                          &rows);
    if (!err && db_result_rows(&rows) == 0)
        err = ERR_NAME_TAKEN;
    if (!err) {
        user->id = db_result_int(&rows, 0, 0);
        user->created_us = db_result_time(&rows, 0, 1);
        *session_id = db_result_int(&rows, 0, 2);
        FIELD_COPY(user->username, username);
    }
    db_result_release(&rows);
    return err;
}

enum err user_view(struct db *db, int64_t session_id, int64_t user_id, struct span key,
                   struct user_row *out)
{
    struct db_result rows = {0};
    *out = (struct user_row){0};
    enum err err = db_run(
        db, &view, DB_PARAMS(db_param_int(session_id), db_param_int(user_id), db_param_text(key)),
        &rows);
    if (!err && !db_result_bool(&rows, 0, 0))
        err = ERR_UNAUTHENTICATED;
    if (!err && db_result_is_null(&rows, 0, 1))
        err = ERR_USER_NOT_FOUND;
    if (!err) {
        FIELD_COPY(out->username, db_result_text(&rows, 0, 1));
        out->created_us = db_result_time(&rows, 0, 2);
        out->id = db_result_int(&rows, 0, 3);
    }
    db_result_release(&rows);
    return err;
}

enum err user_disable(struct db *db, struct span key)
{
    struct db_result rows = {0};
    struct db_param param = db_param_text(key);
    struct db_call calls[] = {{&lock_sessions, &param, 1, NULL}, {&disable, &param, 1, &rows}};
    enum err err = db_pipeline(db, DB_BEGIN | DB_COMMIT, calls, 2);
    if (!err && db_result_affected(&rows) == 0)
        err = ERR_USER_NOT_FOUND;
    db_result_release(&rows);
    return err;
}

enum err user_enable(struct db *db, struct span key)
{
    struct db_result rows = {0};
    enum err err = db_run(db, &enable, DB_PARAMS(db_param_text(key)), &rows);
    if (!err && db_result_affected(&rows) == 0)
        err = ERR_USER_NOT_FOUND;
    db_result_release(&rows);
    return err;
}
