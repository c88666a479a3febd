/*
 * Lists for REST, see listing.h. Each statement begins with one row that says what the viewer may
 * see, and joins the list to it: no rows in the list is then told from no right to see it.
 */
#include "shared/store/listing.h"

#include "shared/store/access.h"
#include "shared/store/unread.h"

/* ---- channels ---- */

#define MATCHES(room_id)                                                                           \
    "($3::text is null or exists (select 1 from room_name n where n.room_id = " room_id            \
    " and strpos(n.name_key, $3) > 0))"

/* Two walks along an index by id, each ended by the limit: public rooms, and the viewer's. */
static const struct db_stmt list_channels = {
    .name = "listing_channels",
    .sql =
        "select one.alive, r.id, r.name, r.status, m.user_id is not null, m.role, r.members,"
        " r.last_seq, r.created_at, m.last_read_seq,"
        " case when m.user_id is not null then " SQL_UNREAD(
            "r", "m",
            "$2") " end"
                  " from (select " SQL_ALIVE(
                      "$1",
                      "$2") " as alive) one"
                            " left join lateral (select id from ("
                            "  (select id from room where not $6 and status = 'PUBLIC' and "
                            "archived_at is null"
                            "   and id > $4 and " MATCHES(
                                "room.id") " order by id limit $5)"
                                           "  union"
                                           "  (select o.room_id from membership o join room on "
                                           "room.id = o.room_id"
                                           "   where o.user_id = $2 and o.is_member and "
                                           "room.archived_at is null"
                                           "   and o.room_id > $4 and " MATCHES(
                                               "o.room_id") " order by o.room_id limit $5)"
                                                            " ) found order by id limit $5) shown "
                                                            "on one.alive"
                                                            " left join room r on r.id = shown.id"
                                                            " left join lateral (select * from "
                                                            "membership o where o.room_id = r.id "
                                                            "and o.user_id = $2 and o.is_member "
                                                            "limit 1) m on true"
                                                            " order by r.id",
    .params = 6,
};

enum err listing_channels(struct db *db, const struct room_viewer *viewer,
                          const struct listing_channels *query, struct db_result *rows, int *count)
{
    *count = 0;
    enum err err = db_run(db, &list_channels,
                          DB_PARAMS(db_param_int(viewer->session_id), db_param_int(viewer->user_id),
                                    db_param_text(query->search), db_param_int(query->after_id),
                                    db_param_int(query->limit), db_param_bool(query->mine)),
                          rows);
    if (err)
        return err;
    if (!db_result_bool(rows, 0, 0))
        return ERR_UNAUTHENTICATED;
    *count = db_result_is_null(rows, 0, 1) ? 0 : db_result_rows(rows);
    return ERR_OK;
}

void listing_channel(const struct db_result *rows, int row, struct listing_channel *out)
{
    *out = (struct listing_channel){
        .id = db_result_int(rows, row, 1),
        .name = db_result_text(rows, row, 2),
        .is_member = db_result_bool(rows, row, 4),
        .role = room_role_parse(db_result_text(rows, row, 5)),
        .members = db_result_int(rows, row, 6),
        .last_seq = db_result_int(rows, row, 7),
        .created_us = db_result_time(rows, row, 8),
        .last_read_seq = db_result_int(rows, row, 9),
        .unread = db_result_int(rows, row, 10),
    };
    (void)room_status_parse(db_result_text(rows, row, 3), &out->status);
}

/* ---- what is in a room ---- */

static const struct db_stmt list_members = {
    .name = "listing_members",
    .sql = "select " SQL_ACCESS_COLUMNS ", m.user_id, u.username, m.role,"
           " case when m.muted_until > now() then m.muted_until end,"
           " exists (select 1 from presence p join broker b on b.id = p.broker_id"
           "  where p.user_id = m.user_id and b.lease_until > now()) from " SQL_ACCESS
           " left join lateral (select user_id, role, muted_until from membership"
           "  where room_id = one.id and is_member and user_id > $4 order by user_id limit $5) m"
           " on one.alive left join app_user u on u.id = m.user_id order by m.user_id",
    .params = 5,
};

enum err listing_members(struct db *db, const struct room_viewer *viewer, struct span key,
                         int64_t after_id, int64_t limit, struct db_result *rows, int *count)
{
    return access_list(db, &list_members, ACCESS_FOR_ALL, viewer, key, after_id, limit, rows,
                       count);
}

void listing_member(const struct db_result *rows, int row, struct listing_member *out)
{
    *out = (struct listing_member){
        .user_id = db_result_int(rows, row, ACCESS_COLUMNS),
        .username = db_result_text(rows, row, ACCESS_COLUMNS + 1),
        .role = room_role_parse(db_result_text(rows, row, ACCESS_COLUMNS + 2)),
        .muted_until_us = db_result_time(rows, row, ACCESS_COLUMNS + 3),
        .online = db_result_bool(rows, row, ACCESS_COLUMNS + 4),
    };
}

