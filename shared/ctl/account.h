/* parleyctl user and token: accounts and sessions, by the operator. */
#ifndef PARLEY_CTL_ACCOUNT_H
#define PARLEY_CTL_ACCOUNT_H

#include "shared/ctl/ctl.h"

/* Make the user ctl->name with the password that is the first line of standard input. */
ctl_run_fn ctl_user_add;

/* Disable the account ctl->name, end its sessions and close its sockets (within a sweep). */
ctl_run_fn ctl_user_disable;

/* Let the account ctl->name log in again. */
ctl_run_fn ctl_user_enable;

/* Open a session for ctl->name and print its access token (with --json both tokens). */
ctl_run_fn ctl_token_issue;

/* End the session whose number is ctl->name. */
ctl_run_fn ctl_token_revoke;

#endif
