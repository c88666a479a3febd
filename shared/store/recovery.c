/* Sessions on their way from one broker to another, see recovery.h. */
#include "shared/store/recovery.h"

static const struct db_stmt put = {
    .name = "recovery_session_put",
    .sql = "with old as (delete from recovery_session where expires_at <= now())"
           " insert into recovery_session (pid, user_id, record, expires_at)"
           " select x.pid, x.user_id, x.record, now() + x.ttl * interval '1 millisecond'"
           " from unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[])"
           "  as x (pid, user_id, record, ttl)"
           " on conflict (pid) do update set user_id = excluded.user_id,"
           "  record = excluded.record, expires_at = excluded.expires_at",
    .params = 4,
};

static const struct db_stmt take = {
    .name = "recovery_session_take",
    .sql = "delete from recovery_session where pid = $1 and user_id = $2 and expires_at > now()"
           " returning record",
    .params = 2,
};

enum err recovery_session_put(struct db *db, const struct span *pids, const int64_t *user_ids,
                              const struct span *records, const int64_t *ttl_ms, size_t count)
{
    return db_run(db, &put,
                  DB_PARAMS(db_param_texts(pids, count), db_param_ints(user_ids, count),
                            db_param_texts(records, count), db_param_ints(ttl_ms, count)),
                  NULL);
}

enum err recovery_session_take(struct db *db, struct span pid, int64_t user_id,
                               struct db_result *rows)
{
    return db_run(db, &take, DB_PARAMS(db_param_text(pid), db_param_int(user_id)), rows);
}

struct span recovery_session_record(const struct db_result *rows)
{
    return db_result_rows(rows) > 0 ? db_result_text(rows, 0, 0) : SPAN_NONE;
}
