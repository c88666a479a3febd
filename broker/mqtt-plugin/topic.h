/*
 * What a device may name: topics, and its own client id. Rules about text alone; who is a member of
 * what is reader.h's. A filter with a wildcard, $SYS or $share is none of the topics.
 */
#ifndef PARLEY_MQTT_PLUGIN_TOPIC_H
#define PARLEY_MQTT_PLUGIN_TOPIC_H

#include <stdint.h>

#include "shared/base/span.h"

enum topic_kind {
    TOPIC_OTHER,
    TOPIC_ROOM,   /* parley/v1/rooms/{id}: the room's log */
    TOPIC_LIVE,   /* parley/v1/rooms/{id}/live: its passing news */
    TOPIC_INBOX,  /* parley/v1/users/{id} */
    TOPIC_SEND,   /* parley/v1/devices/{username}/send */
    TOPIC_RESULT, /* parley/v1/devices/{username}/result */
};

struct topic {
    enum topic_kind kind;
    int64_t id;           /* of the room or user */
    struct span username; /* of a device's topic; borrowed from the text */
};

/* Any text; TOPIC_OTHER for what is exactly none of ours. */
struct topic topic_parse(const char *text);

/* May a device of this user have the client id? "{username}/" and 1 to 64 visible ASCII characters
 * that are no wildcards; or "auto-" and a UUID, as mosquitto gives to a client that has none. So no
 * device can take over another user's connection (MQTT 5, 3.1.4) or one of parley's processes':
 * no username holds a slash. */
bool topic_client_id_fits(const char *client_id, const char *username);

#endif
