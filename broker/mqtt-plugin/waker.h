/*
 * How the plugin's threads get a turn on mosquitto's loop. mosquitto 2.0 calls MOSQ_EVT_TICK only
 * without per_listener_settings, and has no call that another thread may make: so a thread is an
 * MQTT client of parley's own listener, and what it publishes on WAKER_TOPIC is the call. MQTT
 * 3.1.1, written by hand: libmosquitto must not run inside mosquitto. Each call is one packet, and
 * mosquitto reads one packet of a client in a round of its loop: two turns are two rounds.
 */
#ifndef PARLEY_MQTT_PLUGIN_WAKER_H
#define PARLEY_MQTT_PLUGIN_WAKER_H

#include "shared/base/conf.h"

#define WAKER_TOPIC "parley/v1/plugin/turn"

struct waker;

/* Starts the thread, which calls every `period_ms` and when asked to. `conf` is kept: [mqtt] says
 * where the listener is. */
struct waker *waker_new(const struct conf *conf, int64_t period_ms);
/* Takes NULL. Waits for the thread, a few seconds at most. */
void waker_free(struct waker *waker);

/* Call soon. Any thread, never blocks; calls not yet made become one. */
void waker_call(struct waker *waker);

#endif
