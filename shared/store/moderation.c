/*
 * Moderation, see moderation.h. Who may do what to whom is decided in shared/chat.
 */
#include "shared/store/moderation.h"

#include "shared/store/access.h"
#include "shared/store/field.h"

/* ---- whom it is done to ---- */

#define TARGET_COLUMNS                                                                             \
    "u.id, u.username, u.disabled_at is null and u.deleted_at is null,"                            \
    " coalesce(m.is_member, false), m.role, m.muted_until, m.banned_until"

static const struct db_stmt find_target = {
    .name = "moderation_find_target",
    .sql = "select " TARGET_COLUMNS " from app_user u"
           " left join membership m on m.room_id = $1 and m.user_id = u.id"
           " where u.username_key = $2 and u.deleted_at is null",
    .params = 2,
};

static void read_target(const struct db_result *rows, int first, struct moderation_target *out)
{
    *out = (struct moderation_target){
        .user_id = db_result_int(rows, 0, first),
        .is_active = db_result_bool(rows, 0, first + 2),
        .is_member = db_result_bool(rows, 0, first + 3),
        .role = room_role_parse(db_result_text(rows, 0, first + 4)),
        .muted_until_us = db_result_time(rows, 0, first + 5),
        .banned_until_us = db_result_time(rows, 0, first + 6),
    };
    FIELD_COPY(out->username, db_result_text(rows, 0, first + 1));
}

enum err moderation_find_target(struct db *db, int64_t room_id, struct span key,
                                struct moderation_target *out)
{
    struct db_result rows = {0};
    enum err err =
        db_run(db, &find_target, DB_PARAMS(db_param_int(room_id), db_param_text(key)), &rows);
    if (!err && db_result_rows(&rows) == 0)
        err = ERR_USER_NOT_FOUND;
    if (!err)
        read_target(&rows, 0, out);
    db_result_release(&rows);
    return err;
}

/* ---- what has run out ---- */

/* now() and not clock_timestamp(), which no index can be asked for. */
static const struct db_stmt find_due = {
    .name = "moderation_find_due",
    .sql = "(select room_id, user_id from membership where muted_until <= now()"
           "  order by muted_until limit $1) union"
           " (select room_id, user_id from membership where banned_until <= now()"
           "  order by banned_until limit $1) order by room_id, user_id",
    .params = 1,
};

static const struct db_stmt lock_room = {
    .name = "moderation_lock_room",
    .sql = "select id from room where id = $1 for update",
    .params = 1,
};

static const struct db_stmt look_due = {
    .name = "moderation_look_due",
    .sql = "select r.id, r.name, r.last_seq, r.members, clock_timestamp(),"
           " r.archived_at is not null, coalesce(m.muted_until <= clock_timestamp(), false),"
           " coalesce(m.banned_until <= clock_timestamp(), false), " TARGET_COLUMNS
           " from membership m join room r on r.id = m.room_id join app_user u on u.id = m.user_id"
           " where m.room_id = $1 and m.user_id = $2",
    .params = 2,
};

enum { DUE_TARGET = 8 };

static const struct db_stmt clear_due = {
    .name = "moderation_clear_due",
    .sql = "update membership set"
           " muted_until = case when muted_until > clock_timestamp() then muted_until end,"
           " banned_until = case when banned_until > clock_timestamp() then banned_until end"
           " where room_id = $1 and user_id = $2",
    .params = 2,
};

enum err moderation_find_due(struct db *db, struct moderation_due out[MODERATION_DUE_MAX],
                             size_t *count)
{
    struct db_result rows = {0};
    *count = 0;
    enum err err = db_run(db, &find_due, DB_PARAMS(db_param_int(MODERATION_DUE_MAX / 2)), &rows);
    for (int row = 0; !err && row < db_result_rows(&rows); row++)
        out[(*count)++] =
            (struct moderation_due){db_result_int(&rows, row, 0), db_result_int(&rows, row, 1)};
    db_result_release(&rows);
    return err;
}

static void read_due(const struct db_result *rows, struct moderation_ended *out)
{
    out->room = (struct room_state){
        .id = db_result_int(rows, 0, 0),
        .last_seq = db_result_int(rows, 0, 2),
        .members = db_result_int(rows, 0, 3),
        .now_us = db_result_time(rows, 0, 4),
    };
    FIELD_COPY(out->room.name, db_result_text(rows, 0, 1));
    out->archived = db_result_bool(rows, 0, 5);
    out->mute = db_result_bool(rows, 0, 6);
    out->ban = db_result_bool(rows, 0, 7);
    read_target(rows, DUE_TARGET, &out->target);
}

