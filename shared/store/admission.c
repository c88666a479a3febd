/* Admission, see admission.h. Rooms that nobody reads (archived) are not part of it. */
#include "shared/store/admission.h"

#include "shared/store/alive.h"

/*
 * One row per room, at least one for the user. `since` is an object {room id: seq}, so that each
 * room finds its own by a binary search and nothing is joined. Kinds 1 and 2 are messages.
 */
static const struct db_stmt read_all = {
    .name = "admission_read",
    .sql = "with me as materialized (select u.id, u.inbox_seq, array(select b.blocked_id"
           "  from user_block b where b.blocker_id = u.id order by b.blocked_id) as blocked,"
           "  (select jsonb_object_agg(named.room_id, named.seq) from (select n.room_id,"
           "    min(x.seq) as seq from unnest($4::text[], $5::bigint[]) as x (key, seq)"
           "    cross join lateral (select o.room_id from room_name o where o.name_key = x.key"
           "     limit 1) n group by n.room_id) named) as since"
           "  from app_user u where u.id = $1 and " SQL_ALIVE(
               "$2",
               "$1") "),"
                     " mine as materialized (select r.id, r.name, r.last_seq, m.joined_seq, "
                     "me.blocked,"
                     "  (me.since ->> r.id::text)::bigint as since"
                     "  from me join membership m on m.user_id = me.id and m.is_member"
                     "  cross join lateral (select * from room o where o.id = m.room_id"
                     "   and o.archived_at is null limit 1) r)"
                     " select me.inbox_seq,"
                     "  case when row_number() over (order by r.id) = 1 then me.blocked end,"
                     "  r.id, r.name, r.last_seq,"
                     "  case when r.since <= r.last_seq then r.since"
                     "   when $3 < 0 then 0"
                     "   when $3 = 0 then r.last_seq"
                     "   else coalesce((select e.seq - 1 from room_event e where e.room_id = r.id"
                     "     and e.seq <= r.last_seq and e.kind <= 2"
                     "     and (e.actor_id is null or e.actor_id <> all(r.blocked))"
                     "     order by e.seq desc offset $3 - 1 limit 1), 0) end,"
                     "  r.joined_seq, coalesce(r.since <= r.last_seq, false)"
                     " from me left join mine r on true order by r.id",
    .params = 5,
};

static const struct db_stmt missing_names = {
    .name = "admission_missing",
    .sql = "select not exists (select 1 from room_name n where n.name_key = x.key"
           "  and n.room_id = any($2::bigint[]))"
           " from unnest($1::text[]) with ordinality as x (key, ord) order by x.ord",
    .params = 2,
};

enum err admission_missing(struct db *db, const struct span *keys, size_t count,
                           const int64_t *room_ids, size_t room_count, bool *missing)
{
    struct db_result rows = {0};
    enum err err =
        db_run(db, &missing_names,
               DB_PARAMS(db_param_texts(keys, count), db_param_ints(room_ids, room_count)), &rows);
    for (size_t i = 0; i < count && !err; i++)
        missing[i] = db_result_bool(&rows, (int)i, 0);
    db_result_release(&rows);
    return err;
}

enum err admission_read(struct db *db, const struct admission_query *query, struct db_result *rows)
{
    enum err err = db_run(db, &read_all,
                          DB_PARAMS(db_param_int(query->user_id), db_param_int(query->session_id),
                                    db_param_int(query->last),
                                    db_param_texts(query->since_keys, query->since_count),
                                    db_param_ints(query->since_seqs, query->since_count)),
                          rows);
    return !err && db_result_rows(rows) == 0 ? ERR_UNAUTHENTICATED : err;
}

int64_t admission_inbox_seq(const struct db_result *rows)
{
    return db_result_int(rows, 0, 0);
}

size_t admission_blocked_count(const struct db_result *rows)
{
    return db_result_array_count(rows, 0, 1);
}

int64_t admission_blocked(const struct db_result *rows, size_t index)
{
    return db_result_array_int(rows, 0, 1, index);
}

size_t admission_room_count(const struct db_result *rows)
{
    return db_result_is_null(rows, 0, 2) ? 0 : (size_t)db_result_rows(rows);
}

void admission_room_get(const struct db_result *rows, size_t index, struct admission_room *out)
{
    int row = (int)index;
    *out = (struct admission_room){
        .room_id = db_result_int(rows, row, 2),
        .name = db_result_text(rows, row, 3),
        .head = db_result_int(rows, row, 4),
        .after = db_result_int(rows, row, 5),
        .joined_seq = db_result_int(rows, row, 6),
        .since = db_result_bool(rows, row, 7),
    };
}
