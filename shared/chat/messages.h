/* Pages of a room's messages: what getHistory and REST have in common. Inside shared/chat. */
#ifndef PARLEY_CHAT_MESSAGES_H
#define PARLEY_CHAT_MESSAGES_H

#include "shared/chat/read.h"

/* Append the JSON array of the page's messages, oldest first; `room_name` (may be NULL) gets the
 * room's present name. before and after: see struct chat_page; a negative one means seq 0. */
enum err messages_read(struct db *db, const struct chat_actor *actor, struct span room_key,
                       const struct chat_page *page, struct buf *out, struct chat_page_found *found,
                       struct buf *room_name) MUST_CHECK;

#endif
