/* What a user does to its own account, see account.h. What it may is decided in shared/chat. */
#include "shared/store/account.h"

#include "shared/store/alive.h"
#include "shared/store/field.h"

/* In all statements $1 is the session, $2 the user; column 0 says whether the session lives. */

static const struct db_stmt find = {
    .name = "account_find",
    .sql = "select " SQL_ALIVE("$1", "$2") ", id, username, password_hash, created_at"
                                           " from app_user where id = $2",
    .params = 2,
};

static const struct db_stmt lock_sessions = {
    .name = "account_lock_sessions",
    .sql = "select 1 from session where user_id = $1 and ended_at is null order by id for update",
    .params = 1,
};

static const struct db_stmt lock_user = {
    .name = "account_lock_user",
    .sql = "select 1 from app_user where id = $1 for no key update",
    .params = 1,
};

/* 35: EVENT_INBOX_SESSION_ENDED. Column 1: the hash was the one given. */
static const struct db_stmt change_password = {
    .name = "account_change_password",
    .sql = "with seen as materialized (select " SQL_ALIVE(
        "$1", "$2") " as alive,"
                    "  exists (select 1 from app_user where id = $2 and password_hash = $3)"
                    "  as same),"
                    " ended as (update session s set ended_at = now() from seen"
                    "  where seen.alive and seen.same and s.user_id = $2 and s.id <> $1"
                    "  and s.ended_at is null returning s.id),"
                    " changed as (update app_user u set password_hash = $4,"
                    "  inbox_seq = u.inbox_seq + (select count(*) from ended) from seen"
                    "  where seen.alive and seen.same and u.id = $2 returning u.inbox_seq),"
                    " written as (insert into inbox_event (user_id, seq, kind, actor_id,"
                    "  session_id) select $2, c.inbox_seq - e.total + e.nth, 35, $2, e.id"
                    "  from changed c cross join (select id, row_number() over (order by id)"
                    "   as nth, count(*) over () as total from ended) e"
                    "  returning session_id, seq, at)"
                    " select seen.alive, seen.same, w.session_id, w.seq, w.at"
                    " from seen left join written w on true order by w.seq",
    .params = 4,
};

static const struct db_stmt sessions = {
    .name = "account_sessions",
    .sql =
        "select one.alive, s.id, s.created_at, s.rotated_at, s.expires_at, s.id = $1"
        " from (select " SQL_ALIVE(
            "$1", "$2") " as alive) one"
                        " left join lateral (select id, created_at, rotated_at, expires_at"
                        "  from session where user_id = $2 and ended_at is null"
                        "  and expires_at > now() and id > $3 order by id limit $4) s on one.alive"
                        " order by s.id",
    .params = 4,
};

/* The same columns as change_password. */
static const struct db_stmt end_session = {
    .name = "account_end_session",
    .sql = "with seen as materialized (select " SQL_ALIVE(
        "$1", "$2") " as alive),"
                    " ended as (update session s set ended_at = now() from seen"
                    "  where seen.alive and s.id = $3 and s.user_id = $2 and s.ended_at is null"
                    "  and s.expires_at > now() returning s.id),"
                    " numbered as (update app_user u set inbox_seq = u.inbox_seq + 1 from ended"
                    "  where u.id = $2 returning u.inbox_seq),"
                    " written as (insert into inbox_event (user_id, seq, kind, actor_id,"
                    "  session_id) select $2, n.inbox_seq, 35, $2, e.id from numbered n"
                    "  cross join ended e returning session_id, seq, at)"
                    " select seen.alive, true, w.session_id, w.seq, w.at"
                    " from seen left join written w on true",
    .params = 3,
};

#define MY_CHANNELS                                                                                \
    "membership m join room r on r.id = m.room_id where m.user_id = $2 and m.is_member"            \
    " and r.status <> 'DIRECT' and r.archived_at is null"

/* Each half by an index of its own: none has all of a user's rows. */
#define MY_MEMBERSHIPS                                                                             \
    "select room_id from membership where user_id = $2 and is_member"                              \
    " union all select room_id from membership where user_id = $2 and not is_member"

static const struct db_stmt next_room = {
    .name = "account_next_room",
    .sql = "select one.alive, o.name from (select " SQL_ALIVE(
        "$1", "$2") " as alive) one"
                    " left join lateral (select r.name from " MY_CHANNELS
                    "  order by r.id limit 1) o on one.alive",
    .params = 2,
};

/* Who joins a room locks the user's row too, and looks at the session after that: nobody enters a
 * room between this statement's look and its commit. The blocks of others stay: what they chose
 * not to see does not come back. */
static const struct db_stmt delete_all = {
    .name = "account_delete",
    .sql = "with seen as materialized (select " SQL_ALIVE(
        "$1", "$2") " as alive,"
                    "  not exists (select 1 from " MY_CHANNELS ") as free),"
                    " sessions as (update session s set ended_at = now() from seen"
                    "  where seen.alive and seen.free and s.user_id = $2 and s.ended_at is null),"
                    " blocks as (delete from user_block b using seen"
                    "  where seen.alive and seen.free and b.blocker_id = $2),"
                    " markers as (update membership m set last_read_seq = 0 from seen,"
                    "  (" MY_MEMBERSHIPS ") mine where seen.alive and seen.free"
                    "  and m.room_id = mine.room_id and m.user_id = $2 and m.last_read_seq > 0),"
                    " recoverable as (delete from recovery_session r using seen"
                    "  where seen.alive and seen.free and r.user_id = $2),"
                    " gone as (update app_user u set username = 'deleted.' || u.id,"
                    "  password_hash = null, deleted_at = now(), inbox_seq = u.inbox_seq + 1"
                    "  from seen where seen.alive and seen.free and u.id = $2"
                    "  returning u.inbox_seq),"
                    " written as (insert into inbox_event (user_id, seq, kind, actor_id)"
                    "  select $2, inbox_seq, 35, $2 from gone returning session_id, seq, at)"
                    " select seen.alive, seen.free, w.session_id, w.seq, w.at"
                    " from seen left join written w on true",
    .params = 2,
};

