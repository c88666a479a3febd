/* The Channel of the contract, as JSON: the one place that writes it. */
#ifndef PARLEY_CHAT_CHANNEL_H
#define PARLEY_CHAT_CHANNEL_H

#include "shared/base/json_write.h"
#include "shared/chat/chat.h"

/* Write {name, status, role?, members, lastSeq, topic, createdAt}. */
void channel_render(struct json_writer *w, const char *key, const struct chat_room_view *room);

#endif
