/*
 * Messages kept for one device: a bounded queue. What happens to them is devices.c's business.
 */
#ifndef PARLEY_MQTT_PLUGIN_HOLD_H
#define PARLEY_MQTT_PLUGIN_HOLD_H

#include <mosquitto.h>
#include <mosquitto_broker.h>

#include "shared/base/list.h"

/* A message: borrowed by hold_add, which copies; owned by who took it. */
struct held {
    struct list node; /* the queue's */
    const char *topic;
    const void *payload;
    uint32_t len;
    int qos;
    int64_t seq;       /* of a room's row; 0: none */
    int64_t snapshots; /* of its user, when it came */
    const mosquitto_property *props;
};

struct hold {
    struct list messages;
    int count, limit;
};

void hold_init(struct hold *hold, int limit);
void hold_release(struct hold *hold);

/* Keep a copy, at the end. False: it is full, the message is dropped. */
bool hold_add(struct hold *hold, const struct held *message);

/* The first one, or NULL; the caller's. */
struct held *hold_take(struct hold *hold);
/* Put it back, at the end. */
void hold_give(struct hold *hold, struct held *message);

/* Move all of `from` to the end of `to`. */
void hold_move(struct hold *to, struct hold *from);

/* Give it to mosquitto for this client, subscribed or not; frees it. */
void held_hand_over(struct held *message, const char *client_id);
void held_free(struct held *message);

#endif
