/* updateChannel and deleteChannel: what an owner does to the channel itself. */
#include "shared/chat/step.h"

#include "shared/base/json_write.h"
#include "shared/base/mem.h"
#include "shared/chat/chat_internal.h"
#include "shared/chat/rules.h"

static enum err check_owner(const struct room_state *room)
{
    enum err err = step_check_member(room);
    if (err)
        return err;
    return room->role == ROLE_OWNER ? ERR_OK : ERR_FORBIDDEN;
}

/* ---- updateChannel ---- */

static bool is_given(const struct chat_command *command, enum chat_field field)
{
    return span_present(command_text(command, field));
}

static enum room_status wanted_status(const struct chat_command *command,
                                      const struct room_state *room)
{
    return is_given(command, CHAT_FIELD_STATUS) ? command->status : room->status;
}

/* A password belongs to a PRIVATE channel, and a PRIVATE channel has one. NULL: fine. */
static const char *password_problem(const struct chat_command *command,
                                    const struct room_state *room)
{
    bool given = is_given(command, CHAT_FIELD_PASSWORD);
    if (wanted_status(command, room) == ROOM_PUBLIC)
        return given ? "is for PRIVATE channels only" : NULL;
    return given || room->status == ROOM_PRIVATE ? NULL : "is required for a PRIVATE channel";
}

static struct span update_payload(struct buf *out, const struct change *change,
                                  const struct room_state *room)
{
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w, NULL);
    json_string(&w, "name", change->name);
    json_cstr(&w, "status", room_status_name(change->status));
    if (!span_is(change->name, room->name))
        json_cstr(&w, "previousName", room->name);
    json_object_end(&w);
    return buf_span(out);
}

/* What the audit says of it: what changed, and of a password only that. */
static struct span audit_details(const struct chat_command *command, struct step_work *work,
                                 const struct room_state *room, bool password_changed)
{
    const struct change *change = &work->change;
    struct buf *out = step_text(work);
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w, NULL);
    if (!span_is(change->name, room->name)) {
        json_string(&w, "name", change->name);
        json_cstr(&w, "previousName", room->name);
    }
    if (change->status != room->status)
        json_cstr(&w, "status", room_status_name(change->status));
    if (password_changed)
        json_bool(&w, "passwordChanged", true);
    if (command->username[0])
        json_cstr(&w, "owner", command->username);
    json_object_end(&w);
    return buf_span(out);
}

/* The old owner stays, as an admin. */
static void hand_over(const struct chat_command *command, struct step_work *work,
                      const struct moderation_target *target)
{
    const struct chat_actor *actor = &command->actor;
    step_add_role(work, &(struct step_member){.user_id = target->user_id,
                                              .username = target->username,
                                              .role = ROLE_OWNER,
                                              .by = actor->username});
    step_add_role(work, &(struct step_member){.user_id = actor->user_id,
                                              .username = actor->username,
                                              .role = ROLE_ADMIN,
                                              .by = actor->username});
    step_add_system(work, actor->username, "made this the channel of ", target->username);
}

/* Fill the room's columns; false if nothing would change. */
static bool plan_update(const struct chat_command *command, const struct room_state *room,
                        struct change *change, struct buf *new_key)
{
    bool renamed = is_given(command, CHAT_FIELD_NEW_NAME);
    bool new_password = is_given(command, CHAT_FIELD_PASSWORD);
    change->settings = true;
    change->status = wanted_status(command, room);
    change->name = renamed ? command_text(command, CHAT_FIELD_NEW_NAME) : span_of(room->name);
    if (renamed) {
        rule_room_key(change->name, new_key);
        change->name_key = buf_span(new_key);
    }
    if (change->status == ROOM_PRIVATE)
        change->password_hash = span_of(new_password ? command->hash : room->password_hash);
    return new_password || change->status != room->status || !span_is(change->name, room->name);
}

