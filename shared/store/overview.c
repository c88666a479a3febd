/* What an operator sees, see overview.h. What users see is in listing.c. */
#include "shared/store/overview.h"

static const struct db_stmt count = {
    .name = "overview_count",
    .sql = "select (select count(*) from app_user where deleted_at is null),"
           " (select count(*) from app_user where disabled_at is not null and deleted_at is null),"
           " (select count(*) from session where ended_at is null and expires_at > now()),"
           " count(*) filter (where status = 'PUBLIC' and archived_at is null),"
           " count(*) filter (where status = 'PRIVATE' and archived_at is null),"
           " count(*) filter (where status = 'DIRECT' and archived_at is null),"
           " count(*) filter (where archived_at is not null),"
           " coalesce(sum(members), 0)::bigint, coalesce(sum(last_seq), 0)::bigint from room",
};

#define ROOM_COLUMNS                                                                               \
    "select r.id, r.name, r.status, r.members, r.last_seq, r.created_at, r.archived_at,"           \
    " (select u.username from membership m join app_user u on u.id = m.user_id"                    \
    "  where m.room_id = r.id and m.is_member and m.role = 'OWNER' order by m.joined_at limit 1)," \
    " (select count(*) from room_name n where n.room_id = r.id) from room r"

static const struct db_stmt list = {
    .name = "overview_rooms",
    .sql = ROOM_COLUMNS " where r.id > $1 order by r.id limit $2",
    .params = 2,
};

static const struct db_stmt find = {
    .name = "overview_find",
    .sql = ROOM_COLUMNS " where r.id = (select room_id from room_name where name_key = $1)",
    .params = 1,
};

#define USER_COLUMNS                                                                               \
    "select u.id, u.username, u.created_at, u.disabled_at,"                                        \
    " (select count(*) from session s where s.user_id = u.id and s.ended_at is null"               \
    "  and s.expires_at > now()),"                                                                 \
    " (select count(*) from membership m where m.user_id = u.id and m.is_member)"                  \
    " from app_user u where u.deleted_at is null"

static const struct db_stmt list_users = {
    .name = "overview_users",
    .sql = USER_COLUMNS " and u.id > $1 order by u.id limit $2",
    .params = 2,
};

static const struct db_stmt find_user = {
    .name = "overview_find_user",
    .sql = USER_COLUMNS " and u.username_key = $1",
    .params = 1,
};

static const struct db_stmt list_sessions = {
    .name = "overview_sessions",
    .sql = "select id, created_at, rotated_at, expires_at from session where user_id = $1"
           " and ended_at is null and expires_at > now() and id > $2 order by id limit $3",
    .params = 3,
};

enum err overview_count(struct db *db, struct overview_counts *out)
{
    struct db_result rows = {0};
    *out = (struct overview_counts){0};
    enum err err = db_run(db, &count, DB_NO_PARAMS, &rows);
    if (!err)
        *out = (struct overview_counts){
            .users = db_result_int(&rows, 0, 0),
            .disabled = db_result_int(&rows, 0, 1),
            .sessions = db_result_int(&rows, 0, 2),
            .public_rooms = db_result_int(&rows, 0, 3),
            .private_rooms = db_result_int(&rows, 0, 4),
            .direct_rooms = db_result_int(&rows, 0, 5),
            .archived_rooms = db_result_int(&rows, 0, 6),
            .memberships = db_result_int(&rows, 0, 7),
            .room_events = db_result_int(&rows, 0, 8),
        };
    db_result_release(&rows);
    return err;
}

enum err overview_rooms(struct db *db, int64_t after_id, int64_t limit, struct db_result *rows,
                        int *row_count)
{
    enum err err = db_run(db, &list, DB_PARAMS(db_param_int(after_id), db_param_int(limit)), rows);
    *row_count = err ? 0 : db_result_rows(rows);
    return err;
}

enum err overview_find(struct db *db, struct span key, struct db_result *rows)
{
    enum err err = db_run(db, &find, DB_PARAMS(db_param_text(key)), rows);
    return !err && db_result_rows(rows) == 0 ? ERR_ROOM_NOT_FOUND : err;
}

void overview_room(const struct db_result *rows, int row, struct overview_room *out)
{
    *out = (struct overview_room){
        .id = db_result_int(rows, row, 0),
        .name = db_result_text(rows, row, 1),
        .members = db_result_int(rows, row, 3),
        .last_seq = db_result_int(rows, row, 4),
        .created_us = db_result_time(rows, row, 5),
        .archived_us = db_result_time(rows, row, 6),
        .owner = db_result_text(rows, row, 7),
        .names = db_result_int(rows, row, 8),
    };
    (void)room_status_parse(db_result_text(rows, row, 2), &out->status);
}

enum err overview_users(struct db *db, int64_t after_id, int64_t limit, struct db_result *rows,
                        int *row_count)
{
    enum err err =
        db_run(db, &list_users, DB_PARAMS(db_param_int(after_id), db_param_int(limit)), rows);
    *row_count = err ? 0 : db_result_rows(rows);
    return err;
}

enum err overview_find_user(struct db *db, struct span key, struct db_result *rows)
{
    enum err err = db_run(db, &find_user, DB_PARAMS(db_param_text(key)), rows);
    return !err && db_result_rows(rows) == 0 ? ERR_USER_NOT_FOUND : err;
}

void overview_user(const struct db_result *rows, int row, struct overview_user *out)
{
    *out = (struct overview_user){
        .id = db_result_int(rows, row, 0),
        .name = db_result_text(rows, row, 1),
        .created_us = db_result_time(rows, row, 2),
        .disabled_us = db_result_time(rows, row, 3),
        .sessions = db_result_int(rows, row, 4),
        .rooms = db_result_int(rows, row, 5),
    };
}

enum err overview_sessions(struct db *db, int64_t user_id, int64_t after_id, int64_t limit,
                           struct db_result *rows, int *row_count)
{
    enum err err =
        db_run(db, &list_sessions,
               DB_PARAMS(db_param_int(user_id), db_param_int(after_id), db_param_int(limit)), rows);
    *row_count = err ? 0 : db_result_rows(rows);
    return err;
}

void overview_session(const struct db_result *rows, int row, struct overview_session *out)
{
    *out = (struct overview_session){
        .id = db_result_int(rows, row, 0),
        .created_us = db_result_time(rows, row, 1),
        .used_us = db_result_time(rows, row, 2),
        .expires_us = db_result_time(rows, row, 3),
    };
}
