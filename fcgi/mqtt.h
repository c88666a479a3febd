/*
 * The process's way to MQTT. A FastCGI worker connects when it starts. A CGI program lives for one
 * request, and most requests only read: it connects when there is something to say, while it
 * answers, and says it after its answer.
 */
#ifndef PARLEY_FCGI_MQTT_H
#define PARLEY_FCGI_MQTT_H

#include "shared/base/conf.h"
#include "shared/bus/bus.h"

struct mqtt;

/* `late`: connect with the first call of one of the others; for a process of one thread only. */
struct mqtt *mqtt_new(const struct conf *conf, bool late);

/* What is published and not yet out has up to 500 ms for it; a connection that is being made, too.
 */
void mqtt_free(struct mqtt *mqtt);

/* Where to publish, without waiting. With `late` it keeps what is published until it is connected.
 */
struct bus_thread *mqtt_bus(struct mqtt *mqtt);

/* Connected? With `late` this waits for a connection, for up to 300 ms. */
bool mqtt_is_connected(struct mqtt *mqtt);

/* bus_thread_probe, on such a connection. */
bool mqtt_probe(struct mqtt *mqtt, int64_t timeout_ms);

#endif
