/* leaveChannel: a channel never stays without an owner, and an empty one is archived. */
#include "shared/chat/step.h"

static void add_new_owner(struct step_work *work, const struct room_successor *successor)
{
    step_add_role(work, &(struct step_member){.user_id = successor->user_id,
                                              .username = successor->username,
                                              .role = ROLE_OWNER});
    work->change.audit = (struct change_audit){
        .action = "leaveChannel",
        .actor = work->actor,
        .subject = successor->user_id,
    };
}

static enum chat_progress leave(struct chat_command *command, struct db *db,
                                const struct room_state *room,
                                const struct room_successor *successor)
{
    const struct chat_actor *actor = &command->actor;
    struct step_work work;
    step_begin(&work, room, actor->user_id);
    step_add_exit(&work,
                  &(struct step_member){.user_id = actor->user_id, .username = actor->username});
    if (successor->user_id != 0)
        add_new_owner(&work, successor);
    step_add_system(&work, actor->username, "left", "");
    work.change.archive = successor->is_last_member;
    return step_commit(command, db, &work, room, ROLE_NONE);
}

enum chat_progress leave_channel_run(struct chat_command *command, struct db *db)
{
    struct room_viewer viewer = step_viewer(command);
    struct room_successor successor = {0};
    struct room_state room;
    enum err err = room_lock(db, buf_span(&command->room_key), &viewer, false, &room);
    if (err)
        return command_db_failed(command, err);
    err = step_check_member(&room);
    if (err)
        return step_refuse(command, db, err);
    if (room.role == ROLE_OWNER || room.members <= 1)
        err = room_find_successor(db, room.id, viewer.user_id, &successor);
    if (err)
        return command_db_failed(command, err);
    if (room.role != ROLE_OWNER)
        successor.user_id = 0;
    return leave(command, db, &room, &successor);
}
