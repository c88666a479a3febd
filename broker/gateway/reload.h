/*
 * Taking over a changed configuration while the broker runs (SIGHUP): what can change does, at
 * once and for what comes from now on; what is open stays open. The rest is named in the log.
 */
#ifndef PARLEY_GATEWAY_RELOAD_H
#define PARLEY_GATEWAY_RELOAD_H

#include "shared/base/conf.h"

struct gateway;
struct reload;

/* `conf` is the gateway's own, `path` (kept) where it came from; NULL: from no file. Owned by the
 * caller; free it after the gateway has stopped: a thread may be reading. */
struct reload *reload_new(struct gateway *gateway, struct conf *conf, const char *path);
void reload_free(struct reload *reload);

/* Read it again, off the loop, and take it over; a file with a mistake changes nothing. `reload` is
 * a struct reload: a loop_fn. */
void reload_begin(void *reload);

#endif
