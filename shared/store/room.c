/*
 * Rooms as a command sees them, see room.h.
 *
 * Locks, always in this order: a name or a room's row, then rows of app_user by id. A lock is taken
 * by one statement and what it protects is read by a later one: under READ COMMITTED the statement
 * that waits for a lock still sees what was before the wait.
 */
#include "shared/store/room.h"

#include "shared/store/alive.h"
#include "shared/store/field.h"

static const char *const status_names[] = {
    [ROOM_PUBLIC] = "PUBLIC", [ROOM_PRIVATE] = "PRIVATE", [ROOM_DIRECT] = "DIRECT"};
static const char *const role_names[] = {
    [ROLE_NONE] = NULL, [ROLE_USER] = "USER", [ROLE_ADMIN] = "ADMIN", [ROLE_OWNER] = "OWNER"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct db_stmt lock_room = {
    .name = "room_lock",
    .sql = "select r.id from room_name n join room r on r.id = n.room_id"
           " where n.name_key = $1 and r.archived_at is null for update of r",
    .params = 1,
};

/* Not FOR UPDATE: foreign keys of other writers may still point at the user. */
static const struct db_stmt lock_users = {
    .name = "room_lock_users",
    .sql = "select id from app_user where id = any($1) order by id for no key update",
    .params = 1,
};

static const struct db_stmt look = {
    .name = "room_look",
    .sql = "select " SQL_ALIVE(
        "$2",
        "$3") ", r.id, r.name, r.status, r.password_hash, r.last_seq,"
              " r.members, r.created_at, clock_timestamp(), coalesce(m.is_member, false), m.role,"
              " case when m.banned_until > clock_timestamp() then m.banned_until end,"
              " case when $4 then (select count(*) from membership o"
              "  where o.user_id = $3 and o.is_member) else 0 end"
              " from (select 1) one left join room_name n on n.name_key = $1"
              " left join room r on r.id = n.room_id and r.archived_at is null"
              " left join membership m on m.room_id = r.id and m.user_id = $3",
    .params = 4,
};

static const struct db_stmt make = {
    .name = "room_make",
    .sql = "with made as (insert into room (name, status, password_hash)"
           "  select $1, $3, $4 where not exists (select 1 from room_name where name_key = $2)"
           "  returning id)"
           " insert into room_name (name_key, room_id) select $2, id from made",
    .params = 4,
};

static const struct db_stmt make_direct = {
    .name = "room_make_direct",
    .sql =
        "with made as (insert into room (name, status, direct_low, direct_high)"
        "  values ($1, 'DIRECT', least($3::bigint, $4::bigint), greatest($3::bigint, $4::bigint))"
        "  on conflict (direct_low, direct_high) do nothing returning id)"
        " insert into room_name (name_key, room_id) select $2, id from made",
    .params = 4,
};

/* A disabled account is the last choice: it could not act. */
static const struct db_stmt find_successor = {
    .name = "room_find_successor",
    .sql = "select m.user_id, u.username, exists (select 1 from membership o where o.room_id = $1"
           "  and o.is_member and o.role = 'OWNER' and o.user_id <> $2)"
           " from membership m join app_user u on u.id = m.user_id"
           " where m.room_id = $1 and m.is_member and m.user_id <> $2"
           " order by (u.disabled_at is null and u.deleted_at is null) desc,"
           " (m.role = 'ADMIN') desc, m.joined_at, m.joined_seq, m.user_id limit 1",
    .params = 2,
};

const char *room_status_name(enum room_status status)
{
    return status_names[status];
}

const char *room_role_name(enum room_role role)
{
    return role_names[role];
}

bool room_status_parse(struct span name, enum room_status *out)
{
    for (size_t i = 0; i < COUNT(status_names); i++) {
        if (span_is(name, status_names[i])) {
            *out = (enum room_status)i;
            return true;
        }
    }
    return false;
}

enum room_role room_role_parse(struct span name)
{
    for (size_t i = ROLE_USER; i < COUNT(role_names); i++)
        if (span_is(name, role_names[i]))
            return (enum room_role)i;
    return ROLE_NONE;
}

static void read_state(const struct db_result *rows, struct room_state *out)
{
    *out = (struct room_state){0};
    out->alive = db_result_bool(rows, 0, 0);
    out->now_us = db_result_time(rows, 0, 8);
    out->rooms_of_viewer = db_result_int(rows, 0, 12);
    if (db_result_is_null(rows, 0, 1))
        return;
    out->id = db_result_int(rows, 0, 1);
    FIELD_COPY(out->name, db_result_text(rows, 0, 2));
    (void)room_status_parse(db_result_text(rows, 0, 3), &out->status);
    FIELD_COPY(out->password_hash, db_result_text(rows, 0, 4));
    out->last_seq = db_result_int(rows, 0, 5);
    out->members = db_result_int(rows, 0, 6);
    out->created_us = db_result_time(rows, 0, 7);
    out->is_member = db_result_bool(rows, 0, 9);
    out->role = room_role_parse(db_result_text(rows, 0, 10));
    out->banned_until_us = db_result_time(rows, 0, 11);
}

#define LOOK_PARAMS(key, viewer, count_rooms)                                                      \
    {                                                                                              \
        db_param_text(key), db_param_int((viewer)->session_id), db_param_int((viewer)->user_id),   \
            db_param_bool(count_rooms)                                                             \
    }

enum err room_look(struct db *db, struct span key, const struct room_viewer *viewer,
                   struct room_state *out)
{
    struct db_result rows = {0};
    const struct db_param params[] = LOOK_PARAMS(key, viewer, false);
    enum err err = db_run(db, &look, params, 4, &rows);
    if (!err)
        read_state(&rows, out);
    db_result_release(&rows);
    return err;
}

/* BEGIN, `first` (which locks or makes the room), lock the users, look; one round trip. */
static enum err begin_and_look(struct db *db, const struct db_call *first, struct span key,
                               const struct room_viewer *viewer, const int64_t *users,
                               size_t user_count, struct room_state *out)
{
    struct db_result rows = {0};
    const struct db_param ids = db_param_ints(users, user_count);
    const struct db_param params[] = LOOK_PARAMS(key, viewer, user_count > 0);
    struct db_call calls[3] = {*first};
    size_t count = 1;
    if (user_count > 0)
        calls[count++] = (struct db_call){&lock_users, &ids, 1, NULL};
    calls[count++] = (struct db_call){&look, params, 4, &rows};
    enum err err = db_pipeline(db, DB_BEGIN, calls, count);
    if (!err)
        read_state(&rows, out);
    db_result_release(&rows);
    return err;
}

enum err room_lock(struct db *db, struct span key, const struct room_viewer *viewer,
                   bool and_viewer, struct room_state *out)
{
    const struct db_param param = db_param_text(key);
    const struct db_call first = {&lock_room, &param, 1, NULL};
    return begin_and_look(db, &first, key, viewer, &viewer->user_id, and_viewer ? 1 : 0, out);
}

enum err room_make(struct db *db, struct span name, struct span key, const char *password_hash,
                   const struct room_viewer *viewer, struct room_state *out)
{
    enum room_status status = password_hash ? ROOM_PRIVATE : ROOM_PUBLIC;
    struct db_result made = {0};
    const struct db_param params[] = {db_param_text(name), db_param_text(key),
                                      db_param_text(span_of(room_status_name(status))),
                                      db_param_text(span_of(password_hash))};
    const struct db_call first = {&make, params, 4, &made};
    enum err err = begin_and_look(db, &first, key, viewer, &viewer->user_id, 1, out);
    if (err == ERR_DB_UNIQUE) /* somebody else's was committed while we waited for it */
        err = ERR_NAME_TAKEN;
    else if (!err && db_result_affected(&made) == 0) {
        db_rollback(db);
        err = out->alive ? ERR_NAME_TAKEN : ERR_UNAUTHENTICATED;
    }
    db_result_release(&made);
    return err;
}

enum err room_make_direct(struct db *db, struct span name, struct span key, int64_t other,
                          const struct room_viewer *viewer, bool *made, struct room_state *out)
{
    struct db_result rows = {0};
    const struct db_param params[] = {db_param_text(name), db_param_text(key),
                                      db_param_int(viewer->user_id), db_param_int(other)};
    const struct db_call first = {&make_direct, params, 4, &rows};
    const int64_t users[] = {viewer->user_id, other};
    enum err err = begin_and_look(db, &first, key, viewer, users, 2, out);
    *made = !err && db_result_affected(&rows) > 0;
    if (!err && !*made)
        db_rollback(db);
    db_result_release(&rows);
    return err;
}

enum err room_find_successor(struct db *db, int64_t room_id, int64_t user_id,
                             struct room_successor *out)
{
    struct db_result rows = {0};
    *out = (struct room_successor){0};
    enum err err =
        db_run(db, &find_successor, DB_PARAMS(db_param_int(room_id), db_param_int(user_id)), &rows);
    if (!err && db_result_rows(&rows) == 0)
        out->is_last_member = true;
    if (!err && db_result_rows(&rows) > 0) {
        out->needed = !db_result_bool(&rows, 0, 2);
        out->user_id = out->needed ? db_result_int(&rows, 0, 0) : 0;
        FIELD_COPY(out->username, db_result_text(&rows, 0, 1));
    }
    db_result_release(&rows);
    return err;
}
