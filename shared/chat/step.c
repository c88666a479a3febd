/* What the steps of the room commands have in common, see step.h. No verb is named here. */
#include "shared/chat/step.h"

#include <assert.h>

#include "shared/base/json_write.h"
#include "shared/base/mem.h"
#include "shared/chat/chat_internal.h"
#include "shared/chat/permission.h"
#include "shared/chat/render.h"
#include "shared/chat/rules.h"

struct room_viewer step_viewer(const struct chat_command *command)
{
    return (struct room_viewer){.user_id = command->actor.user_id,
                                .session_id = command->actor.session_id};
}

enum err step_check_found(const struct room_state *room)
{
    if (!room->alive)
        return ERR_UNAUTHENTICATED;
    if (room->id == 0 || (room->status == ROOM_DIRECT && !room->is_member))
        return ERR_ROOM_NOT_FOUND;
    return ERR_OK;
}

enum err step_check_member(const struct room_state *room)
{
    enum err err = step_check_found(room);
    if (err)
        return err;
    if (room->status == ROOM_DIRECT)
        return ERR_FORBIDDEN;
    return room->is_member ? ERR_OK : ERR_NOT_A_MEMBER;
}

enum err step_check_room_count(struct chat_command *command, const struct room_state *room)
{
    if (room->rooms_of_viewer < conf_int(command->chat->conf, CONF_LIMIT_ROOMS_PER_USER))
        return ERR_OK;
    chat_count_refusal(command->chat, CONF_LIMIT_ROOMS_PER_USER);
    command->reason = "You are a member of too many channels.";
    return ERR_FORBIDDEN;
}

/* A code may mean the actor elsewhere: what it means here is said in words. */
static const char *target_reason(enum err err, bool is_self)
{
    if (err == ERR_USER_NOT_FOUND)
        return "This user is not a member of this channel.";
    if (err == ERR_LAST_OWNER)
        return "A channel needs an owner: make somebody else the owner first.";
    return is_self ? "You cannot do this to yourself." : NULL;
}

enum err step_find_target(struct chat_command *command, struct db *db,
                          const struct room_state *room, struct span username,
                          struct moderation_target *out)
{
    struct buf key;
    buf_init(&key, TOKEN_USERNAME_SIZE);
    rule_username_key(username, &key);
    enum err err = key.len > 0 ? moderation_find_target(db, room->id, buf_span(&key), out)
                               : ERR_USER_NOT_FOUND;
    buf_release(&key);
    if (err)
        return err;
    const struct permission_target target = {.is_self = out->user_id == command->actor.user_id,
                                             .is_member = out->is_member,
                                             .role = out->role};
    err = permission_check(command->def->verb, room->role, &target);
    if (err)
        command->reason = target_reason(err, target.is_self);
    return err;
}

enum chat_progress step_refuse(struct chat_command *command, struct db *db, enum err err)
{
    db_rollback(db);
    return command_finish(command, err);
}

/* ---- what is to be written ---- */

const struct step_sanction step_mute = {"muted", "mutedUntil"};
const struct step_sanction step_ban = {"banned", "bannedUntil"};

void step_begin(struct step_work *work, const struct room_state *room, int64_t actor)
{
    change_init(&work->change, room);
    work->text_count = 0;
    work->actor = actor;
}

void step_end(struct step_work *work)
{
    for (size_t i = 0; i < work->text_count; i++)
        buf_release(&work->texts[i]);
    work->text_count = 0;
}

struct buf *step_text(struct step_work *work)
{
    assert(work->text_count < sizeof work->texts / sizeof work->texts[0]);
    struct buf *text = &work->texts[work->text_count++];
    buf_init(text, BUF_MAX_DEFAULT);
    return text;
}

static void write_sanction(struct json_writer *w, const struct step_member *member)
{
    json_bool(w, member->sanction->name, member->until_us != 0);
    if (member->until_us == INT64_MAX)
        json_null(w, member->sanction->until_name);
    else if (member->until_us != 0)
        json_date(w, member->sanction->until_name, member->until_us);
}

static struct span member_payload(struct step_work *work, const struct step_member *member)
{
    struct buf *text = step_text(work);
    struct json_writer w;
    json_begin(&w, text);
    json_object(&w, NULL);
    json_cstr(&w, "username", member->username);
    if (member->role != ROLE_NONE)
        json_cstr(&w, "role", room_role_name(member->role));
    if (member->sanction)
        write_sanction(&w, member);
    if (span_present(member->reason))
        json_string(&w, "reason", member->reason);
    if (member->by)
        json_cstr(&w, "by", member->by);
    json_object_end(&w);
    return buf_span(text);
}

