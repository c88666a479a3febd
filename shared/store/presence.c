/* Presence, see presence.h. In the statement after the lock, with its fresh snapshot, it is checked
 * where else a user is. */
#include "shared/store/presence.h"

/* Users of dead brokers taken down at a time, and the rows that tell their rooms of it: at least
 * one user, however many rooms it is in. */
#define BURY_MAX 2000
#define BURY_ROWS "10000"

/* Any number, the same for all: "presence" in ASCII. */
static const struct db_stmt lock = {
    .name = "presence_lock",
    .sql = "select pg_advisory_xact_lock(x'70726573656e6365'::bigint)::text",
};

static const struct db_stmt enroll = {
    .name = "presence_enroll",
    .sql = "insert into broker (id, lease_until) values ($1, now() + $2 * interval '1 millisecond')"
           " on conflict (id) do update set lease_until = excluded.lease_until",
    .params = 2,
};

/* The small rooms of the users in `who` (user_id). */
#define ROOMS_OF(who, max)                                                                         \
    " select m.room_id, r.name, u.username from " who " w join app_user u on u.id = w.user_id"     \
    " join membership m on m.user_id = w.user_id and m.is_member"                                  \
    " join room r on r.id = m.room_id and r.archived_at is null and r.members <= " max             \
    " where u.deleted_at is null"

/* A statement sees presence as it was before itself, also where it changes it. */
static const struct db_stmt come = {
    .name = "presence_come",
    .sql = "with put as (insert into presence (user_id, broker_id)"
           "  select c.id, $1 from unnest($2::bigint[]) as c (id) on conflict do nothing),"
           " fresh as (select c.id as user_id from unnest($2::bigint[]) as c (id)"
           "  where not exists (select 1 from presence p where p.user_id = c.id"
           "   and ($3 is not true or p.broker_id <> $1)))" ROOMS_OF("fresh",
                                                                     "$4") " order by m.room_id",
    .params = 4,
};

static const struct db_stmt go = {
    .name = "presence_go",
    .sql = "with cut as (delete from presence p using unnest($2::bigint[]) as c (id)"
           "  where p.user_id = c.id and p.broker_id = $1 returning p.user_id),"
           " who as (select user_id from cut union select c.id from unnest($2::bigint[]) as c (id)"
           "  where $3),"
           " lost as (select who.user_id from who where not exists (select 1 from presence p"
           "  where p.user_id = who.user_id and p.broker_id <> $1))" ROOMS_OF(
               "lost", "$4") " order by m.room_id",
    .params = 4,
};

static const struct db_stmt condemn = {
    .name = "presence_condemn",
    .sql = "update broker set lease_until = '-infinity'"
           " where lease_until < now() and lease_until > '-infinity'",
};

static const struct db_stmt bury = {
    .name = "presence_bury",
    .sql = "with dead as (select id from broker where lease_until = '-infinity'),"
           " first as (select p.user_id, p.broker_id from presence p"
           "  where p.broker_id in (select id from dead) limit $1),"
           " counted as (select s.user_id, s.broker_id, sum(n.rooms) over w as rooms,"
           "  row_number() over w as nth from first s cross join lateral (select count(*) as rooms"
           "   from membership m where m.user_id = s.user_id and m.is_member) n"
           "  window w as (order by s.user_id, s.broker_id)),"
           " part as (select user_id, broker_id from counted"
           "  where nth = 1 or rooms <= " BURY_ROWS "),"
           " cut as (delete from presence p using part"
           "  where p.user_id = part.user_id and p.broker_id = part.broker_id"
           "  returning p.user_id),"
           " gone as (delete from broker b where b.lease_until = '-infinity'"
           "  and not exists (select 1 from presence p where p.broker_id = b.id)),"
           " lost as (select distinct cut.user_id from cut where not exists ("
           "  select 1 from presence p where p.user_id = cut.user_id"
           "   and p.broker_id not in (select id from dead)))"
           " select null::bigint, (select count(*) from cut)::text, null::text"
           " union all (" ROOMS_OF("lost", "$2") " order by m.room_id)",
    .params = 2,
};

