/* parleyctl room and stats: looking, changing nothing. */
#ifndef PARLEY_CTL_INSPECT_H
#define PARLEY_CTL_INSPECT_H

#include "shared/ctl/ctl.h"

/* All rooms, archived ones too. */
ctl_run_fn ctl_room_list;

/* The room that has, or once had, the name ctl->name. */
ctl_run_fn ctl_room_show;

/* Counts of users, sessions, rooms and events. */
ctl_run_fn ctl_stats;

#endif