int64_t step_add_row(struct step_work *work, enum event_kind kind, const struct step_member *member)
{
    return change_add_row(&work->change, &(struct change_row){
                                             .kind = kind,
                                             .actor = work->actor,
                                             .subject = member->user_id,
                                             .payload = member_payload(work, member),
                                         });
}

void step_add_system(struct step_work *work, const char *username, const char *what,
                     const char *more)
{
    struct buf *text = step_text(work);
    buf_addf(text, "%s %s%s", username, what, more);
    change_add_row(&work->change,
                   &(struct change_row){.kind = EVENT_SYSTEM, .text = buf_span(text)});
}

/* The member's row, and what the room and its inbox are to know of it. */
static void add_passage(struct step_work *work, const struct step_member *member,
                        enum event_kind row, enum change_membership what, enum event_kind notice)
{
    int64_t seq = step_add_row(work, row, member);
    change_add_member(&work->change, &(struct change_member){.user_id = member->user_id,
                                                             .what = what,
                                                             .role = member->role,
                                                             .seq = seq});
    change_add_notice(&work->change, &(struct change_notice){.user_id = member->user_id,
                                                             .kind = notice,
                                                             .actor = work->actor,
                                                             .room_seq = seq});
}

void step_add_entry(struct step_work *work, const struct step_member *member)
{
    add_passage(work, member, EVENT_MEMBER_JOINED, CHANGE_ENTER, EVENT_INBOX_JOINED);
}

void step_add_exit(struct step_work *work, const struct step_member *member)
{
    add_passage(work, member, EVENT_MEMBER_LEFT, CHANGE_LEAVE, EVENT_INBOX_LEFT);
}

void step_add_role(struct step_work *work, const struct step_member *member)
{
    step_add_row(work, EVENT_MEMBER_UPDATED, member);
    change_add_member(&work->change, &(struct change_member){.user_id = member->user_id,
                                                             .what = CHANGE_ROLE,
                                                             .role = member->role});
}

/* ---- results ---- */

void step_show_room(struct chat_command *command, const struct room_state *room)
{
    mem_free(command->room.name);
    command->room = (struct chat_room_view){
        .id = room->id,
        .name = mem_strdup(room->name),
        .status = room_status_name(room->status),
        .role = room_role_name(room->role),
        .members = room->members,
        .last_seq = room->last_seq,
        .created_us = room->created_us,
    };
}

static void add_event(struct event_list *events, const struct log_row *row)
{
    render_to_event(row, event_list_add(events));
}

void step_add_notice(struct event_list *events, const struct change *change,
                     const struct change_notice *notice, struct span room_name)
{
    add_event(events, &(struct log_row){.log = LOG_INBOX,
                                        .log_id = notice->user_id,
                                        .seq = notice->seq,
                                        .kind = (enum event_kind)notice->kind,
                                        .actor = notice->actor,
                                        .at_us = change->at_us,
                                        .room_name = room_name,
                                        .room = change->room_id,
                                        .room_seq = notice->room_seq});
}

void step_add_events(struct event_list *events, const struct change *change, struct span room_name)
{
    for (size_t i = 0; i < change->row_count; i++) {
        const struct change_row *row = &change->rows[i];
        int64_t seq = change->first_seq + (int64_t)i;
        add_event(events, &(struct log_row){.log = LOG_ROOM,
                                            .log_id = change->room_id,
                                            .seq = seq,
                                            .kind = (enum event_kind)row->kind,
                                            .actor = row->actor,
                                            .subject = row->subject,
                                            .at_us = change->at_us,
                                            .room_name = room_name,
                                            .payload = row->payload,
                                            .message = {.seq = seq,
                                                        .kind = (enum event_kind)row->kind,
                                                        .text = row->text,
                                                        .at_us = change->at_us}});
    }
    for (size_t i = 0; i < change->notice_count; i++)
        step_add_notice(events, change, &change->notices[i], room_name);
}

enum chat_progress step_commit(struct chat_command *command, struct db *db, struct step_work *work,
                               const struct room_state *room, enum room_role role)
{
    const struct change *change = &work->change;
    enum err err = change_commit(db, &work->change);
    if (!err) {
        struct room_state after = *room;
        after.role = role;
        after.last_seq = change->first_seq + (int64_t)change->row_count - 1;
        after.members += change_members_added(change);
        if (change->settings) {
            after.status = change->status;
            memcpy(after.name, change->name.ptr, change->name.len);
            after.name[change->name.len] = '\0';
        }
        step_show_room(command, &after);
        command->seq = change->first_seq;
        command->at_us = change->at_us;
        step_add_events(&command->events, change, span_of(after.name));
    }
    step_end(work);
    return err ? command_db_failed(command, err) : command_finish(command, ERR_OK);
}
