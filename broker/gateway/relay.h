/*
 * MQTT: one topic per live log in, what this broker wrote itself out. Subscriptions are collected
 * during a turn and go out together. While MQTT is away nothing is kept: the sweep delivers.
 */
#ifndef PARLEY_GATEWAY_RELAY_H
#define PARLEY_GATEWAY_RELAY_H

#include "broker/gateway/livelog.h"

struct relay;

/* Starts to connect. Owned by the caller. */
struct relay *relay_new(struct gateway *gateway);
void relay_free(struct relay *relay);

bool relay_is_connected(const struct relay *relay);

/* Ask for the log's topic; when SUBACK is there, the log's head is checked once against PostgreSQL
 * and user_subscribed is called for an inbox. While disconnected: when connected. */
void relay_subscribe(struct relay *relay, struct livelog *live);
void relay_unsubscribe(struct relay *relay, struct livelog *live);

/* Publish an event of a commit of ours, QoS 1 (not possible now: the sweep delivers), or passing
 * news, QoS 0 (not possible now: nobody else hears of it). */
void relay_publish(struct relay *relay, const struct event *event);

/* Publish to another broker's topic, or to that of all, QoS 1. Not possible now: it is dropped. */
void relay_send(struct relay *relay, const char *topic, struct span payload);

/* The answer to a device's command, with its correlation data (SPAN_NONE: none). Not possible now:
 * it is dropped, the device asks again. */
void relay_answer(struct relay *relay, const char *topic, struct span payload,
                  struct span correlation);
/* Take no more commands of devices: the other brokers get them. */
void relay_refuse_devices(struct relay *relay);

/* Publish for others than parley, QoS 1. ERR_UNAVAILABLE: not now. */
enum err relay_pass(struct relay *relay, const char *topic, struct span payload) MUST_CHECK;

/* The readiness probe: publish to this broker's own topic; when did the last one come back?
 * (loop_now ms; 0: never) */
void relay_probe(struct relay *relay);
int64_t relay_probe_seen(const struct relay *relay);

#endif