/* `target`: the new owner, or NULL. */
static enum chat_progress update(struct chat_command *command, struct db *db,
                                 const struct room_state *room,
                                 const struct moderation_target *target)
{
    struct step_work work;
    step_begin(&work, room, command->actor.user_id);
    bool planned = plan_update(command, room, &work.change, step_text(&work));
    if (planned)
        change_add_row(
            &work.change,
            &(struct change_row){.kind = EVENT_CHANNEL_UPDATED,
                                 .actor = command->actor.user_id,
                                 .payload = update_payload(step_text(&work), &work.change, room)});
    if (target)
        hand_over(command, &work, target);
    if (!planned && !target) {
        step_end(&work);
        step_show_room(command, room);
        return step_refuse(command, db, ERR_OK);
    }
    work.change.audit = (struct change_audit){
        .action = command->def->event,
        .actor = command->actor.user_id,
        .subject = target ? target->user_id : 0,
        .details = audit_details(command, &work, room, is_given(command, CHAT_FIELD_PASSWORD)),
    };
    return step_commit(command, db, &work, room, target ? ROLE_ADMIN : room->role);
}

/* Whom the channel is handed over to, if to anybody: *target is NULL or `out`. */
static enum err find_owner(struct chat_command *command, struct db *db,
                           const struct room_state *room, struct moderation_target *out,
                           const struct moderation_target **target)
{
    *target = NULL;
    if (!is_given(command, CHAT_FIELD_OWNER))
        return ERR_OK;
    enum err err =
        step_find_target(command, db, room, command_text(command, CHAT_FIELD_OWNER), out);
    if (err || out->user_id == command->actor.user_id)
        return err;
    if (!out->is_active) {
        command->reason = "The account of this user is disabled.";
        return ERR_FORBIDDEN;
    }
    memcpy(command->username, out->username, sizeof command->username);
    *target = out;
    return ERR_OK;
}

/* An owner may not keep the hasher busy for everybody. */
static enum chat_progress hash_password(struct chat_command *command)
{
    char account[TOKEN_USERNAME_SIZE + 16];
    snprintf(account, sizeof account, "settings of %s", command->actor.username);
    command->retry_after_ms =
        chat_limit_password(command->chat, span_of(account), command->actor.address);
    if (command->retry_after_ms > 0)
        return command_finish(command, ERR_RATE_LIMITED);
    return command_want_hash(command);
}

enum chat_progress update_channel_run(struct chat_command *command, struct db *db)
{
    struct room_viewer viewer = step_viewer(command);
    struct span key = buf_span(&command->room_key);
    bool hash_needed = is_given(command, CHAT_FIELD_PASSWORD) && command->hash_work == HASH_NONE;
    struct room_state room;
    enum err err = hash_needed ? room_look(db, key, &viewer, &room)
                               : room_lock(db, key, &viewer, false, &room);
    if (err)
        return command_db_failed(command, err);
    err = check_owner(&room);
    if (err)
        return step_refuse(command, db, err);
    const char *problem = password_problem(command, &room);
    if (problem) {
        db_rollback(db);
        return command_invalid(command, "password", problem);
    }
    if (hash_needed)
        return hash_password(command);
    const struct moderation_target *target;
    struct moderation_target found;
    err = find_owner(command, db, &room, &found, &target);
    return err ? step_refuse(command, db, err) : update(command, db, &room, target);
}

/* ---- deleteChannel ---- */

static enum chat_progress end(struct chat_command *command, struct db *db,
                              const struct room_state *room)
{
    struct change change;
    struct change_notice *notices = NULL;
    size_t count = 0;
    change_init(&change, room);
    change_add_row(&change, &(struct change_row){.kind = EVENT_CHANNEL_DELETED,
                                                 .actor = command->actor.user_id});
    change.audit =
        (struct change_audit){.action = command->def->event, .actor = command->actor.user_id};
    enum err err =
        change_commit_end(db, &change, EVENT_INBOX_LEFT, command->actor.user_id, &notices, &count);
    if (err)
        return command_db_failed(command, err);
    step_show_room(command, room);
    command->seq = change.first_seq;
    command->at_us = change.at_us;
    step_add_events(&command->events, &change, span_of(room->name));
    for (size_t i = 0; i < count; i++)
        step_add_notice(&command->events, &change, &notices[i], span_of(room->name));
    mem_free(notices);
    return command_finish(command, ERR_OK);
}

enum chat_progress delete_channel_run(struct chat_command *command, struct db *db)
{
    struct room_viewer viewer = step_viewer(command);
    struct room_state room;
    enum err err = room_lock(db, buf_span(&command->room_key), &viewer, false, &room);
    if (err)
        return command_db_failed(command, err);
    err = check_owner(&room);
    return err ? step_refuse(command, db, err) : end(command, db, &room);
}
