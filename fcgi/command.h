/* Chat commands (shared/chat) as REST calls: the steps and the answers that all of them share. */
#ifndef PARLEY_FCGI_COMMAND_H
#define PARLEY_FCGI_COMMAND_H

#include "fcgi/app.h"

/* Begin a command of the call's actor; chat_command_free it. */
struct chat_command *command_new(const struct call *call, enum chat_verb verb);

/* Decode `body` ("{}" if it is empty), run the command to its end within the call's deadline, and
 * publish what followed. On success true; else the problem is the response. */
bool command_run(struct call *call, struct chat_command *command, struct span body);

/* The command's resource as the body, with `status`. */
void command_resource(struct call *call, const struct chat_command *command, int status);

/* Location: the channel's, or with seq > 0 the message's address. After command_resource: a 200 has
 * none where the web server would take it for a redirect. */
void command_location(struct call *call, struct span room, int64_t seq);

#endif
