/*
 * What a site's backend writes, see publish.h. The statement after the lock numbers and writes. It
 * locks too, for nothing, unless what is named has come to be in between.
 */
#include "shared/store/publish.h"

#include "shared/base/mem.h"

#define ROOM                                                                                       \
    "select r.id, r.name from room_name n join room r on r.id = n.room_id"                         \
    " where n.name_key = $1 and r.archived_at is null"
#define USER                                                                                       \
    "select u.id, u.username from app_user u where u.username_key = $1"                            \
    " and u.deleted_at is null"

static const struct db_stmt find_room = {.name = "publish_find_room", .sql = ROOM, .params = 1};
static const struct db_stmt find_user = {.name = "publish_find_user", .sql = USER, .params = 1};
static const struct db_stmt lock_room = {
    .name = "publish_lock_room", .sql = ROOM " for update of r", .params = 1};
static const struct db_stmt lock_user = {
    .name = "publish_lock_user", .sql = USER " for no key update", .params = 1};

/* $1 key, $2 kind, $3 text, $4 payload, $5 nonce, $6 hash. Without an actor the index on nonces
 * keeps nobody from a second row: it is the lock that does. */
static const struct db_stmt write_room = {
    .name = "publish_write_room",
    .sql = "with own as materialized (select r.id, r.name, r.last_seq, clock_timestamp() as at"
           "  from room_name n join room r on r.id = n.room_id"
           "  where n.name_key = $1 and r.archived_at is null for update of r),"
           " known as materialized (select e.seq, e.at, e.body_hash from own"
           "  join room_event e on e.room_id = own.id and e.actor_id is null and e.nonce = $5"
           "  limit 1),"
           " made as (insert into room_event (room_id, seq, kind, text, payload, at, nonce,"
           "  body_hash) select id, last_seq + 1, $2, $3, $4::text::jsonb, at, $5, $6 from own"
           "  where not exists (select 1 from known) returning seq, at),"
           " bumped as (update room r set last_seq = made.seq from own, made where r.id = own.id)"
           " select own.id, own.name, coalesce(known.seq, made.seq), coalesce(known.at, made.at),"
           "  known.seq is not null, known.body_hash = $6"
           " from own left join known on true left join made on true",
    .params = 6,
};

static const struct db_stmt write_user = {
    .name = "publish_write_user",
    .sql = "with own as materialized (select id, username, inbox_seq, clock_timestamp() as at"
           "  from app_user where username_key = $1 and deleted_at is null for no key update),"
           " known as materialized (select e.seq, e.at, e.body_hash from own"
           "  join inbox_event e on e.user_id = own.id and e.nonce = $5 limit 1),"
           " made as (insert into inbox_event (user_id, seq, kind, payload, at, nonce, body_hash)"
           "  select id, inbox_seq + 1, $2, $4::text::jsonb, at, $5, $6 from own"
           "  where not exists (select 1 from known) and $3::text is null returning seq, at),"
           " bumped as (update app_user u set inbox_seq = made.seq from own, made"
           "  where u.id = own.id)"
           " select own.id, own.username, coalesce(known.seq, made.seq),"
           "  coalesce(known.at, made.at), known.seq is not null, known.body_hash = $6"
           " from own left join known on true left join made on true",
    .params = 6,
};

static void read_owner(const struct db_result *rows, struct publish_outcome *out)
{
    *out = (struct publish_outcome){0};
    if (db_result_rows(rows) == 0)
        return;
    out->id = db_result_int(rows, 0, 0);
    out->name = mem_span_dup(db_result_text(rows, 0, 1));
}

static enum err write_row(struct db *db, const struct db_stmt *lock, const struct db_stmt *write,
                          const struct publish_row *row, struct publish_outcome *out)
{
    const struct db_param params[] = {
        db_param_text(row->key),     db_param_int(row->kind),   db_param_text(row->text),
        db_param_text(row->payload), db_param_text(row->nonce), db_param_bytes(row->body_hash),
    };
    struct db_result rows = {0};
    const struct db_call calls[] = {{lock, params, 1, NULL}, {write, params, 6, &rows}};
    enum err err = db_pipeline(db, DB_BEGIN | DB_COMMIT, calls, 2);

    if (err == ERR_OK) {
        read_owner(&rows, out);
        if (out->id != 0) {
            out->seq = db_result_int(&rows, 0, 2);
            out->at_us = db_result_time(&rows, 0, 3);
            out->known = db_result_bool(&rows, 0, 4);
            out->same = db_result_bool(&rows, 0, 5);
        }
    }
    db_result_release(&rows);
    return err;
}

enum err publish_to_room(struct db *db, const struct publish_row *row, struct publish_outcome *out)
{
    return write_row(db, &lock_room, &write_room, row, out);
}

enum err publish_to_user(struct db *db, const struct publish_row *row, struct publish_outcome *out)
{
    return write_row(db, &lock_user, &write_user, row, out);
}

static enum err find(struct db *db, const struct db_stmt *stmt, struct span key,
                     struct publish_outcome *out)
{
    struct db_result rows = {0};
    enum err err = db_run(db, stmt, DB_PARAMS(db_param_text(key)), &rows);

    if (err == ERR_OK)
        read_owner(&rows, out);
    db_result_release(&rows);
    return err;
}

enum err publish_find_room(struct db *db, struct span key, struct publish_outcome *out)
{
    return find(db, &find_room, key, out);
}

enum err publish_find_user(struct db *db, struct span key, struct publish_outcome *out)
{
    return find(db, &find_user, key, out);
}
