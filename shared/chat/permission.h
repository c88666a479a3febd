/*
 * Who may do what to whom in a channel: one table. Pure; it says nothing of sessions, of direct
 * rooms (nobody has a role there), nor of what the channel itself allows.
 */
#ifndef PARLEY_CHAT_PERMISSION_H
#define PARLEY_CHAT_PERMISSION_H

#include "shared/chat/chat.h"
#include "shared/store/room.h"

/* Whom it would be done to. */
struct permission_target {
    bool is_self;
    bool is_member;
    enum room_role role; /* of a member */
};

/* May a member of that role do it to anybody at all? Asked first: who may not is not told who there
 * is. ERR_FORBIDDEN. CHAT_UPDATE_CHANNEL stands for making somebody else the owner,
 * CHAT_DELETE_MESSAGE for taking away what another has written. */
enum err permission_check_role(enum chat_verb verb, enum room_role actor) MUST_CHECK;

/* May it be done to this one? ERR_FORBIDDEN; ERR_LAST_OWNER: an owner would step down without a
 * successor; ERR_USER_NOT_FOUND: it is for members, and the target is none. */
enum err permission_check(enum chat_verb verb, enum room_role actor,
                          const struct permission_target *target) MUST_CHECK;

#endif
