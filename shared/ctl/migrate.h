/* parleyctl migrate: bring the schema up to date with the files of a folder. */
#ifndef PARLEY_CTL_MIGRATE_H
#define PARLEY_CTL_MIGRATE_H

#include "shared/ctl/ctl.h"

/* Apply, in order, each NNNN_name.sql of ctl->dir that the database has not had, each in one
 * transaction. Refuses, before it changes anything, if a file that was applied has changed or is
 * missing in the sequence. Several at once wait for each other. */
ctl_run_fn ctl_migrate;

#endif
