/*
 * parleyctl's table of subcommands, and what it says of them. Help is printed from it, and a test
 * compares it with the manual page.
 */
#ifndef PARLEY_CTL_COMMAND_H
#define PARLEY_CTL_COMMAND_H

#include <stdio.h>

#include "shared/ctl/ctl.h"

/* What a subcommand connects to PostgreSQL as. */
enum ctl_role {
    CTL_AS_APPLICATION,
    CTL_AS_OWNER, /* of the schema */
    CTL_OFFLINE   /* it does not connect */
};

struct ctl_command {
    const char *words;    /* "user add" */
    const char *argument; /* what one argument is called; NULL: it takes none */
    ctl_run_fn *run;
    enum ctl_role role;
    const char *summary; /* half a line */
    const char *details; /* whole sentences, lines of at most 76 columns */
};

/* The subcommand that the `count` words are, its argument included; *name becomes that argument, or
 * NULL. NULL: none. */
const struct ctl_command *ctl_command_find(int count, char **words, const char **name);

/* Help: on all subcommands, or at length on those that begin with `words`. False: none does. */
void ctl_help(FILE *out);
bool ctl_help_on(FILE *out, int count, char **words);

/* One line each, words and argument. */
void ctl_command_list(FILE *out);

#endif
