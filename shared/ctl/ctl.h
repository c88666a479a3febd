/*
 * parleyctl: what its subcommands share. Each subcommand is a function of the table in command.c;
 * it prints its result on standard output, as text or (with --json) as one JSON object, and what
 * went wrong on standard error.
 */
#ifndef PARLEY_CTL_CTL_H
#define PARLEY_CTL_CTL_H

#include <stdbool.h>

#include "shared/base/conf.h"
#include "shared/db/db.h"

/* Exit codes, documented in --help. */
enum ctl_exit {
    CTL_OK = 0,
    CTL_FAILED = 1,     /* refused, not found, not valid */
    CTL_USAGE = 2,      /* bad command line or configuration */
    CTL_UNAVAILABLE = 3 /* no PostgreSQL */
};

struct ctl {
    const struct conf *conf;
    struct db *db;
    bool json;
    const char *dir;  /* --dir: the migrations */
    const char *name; /* the subcommand's argument, or NULL */
};

typedef enum ctl_exit ctl_run_fn(struct ctl *ctl);

/* "parleyctl: ..." and a newline on standard error. */
void ctl_complain(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Say what `err` means and return the exit code for it; `what` is what was being done. */
enum ctl_exit ctl_failed(enum err err, const char *what);

/* Print `json` if --json was given, else `text`; a newline is added to each. */
void ctl_print(const struct ctl *ctl, const struct buf *json, const struct buf *text);

#endif