#define VIEWER(viewer) db_param_int((viewer)->session_id), db_param_int((viewer)->user_id)

/* `err` of the call, or what the first column says. */
static enum err check_alive(enum err err, const struct db_result *rows)
{
    if (err)
        return err;
    return db_result_rows(rows) > 0 && db_result_bool(rows, 0, 0) ? ERR_OK : ERR_UNAUTHENTICATED;
}

enum err account_find(struct db *db, const struct room_viewer *viewer, struct user_row *out)
{
    struct db_result rows = {0};
    *out = (struct user_row){0};
    enum err err = check_alive(db_run(db, &find, DB_PARAMS(VIEWER(viewer)), &rows), &rows);
    if (!err) {
        out->id = db_result_int(&rows, 0, 1);
        FIELD_COPY(out->username, db_result_text(&rows, 0, 2));
        FIELD_COPY(out->password_hash, db_result_text(&rows, 0, 3));
        out->created_us = db_result_time(&rows, 0, 4);
    }
    db_result_release(&rows);
    return err;
}

/* ---- sessions that end ---- */

int account_ended_count(const struct db_result *rows)
{
    return db_result_rows(rows) == 0 || db_result_is_null(rows, 0, 3) ? 0 : db_result_rows(rows);
}

void account_ended_get(const struct db_result *rows, int row, struct account_ended *out)
{
    *out = (struct account_ended){.session_id = db_result_int(rows, row, 2),
                                  .inbox_seq = db_result_int(rows, row, 3),
                                  .at_us = db_result_time(rows, row, 4)};
}

/* Lock the user's sessions and its row, then run `last` in the same transaction. */
static enum err run_locked(struct db *db, const struct room_viewer *viewer,
                           const struct db_call *last)
{
    const struct db_param user = db_param_int(viewer->user_id);
    const struct db_call calls[] = {
        {&lock_sessions, &user, 1, NULL}, {&lock_user, &user, 1, NULL}, *last};
    return db_pipeline(db, DB_BEGIN | DB_COMMIT, calls, 3);
}

enum err account_change_password(struct db *db, const struct room_viewer *viewer,
                                 const char *before, const char *after, struct db_result *rows)
{
    const struct db_param params[] = {VIEWER(viewer), db_param_text(span_of(before)),
                                      db_param_text(span_of(after))};
    const struct db_call last = {&change_password, params, 4, rows};
    enum err err = check_alive(run_locked(db, viewer, &last), rows);
    if (!err && !db_result_bool(rows, 0, 1))
        err = ERR_WRONG_PASSWORD;
    return err;
}

/* Locked first like the others: the session that asks may be being ended by the one it is to end.
 */
enum err account_end_session(struct db *db, const struct room_viewer *viewer, int64_t session_id,
                             struct db_result *rows)
{
    const struct db_param params[] = {VIEWER(viewer), db_param_int(session_id)};
    const struct db_call last = {&end_session, params, 3, rows};
    return check_alive(run_locked(db, viewer, &last), rows);
}

enum err account_sessions(struct db *db, const struct room_viewer *viewer, int64_t after_id,
                          int64_t limit, struct db_result *rows, int *count)
{
    enum err err =
        db_run(db, &sessions,
               DB_PARAMS(VIEWER(viewer), db_param_int(after_id), db_param_int(limit)), rows);
    err = check_alive(err, rows);
    *count = err || db_result_is_null(rows, 0, 1) ? 0 : db_result_rows(rows);
    return err;
}

void account_session(const struct db_result *rows, int row, struct account_session *out)
{
    *out = (struct account_session){.id = db_result_int(rows, row, 1),
                                    .created_us = db_result_time(rows, row, 2),
                                    .used_us = db_result_time(rows, row, 3),
                                    .expires_us = db_result_time(rows, row, 4),
                                    .current = db_result_bool(rows, row, 5)};
}

/* ---- deletion ---- */

enum err account_next_room(struct db *db, const struct room_viewer *viewer, struct db_result *rows,
                           struct span *name)
{
    enum err err = check_alive(db_run(db, &next_room, DB_PARAMS(VIEWER(viewer)), rows), rows);
    *name = err ? SPAN_NONE : db_result_text(rows, 0, 1);
    return err;
}

enum err account_delete(struct db *db, const struct room_viewer *viewer, bool *deleted,
                        struct account_ended *ended)
{
    struct db_result rows = {0};
    const struct db_param params[] = {VIEWER(viewer)};
    const struct db_call last = {&delete_all, params, 2, &rows};
    enum err err = check_alive(run_locked(db, viewer, &last), &rows);
    *deleted = !err && account_ended_count(&rows) > 0;
    if (*deleted)
        account_ended_get(&rows, 0, ended);
    db_result_release(&rows);
    return err;
}
