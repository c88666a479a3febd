/*
 * One PostgreSQL connection, used by one thread at a time; the only folder that sees libpq. Calls
 * block the calling thread, never past the deadline: libpq is used non-blocking with poll(2).
 * Statements are prepared on first use, per connection. The connection is made on first use and
 * again after a loss (with a short back-off); db_open never blocks.
 */
#ifndef PARLEY_DB_DB_H
#define PARLEY_DB_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/err.h"
#include "shared/base/span.h"

struct db;
struct db_result;

/* `timeout_ms` bounds each call; `lock_timeout_ms` is set on the server. Strings are copied. */
struct db *db_open(const char *conninfo, int64_t timeout_ms, int64_t lock_timeout_ms);
void db_close(struct db *db);

/* The contract continues with statements and results: see db.c's owner. */

#endif
