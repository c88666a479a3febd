/* Search, see search.h: finding, and the index. How a result looks is shared/chat's business. */
#include "shared/store/search.h"

#include "shared/store/alive.h"

/* Of a room's matches the newest so many are ranked. With one room asked for it may be more; with
 * very many rooms it is fewer, so that a search ranks RANKED_IN_ALL at most, or a few of each. */
#define RANKED_OF_ROOM 200
#define RANKED_OF_ONE_ROOM 2000
#define RANKED_IN_ALL "10000"
#define RANKED_OF_ROOM_MIN "10"

/*
 * To find the newest matches of a room, so many times as many of its rows are read, and no more: a
 * word that is in every other message must not cost the room's whole history. The index knows no
 * order: if it has more matches than that, the word is a common one, and they are looked for among
 * the room's newest messages instead. Those of the index fill up what is missing there, a word that
 * was common once being the one case in which they are not the newest.
 */
#define READ_PER_RANKED "10"

/* Rows at the logs' ends that are looked through although they are not in the index yet. */
#define UNINDEXED "20000"

/* Rows of the logs in one step of indexing. A transaction is never divided. */
#define STEP "2000"

/*
 *   one    may the viewer, and what are the words
 *   mine   the viewer's rooms, each with the keys that its messages would have in the index
 *   share  how many matches of each are wanted
 *   hits   candidates: from the index, and from the end of the logs
 *          ("is true": looked up in a hash, where a join would be a nested loop)
 *   found  those that have the words now; deleted ones and system messages are none
 */
static const struct db_stmt find = {
    .name = "search_find",
    .sql = "with one as materialized (select " SQL_ALIVE(
        "$1", "$2") " as alive,"
                    "  tsvector_to_array(to_tsvector('simple', $3)) as words,"
                    "  plainto_tsquery('simple', $3) as query),"
                    " mine as materialized (select r.id, r.name,"
                    "  array(select r.id || ':' || w from unnest(one.words) w) as words"
                    "  from one cross join membership m join room r on r.id = m.room_id"
                    "  where one.alive and m.user_id = $2 and m.is_member and r.archived_at is null"
                    "  and ($4::text is null or r.id = (select n.room_id from room_name n"
                    "   where n.name_key = $4))),"
                    " share as materialized (select least($5, greatest(" RANKED_OF_ROOM_MIN
                    ", " RANKED_IN_ALL " / greatest(count(*), 1))) as most from mine),"
                    " hits as materialized (select mine.id as room_id, s.seq from one, share, mine"
                    "  cross join lateral (with listed as materialized (select o.seq"
                    "    from message_search o where o.words @> mine.words"
                    "    limit share.most * " READ_PER_RANKED "),"
                    "   newest as (select o.seq, o.words from message_search o"
                    "    where o.room_id = mine.id"
                    "    and (select count(*) from listed) = share.most * " READ_PER_RANKED
                    "    order by o.seq desc limit share.most * " READ_PER_RANKED ")"
                    "   select seq from listed union select seq from newest"
                    "    where words @> mine.words order by seq desc limit share.most) s"
                    "  where cardinality(one.words) > 0"
                    "  union select t.room_id, t.seq from (select e.room_id,"
                    "   case e.kind when 1 then e.seq else e.target_seq end as seq"
                    "   from room_event e where e.kind in (1, 6)"
                    "   and e.xid >= coalesce((select s.xid from search_state s), '0')"
                    "   order by e.xid desc limit " UNINDEXED
                    ") t where (t.room_id in (select id from mine)) is true),"
                    " found as (select r.id, r.name, e.seq, e.text, e.nonce, e.at, e.edited_at,"
                    "  u.username, (ts_rank(to_tsvector('simple', e.text), one.query) * 1000000)"
                    "   ::bigint as rank from one cross join hits h join room r on r.id = h.room_id"
                    "  cross join lateral (select * from room_event o where o.room_id = h.room_id"
                    "   and o.seq = h.seq and o.kind = 1 and o.text is not null limit 1) e"
                    "  join lateral (select o.username from app_user o where o.id = e.actor_id"
                    "   limit 1) u on true"
                    "  where to_tsvector('simple', e.text) @@ one.query"
                    "  and not exists (select 1 from user_block b where b.blocker_id = $2"
                    "   and b.blocked_id = e.actor_id))"
                    " select one.alive, cardinality(one.words), (select count(*) from mine),"
                    "  f.rank, f.at, f.id, f.seq, f.name, f.username, f.text, f.nonce, f.edited_at"
                    " from one left join lateral (select * from found where $6 = 0"
                    "  or (rank, at, id, seq) < ($7, $8, $9, $10)"
                    "  order by rank desc, at desc, id desc, seq desc limit $11) f on true"
                    " order by f.rank desc, f.at desc, f.id desc, f.seq desc",
    .params = 11,
};