/* Kinds 1 and 2 (text, system) are history. The walk goes along the primary key and ends at the
 * limit. */
#define MESSAGES(order)                                                                            \
    "select " SQL_ACCESS_COLUMNS ", e.seq, e.kind, u.username, e.text,"                            \
    " e.nonce, e.at, e.edited_at, e.deleted_at,"                                                   \
    " exists (select 1 from user_block h where h.blocker_id = $2) from " SQL_ACCESS                \
    " left join lateral (select * from room_event where room_id = one.id and kind in (1, 2)"       \
    "  and seq >= $4 and seq < $5 and (kind = 2 or not exists (select 1 from user_block b"         \
    "   where b.blocker_id = $2 and b.blocked_id = room_event.actor_id))"                          \
    "  order by room_id " order ", seq " order " limit $6) e on one.alive and one.is_member"       \
    " left join app_user u on u.id = e.actor_id and e.kind = 1 order by e.seq"

static const struct db_stmt last_messages = {
    .name = "listing_last_messages", .sql = MESSAGES("desc"), .params = 6};
static const struct db_stmt first_messages = {
    .name = "listing_first_messages", .sql = MESSAGES("asc"), .params = 6};

enum err listing_messages(struct db *db, const struct room_viewer *viewer, struct span key,
                          const struct listing_range *range, struct db_result *rows, int *count)
{
    *count = 0;
    enum err err = db_run(db, range->ascending ? &first_messages : &last_messages,
                          DB_PARAMS(db_param_int(viewer->session_id), db_param_int(viewer->user_id),
                                    db_param_text(key), db_param_int(range->from),
                                    db_param_int(range->to), db_param_int(range->limit)),
                          rows);
    if (!err)
        err = access_check(rows, ACCESS_FOR_MEMBERS);
    if (!err)
        *count = access_count(rows);
    return err;
}

/* A row if the viewer is a member. It is asked for each page that is shown again, and most of its
 * cost is what PostgreSQL sets up for each table: no more of them than must be. */
static const struct db_stmt version_of = {
    .name = "listing_version",
    .sql = "select r.last_seq, (select changes from name_changes where only_one),"
           " exists (select 1 from user_block b where b.blocker_id = $2)"
           " from (select o.last_seq from room o where o.id = $3 and o.archived_at is null"
           "  limit 1) r"
           " cross join lateral (select o.is_member from membership o where o.room_id = $3"
           "  and o.user_id = $2 limit 1) m"
           " where m.is_member and " SQL_ALIVE("$1", "$2"),
    .params = 3,
};

enum err listing_version(struct db *db, const struct room_viewer *viewer, int64_t room_id,
                         struct listing_version *out)
{
    struct db_result rows = {0};
    enum err err = db_run(db, &version_of,
                          DB_PARAMS(db_param_int(viewer->session_id), db_param_int(viewer->user_id),
                                    db_param_int(room_id)),
                          &rows);
    *out = (struct listing_version){.may_read = false};
    if (!err && db_result_rows(&rows) > 0)
        *out = (struct listing_version){
            .may_read = true,
            .hides_others = db_result_bool(&rows, 0, 2),
            .last_seq = db_result_int(&rows, 0, 0),
            .names = db_result_int(&rows, 0, 1),
        };
    db_result_release(&rows);
    return err;
}

void listing_message(const struct db_result *rows, int row, struct listing_message *out)
{
    *out = (struct listing_message){
        .room = listing_room_name(rows),
        .seq = db_result_int(rows, row, ACCESS_COLUMNS),
        .kind = (int)db_result_int(rows, row, ACCESS_COLUMNS + 1),
        .sender = db_result_text(rows, row, ACCESS_COLUMNS + 2),
        .text = db_result_text(rows, row, ACCESS_COLUMNS + 3),
        .nonce = db_result_text(rows, row, ACCESS_COLUMNS + 4),
        .at_us = db_result_time(rows, row, ACCESS_COLUMNS + 5),
        .edited_us = db_result_time(rows, row, ACCESS_COLUMNS + 6),
        .deleted_us = db_result_time(rows, row, ACCESS_COLUMNS + 7),
    };
}

struct span listing_room_name(const struct db_result *rows)
{
    return db_result_text(rows, 0, ACCESS_NAME);
}

bool listing_hides_others(const struct db_result *rows)
{
    return db_result_bool(rows, 0, ACCESS_COLUMNS + 8);
}

int64_t listing_room_id(const struct db_result *rows)
{
    return db_result_int(rows, 0, ACCESS_ROOM);
}
