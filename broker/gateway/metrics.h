/* The page /metrics of a broker, in Prometheus's text format. docs/OPERATIONS.md explains it. */
#ifndef PARLEY_GATEWAY_METRICS_H
#define PARLEY_GATEWAY_METRICS_H

#include "shared/base/buf.h"

struct gateway;

/* Append everything there is to say. `open_fds`: see metrics_process. On the loop. */
void gateway_metrics(struct gateway *gateway, int64_t open_fds, struct buf *out);

#endif
