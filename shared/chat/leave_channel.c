/* leaveChannel: a channel never stays without an owner, and an empty one is archived. */
#include "shared/chat/step.h"

static void add_new_owner(struct change *change, struct step_texts *texts, int64_t actor,
                          const struct room_successor *successor)
{
    change_add_row(change,
                   &(struct change_row){
                       .kind = EVENT_MEMBER_UPDATED,
                       .actor = actor,
                       .subject = successor->user_id,
                       .payload = step_member_payload(texts, successor->username, ROLE_OWNER),
                   });
    change_add_member(change,
                      &(struct change_member){successor->user_id, CHANGE_ROLE, ROLE_OWNER, 0});
}

static enum chat_progress leave(struct chat_command *command, struct db *db,
                                const struct room_state *room,
                                const struct room_successor *successor)
{
    const struct chat_actor *actor = &command->actor;
    struct step_texts texts;
    struct change change;
    step_texts_init(&texts);
    change_init(&change, room);
    int64_t seq = change_add_row(
        &change, &(struct change_row){
                     .kind = EVENT_MEMBER_LEFT,
                     .actor = actor->user_id,
                     .subject = actor->user_id,
                     .payload = step_member_payload(&texts, actor->username, ROLE_NONE),
                 });
    change_add_member(&change, &(struct change_member){actor->user_id, CHANGE_LEAVE, ROLE_NONE, 0});
    if (successor->user_id != 0)
        add_new_owner(&change, &texts, actor->user_id, successor);
    change_add_row(&change, &(struct change_row){
                                .kind = EVENT_SYSTEM,
                                .text = step_sentence(&texts, actor->username, "left", ""),
                            });
    change_add_notice(&change, &(struct change_notice){.user_id = actor->user_id,
                                                       .kind = EVENT_INBOX_LEFT,
                                                       .actor = actor->user_id,
                                                       .room_seq = seq});
    change.archive = successor->is_last_member;
    enum chat_progress progress = step_commit(command, db, &change, room, ROLE_NONE);
    step_texts_release(&texts);
    return progress;
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
