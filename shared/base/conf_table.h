/*
 * Between conf.c (the table) and conf_read.c (where values come from). Nobody else includes this.
 */
#ifndef PARLEY_BASE_CONF_TABLE_H
#define PARLEY_BASE_CONF_TABLE_H

#include "shared/base/conf.h"

/* All settings at their defaults. Owned by the caller. */
struct conf *conf_new(void);

/* Set one value; `origin` (copied) says where it came from, for messages: "parley.conf:12". */
enum err conf_put(struct conf *conf, const char *name, const char *text, const char *origin,
                  struct buf *problem) MUST_CHECK;

#endif
