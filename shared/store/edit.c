/* Edits and deletes of messages, see edit.h. Who may do what is decided in shared/chat. */
#include "shared/store/edit.h"

static const struct db_stmt look = {
    .name = "edit_look",
    .sql = "select e.kind, e.actor_id, u.username, a.role, e.text, e.nonce, e.at, e.edited_at,"
           " e.deleted_at, case when m.muted_until > $4 then m.muted_until end,"
           " exists (select 1 from room r join user_block b on"
           "   (b.blocker_id = r.direct_low and b.blocked_id = r.direct_high)"
           "   or (b.blocker_id = r.direct_high and b.blocked_id = r.direct_low)"
           "   where r.id = $1 and r.status = 'DIRECT')"
           " from (select 1) one"
           " left join lateral (select * from room_event o where o.room_id = $1 and o.seq = $2"
           "  and o.kind <= 2 limit 1) e on true"
           " left join lateral (select o.username from app_user o where o.id = e.actor_id"
           "  and e.kind = 1 limit 1) u on true"
           " left join lateral (select o.role from membership o where o.room_id = $1"
           "  and o.user_id = e.actor_id and o.is_member limit 1) a on true"
           " left join lateral (select o.muted_until from membership o where o.room_id = $1"
           "  and o.user_id = $3 limit 1) m on true",
    .params = 4,
};

static const struct db_stmt write_text = {
    .name = "edit_write_text",
    .sql = "update room_event set text = $3, edited_at = $4 where room_id = $1 and seq = $2",
    .params = 4,
};

static const struct db_stmt erase = {
    .name = "edit_erase",
    .sql = "update room_event set text = null, deleted_at = $3 where room_id = $1 and seq = $2",
    .params = 3,
};

static const struct db_stmt write_log = {
    .name = "edit_write_log",
    .sql = "insert into room_event (room_id, seq, kind, actor_id, target_seq, at)"
           " values ($1, $2, $3::bigint, $4, $5, $6)",
    .params = 6,
};

static const struct db_stmt bump = {
    .name = "edit_bump",
    .sql = "update room set last_seq = $2 where id = $1",
    .params = 2,
};

enum err edit_look(struct db *db, const struct room_state *room, int64_t seq, int64_t viewer,
                   struct db_result *rows, struct edit_target *out)
{
    *out = (struct edit_target){.found = false};
    enum err err = db_run(db, &look,
                          DB_PARAMS(db_param_int(room->id), db_param_int(seq), db_param_int(viewer),
                                    db_param_time(room->now_us)),
                          rows);
    if (err)
        return err;
    *out = (struct edit_target){
        .found = !db_result_is_null(rows, 0, 0),
        .kind = (int)db_result_int(rows, 0, 0),
        .author = db_result_int(rows, 0, 1),
        .sender = db_result_text(rows, 0, 2),
        .author_role = room_role_parse(db_result_text(rows, 0, 3)),
        .text = db_result_text(rows, 0, 4),
        .nonce = db_result_text(rows, 0, 5),
        .at_us = db_result_time(rows, 0, 6),
        .edited_us = db_result_time(rows, 0, 7),
        .deleted_us = db_result_time(rows, 0, 8),
        .muted_until_us = db_result_time(rows, 0, 9),
        .blocked = db_result_bool(rows, 0, 10),
    };
    return ERR_OK;
}

static const struct db_stmt write_audit = {
    .name = "edit_write_audit",
    .sql = "insert into audit_entry (room_id, at, actor_id, action, subject_id, details)"
           " values ($1, $2, $3, 'deleteMessage', $4, jsonb_build_object('seq', $5::bigint))",
    .params = 5,
};

enum err edit_commit(struct db *db, const struct edit *edit)
{
    const struct db_param room = db_param_int(edit->room_id);
    const struct db_param seq = db_param_int(edit->seq);
    const struct db_param at = db_param_time(edit->at_us);
    const struct db_param event_seq = db_param_int(edit->event_seq);
    const struct db_param text_params[] = {room, seq, db_param_text(edit->text), at};
    const struct db_param erase_params[] = {room, seq, at};
    const struct db_param log_params[] = {
        room, event_seq, db_param_int(edit->kind), db_param_int(edit->actor), seq, at};
    const struct db_param bump_params[] = {room, event_seq};
    const struct db_param audit_params[] = {room, at, db_param_int(edit->actor),
                                            db_param_int(edit->taken_from), seq};
    const struct db_call calls[] = {
        span_present(edit->text) ? (struct db_call){&write_text, text_params, 4, NULL}
                                 : (struct db_call){&erase, erase_params, 3, NULL},
        {&write_log, log_params, 6, NULL},
        {&bump, bump_params, 2, NULL},
        {&write_audit, audit_params, 5, NULL},
    };
    return db_pipeline(db, DB_COMMIT, calls, edit->taken_from ? 4 : 3);
}
