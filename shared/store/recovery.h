/*
 * Recoverable sessions that a stopping broker has handed over. What a record holds is the broker's
 * business.
 */
#ifndef PARLEY_STORE_RECOVERY_H
#define PARLEY_STORE_RECOVERY_H

#include "shared/db/db.h"

/* Keep `count` sessions, each ttl_ms[i] long, in one statement; forgets what has expired. A pid
 * that is there already is replaced. */
enum err recovery_session_put(struct db *db, const struct span *pids, const int64_t *user_ids,
                              const struct span *records, const int64_t *ttl_ms,
                              size_t count) MUST_CHECK;

/* Take the session out; rows has one row with the record, or none: unknown, taken before, expired,
 * or another user's (whose it then stays). */
enum err recovery_session_take(struct db *db, struct span pid, int64_t user_id,
                               struct db_result *rows) MUST_CHECK;
struct span recovery_session_record(const struct db_result *rows);

#endif
