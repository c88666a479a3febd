/*
 * Names of a site's own events: which may be used. A name of the Socket.IO protocol or of ours
 * would be taken by clients for what it is not.
 */
#ifndef PARLEY_CHAT_EVENT_NAME_H
#define PARLEY_CHAT_EVENT_NAME_H

#include <stdbool.h>

#include "shared/base/span.h"

/* NULL if it is fine, else the problem: 1 to 64 letters, digits, "_", ".", ":" and "-" that begin
 * with a letter, and not reserved. */
const char *rule_event_name(struct span name);

/* Is `name` one of the words of `list`? */
bool event_name_is_listed(const char *list, struct span name);

#endif
