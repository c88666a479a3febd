/* The end of mutes and bans, see expire.h. */
#include "shared/chat/expire.h"

#include "shared/chat/step.h"

static void add_end(struct step_work *work, const struct moderation_target *target,
                    const struct step_sanction *sanction, enum change_membership what)
{
    step_add_row(work, EVENT_MEMBER_UPDATED,
                 &(struct step_member){.user_id = target->user_id,
                                       .username = target->username,
                                       .sanction = sanction});
    change_add_member(&work->change,
                      &(struct change_member){.user_id = target->user_id, .what = what});
}

static enum err write_end(struct db *db, const struct moderation_ended *ended,
                          struct event_list *events)
{
    struct step_work work;
    step_begin(&work, &ended->room, 0);
    if (ended->mute)
        add_end(&work, &ended->target, &step_mute, CHANGE_MUTE);
    if (ended->ban)
        add_end(&work, &ended->target, &step_ban, CHANGE_BAN);
    enum err err = change_commit(db, &work.change);
    if (!err)
        step_add_events(events, &work.change, span_of(ended->room.name));
    step_end(&work);
    return err;
}

static enum err end_one(struct db *db, const struct moderation_due *due, struct event_list *events)
{
    struct moderation_ended ended;
    enum err err = moderation_lock_due(db, due, &ended);
    if (err)
        return err;
    if (!ended.mute && !ended.ban) {
        db_rollback(db);
        return ERR_OK;
    }
    return ended.archived ? moderation_clear_due(db, due) : write_end(db, &ended, events);
}

enum err chat_expire(struct db *db, struct event_list *events, bool *more)
{
    struct moderation_due due[MODERATION_DUE_MAX];
    size_t count = 0, done = 0;
    enum err err = moderation_find_due(db, due, &count);
    enum err busy = ERR_OK;
    for (size_t i = 0; i < count && !err; i++) {
        err = end_one(db, &due[i], events);
        done += err == ERR_OK;
        if (err == ERR_DB_LOCK_TIMEOUT) { /* of this room: the others need not wait for it */
            busy = err;
            err = ERR_OK;
        }
    }
    *more = !err && !busy && count >= MODERATION_DUE_MAX / 2 && done > 0;
    return err ? err : busy;
}
