/* Names of custom events, see event_name.h. */
#include "shared/chat/event_name.h"

#include <string.h>

#include "shared/chat/chat.h"

#define NAME_MAX_BYTES 64

/* Those of the protocol and its libraries, and ours that are no commands. */
static const char *const reserved[] = {
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "error",
    "newListener",
    "removeListener",
    "connection",
    "message",
    "ping",
    "pong",
    "reconnect",
    "accessDenied",
    "updateChatHistory",
    "newMessage",
    "messageUpdated",
    "messageDeleted",
    "memberJoined",
    "memberLeft",
    "memberUpdated",
    "channelUpdated",
    "channelDeleted",
    "reconnectNeeded",
    "typing",
    "presence",
    "readMarker",
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_fit(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || (c != '\0' && strchr("_.:-", c));
}

static bool ends_with(struct span name, const char *end)
{
    size_t len = strlen(end);

    return name.len >= len && memcmp(name.ptr + name.len - len, end, len) == 0;
}

/* Commands and their answers, also those that a later version may have. */
static bool is_of_commands(struct span name)
{
    return chat_command_find(name) || ends_with(name, "Success") || ends_with(name, "Error");
}

const char *rule_event_name(struct span name)
{
    if (name.len < 1 || name.len > NAME_MAX_BYTES)
        return "must have 1 to 64 characters";
    if (!is_letter(name.ptr[0]))
        return "must begin with a letter";
    for (size_t i = 0; i < name.len; i++) {
        if (!is_fit(name.ptr[i]))
            return "may contain letters, digits, _, ., : and - only";
    }
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (span_is(name, reserved[i]))
            return "is reserved";
    }
    return is_of_commands(name) ? "is reserved" : NULL;
}

bool event_name_is_listed(const char *list, struct span name)
{
    while (*list) {
        size_t len = strcspn(list, " ");

        if (len == name.len && len > 0 && memcmp(list, name.ptr, len) == 0)
            return true;
        list += len + (list[len] == ' ');
    }
    return false;
}