/* Waits for the lock of a burial on the row, and then sees what that made of it. */
static const struct db_stmt renew = {
    .name = "presence_renew",
    .sql = "with mine as (update broker set lease_until = now() + $2 * interval '1 millisecond'"
           "  where id = $1 and lease_until > now() returning 1)"
           " select exists (select 1 from mine),"
           "  exists (select 1 from broker where lease_until < now() and id <> $1)",
    .params = 2,
};

static const struct db_stmt state = {
    .name = "presence_state",
    .sql = "with asked as (select r.id, r.name, sum(r.members) over (order by r.id) <= $3 as fits"
           "  from room r where r.id = any($1) and r.archived_at is null and r.members <= $2)"
           " select a.id, a.name, n.username, a.fits from asked a left join lateral ("
           "  select u.username from membership m join app_user u on u.id = m.user_id"
           "  where a.fits and m.room_id = a.id and m.is_member"
           "   and exists (select 1 from presence p where p.user_id = m.user_id)"
           "  order by u.username) n on true order by a.id",
    .params = 3,
};

enum err presence_change(struct db *db, const struct presence_change *change,
                         struct presence_rows *out)
{
    struct db_param broker = db_param_text(change->broker);
    struct db_param again = db_param_bool(change->again);
    struct db_param max = db_param_int(change->max_members);
    const struct db_param enrolled[] = {broker, db_param_int(change->lease_ms)};
    const struct db_param came[] = {broker, db_param_ints(change->came, change->came_count), again,
                                    max};
    const struct db_param gone[] = {broker, db_param_ints(change->gone, change->gone_count), again,
                                    max};
    const struct db_param buried[] = {db_param_int(BURY_MAX), max};
    struct db_call calls[6] = {{.stmt = &lock}};
    size_t count = 1;

    if (change->lease_ms > 0)
        calls[count++] = (struct db_call){&enroll, enrolled, 2, NULL};
    if (change->came_count > 0)
        calls[count++] = (struct db_call){&come, came, 4, &out->came};
    if (change->gone_count > 0)
        calls[count++] = (struct db_call){&go, gone, 4, &out->gone};
    if (change->bury) {
        calls[count++] = (struct db_call){.stmt = &condemn};
        calls[count++] = (struct db_call){&bury, buried, 2, &out->buried};
    }
    return db_pipeline(db, DB_BEGIN | DB_COMMIT, calls, count);
}

void presence_rows_release(struct presence_rows *rows)
{
    db_result_release(&rows->came);
    db_result_release(&rows->gone);
    db_result_release(&rows->buried);
}

int64_t presence_buried(const struct presence_rows *rows)
{
    if (!rows->buried.pg || db_result_rows(&rows->buried) == 0)
        return 0;
    return strtoll(db_result_text(&rows->buried, 0, 1).ptr, NULL, 10);
}

bool presence_row(const struct db_result *rows, int index, struct presence_row *out)
{
    if (db_result_is_null(rows, index, 0))
        return false;
    *out = (struct presence_row){
        .room_id = db_result_int(rows, index, 0),
        .room_name = db_result_text(rows, index, 1),
        .username = db_result_text(rows, index, 2),
    };
    return true;
}

bool presence_fits(const struct db_result *rows, int index)
{
    return db_result_bool(rows, index, 3);
}

enum err presence_renew(struct db *db, struct span broker, int64_t lease_ms, bool *alive,
                        bool *dead)
{
    struct db_result rows = {0};
    enum err err =
        db_run(db, &renew, DB_PARAMS(db_param_text(broker), db_param_int(lease_ms)), &rows);

    if (err == ERR_OK) {
        *alive = db_result_bool(&rows, 0, 0);
        *dead = db_result_bool(&rows, 0, 1);
    }
    db_result_release(&rows);
    return err;
}

enum err presence_state(struct db *db, const int64_t *rooms, size_t count, int64_t max_members,
                        int64_t budget, struct db_result *rows)
{
    return db_run(
        db, &state,
        DB_PARAMS(db_param_ints(rooms, count), db_param_int(max_members), db_param_int(budget)),
        rows);
}
