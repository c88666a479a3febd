/*
 * SQLSTATE to enum err. The one table that says what a server's complaint means for the caller;
 * what nobody expects is logged here, with SQLSTATE and statement name, never with the server's
 * text (which may quote data).
 */
#include "shared/db/db_internal.h"

#include "shared/base/log.h"

/* Prefixes of SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), the first
 * that fits decides. */
static const struct {
    const char *prefix;
    enum err err;
    bool dead;
    bool expected;
} table[] = {
    {"23505", ERR_DB_UNIQUE, false, true},        /* unique_violation */
    {"55P03", ERR_DB_LOCK_TIMEOUT, false, true},  /* lock_not_available */
    {"40001", ERR_DB_LOCK_TIMEOUT, false, true},  /* serialization_failure */
    {"40P01", ERR_DB_LOCK_TIMEOUT, false, false}, /* deadlock_detected: locks out of order */
    {"57014", ERR_DB_LOST, false, false},         /* query_canceled: statement_timeout */
    {"57P", ERR_DB_LOST, true, false},            /* shutdown, crash, cannot_connect_now */
    {"25P03", ERR_DB_LOST, true, false},          /* idle_in_transaction_session_timeout */
    {"25006", ERR_DB_LOST, true, false},          /* read_only: a standby after a failover */
    {"08", ERR_DB_LOST, true, false},             /* connection exceptions */
    {"53", ERR_DB_LOST, false, false},            /* insufficient resources: disk full, memory */
    {"26000", ERR_DB_LOST, true, false},          /* the prepared statement is gone (a pooler) */
    {"0A000", ERR_DB_LOST, true, false}, /* cached plan no longer fits, after a migration */
};

enum err db_error_of(struct db *db, const PGresult *result, const char *stmt_name, bool *dead)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    enum err err = ERR_DB_FAILED;
    bool expected = false;

    if (state == NULL) { /* made by libpq itself: the connection broke */
        state = "08000";
    }
    *dead = false;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strncmp(state, table[i].prefix, strlen(table[i].prefix)) == 0) {
            err = table[i].err;
            *dead = table[i].dead;
            expected = table[i].expected;
            break;
        }
    }
    if (err == ERR_DB_UNIQUE && constraint)
        snprintf(db->constraint, sizeof db->constraint, "%s", constraint);
    if (!expected)
        log_event(err == ERR_DB_FAILED ? LOG_ERROR : LOG_WARN, "db_statement_failed",
                  "statement=%s sqlstate=%s constraint=%s", stmt_name, state,
                  constraint ? constraint : "");
    return err;
}
