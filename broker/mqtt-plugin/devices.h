/*
 * The devices that are connected, and what they may do. Lives on mosquitto's loop; mosquitto's own
 * types stay in plugin.c and props.c, but for the opaque client and property list.
 *
 * A device is let in by its token alone, at once. What its user may read is known a little later,
 * when PostgreSQL has answered: until then subscriptions are granted provisionally, and messages
 * are held. What is held goes out on a turn, in order, or is dropped if the answer says so.
 */
#ifndef PARLEY_MQTT_PLUGIN_DEVICES_H
#define PARLEY_MQTT_PLUGIN_DEVICES_H

#include <mosquitto.h>
#include <mosquitto_broker.h>

#include "broker/mqtt-plugin/reader.h"

struct devices;
struct device;

/* Starts the threads. `conf` is kept. */
struct devices *devices_new(const struct conf *conf);
/* Takes NULL. */
void devices_free(struct devices *devices);

/* CONNECT. ERR_OK: it is a device from now on. Any other: to be refused. */
enum err devices_connect(struct devices *devices, struct mosquitto *client, const char *username,
                         const char *password) MUST_CHECK;
/* It has gone. Not a device: nothing. */
void devices_disconnect(struct devices *devices, const struct mosquitto *client);

/* NULL: none. */
struct device *devices_find(const struct devices *devices, const struct mosquitto *client);
const struct chat_actor *device_actor(const struct device *device);

/* What a device asks. */
bool device_may_subscribe(struct devices *devices, struct device *device, const char *filter,
                          int qos);
void device_unsubscribed(struct device *device, const char *filter);
bool device_may_publish(struct devices *devices, const struct device *device, const char *topic,
                        uint32_t len, bool retain);

/* A message that is about to be delivered to the device: now? If not, it may have been kept. */
bool device_may_read(struct devices *devices, struct device *device, const char *topic,
                     const void *payload, uint32_t len, int qos);

/* A message passes parley's own listener and is about to be distributed: what the rows of logs
 * change, and what device_may_read needs to know of it (borrowed until the next one). */
void devices_on_message(struct devices *devices, const char *topic, const void *payload,
                        const mosquitto_property *props);

/* The threads have called: answers, messages held, sessions to look after. May disconnect clients,
 * so not from within a device's own packet. */
void devices_turn(struct devices *devices);

#endif
