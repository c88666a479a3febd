/*
 * One attempt to connect, on a thread of its own, because mosquitto_connect_bind_v5 waits for DNS
 * and TCP. Each attempt makes a fresh handle, so nothing of a lost connection carries over, and the
 * handle is handed over only when the thread is through with it: no two threads ever share one.
 */
#ifndef PARLEY_BUS_CONNECTOR_H
#define PARLEY_BUS_CONNECTOR_H

#include <mosquitto.h>
#include <stdbool.h>

#include "shared/bus/bus.h"

struct connector;

/* Start an attempt. `options` is copied. `wake` is called on the attempt's thread when it is over,
 * unless the attempt was abandoned before; it must not call into the bus. NULL: no thread to be
 * had. */
struct connector *connector_begin(const struct bus_options *options, void (*wake)(void *app),
                                  void *app);

/* Is it over? Then *mosq is the connected handle, owned by the caller from now on, or NULL with
 * *code set to the MOSQ_ERR_ code, and the connector is freed. */
bool connector_take(struct connector *connector, struct mosquitto **mosq, int *code);

/* The caller is no longer interested: the attempt's thread cleans up whenever it comes back. */
void connector_abandon(struct connector *connector);

#endif
