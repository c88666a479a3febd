/*
 * Recoverable sessions handed over through PostgreSQL: by a broker that stops, to the one its
 * client comes back to. All block; worker threads only.
 */
#ifndef PARLEY_CHAT_RECOVER_H
#define PARLEY_CHAT_RECOVER_H

#include "shared/base/buf.h"
#include "shared/db/db.h"

/* Hand over `count` sessions, each for ttl_ms[i]; records are opaque texts. */
enum err chat_recovery_put(struct db *db, const struct span *pids, const int64_t *user_ids,
                           const struct span *records, const int64_t *ttl_ms,
                           size_t count) MUST_CHECK;

/* Take one over: its record is appended to `out`, and the row is gone. ERR_OK with nothing appended
 * if there is none for this pid and user. */
enum err chat_recovery_take(struct db *db, struct span pid, int64_t user_id,
                            struct buf *out) MUST_CHECK;

#endif
