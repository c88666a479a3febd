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

/* The value as text, of any type. Only for who changes settings. */
const char *conf_text(const struct conf *conf, enum conf_key key);

/* Have both the same value? */
bool conf_is_same(const struct conf *a, const struct conf *b, enum conf_key key);

/* Take the value from `from` while other threads read it. */
void conf_move(struct conf *conf, struct conf *from, enum conf_key key);

#endif
