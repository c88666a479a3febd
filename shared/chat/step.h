/*
 * What the steps of the room commands have in common: who looks, what they may see, and turning a
 * committed change into events. Inside shared/chat.
 */
#ifndef PARLEY_CHAT_STEP_H
#define PARLEY_CHAT_STEP_H

#include "shared/chat/command_internal.h"
#include "shared/store/change.h"
#include "shared/store/moderation.h"

struct room_viewer step_viewer(const struct chat_command *command);

/* unauthenticated, or room_not_found: no room, or a direct one of others. */
enum err step_check_found(const struct room_state *room) MUST_CHECK;

/* The same, then: forbidden in a direct room, not_a_member. For what members do to a channel. */
enum err step_check_member(const struct room_state *room) MUST_CHECK;

/* The limit of rooms per user; forbidden. */
enum err step_check_room_count(struct chat_command *command,
                               const struct room_state *room) MUST_CHECK;

/* Find whom the command is about, under the room's lock, and check that the actor may do it to this
 * one. ERR_USER_NOT_FOUND: none, or no member; what permission_check returns; or the database's. */
enum err step_find_target(struct chat_command *command, struct db *db,
                          const struct room_state *room, struct span username,
                          struct moderation_target *out) MUST_CHECK;

/* Roll back and finish with `err`. */
enum chat_progress step_refuse(struct chat_command *command, struct db *db, enum err err);

/* What a command is about to write, and the texts that it borrows. */
struct step_work {
    struct change change;
    struct buf texts[6];
    size_t text_count;
    int64_t actor;
};
/* Empty, of the locked room. `actor` 0: nobody, time did it. */
void step_begin(struct step_work *work, const struct room_state *room, int64_t actor);
void step_end(struct step_work *work);

/* A text of the work's own, to be written before the commit. */
struct buf *step_text(struct step_work *work);

/* What can be done to a member for a time, as its rows show it. */
struct step_sanction {
    const char *name;
    const char *until_name;
};
extern const struct step_sanction step_mute, step_ban;

/* What a row says about a member; what is zero is not shown. */
struct step_member {
    int64_t user_id;
    const char *username;
    enum room_role role;
    const struct step_sanction *sanction;
    int64_t until_us; /* of the sanction; 0: lifted; INT64_MAX: for good */
    struct span reason;
    const char *by;
};

/* A row about a member. Its seq. */
int64_t step_add_row(struct step_work *work, enum event_kind kind,
                     const struct step_member *member);
/* A system message: username + what + more. */
void step_add_system(struct step_work *work, const char *username, const char *what,
                     const char *more);
/* The member comes in with its role, or goes: its row, the membership, and the inbox. */
void step_add_entry(struct step_work *work, const struct step_member *member);
void step_add_exit(struct step_work *work, const struct step_member *member);
/* The member gets another role: its row and the membership. */
void step_add_role(struct step_work *work, const struct step_member *member);

/* Commit the work and end it; on success its rows and notices become the command's events and the
 * room's columns its result, and the command is done. `room` is the state from before, `role` what
 * the actor is in the room afterwards. */
enum chat_progress step_commit(struct chat_command *command, struct db *db, struct step_work *work,
                               const struct room_state *room, enum room_role role);

/* Parts of it, for what does not commit this way. */
void step_show_room(struct chat_command *command, const struct room_state *room);
void step_add_events(struct event_list *events, const struct change *change, struct span room_name);
void step_add_notice(struct event_list *events, const struct change *change,
                     const struct change_notice *notice, struct span room_name);

#endif
