/* Blocks, see block.h. What they hide is filtered where messages are read and sent. */
#include "shared/store/block.h"

#include "shared/store/alive.h"

#define IS_THEIRS                                                                                  \
    "direct_low = least($1::bigint, $2::bigint) and direct_high = greatest($1::bigint, "           \
    "$2::bigint)"

/* Whether the room could be locked is for the next statement: it may not exist yet. */
static const struct db_stmt lock_room = {
    .name = "block_lock_room",
    .sql = "select set_config('parley.rooms', coalesce(array_agg(l.id)::text, '{}'), true)"
           " from (select id from room where " IS_THEIRS " for update) l",
    .params = 2,
};

/* Who makes a direct room locks both users: after this none appears before we commit. */
static const struct db_stmt lock_user = {
    .name = "block_lock_user",
    .sql = "select 1 from app_user where id = $1 for no key update",
    .params = 1,
};

/* $1 the user, $2 the other, $3 the session, $4 the most blocks. Verdicts are block_verdict's. */
#define VERDICT                                                                                    \
    "with verdict as materialized (select case when not " SQL_ALIVE(                               \
        "$3", "$1") " then 2"                                                                      \
                    " when exists (select 1 from room where " IS_THEIRS " and id <> all("          \
                    "  coalesce(nullif(current_setting('parley.rooms', true), ''), "               \
                    "'{}')::bigint[])) then 4"

#define INBOX                                                                                      \
    " numbered as (update app_user u set inbox_seq = inbox_seq + 1 from written"                   \
    "  where u.id = $1 returning u.inbox_seq),"                                                    \
    " told as (insert into inbox_event (user_id, seq, kind, actor_id, at)"                         \
    "  select $1, inbox_seq, $5::bigint, $2, clock_timestamp() from numbered returning seq, at)"   \
    " select case when verdict.code = 0 and told.seq is null then 1 else verdict.code end,"        \
    "  told.seq, told.at from verdict left join told on true"

/* Blocks of deleted users do not count: they stay (docs/decisions/0010), and nobody could lift
 * them. */
static const struct db_stmt block = {
    .name = "block_block",
    .sql = VERDICT
    " when exists (select 1 from user_block where blocker_id = $1 and blocked_id = $2) then 1"
    " when (select count(*) from user_block b join app_user u on u.id = b.blocked_id"
    "  where b.blocker_id = $1 and u.deleted_at is null) >= $4 then 3"
    " else 0 end as code),"
    " written as (insert into user_block (blocker_id, blocked_id) select $1, $2 from verdict"
    "  where code = 0 on conflict do nothing returning blocked_id)," INBOX,
    .params = 5,
};

static const struct db_stmt unblock = {
    .name = "block_unblock",
    .sql = VERDICT
    " when $4::bigint is null then 3 else 0 end as code)," /* $4 is of no account here */
    " written as (delete from user_block using verdict where code = 0 and blocker_id = $1"
    "  and blocked_id = $2 returning blocked_id)," INBOX,
    .params = 5,
};

enum err block_write(struct db *db, const struct room_viewer *viewer,
                     const struct block_change *change, struct block_outcome *out)
{
    struct db_result rows = {0};
    const struct db_param params[] = {
        db_param_int(viewer->user_id),    db_param_int(change->other),
        db_param_int(viewer->session_id), db_param_int(change->max),
        db_param_int(change->inbox_kind),
    };
    const struct db_call calls[] = {
        {&lock_room, params, 2, NULL},
        {&lock_user, params, 1, NULL},
        {change->block ? &block : &unblock, params, 5, &rows},
    };
    enum err err = db_pipeline(db, DB_BEGIN | DB_COMMIT, calls, 3);
    *out = (struct block_outcome){.verdict = BLOCK_NO_CHANGE};
    if (!err) {
        out->verdict = (enum block_verdict)db_result_int(&rows, 0, 0);
        out->inbox_seq = db_result_int(&rows, 0, 1);
        out->at_us = db_result_time(&rows, 0, 2);
    }
    db_result_release(&rows);
    return err;
}

static const struct db_stmt between = {
    .name = "block_between",
    .sql = "select exists (select 1 from user_block where (blocker_id = $1 and blocked_id = $2)"
           " or (blocker_id = $2 and blocked_id = $1))",
    .params = 2,
};

enum err block_between(struct db *db, int64_t one, int64_t other, bool *out)
{
    struct db_result rows = {0};
    enum err err = db_run(db, &between, DB_PARAMS(db_param_int(one), db_param_int(other)), &rows);
    *out = !err && db_result_bool(&rows, 0, 0);
    db_result_release(&rows);
    return err;
}

static const struct db_stmt list = {
    .name = "block_list",
    .sql = "select one.alive, b.blocked_id, b.username, b.at from (select " SQL_ALIVE(
        "$1", "$2") " as alive) one"
                    " left join lateral (select o.blocked_id, u.username, o.at from user_block o"
                    "  join app_user u on u.id = o.blocked_id and u.deleted_at is null"
                    "  where o.blocker_id = $2 and o.blocked_id > $3"
                    "  order by o.blocked_id limit $4) b on one.alive order by b.blocked_id",
    .params = 4,
};

enum err block_list(struct db *db, const struct room_viewer *viewer, int64_t after_id,
                    int64_t limit, struct db_result *rows, int *count)
{
    *count = 0;
    enum err err = db_run(db, &list,
                          DB_PARAMS(db_param_int(viewer->session_id), db_param_int(viewer->user_id),
                                    db_param_int(after_id), db_param_int(limit)),
                          rows);
    if (err)
        return err;
    if (!db_result_bool(rows, 0, 0))
        return ERR_UNAUTHENTICATED;
    *count = db_result_is_null(rows, 0, 1) ? 0 : db_result_rows(rows);
    return ERR_OK;
}

void block_row_get(const struct db_result *rows, int row, struct block_row *out)
{
    *out = (struct block_row){
        .user_id = db_result_int(rows, row, 1),
        .username = db_result_text(rows, row, 2),
        .at_us = db_result_time(rows, row, 3),
    };
}
