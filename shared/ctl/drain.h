/* parleyctl drain: have one broker of this machine finish and go. */
#ifndef PARLEY_CTL_DRAIN_H
#define PARLEY_CTL_DRAIN_H

#include "shared/ctl/ctl.h"

/* Tell the broker whose process id is ctl->name to stop, as SIGTERM does, and wait until it has: no
 * longer than broker.drain_ms and some. Refuses a process that is no parley-broker. */
ctl_run_fn ctl_drain;

#endif
