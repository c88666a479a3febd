/*
 * Devices: sendMessage by MQTT. mosquitto's plugin has checked who publishes and says so in user
 * properties (broker/mqtt-plugin); all brokers share the subscription, whichever gets a command
 * runs it as any other, and publishes the answer on the device's result topic.
 */
#ifndef PARLEY_GATEWAY_DEVICE_H
#define PARLEY_GATEWAY_DEVICE_H

#include "shared/bus/bus.h"

struct gateway;

#define DEVICE_FILTER "$share/parley/parley/v1/devices/+/send"

/* A message came. False: it is none of a device's. */
bool device_on_message(struct gateway *gateway, const struct bus_message *message);

#endif
