/*
 * What the steps of the room commands have in common: who looks, what they may see, and turning a
 * committed change into events. Inside shared/chat.
 */
#ifndef PARLEY_CHAT_STEP_H
#define PARLEY_CHAT_STEP_H

#include "shared/chat/command_internal.h"
#include "shared/store/change.h"

struct room_viewer step_viewer(const struct chat_command *command);

/* unauthenticated, or room_not_found: no room, or a direct one of others. */
enum err step_check_found(const struct room_state *room) MUST_CHECK;

/* The same, then: forbidden in a direct room, not_a_member. For what members do to a channel. */
enum err step_check_member(const struct room_state *room) MUST_CHECK;

/* The limit of rooms per user; forbidden. */
enum err step_check_room_count(struct chat_command *command,
                               const struct room_state *room) MUST_CHECK;

/* Roll back and finish with `err`. */
enum chat_progress step_refuse(struct chat_command *command, struct db *db, enum err err);

/* Texts that the rows of one change borrow; zeroed, then begun. */
struct step_texts {
    struct buf items[4];
    size_t count;
};
void step_texts_init(struct step_texts *texts);
void step_texts_release(struct step_texts *texts);

/* {"username":...,"role":...}, without the role if it is ROLE_NONE. */
struct span step_member_payload(struct step_texts *texts, const char *username,
                                enum room_role role);
/* `before` + username + `after` + more. */
struct span step_sentence(struct step_texts *texts, const char *username, const char *what,
                          const char *more);

/* Commit the change; on success its rows and notices become the command's events and the room's
 * columns its result, and the command is done. `room` is the state from before, `role` what the
 * actor is in the room afterwards. */
enum chat_progress step_commit(struct chat_command *command, struct db *db, struct change *change,
                               const struct room_state *room, enum room_role role);

/* Parts of it, for what does not commit this way. */
void step_show_room(struct chat_command *command, const struct room_state *room);
void step_add_events(struct chat_command *command, const struct change *change,
                     struct span room_name);
void step_add_notice(struct chat_command *command, const struct change *change,
                     const struct change_notice *notice, struct span room_name);

#endif
