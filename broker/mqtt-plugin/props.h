/*
 * MQTT 5 properties inside mosquitto. Lists that mosquitto frees must be made by the functions it
 * exports to plugins; it exports none to read them, libmosquitto's do (the same type).
 */
#ifndef PARLEY_MQTT_PLUGIN_PROPS_H
#define PARLEY_MQTT_PLUGIN_PROPS_H

#include <mosquitto.h>
#include <mosquitto_broker.h>

#include "shared/chat/chat.h"

/* The event that a message on parley's own listener carries. ERR_SYNTAX: none. Release it. */
enum err props_event(const char *topic, const mosquitto_property *props,
                     struct event *out) MUST_CHECK;

/* A copy of the user properties and the correlation data, for mosquitto to own. */
mosquitto_property *props_copy(const mosquitto_property *props);

/* Replace what a device has sent by who it is: "user", "session", "address". Its correlation data
 * stays; whatever else it put in is gone. */
void props_sign(mosquitto_property **props, const struct chat_actor *actor);

#endif