enum err moderation_lock_due(struct db *db, const struct moderation_due *due,
                             struct moderation_ended *out)
{
    struct db_result rows = {0};
    const struct db_param params[] = {db_param_int(due->room_id), db_param_int(due->user_id)};
    const struct db_call calls[] = {{&lock_room, params, 1, NULL}, {&look_due, params, 2, &rows}};
    *out = (struct moderation_ended){.mute = false};
    enum err err = db_pipeline(db, DB_BEGIN, calls, 2);
    if (!err && db_result_rows(&rows) > 0)
        read_due(&rows, out);
    db_result_release(&rows);
    return err;
}

enum err moderation_clear_due(struct db *db, const struct moderation_due *due)
{
    const struct db_param params[] = {db_param_int(due->room_id), db_param_int(due->user_id)};
    const struct db_call call = {&clear_due, params, 2, NULL};
    return db_pipeline(db, DB_COMMIT, &call, 1);
}

/* ---- lists ---- */

/* Who did it, when and why is the newest entry of the audit about it. */
#define LIST_SANCTIONS(column, action)                                                             \
    "select " SQL_ACCESS_COLUMNS ", m.user_id, u.username, m.until, b.username, a.reason, a.at"    \
    " from " SQL_ACCESS " left join lateral (select user_id, " column " as until from membership"  \
    "  where room_id = one.id and " column                                                         \
    " > now() and user_id > $4 order by user_id limit $5) m"                                       \
    " on one.alive and one.role in ('OWNER', 'ADMIN')"                                             \
    " left join app_user u on u.id = m.user_id"                                                    \
    " left join lateral (select actor_id, reason, at from audit_entry where room_id = one.id"      \
    "  and subject_id = m.user_id and action = '" action                                           \
    "' order by room_id desc, subject_id desc,"                                                    \
    "  id desc limit 1) a on true left join app_user b on b.id = a.actor_id order by m.user_id"

static const struct db_stmt list_mutes = {
    .name = "moderation_list_mutes", .sql = LIST_SANCTIONS("muted_until", "muteUser"), .params = 5};
static const struct db_stmt list_bans = {
    .name = "moderation_list_bans", .sql = LIST_SANCTIONS("banned_until", "banUser"), .params = 5};

enum err moderation_mutes(struct db *db, const struct room_viewer *viewer, struct span key,
                          int64_t after_id, int64_t limit, struct db_result *rows, int *count)
{
    return access_list(db, &list_mutes, ACCESS_FOR_MODERATORS, viewer, key, after_id, limit, rows,
                       count);
}

enum err moderation_bans(struct db *db, const struct room_viewer *viewer, struct span key,
                         int64_t after_id, int64_t limit, struct db_result *rows, int *count)
{
    return access_list(db, &list_bans, ACCESS_FOR_MODERATORS, viewer, key, after_id, limit, rows,
                       count);
}

void moderation_listed(const struct db_result *rows, int row, struct moderation_listed *out)
{
    *out = (struct moderation_listed){
        .user_id = db_result_int(rows, row, ACCESS_COLUMNS),
        .username = db_result_text(rows, row, ACCESS_COLUMNS + 1),
        .until_us = db_result_time(rows, row, ACCESS_COLUMNS + 2),
        .by = db_result_text(rows, row, ACCESS_COLUMNS + 3),
        .reason = db_result_text(rows, row, ACCESS_COLUMNS + 4),
        .at_us = db_result_time(rows, row, ACCESS_COLUMNS + 5),
    };
}

static const struct db_stmt list_audit = {
    .name = "moderation_audit",
    .sql = "select " SQL_ACCESS_COLUMNS ", e.id, e.at, a.username, e.action, s.username, e.until,"
           " e.reason, e.details from " SQL_ACCESS
           " left join lateral (select * from audit_entry where room_id = one.id and id < $4"
           "  order by room_id desc, id desc limit $5) e"
           " on one.alive and one.role in ('OWNER', 'ADMIN')"
           " left join app_user a on a.id = e.actor_id left join app_user s on s.id = e.subject_id"
           " order by e.id desc",
    .params = 5,
};

enum err moderation_audit(struct db *db, const struct room_viewer *viewer, struct span key,
                          int64_t before_id, int64_t limit, struct db_result *rows, int *count)
{
    return access_list(db, &list_audit, ACCESS_FOR_MODERATORS, viewer, key,
                       before_id ? before_id : INT64_MAX, limit, rows, count);
}

void moderation_entry(const struct db_result *rows, int row, struct moderation_entry *out)
{
    *out = (struct moderation_entry){
        .id = db_result_int(rows, row, ACCESS_COLUMNS),
        .at_us = db_result_time(rows, row, ACCESS_COLUMNS + 1),
        .actor = db_result_text(rows, row, ACCESS_COLUMNS + 2),
        .action = db_result_text(rows, row, ACCESS_COLUMNS + 3),
        .subject = db_result_text(rows, row, ACCESS_COLUMNS + 4),
        .until_us = db_result_time(rows, row, ACCESS_COLUMNS + 5),
        .reason = db_result_text(rows, row, ACCESS_COLUMNS + 6),
        .details = db_result_text(rows, row, ACCESS_COLUMNS + 7),
    };
}
