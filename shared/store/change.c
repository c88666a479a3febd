/*
 * A change of one room, see change.h. It decides nothing: who may do what is checked in shared/chat
 * under the same lock. Messages are written elsewhere (message.c), many at a time.
 */
#include "shared/store/change.h"

#include <assert.h>

#include "shared/base/mem.h"

static const struct db_stmt write_log = {
    .name = "change_write_log",
    .sql = "insert into room_event (room_id, seq, kind, actor_id, subject_id, text, payload, at)"
           " select $1, $2 + i - 1, kind, nullif(actor, 0), nullif(subject, 0), body, data::jsonb,"
           " $3 from unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[])"
           " with ordinality as row (kind, actor, subject, body, data, i)",
    .params = 8,
};

static const struct db_stmt write_room = {
    .name = "change_write_room",
    .sql = "update room set last_seq = $2, members = members + $3,"
           " archived_at = case when $4 then $5 end where id = $1",
    .params = 5,
};

static const struct db_stmt write_settings = {
    .name = "change_write_settings",
    .sql = "update room set name = $2, status = $3, password_hash = $4 where id = $1",
    .params = 4,
};

/* A name that the room had before is its own still. */
static const struct db_stmt write_name = {
    .name = "change_write_name",
    .sql = "insert into room_name (name_key, room_id) select $2, $1"
           " where not exists (select 1 from room_name where name_key = $2 and room_id = $1)",
    .params = 2,
};

static const struct db_stmt write_member = {
    .name = "change_write_member",
    .sql = "insert into membership (room_id, user_id, is_member, role, joined_at, joined_seq)"
           " values ($1, $2, true, $3, $4, $5) on conflict (room_id, user_id) do update"
           " set is_member = true, role = excluded.role, joined_at = excluded.joined_at,"
           " joined_seq = excluded.joined_seq",
    .params = 5,
};

static const struct db_stmt end_member = {
    .name = "change_end_member",
    .sql =
        "update membership set is_member = false, role = null where room_id = $1 and user_id = $2",
    .params = 2,
};

static const struct db_stmt write_role = {
    .name = "change_write_role",
    .sql = "update membership set role = $3 where room_id = $1 and user_id = $2",
    .params = 3,
};

static const struct db_stmt write_mute = {
    .name = "change_write_mute",
    .sql = "update membership set muted_until = $3 where room_id = $1 and user_id = $2",
    .params = 3,
};

static const struct db_stmt write_ban = {
    .name = "change_write_ban",
    .sql = "insert into membership (room_id, user_id, is_member, banned_until)"
           " values ($1, $2, false, $3) on conflict (room_id, user_id) do update"
           " set banned_until = excluded.banned_until",
    .params = 3,
};

static const struct db_stmt write_audit = {
    .name = "change_write_audit",
    .sql = "insert into audit_entry (room_id, at, actor_id, action, subject_id, until, reason,"
           " details) values ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb)",
    .params = 8,
};

static const struct db_stmt lock_users = {
    .name = "change_lock_users",
    .sql = "select id from app_user where id = any($1) order by id for no key update",
    .params = 1,
};

/* A user's rows are numbered in the order given. */
static const struct db_stmt write_inbox = {
    .name = "change_write_inbox",
    .sql = "with given as (select *, row_number() over (partition by user_id order by i) as n"
           "  from unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) with ordinality"
           "  as row (user_id, kind, actor, room_seq, i)),"
           " numbered as (update app_user u set inbox_seq = u.inbox_seq + c.n from"
           "  (select user_id, count(*) as n from given group by user_id) c"
           "  where u.id = c.user_id returning u.id, u.inbox_seq - c.n as before)"
           " insert into inbox_event (user_id, seq, kind, actor_id, room_id, room_seq, at)"
           " select g.user_id, u.before + g.n, g.kind, nullif(g.actor, 0), $1,"
           " nullif(g.room_seq, 0), $2 from given g join numbered u on u.id = g.user_id"
           " returning user_id, kind, seq",
    .params = 6,
};

static const struct db_stmt lock_members = {
    .name = "change_lock_members",
    .sql = "select u.id from membership m join app_user u on u.id = m.user_id"
           " where m.room_id = $1 and m.is_member order by u.id for no key update of u",
    .params = 1,
};

static const struct db_stmt write_members_inbox = {
    .name = "change_write_members_inbox",
    .sql = "with numbered as (update app_user u set inbox_seq = inbox_seq + 1 from membership m"
           "  where m.room_id = $1 and m.is_member and u.id = m.user_id"
           "  returning u.id, u.inbox_seq)"
           " insert into inbox_event (user_id, seq, kind, actor_id, room_id, room_seq, at)"
           " select id, inbox_seq, $3, $4, $1, $5, $2 from numbered returning user_id, seq",
    .params = 5,
};

static const struct db_stmt end_members = {
    .name = "change_end_members",
    .sql = "update membership set is_member = false, role = null where room_id = $1 and is_member",
    .params = 1,
};

