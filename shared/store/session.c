/* Sessions, see session.h. Tokens themselves are made and checked in shared/auth. */
#include "shared/store/session.h"

#include "shared/store/field.h"

/* "for share" waits for a change of the password that is under way, and then looks at the hash
 * again: otherwise a login that had checked the old one could outlive the change. */
static const struct db_stmt open_session = {
    .name = "session_open",
    .sql = "insert into session (user_id, expires_at)"
           " select id, now() + make_interval(secs => $3) from app_user where id = $1"
           " and password_hash = $2 and disabled_at is null and deleted_at is null for share"
           " returning id",
    .params = 3,
};

static const struct db_stmt open_for = {
    .name = "session_open_for",
    .sql = "insert into session (user_id, expires_at)"
           " select id, now() + make_interval(secs => $2) from app_user where username_key = $1"
           " and disabled_at is null and deleted_at is null returning user_id, id",
    .params = 2,
};

/* The update waits for a concurrent one and then looks at the generation again: of two uses of one
 * token, one rotates. */
static const struct db_stmt rotate = {
    .name = "session_rotate",
    .sql = "update session s set generation = generation + 1, rotated_at = now(),"
           " expires_at = now() + make_interval(secs => $3) from app_user u"
           " where s.id = $1 and s.generation = $2 and s.ended_at is null and s.expires_at > now()"
           " and u.id = s.user_id and u.disabled_at is null and u.deleted_at is null"
           " returning u.id, u.username, u.created_at, s.generation, 0::bigint",
    .params = 3,
};

static const struct db_stmt find = {
    .name = "session_find",
    .sql = "select u.id, u.username, u.created_at, s.generation,"
           " (extract(epoch from clock_timestamp() - s.rotated_at) * 1000)::bigint"
           " from session s join app_user u on u.id = s.user_id"
           " where s.id = $1 and s.ended_at is null and s.expires_at > now()"
           " and u.disabled_at is null and u.deleted_at is null",
    .params = 1,
};

/* 35: EVENT_INBOX_SESSION_ENDED. The updates see the rows as they are after any wait. */
static const struct db_stmt finish = {
    .name = "session_finish",
    .sql = "with ended as (update session set ended_at = now() where id = $1 and ended_at is null"
           "  and ($2::bigint is null or user_id = $2) returning id, user_id),"
           " numbered as (update app_user u set inbox_seq = inbox_seq + 1 from ended"
           "  where u.id = ended.user_id returning u.id, u.inbox_seq)"
           " insert into inbox_event (user_id, seq, kind, actor_id, session_id)"
           "  select n.id, n.inbox_seq, 35, n.id, e.id from numbered n join ended e"
           "  on e.user_id = n.id returning user_id, seq, at",
    .params = 2,
};

enum err session_open(struct db *db, int64_t user_id, const char *password_hash, int64_t ttl_s,
                      int64_t *session_id)
{
    struct db_result rows = {0};
    enum err err = db_run(db, &open_session,
                          DB_PARAMS(db_param_int(user_id), db_param_text(span_of(password_hash)),
                                    db_param_int(ttl_s)),
                          &rows);
    if (!err && db_result_rows(&rows) == 0)
        err = ERR_UNAUTHENTICATED;
    *session_id = err ? 0 : db_result_int(&rows, 0, 0);
    db_result_release(&rows);
    return err;
}

enum err session_open_for(struct db *db, struct span username_key, int64_t ttl_s, int64_t *user_id,
                          int64_t *session_id)
{
    struct db_result rows = {0};
    enum err err =
        db_run(db, &open_for, DB_PARAMS(db_param_text(username_key), db_param_int(ttl_s)), &rows);
    if (!err && db_result_rows(&rows) == 0)
        err = ERR_USER_NOT_FOUND;
    *user_id = err ? 0 : db_result_int(&rows, 0, 0);
    *session_id = err ? 0 : db_result_int(&rows, 0, 1);
    db_result_release(&rows);
    return err;
}

/* The row that rotate and find give. */
static enum err read_session(const struct db_result *rows, struct session_row *out)
{
    *out = (struct session_row){0};
    if (db_result_rows(rows) == 0)
        return ERR_UNAUTHENTICATED;
    out->user_id = db_result_int(rows, 0, 0);
    FIELD_COPY(out->username, db_result_text(rows, 0, 1));
    out->user_created_us = db_result_time(rows, 0, 2);
    out->generation = db_result_int(rows, 0, 3);
    out->rotated_ms_ago = db_result_int(rows, 0, 4);
    return ERR_OK;
}

enum err session_rotate(struct db *db, int64_t session_id, int64_t generation, int64_t ttl_s,
                        struct session_row *out)
{
    struct db_result rows = {0};
    enum err err = db_run(
        db, &rotate,
        DB_PARAMS(db_param_int(session_id), db_param_int(generation), db_param_int(ttl_s)), &rows);
    if (!err)
        err = read_session(&rows, out);
    db_result_release(&rows);
    return err;
}

enum err session_find(struct db *db, int64_t session_id, struct session_row *out)
{
    struct db_result rows = {0};
    enum err err = db_run(db, &find, DB_PARAMS(db_param_int(session_id)), &rows);
    if (!err)
        err = read_session(&rows, out);
    db_result_release(&rows);
    return err;
}

enum err session_finish(struct db *db, int64_t session_id, int64_t user_id, struct session_end *out)
{
    struct db_result rows = {0};
    *out = (struct session_end){0};
    enum err err =
        db_run(db, &finish, DB_PARAMS(db_param_int(session_id), db_param_id(user_id)), &rows);
    if (!err && db_result_rows(&rows) > 0) {
        out->user_id = db_result_int(&rows, 0, 0);
        out->inbox_seq = db_result_int(&rows, 0, 1);
        out->at_us = db_result_time(&rows, 0, 2);
    }
    db_result_release(&rows);
    return err;
}
