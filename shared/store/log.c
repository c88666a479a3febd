/* The logs, see log.h. Every statement walks (room_id, seq), (user_id, seq) or the index on xid. */
#include "shared/store/log.h"

/* A message joins itself, an edit or a delete the message it is about. */
static const struct db_stmt read_room = {
    .name = "log_read_room",
    .sql = "select e.seq, e.kind, e.actor_id, e.at, e.payload, r.name, e.subject_id,"
           " m.seq, m.kind, m.actor_id, u.username, m.text, m.nonce, m.at, m.edited_at,"
           " m.deleted_at from (select * from room_event l where l.room_id = $1 and l.seq > $2"
           "  and l.seq <= $3 and ($5::boolean is false or l.kind > 2) order by l.seq limit $4) e"
           " join lateral (select o.name from room o where o.id = e.room_id limit 1) r on true"
           " left join lateral (select * from room_event o where o.room_id = e.room_id"
           "  and o.seq = case when e.kind <= 2 then e.seq else e.target_seq end limit 1) m on true"
           " left join lateral (select o.username from app_user o where o.id = m.actor_id"
           "  and m.kind = 1 limit 1) u on true"
           " order by e.seq",
    .params = 5,
};

static const struct db_stmt read_inbox = {
    .name = "log_read_inbox",
    .sql = "select e.seq, e.kind, e.actor_id, e.at, e.payload, r.name, e.room_id, e.room_seq,"
           " e.session_id from (select * from inbox_event l where l.user_id = $1 and l.seq > $2"
           "  and l.seq <= $3 order by l.seq limit $4) e"
           " left join lateral (select o.name from room o where o.id = e.room_id limit 1) r on true"
           " order by e.seq",
    .params = 4,
};

static const struct db_stmt heads = {
    .name = "log_heads",
    .sql =
        "select coalesce(case when x.type = 0 then (select r.last_seq from room r"
        "  where r.id = x.id) else (select u.inbox_seq from app_user u where u.id = x.id) end, 0)"
        " from unnest($1::bigint[], $2::bigint[]) with ordinality as x (type, id, ord)"
        " order by x.ord",
    .params = 2,
};

static const struct db_stmt horizon = {
    .name = "log_horizon",
    .sql = "select pg_snapshot_xmin(pg_current_snapshot())",
};

/* Materialized, so that the index on xid is what finds the rows: grouping them could as well be had
 * by walking the whole primary key. The horizon is the first row. */
static const struct db_stmt news = {
    .name = "log_news",
    .sql = "with rooms as materialized (select room_id, seq from room_event"
           "  where xid >= ($1::bigint)::text::xid8),"
           " users as materialized (select user_id, seq from inbox_event"
           "  where xid >= ($1::bigint)::text::xid8)"
           " select -1::bigint, 0::bigint, pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
           " union all select 0, room_id, max(seq) from rooms group by room_id"
           " union all select 1, user_id, max(seq) from users group by user_id",
    .params = 1,
};

static const struct db_stmt ping = {.name = "ping", .sql = "select 1"};

enum err log_read_room(struct db *db, int64_t room_id, int64_t after, int64_t upto, int64_t limit,
                       bool non_messages, struct db_result *rows)
{
    return db_run(db, &read_room,
                  DB_PARAMS(db_param_int(room_id), db_param_int(after), db_param_int(upto),
                            db_param_int(limit), db_param_bool(non_messages)),
                  rows);
}

void log_room_entry(const struct db_result *rows, int row, struct log_entry *out)
{
    *out = (struct log_entry){
        .seq = db_result_int(rows, row, 0),
        .kind = (int)db_result_int(rows, row, 1),
        .actor = db_result_int(rows, row, 2),
        .at_us = db_result_time(rows, row, 3),
        .payload = db_result_text(rows, row, 4),
        .room_name = db_result_text(rows, row, 5),
        .subject = db_result_int(rows, row, 6),
        .message_seq = db_result_int(rows, row, 7),
        .message_kind = (int)db_result_int(rows, row, 8),
        .author = db_result_int(rows, row, 9),
        .sender = db_result_text(rows, row, 10),
        .text = db_result_text(rows, row, 11),
        .nonce = db_result_text(rows, row, 12),
        .message_at_us = db_result_time(rows, row, 13),
        .edited_us = db_result_time(rows, row, 14),
        .deleted_us = db_result_time(rows, row, 15),
    };
}

enum err log_read_inbox(struct db *db, int64_t user_id, int64_t after, int64_t upto, int64_t limit,
                        struct db_result *rows)
{
    return db_run(db, &read_inbox,
                  DB_PARAMS(db_param_int(user_id), db_param_int(after), db_param_int(upto),
                            db_param_int(limit)),
                  rows);
}

void log_inbox_entry(const struct db_result *rows, int row, struct log_entry *out)
{
    *out = (struct log_entry){
        .seq = db_result_int(rows, row, 0),
        .kind = (int)db_result_int(rows, row, 1),
        .actor = db_result_int(rows, row, 2),
        .at_us = db_result_time(rows, row, 3),
        .payload = db_result_text(rows, row, 4),
        .room_name = db_result_text(rows, row, 5),
        .room = db_result_int(rows, row, 6),
        .room_seq = db_result_int(rows, row, 7),
        .session = db_result_int(rows, row, 8),
    };
}

enum err log_heads(struct db *db, const int64_t *types, const int64_t *ids, size_t count,
                   int64_t *seqs)
{
    struct db_result rows = {0};
    enum err err = db_run(db, &heads,
                          DB_PARAMS(db_param_ints(types, count), db_param_ints(ids, count)), &rows);
    for (size_t i = 0; i < count && !err; i++)
        seqs[i] = db_result_int(&rows, (int)i, 0);
    db_result_release(&rows);
    return err;
}

enum err log_horizon(struct db *db, int64_t *xid)
{
    struct db_result rows = {0};
    enum err err = db_run(db, &horizon, DB_NO_PARAMS, &rows);
    if (!err)
        *xid = db_result_int(&rows, 0, 0);
    db_result_release(&rows);
    return err;
}

enum err log_news(struct db *db, int64_t since, struct db_result *rows, int64_t *next)
{
    enum err err = db_run(db, &news, DB_PARAMS(db_param_int(since)), rows);
    for (int row = 0; row < db_result_rows(rows) && !err; row++) {
        if (db_result_int(rows, row, 0) == -1)
            *next = db_result_int(rows, row, 2);
    }
    return err;
}

size_t log_news_count(const struct db_result *rows)
{
    return (size_t)db_result_rows(rows) - 1;
}

void log_news_get(const struct db_result *rows, size_t index, int *type, int64_t *id, int64_t *seq)
{
    int row = (int)index + 1;
    *type = (int)db_result_int(rows, row, 0);
    *id = db_result_int(rows, row, 1);
    *seq = db_result_int(rows, row, 2);
}

enum err log_ping(struct db *db)
{
    return db_run(db, &ping, DB_NO_PARAMS, NULL);
}