void change_init(struct change *change, const struct room_state *state)
{
    *change = (struct change){
        .room_id = state->id,
        .at_us = state->now_us,
        .first_seq = state->last_seq + 1,
        .members_before = state->members,
    };
}

int64_t change_add_row(struct change *change, const struct change_row *row)
{
    assert(change->row_count < CHANGE_ROWS_MAX);
    change->rows[change->row_count] = *row;
    return change->first_seq + (int64_t)change->row_count++;
}

void change_add_notice(struct change *change, const struct change_notice *notice)
{
    assert(change->notice_count < CHANGE_NOTICES_MAX);
    change->notices[change->notice_count++] = *notice;
}

void change_add_member(struct change *change, const struct change_member *member)
{
    assert(change->member_count < CHANGE_MEMBERS_MAX);
    change->members[change->member_count++] = *member;
}

/* ---- a pipeline whose parameters live as long as it does ---- */

#define CALLS_MAX 12
#define PARAMS_MAX 56

struct pipeline {
    struct db_call calls[CALLS_MAX];
    size_t call_count;
    struct db_param params[PARAMS_MAX];
    size_t param_count;
};

static void add_call(struct pipeline *pipeline, const struct db_stmt *stmt,
                     const struct db_param *params, int count, struct db_result *out)
{
    assert(pipeline->call_count < CALLS_MAX);
    assert(pipeline->param_count + (size_t)count <= PARAMS_MAX);
    struct db_param *copy = pipeline->params + pipeline->param_count;
    memcpy(copy, params, (size_t)count * sizeof *params);
    pipeline->param_count += (size_t)count;
    pipeline->calls[pipeline->call_count++] = (struct db_call){stmt, copy, count, out};
}

/* The rows' columns as arrays for unnest. */
struct log_columns {
    int64_t kinds[CHANGE_ROWS_MAX];
    int64_t actors[CHANGE_ROWS_MAX];
    int64_t subjects[CHANGE_ROWS_MAX];
    struct span texts[CHANGE_ROWS_MAX];
    struct span payloads[CHANGE_ROWS_MAX];
};

static void add_log(struct pipeline *pipeline, const struct change *change,
                    struct log_columns *columns)
{
    size_t count = change->row_count;
    for (size_t i = 0; i < count; i++) {
        const struct change_row *row = &change->rows[i];
        columns->kinds[i] = row->kind;
        columns->actors[i] = row->actor;
        columns->subjects[i] = row->subject;
        columns->texts[i] = row->text;
        columns->payloads[i] = row->payload;
    }
    add_call(
        pipeline, &write_log,
        DB_PARAMS(db_param_int(change->room_id), db_param_int(change->first_seq),
                  db_param_time(change->at_us), db_param_ints(columns->kinds, count),
                  db_param_ints(columns->actors, count), db_param_ints(columns->subjects, count),
                  db_param_texts(columns->texts, count), db_param_texts(columns->payloads, count)),
        NULL);
}

static void add_room(struct pipeline *pipeline, const struct change *change, int64_t members)
{
    struct db_param room = db_param_int(change->room_id);
    int64_t last_seq = change->first_seq + (int64_t)change->row_count - 1;
    add_call(pipeline, &write_room,
             DB_PARAMS(room, db_param_int(last_seq), db_param_int(members),
                       db_param_bool(change->archive), db_param_time(change->at_us)),
             NULL);
    if (!change->settings)
        return;
    add_call(pipeline, &write_settings,
             DB_PARAMS(room, db_param_text(change->name),
                       db_param_text(span_of(room_status_name(change->status))),
                       db_param_text(change->password_hash)),
             NULL);
    if (span_present(change->name_key))
        add_call(pipeline, &write_name, DB_PARAMS(room, db_param_text(change->name_key)), NULL);
}

static void add_member(struct pipeline *pipeline, const struct change *change,
                       const struct change_member *member)
{
    struct db_param room = db_param_int(change->room_id);
    struct db_param user = db_param_int(member->user_id);
    struct db_param role = db_param_text(span_of(room_role_name(member->role)));
    switch (member->what) {
    case CHANGE_ENTER:
        add_call(
            pipeline, &write_member,
            DB_PARAMS(room, user, role, db_param_time(change->at_us), db_param_int(member->seq)),
            NULL);
        break;
    case CHANGE_LEAVE:
        add_call(pipeline, &end_member, DB_PARAMS(room, user), NULL);
        break;
    case CHANGE_ROLE:
        add_call(pipeline, &write_role, DB_PARAMS(room, user, role), NULL);
        break;
    case CHANGE_MUTE:
        add_call(pipeline, &write_mute, DB_PARAMS(room, user, db_param_time(member->until_us)),
                 NULL);
        break;
    case CHANGE_BAN:
        add_call(pipeline, &write_ban, DB_PARAMS(room, user, db_param_time(member->until_us)),
                 NULL);
        break;
    }
}

