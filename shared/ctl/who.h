/* parleyctl user list, user show, session list: looking at accounts, changing nothing. */
#ifndef PARLEY_CTL_WHO_H
#define PARLEY_CTL_WHO_H

#include "shared/ctl/ctl.h"

/* All users but deleted ones. */
ctl_run_fn ctl_user_list;

/* The user ctl->name. */
ctl_run_fn ctl_user_show;

/* The living sessions of the user ctl->name. */
ctl_run_fn ctl_session_list;

#endif
