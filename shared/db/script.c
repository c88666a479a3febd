/*
 * SQL scripts (migrations) over the simple protocol, which takes several statements and runs them
 * as one transaction. The server's own words are logged: scripts hold no data.
 */
#include "shared/db/db_internal.h"

#include "shared/base/clock.h"
#include "shared/base/log.h"

static void log_failure(const char *name, const PGresult *result)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    log_event(LOG_ERROR, "db_script_failed", "script=%s sqlstate=%s position=%s message=\"%s\"",
              name, state ? state : "", position ? position : "", message ? message : "");
}

/* Take all results; the first failure is the answer. */
static enum err drain(struct db *db, const char *name, int64_t deadline_ms)
{
    enum err answer = ERR_OK;

    for (;;) {
        enum err err = db_connection_wait(db, deadline_ms);
        PGresult *result = err == ERR_OK ? PQgetResult(db->pg) : NULL;
        ExecStatusType status = PQresultStatus(result);
        bool dead = false;

        if (result == NULL)
            return err == ERR_OK ? answer : err;
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && answer == ERR_OK) {
            log_failure(name, result);
            answer = db_error_of(db, result, name, &dead);
        }
        PQclear(result);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            db_connection_drop(db, "scripts cannot copy");
            return ERR_DB_FAILED;
        }
    }
}

static enum err run_text(struct db *db, const char *name, const char *sql, int64_t deadline_ms)
{
    if (PQsendQuery(db->pg, sql))
        return drain(db, name, deadline_ms);
    db_connection_drop(db, PQerrorMessage(db->pg));
    return ERR_DB_LOST;
}

enum err db_exec_script(struct db *db, const char *name, const char *sql, int64_t timeout_ms)
{
    int64_t deadline_ms = clock_mono_ms() + timeout_ms;
    struct buf text;
    enum err err = db_connection_ensure(db, deadline_ms);

    if (err != ERR_OK)
        return err;
    if (PQexitPipelineMode(db->pg) != 1) {
        db_connection_drop(db, "still in a pipeline");
        return ERR_DB_LOST;
    }
    buf_init(&text, BUF_MAX_DEFAULT);
    buf_addf(&text, "begin; set local statement_timeout = 0; set local lock_timeout = 0;\n%s\n;",
             sql);
    err = run_text(db, name, text.data, deadline_ms);
    buf_release(&text);
    if (db->pg && err == ERR_OK)
        err = run_text(db, name, "commit", deadline_ms);
    else if (db->pg && run_text(db, name, "rollback", deadline_ms) != ERR_OK && db->pg)
        db_connection_drop(db, "rollback failed");
    if (db->pg && PQenterPipelineMode(db->pg) != 1)
        db_connection_drop(db, "no pipeline mode");
    return err;
}