static void add_audit(struct pipeline *pipeline, const struct change *change)
{
    const struct change_audit *audit = &change->audit;
    if (!audit->action)
        return;
    add_call(pipeline, &write_audit,
             DB_PARAMS(db_param_int(change->room_id), db_param_time(change->at_us),
                       db_param_int(audit->actor), db_param_text(span_of(audit->action)),
                       db_param_id(audit->subject), db_param_time(audit->until_us),
                       db_param_text(audit->reason), db_param_text(audit->details)),
             NULL);
}

int64_t change_members_added(const struct change *change)
{
    int64_t added = 0;
    for (size_t i = 0; i < change->member_count; i++) {
        added += change->members[i].what == CHANGE_ENTER;
        added -= change->members[i].what == CHANGE_LEAVE;
    }
    return added;
}

struct inbox_columns {
    int64_t users[CHANGE_NOTICES_MAX];
    int64_t kinds[CHANGE_NOTICES_MAX];
    int64_t actors[CHANGE_NOTICES_MAX];
    int64_t room_seqs[CHANGE_NOTICES_MAX];
};

static void add_inbox(struct pipeline *pipeline, const struct change *change,
                      struct inbox_columns *columns, struct db_result *out)
{
    size_t count = change->notice_count;
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct change_notice *notice = &change->notices[i];
        columns->users[i] = notice->user_id;
        columns->kinds[i] = notice->kind;
        columns->actors[i] = notice->actor;
        columns->room_seqs[i] = notice->room_seq;
    }
    add_call(pipeline, &lock_users, DB_PARAMS(db_param_ints(columns->users, count)), NULL);
    add_call(pipeline, &write_inbox,
             DB_PARAMS(db_param_int(change->room_id), db_param_time(change->at_us),
                       db_param_ints(columns->users, count), db_param_ints(columns->kinds, count),
                       db_param_ints(columns->actors, count),
                       db_param_ints(columns->room_seqs, count)),
             out);
}

/* A user gets at most one notice of a kind from one change. */
static void read_inbox(const struct db_result *rows, struct change *change)
{
    for (int row = 0; row < db_result_rows(rows); row++) {
        for (size_t i = 0; i < change->notice_count; i++) {
            struct change_notice *notice = &change->notices[i];
            if (notice->user_id == db_result_int(rows, row, 0) &&
                notice->kind == db_result_int(rows, row, 1))
                notice->seq = db_result_int(rows, row, 2);
        }
    }
}

enum err change_commit(struct db *db, struct change *change)
{
    struct pipeline pipeline = {.call_count = 0};
    struct log_columns log;
    struct inbox_columns inbox;
    struct db_result rows = {0};
    add_log(&pipeline, change, &log);
    add_room(&pipeline, change, change_members_added(change));
    for (size_t i = 0; i < change->member_count; i++)
        add_member(&pipeline, change, &change->members[i]);
    add_audit(&pipeline, change);
    add_inbox(&pipeline, change, &inbox, &rows);
    enum err err = db_pipeline(db, DB_COMMIT, pipeline.calls, pipeline.call_count);
    if (err == ERR_DB_UNIQUE && strcmp(db_constraint(db), "room_name_pkey") == 0)
        err = ERR_NAME_TAKEN;
    if (!err)
        read_inbox(&rows, change);
    db_result_release(&rows);
    return err;
}

enum err change_commit_end(struct db *db, struct change *change, int notice_kind, int64_t actor,
                           struct change_notice **notices, size_t *notice_count)
{
    struct pipeline pipeline = {.call_count = 0};
    struct log_columns log;
    struct db_result rows = {0};
    struct db_param room = db_param_int(change->room_id);
    int64_t last_seq = change->first_seq + (int64_t)change->row_count - 1;
    *notices = NULL;
    *notice_count = 0;
    add_log(&pipeline, change, &log);
    add_audit(&pipeline, change);
    add_call(&pipeline, &lock_members, DB_PARAMS(room), NULL);
    add_call(&pipeline, &write_members_inbox,
             DB_PARAMS(room, db_param_time(change->at_us), db_param_int(notice_kind),
                       db_param_int(actor), db_param_int(last_seq)),
             &rows);
    add_call(&pipeline, &end_members, DB_PARAMS(room), NULL);
    change->archive = true;
    add_room(&pipeline, change, -change->members_before);
    enum err err = db_pipeline(db, DB_COMMIT, pipeline.calls, pipeline.call_count);
    if (!err) {
        *notice_count = (size_t)db_result_rows(&rows);
        *notices = mem_array(*notice_count + 1, sizeof **notices);
    }
    for (size_t i = 0; i < *notice_count; i++)
        (*notices)[i] = (struct change_notice){.user_id = db_result_int(&rows, (int)i, 0),
                                               .kind = notice_kind,
                                               .actor = actor,
                                               .room_seq = last_seq,
                                               .seq = db_result_int(&rows, (int)i, 1)};
    db_result_release(&rows);
    return err;
}
