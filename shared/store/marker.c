/* Read markers, see marker.h. The counts of lists are part of their own statements (listing.c). */
#include "shared/store/marker.h"

#include "shared/store/alive.h"
#include "shared/store/field.h"
#include "shared/store/unread.h"

/* Not worth waiting for the disk. */
static const struct db_stmt do_not_wait = {
    .name = "marker_do_not_wait",
    .sql = "select set_config('synchronous_commit', 'off', true)",
};

static const struct db_stmt move = {
    .name = "marker_move",
    .sql = "with here as materialized (select " SQL_ALIVE(
        "$1", "$2") " as alive, r.id, r.name, r.status, r.members,"
                    "  least($4, r.last_seq) as seq, coalesce(m.is_member, false) as is_member,"
                    "  case when m.banned_until > now() then m.banned_until end as banned_until,"
                    "  m.last_read_seq from (select 1) any_row"
                    "  left join room_name n on n.name_key = $3"
                    "  left join room r on r.id = n.room_id and r.archived_at is null"
                    "  left join membership m on m.room_id = r.id and m.user_id = $2),"
                    " moved as (update membership o set last_read_seq = here.seq from here"
                    "  where o.room_id = here.id and o.user_id = $2 and here.alive and o.is_member"
                    "  and o.last_read_seq < here.seq returning o.last_read_seq)"
                    " select alive, id, name, status, members, is_member, banned_until,"
                    "  coalesce((select last_read_seq from moved), last_read_seq),"
                    "  exists (select 1 from moved) from here",
    .params = 4,
};

enum err marker_move(struct db *db, const struct room_viewer *viewer, struct span room_key,
                     int64_t seq, struct marker_outcome *out)
{
    struct db_result rows = {0};
    const struct db_param params[] = {db_param_int(viewer->session_id),
                                      db_param_int(viewer->user_id), db_param_text(room_key),
                                      db_param_int(seq)};
    const struct db_call calls[] = {{&do_not_wait, NULL, 0, NULL}, {&move, params, 4, &rows}};
    enum err err = db_pipeline(db, DB_BEGIN | DB_COMMIT, calls, 2);
    *out = (struct marker_outcome){.seq = 0};
    if (!err) {
        out->room.alive = db_result_bool(&rows, 0, 0);
        out->room.id = db_result_int(&rows, 0, 1);
        FIELD_COPY(out->room.name, db_result_text(&rows, 0, 2));
        (void)room_status_parse(db_result_text(&rows, 0, 3), &out->room.status);
        out->room.members = db_result_int(&rows, 0, 4);
        out->room.is_member = db_result_bool(&rows, 0, 5);
        out->room.banned_until_us = db_result_time(&rows, 0, 6);
        out->seq = db_result_int(&rows, 0, 7);
        out->moved = db_result_bool(&rows, 0, 8);
    }
    db_result_release(&rows);
    return err;
}

static const struct db_stmt read_one = {
    .name = "marker_read",
    .sql = "select m.last_read_seq, " SQL_UNREAD(
        "r", "m", "$2") " from membership m join room r on r.id = m.room_id"
                        " where m.room_id = $1 and m.user_id = $2 and m.is_member",
    .params = 2,
};

enum err marker_read(struct db *db, int64_t room_id, int64_t user_id, int64_t *last_read_seq,
                     int64_t *unread)
{
    struct db_result rows = {0};
    enum err err =
        db_run(db, &read_one, DB_PARAMS(db_param_int(room_id), db_param_int(user_id)), &rows);
    bool found = !err && db_result_rows(&rows) > 0;
    *last_read_seq = found ? db_result_int(&rows, 0, 0) : 0;
    *unread = found ? db_result_int(&rows, 0, 1) : 0;
    db_result_release(&rows);
    return err;
}
