/*
 * Readiness: once a second something really goes through PostgreSQL and through MQTT and back. And
 * the pages that say so: /healthz, /readyz, /metrics.
 */
#ifndef PARLEY_GATEWAY_PROBE_H
#define PARLEY_GATEWAY_PROBE_H

#include <stdbool.h>

struct gateway;
struct probe;

/* Starts probing and serves the pages. Owned by the caller. */
struct probe *probe_new(struct gateway *gateway);
void probe_free(struct probe *probe);

/* Did PostgreSQL and MQTT both answer within the last periods? */
bool probe_is_ready(const struct probe *probe);

#endif
