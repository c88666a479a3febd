/* Sends, see message.h. What an outcome means for the sender is decided in shared/chat/send.c. */
#include "shared/store/message.h"

#include "shared/base/mem.h"

/*
 * About all statements here: a lookup is a lateral subquery with "limit 1", so that the plan is one
 * index lookup per send whatever the planner believes about the sizes of the tables. (A table that
 * was small when it was analysed would else be walked for each batch until it is analysed again.)
 */

/* The rooms are locked one by one in the order of the subquery, by id. Their ids go to the next
 * statement in a setting that ends with the transaction; rooms that appear between the two are not
 * in it and so not touched. */
#define LOCK_ROOMS(how)                                                                            \
    "select set_config('parley.rooms', coalesce(array_agg(l.id)::text, '{}'), true)"               \
    " from (select distinct n.room_id from unnest($1::text[]) as k (name_key)"                     \
    "   cross join lateral (select s.room_id from room_name s where s.name_key = k.name_key"       \
    "    limit 1) n order by n.room_id) o"                                                         \
    " cross join lateral (select r.id from room r where r.id = o.room_id for update " how ") l"

static const struct db_stmt lock_wait = {
    .name = "message_lock_wait",
    .sql = LOCK_ROOMS(""),
    .params = 1,
};

static const struct db_stmt lock_skip = {
    .name = "message_lock_skip",
    .sql = LOCK_ROOMS("skip locked"),
    .params = 1,
};

static const struct db_stmt be_brief = {
    .name = "message_be_brief",
    .sql = "select set_config('lock_timeout', '100ms', true)",
};

/*
 * One row comes back for each send, in order.
 *   checked   a verdict for each send by itself; 0: it may be written
 *   numbered  seq: the room's last and how many of the batch are written up to here
 * The number is made by a window function, so the cost stays linear in the size of the batch. A
 * nonce that cannot be known yet is not looked for ("sought" is null).
 * The rooms' rows are updated by their place (ctid), which cannot change: they are locked.
 */
static const struct db_stmt write_all = {
    .name = "message_write_all",
    .sql =
        "with numbered as materialized (select c.*, c.last_seq + count(*)"
        "  filter (where c.verdict = 0) over (partition by c.room_id order by c.ord"
        "   rows between unbounded preceding and current row) as seq"
        " from (select i.ord, i.user_id, i.nonce, i.body, i.hash, h.at,"
        "  r.id as room_id, r.tid, r.name, r.status, r.last_seq, u.username, k.seq as known_seq,"
        "  k.at as known_at, m.banned_until, m.muted_until,"
        "  case when u.id is null then 3"
        "   when r.id is null then 4"
        "   when r.id <> all(h.ids) then 5"
        "   when k.seq is not null then case when k.body_hash = i.hash then 1 else 2 end"
        "   when r.archived_at is not null then 4"
        "   when r.status = 'DIRECT' and m.is_member is not true then 4"
        "   when m.banned_until > h.at then 6"
        "   when m.is_member is not true then 7"
        "   when m.muted_until > h.at then 8"
        "   when r.status = 'DIRECT' and exists (select 1 from user_block b where"
        "     (b.blocker_id = r.direct_low and b.blocked_id = r.direct_high)"
        "     or (b.blocker_id = r.direct_high and b.blocked_id = r.direct_low)) then 9"
        "   when r.status = 'DIRECT' and exists (select 1 from app_user d where"
        "     d.id in (r.direct_low, r.direct_high) and d.deleted_at is not null) then 10"
        "   else 0 end as verdict"
        "  from (select coalesce(nullif(current_setting('parley.rooms', true),"
        "   ''), '{}')::bigint[] as ids, clock_timestamp() as at offset 0) h"
        "  cross join unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[],"
        "   $5::text[], $6::bytea[], $7::text[]) with ordinality"
        "   as i (room_key, user_id, session_id, nonce, body, hash, sought, ord)"
        "  left join lateral (select o.id, o.username from session s"
        "   join app_user o on o.id = s.user_id where s.id = i.session_id"
        "   and s.user_id = i.user_id and s.ended_at is null and s.expires_at > h.at"
        "   and o.disabled_at is null and o.deleted_at is null limit 1) u on true"
        "  left join lateral (select o.ctid as tid, o.id, o.name, o.status, o.last_seq,"
        "   o.archived_at, o.direct_low, o.direct_high from room_name n"
        "   join room o on o.id = n.room_id where n.name_key = i.room_key limit 1) r on true"
        "  left join lateral (select o.is_member, o.banned_until, o.muted_until"
        "   from membership o where o.room_id = r.id and o.user_id = i.user_id limit 1) m on true"
        "  left join lateral (select o.seq, o.at, o.body_hash from room_event o"
        "   where o.room_id = r.id and o.actor_id = i.user_id and o.nonce = i.sought limit 1) k"
        "   on true offset 0) c),"
        " written as (insert into room_event (room_id, seq, kind, actor_id, text, at, nonce,"
        "   body_hash) select room_id, seq, 1, user_id, body, at, nonce, hash from numbered"
        "   where verdict = 0),"
        " bumped as (update room r set last_seq = c.seq from (select tid, max(seq) as seq"
        "   from numbered where verdict = 0 group by tid) c where r.ctid = c.tid)"
        " select verdict, case when verdict = 0 then seq else known_seq end,"
        "  case when verdict = 0 then at else known_at end,"
        "  case verdict when 6 then banned_until when 8 then muted_until end,"
        "  room_id, name, status, username from numbered order by ord",
    .params = 7,
};

