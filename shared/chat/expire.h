/*
 * The end of mutes and bans whose time has come. What they forbid ends by itself, as each command
 * looks at the time under the room's lock; here the others are told, by a row of the room's log.
 */
#ifndef PARLEY_CHAT_EXPIRE_H
#define PARLEY_CHAT_EXPIRE_H

#include "shared/chat/chat.h"

/* End what has run out, some dozens at a time; *more: there may be more. `events` gets the rows
 * memberUpdated, to be published, also after an error. Any number of processes may call it at once:
 * each end is written once. Blocks. */
enum err chat_expire(struct db *db, struct event_list *events, bool *more) MUST_CHECK;

#endif
