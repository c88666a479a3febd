/* The fronts' way to the sessions handed over, see recover.h. */
#include "shared/chat/recover.h"

#include "shared/store/recovery.h"

enum err chat_recovery_put(struct db *db, const struct span *pids, const int64_t *user_ids,
                           const struct span *records, const int64_t *ttl_ms, size_t count)
{
    return recovery_session_put(db, pids, user_ids, records, ttl_ms, count);
}

enum err chat_recovery_take(struct db *db, struct span pid, int64_t user_id, struct buf *out)
{
    struct db_result rows = {0};
    enum err err = recovery_session_take(db, pid, user_id, &rows);

    if (err == ERR_OK && span_present(recovery_session_record(&rows)))
        buf_add_span(out, recovery_session_record(&rows));
    db_result_release(&rows);
    return err;
}