enum err search_find(struct db *db, const struct room_viewer *viewer,
                     const struct search_query *query, struct db_result *rows, int *count)
{
    static const struct search_place nowhere = {.at_us = 1};
    const struct search_place *from = query->from ? query->from : &nowhere;
    bool one_room = span_present(query->room_key);
    *count = 0;
    enum err err = db_run(db, &find,
                          DB_PARAMS(db_param_int(viewer->session_id), db_param_int(viewer->user_id),
                                    db_param_text(query->text), db_param_text(query->room_key),
                                    db_param_int(one_room ? RANKED_OF_ONE_ROOM : RANKED_OF_ROOM),
                                    db_param_int(query->from != NULL), db_param_int(from->rank),
                                    db_param_time(from->at_us), db_param_int(from->room_id),
                                    db_param_int(from->seq), db_param_int(query->limit)),
                          rows);
    if (err)
        return err;
    if (!db_result_bool(rows, 0, 0))
        return ERR_UNAUTHENTICATED;
    if (db_result_int(rows, 0, 1) == 0)
        return ERR_SYNTAX;
    if (one_room && db_result_int(rows, 0, 2) == 0)
        return ERR_ROOM_NOT_FOUND;
    *count = db_result_is_null(rows, 0, 3) ? 0 : db_result_rows(rows);
    return ERR_OK;
}

void search_hit_get(const struct db_result *rows, int row, struct search_hit *out)
{
    *out = (struct search_hit){
        .place = {.rank = db_result_int(rows, row, 3),
                  .at_us = db_result_time(rows, row, 4),
                  .room_id = db_result_int(rows, row, 5),
                  .seq = db_result_int(rows, row, 6)},
        .room_name = db_result_text(rows, row, 7),
        .sender = db_result_text(rows, row, 8),
        .text = db_result_text(rows, row, 9),
        .nonce = db_result_text(rows, row, 10),
        .edited_us = db_result_time(rows, row, 11),
    };
}

/* ---- the index ---- */

/* Read only, so that nothing is written while nothing happens. */
static const struct db_stmt is_behind = {
    .name = "search_is_behind",
    .sql = "select exists (select 1 from room_event"
           " where xid >= coalesce((select s.xid from search_state s), '0')"
           " and xid < pg_snapshot_xmin(pg_current_snapshot()))",
};

static const struct db_stmt begin = {
    .name = "search_begin",
    .sql = "insert into search_state (xid) values ('0') on conflict do nothing",
};

/* Who finds the row locked leaves the setting empty, and the next statement does nothing. */
static const struct db_stmt lock = {
    .name = "search_lock",
    .sql = "select set_config('parley.indexed', s.xid::text, true)"
           " from (select xid from search_state for update skip locked) s",
};

/* Rows below the snapshot's xmin are final. An edit makes its message's words anew; those of a
 * deleted message go. */
static const struct db_stmt step = {
    .name = "search_step",
    .sql = "with bounds as materialized (select"
           "  nullif(current_setting('parley.indexed', true), '')::xid8 as low,"
           "  pg_snapshot_xmin(pg_current_snapshot()) as high),"
           " chunk as materialized (select e.* from bounds cross join lateral (select l.room_id,"
           "   l.seq, l.kind, l.target_seq, l.xid from room_event l where l.xid >= bounds.low"
           "   and l.xid < bounds.high order by l.xid fetch first " STEP " rows with ties) e),"
           " touched as (select distinct room_id, case kind when 1 then seq else target_seq end"
           "  as seq from chunk where kind in (1, 6)),"
           " written as (insert into message_search (room_id, seq, words)"
           "  select t.room_id, t.seq, array(select t.room_id || ':' || w"
           "   from unnest(tsvector_to_array(to_tsvector('simple', e.text))) w)"
           "  from touched t cross join lateral (select o.text from room_event o"
           "   where o.room_id = t.room_id and o.seq = t.seq and o.text is not null limit 1) e"
           "  on conflict (room_id, seq) do update set words = excluded.words),"
           " gone as (delete from message_search s using chunk c where c.kind = 7"
           "  and s.room_id = c.room_id and s.seq = c.target_seq),"
           " seen as (select count(*) as rows, max(xid::text::bigint) as last from chunk),"
           " moved as (update search_state set xid = case when seen.rows >= " STEP
           "   then (seen.last + 1)::text::xid8 else bounds.high end from seen, bounds"
           "  where seen.rows > 0)"
           " select rows >= " STEP " from seen",
};

enum err search_index(struct db *db, bool *more)
{
    struct db_result rows = {0};
    *more = false;
    enum err err = db_run(db, &is_behind, DB_NO_PARAMS, &rows);
    bool behind = !err && db_result_bool(&rows, 0, 0);
    db_result_release(&rows);
    if (err || !behind)
        return err;
    const struct db_call calls[] = {
        {&begin, NULL, 0, NULL},
        {&lock, NULL, 0, NULL},
        {&step, NULL, 0, &rows},
    };
    err = db_pipeline(db, DB_BEGIN | DB_COMMIT, calls, 3);
    *more = !err && db_result_bool(&rows, 0, 0);
    db_result_release(&rows);
    return err;
}