/* The sends' columns, as unnest takes them. */
struct columns {
    struct span *keys;
    int64_t *users;
    int64_t *sessions;
    struct span *nonces;
    struct span *texts;
    struct span *hashes;
    struct span *sought;
};

static void columns_init(struct columns *columns, const struct message_send *sends, size_t count)
{
    columns->keys = mem_array(count, sizeof *columns->keys);
    columns->users = mem_array(count, sizeof *columns->users);
    columns->sessions = mem_array(count, sizeof *columns->sessions);
    columns->nonces = mem_array(count, sizeof *columns->nonces);
    columns->texts = mem_array(count, sizeof *columns->texts);
    columns->hashes = mem_array(count, sizeof *columns->hashes);
    columns->sought = mem_array(count, sizeof *columns->sought);
    for (size_t i = 0; i < count; i++) {
        columns->keys[i] = sends[i].room_key;
        columns->users[i] = sends[i].user_id;
        columns->sessions[i] = sends[i].session_id;
        columns->nonces[i] = sends[i].nonce;
        columns->texts[i] = sends[i].text;
        columns->hashes[i] = sends[i].body_hash;
        columns->sought[i] = sends[i].is_first ? SPAN_NONE : sends[i].nonce;
    }
}

static void columns_release(struct columns *columns)
{
    mem_free(columns->keys);
    mem_free(columns->users);
    mem_free(columns->sessions);
    mem_free(columns->nonces);
    mem_free(columns->texts);
    mem_free(columns->hashes);
    mem_free(columns->sought);
}

enum err message_send_all(struct db *db, enum message_lock lock, const struct message_send *sends,
                          size_t count, struct db_result *rows)
{
    struct columns columns;
    columns_init(&columns, sends, count);
    const struct db_param keys = db_param_texts(columns.keys, count);
    const struct db_param params[] = {
        keys,
        db_param_ints(columns.users, count),
        db_param_ints(columns.sessions, count),
        db_param_texts(columns.nonces, count),
        db_param_texts(columns.texts, count),
        db_param_bytes_array(columns.hashes, count),
        db_param_texts(columns.sought, count),
    };
    const struct db_call calls[] = {
        {&be_brief, NULL, 0, NULL},
        {lock == MESSAGE_LOCK_SKIP ? &lock_skip : &lock_wait, &keys, 1, NULL},
        {&write_all, params, 7, rows},
    };
    size_t first = lock == MESSAGE_LOCK_BRIEF ? 0 : 1;
    enum err err = db_pipeline(db, DB_BEGIN | DB_COMMIT, calls + first, 3 - first);
    columns_release(&columns);
    return err;
}

void message_outcome_get(const struct db_result *rows, size_t index, struct message_outcome *out)
{
    int row = (int)index;
    *out = (struct message_outcome){
        .verdict = (enum message_verdict)db_result_int(rows, row, 0),
        .seq = db_result_int(rows, row, 1),
        .at_us = db_result_time(rows, row, 2),
        .until_us = db_result_time(rows, row, 3),
        .room_id = db_result_int(rows, row, 4),
        .room_name = db_result_text(rows, row, 5),
        .room_status = db_result_text(rows, row, 6),
        .sender = db_result_text(rows, row, 7),
    };
}
