/*
 * addAdmin, removeAdmin, muteUser, unmuteUser, banUser, unbanUser, kickUser: what owners and admins
 * do to others. Who may is in permission.c. All under the room's lock: after the seq of a ban there
 * is nothing of the banned. What runs out by time is ended in expire.c.
 */
#include "shared/chat/step.h"

#include "shared/chat/permission.h"

/* One command at work. */
struct moderation {
    struct chat_command *command;
    const struct room_state *room;
    const struct moderation_target *target;
    struct step_work work;
};

/* The target as its rows show it. */
static struct step_member shown(const struct moderation *m)
{
    return (struct step_member){
        .user_id = m->target->user_id,
        .username = m->target->username,
        .reason = command_text(m->command, CHAT_FIELD_REASON),
        .by = m->command->actor.username,
    };
}

/* Until when the command says. */
static int64_t wanted_until(const struct moderation *m)
{
    const struct chat_value *seconds = &m->command->values[CHAT_FIELD_SECONDS];
    return seconds->given ? m->room->now_us + seconds->number * INT64_C(1000000) : INT64_MAX;
}

/* ---- each writes its rows, or returns false if there is nothing to change ---- */

static bool give_role(struct moderation *m, enum room_role role)
{
    struct step_member member = shown(m);
    if (m->target->role == role)
        return false;
    member.role = role;
    step_add_role(&m->work, &member);
    return true;
}

static bool add_admin(struct moderation *m)
{
    return give_role(m, ROLE_ADMIN);
}

static bool remove_admin(struct moderation *m)
{
    return give_role(m, ROLE_USER);
}

static void set_sanction(struct moderation *m, enum change_membership what, int64_t until_us)
{
    struct step_member member = shown(m);
    member.sanction = what == CHANGE_BAN ? &step_ban : &step_mute;
    member.until_us = until_us;
    step_add_row(&m->work, EVENT_MEMBER_UPDATED, &member);
    change_add_member(
        &m->work.change,
        &(struct change_member){.user_id = member.user_id, .what = what, .until_us = until_us});
    m->command->until_us = until_us;
    m->work.change.audit.until_us = until_us;
}

static void take_out(struct moderation *m, const char *what)
{
    struct step_member member = shown(m);
    step_add_exit(&m->work, &member);
    step_add_system(&m->work, member.username, what, member.by);
}

static bool mute(struct moderation *m)
{
    set_sanction(m, CHANGE_MUTE, wanted_until(m));
    return true;
}

static bool unmute(struct moderation *m)
{
    if (m->target->muted_until_us == 0)
        return false;
    set_sanction(m, CHANGE_MUTE, 0);
    return true;
}

static bool ban(struct moderation *m)
{
    set_sanction(m, CHANGE_BAN, wanted_until(m));
    if (m->target->is_member)
        take_out(m, "was banned by ");
    return true;
}

static bool unban(struct moderation *m)
{
    if (m->target->banned_until_us == 0)
        return false;
    set_sanction(m, CHANGE_BAN, 0);
    return true;
}

static bool kick(struct moderation *m)
{
    take_out(m, "was removed by ");
    return true;
}

typedef bool write_fn(struct moderation *m);

static write_fn *const writes[CHAT_VERB_COUNT] = {
    [CHAT_ADD_ADMIN] = add_admin, [CHAT_REMOVE_ADMIN] = remove_admin,
    [CHAT_MUTE_USER] = mute,      [CHAT_UNMUTE_USER] = unmute,
    [CHAT_BAN_USER] = ban,        [CHAT_UNBAN_USER] = unban,
    [CHAT_KICK_USER] = kick,
};

/* ---- the command ---- */

static enum chat_progress moderate(struct chat_command *command, struct db *db,
                                   const struct room_state *room,
                                   const struct moderation_target *target)
{
    struct moderation m = {.command = command, .room = room, .target = target};
    memcpy(command->username, target->username, sizeof command->username);
    step_begin(&m.work, room, command->actor.user_id);
    m.work.change.audit = (struct change_audit){
        .action = command->def->event,
        .actor = command->actor.user_id,
        .subject = target->user_id,
        .reason = command_text(command, CHAT_FIELD_REASON),
    };
    if (writes[command->def->verb](&m))
        return step_commit(command, db, &m.work, room, room->role);
    step_end(&m.work);
    step_show_room(command, room);
    return step_refuse(command, db, ERR_OK);
}

enum chat_progress moderate_run(struct chat_command *command, struct db *db)
{
    struct room_viewer viewer = step_viewer(command);
    struct moderation_target target;
    struct room_state room;
    enum err err = room_lock(db, buf_span(&command->room_key), &viewer, false, &room);
    if (err)
        return command_db_failed(command, err);
    err = step_check_member(&room);
    if (!err)
        err = permission_check_role(command->def->verb, room.role);
    if (!err)
        err = step_find_target(command, db, &room, command_text(command, CHAT_FIELD_USERNAME),
                               &target);
    return err ? step_refuse(command, db, err) : moderate(command, db, &room, &target);
}
