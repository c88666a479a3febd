/* History, see history.h. Walks the primary key (room_id, seq) of each room, nothing else. */
#include "shared/store/history.h"

static const struct db_stmt read_ranges = {
    .name = "history_read",
    .sql = "select x.ord, e.seq, e.kind, u.username, e.text, e.nonce, e.at, e.edited_at,"
           " e.deleted_at from unnest($1::bigint[], $2::bigint[], $3::bigint[])"
           "  with ordinality as x (room_id, after, head, ord)"
           " cross join lateral (select * from room_event l where l.room_id = x.room_id"
           "  and l.seq > x.after and l.seq <= x.head and l.kind <= 2"
           "  and (l.actor_id is null or l.actor_id <> all($5::bigint[]))"
           "  order by l.seq limit $4) e"
           " left join lateral (select o.username from app_user o where o.id = e.actor_id"
           "  and e.kind = 1 limit 1) u on true"
           " order by x.ord, e.seq",
    .params = 5,
};

enum err history_read(struct db *db, const struct history_ranges *ranges, int64_t limit,
                      const int64_t *blocked, size_t blocked_count, struct db_result *rows)
{
    return db_run(db, &read_ranges,
                  DB_PARAMS(db_param_ints(ranges->room_ids, ranges->count),
                            db_param_ints(ranges->afters, ranges->count),
                            db_param_ints(ranges->heads, ranges->count), db_param_int(limit),
                            db_param_ints(blocked, blocked_count)),
                  rows);
}

void history_message_get(const struct db_result *rows, int row, struct history_message *out)
{
    *out = (struct history_message){
        .range = (size_t)db_result_int(rows, row, 0) - 1,
        .seq = db_result_int(rows, row, 1),
        .kind = (int)db_result_int(rows, row, 2),
        .sender = db_result_text(rows, row, 3),
        .text = db_result_text(rows, row, 4),
        .nonce = db_result_text(rows, row, 5),
        .at_us = db_result_time(rows, row, 6),
        .edited_us = db_result_time(rows, row, 7),
        .deleted_us = db_result_time(rows, row, 8),
    };
}
