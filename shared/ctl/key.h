/* parleyctl key: the API keys of a site's backend. */
#ifndef PARLEY_CTL_KEY_H
#define PARLEY_CTL_KEY_H

#include "shared/ctl/ctl.h"

/* Make a key with the name ctl->name and print it: it is not shown again. */
ctl_run_fn ctl_key_add;

/* All keys, without themselves. */
ctl_run_fn ctl_key_list;

/* End the key ctl->name. */
ctl_run_fn ctl_key_revoke;

#endif
