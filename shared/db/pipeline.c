/*
 * Statements and transactions. Everything is sent in libpq's pipeline mode: BEGIN, the preparing of
 * what is new, the statements and COMMIT leave together and one Sync ends them, so a transaction
 * of several statements is one round trip. The server skips all that follows an error up to the
 * Sync.
 */
#include "shared/db/db_internal.h"

#include <assert.h>

#include "shared/base/log.h"

static const struct db_stmt begin_stmt = {"begin", "begin", 0};
static const struct db_stmt begin_snapshot_stmt = {
    "begin_snapshot", "begin isolation level repeatable read, read only", 0};
static const struct db_stmt commit_stmt = {"commit", "commit", 0};
static const struct db_stmt rollback_stmt = {"rollback", "rollback", 0};

#define CALLS_MAX 16
#define STEPS_MAX (CALLS_MAX + 2)

/* What one Sync ends: the calls with BEGIN and COMMIT around them. */
struct flight {
    struct db_call steps[STEPS_MAX];
    bool prepare[STEPS_MAX];
    size_t count;
    int64_t deadline_ms;
    enum err err; /* of the first step that failed */
    bool dead;
};

static void flight_add(struct flight *flight, const struct db *db, const struct db_call *call)
{
    bool repeated = false;

    for (size_t i = 0; i < flight->count; i++)
        repeated |= flight->steps[i].stmt == call->stmt;
    flight->prepare[flight->count] = !repeated && !db_is_prepared(db, call->stmt);
    flight->steps[flight->count++] = *call;
}

static void flight_add_plain(struct flight *flight, const struct db *db, const struct db_stmt *stmt)
{
    flight_add(flight, db, &(struct db_call){.stmt = stmt});
}

static bool send_step(struct db *db, const struct db_call *call, bool prepare)
{
    struct db_encoded encoded;
    const char *name = call->stmt->name;
    int count = call->param_count;

    db_params_encode(call->params, count, &db->scratch, &encoded);
    if (prepare && !PQsendPrepare(db->pg, name, call->stmt->sql, count, encoded.types))
        return false;
    return PQsendQueryPrepared(db->pg, name, count, encoded.values, encoded.lengths,
                               encoded.formats, 1);
}

static enum err send_flight(struct db *db, const struct flight *flight)
{
    bool sent = true;

    for (size_t i = 0; i < flight->count && sent; i++)
        sent = send_step(db, &flight->steps[i], flight->prepare[i]);
    if (sent && PQpipelineSync(db->pg))
        return ERR_OK;
    db_connection_drop(db, PQerrorMessage(db->pg));
    return ERR_DB_LOST;
}

/* The next result; NULL (with ERR_OK) ends those of a step. */
static enum err next_result(struct db *db, int64_t deadline_ms, PGresult **out)
{
    enum err err = db_connection_wait(db, deadline_ms);

    if (err == ERR_OK)
        *out = PQgetResult(db->pg);
    return err;
}

/* Look at the result of one step (of its preparing, or of itself). Takes `result`. */
static void judge_result(struct db *db, struct flight *flight, const struct db_call *call,
                         bool preparing, PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        if (preparing)
            db_mark_prepared(db, call->stmt);
        if (!preparing && call->out) {
            call->out->pg = result;
            return;
        }
        break;
    case PGRES_PIPELINE_ABORTED:
        break; /* skipped by the server: an earlier step failed */
    default:
        if (flight->err == ERR_OK)
            flight->err = db_error_of(db, result, call->stmt->name, &flight->dead);
        break;
    }
    PQclear(result);
}

static enum err receive_one(struct db *db, struct flight *flight, const struct db_call *call,
                            bool preparing)
{
    PGresult *result = NULL;
    enum err err = next_result(db, flight->deadline_ms, &result);

    while (err == ERR_OK && result) {
        judge_result(db, flight, call, preparing, result);
        err = next_result(db, flight->deadline_ms, &result);
    }
    return err;
}

static enum err receive_sync(struct db *db, struct flight *flight)
{
    PGresult *result = NULL;
    enum err err = next_result(db, flight->deadline_ms, &result);
    bool synced = err == ERR_OK && PQresultStatus(result) == PGRES_PIPELINE_SYNC;

    PQclear(result);
    if (err == ERR_OK && !synced) {
        db_connection_drop(db, "the server answered out of step");
        err = ERR_DB_LOST;
    }
    return err;
}

static enum err receive_flight(struct db *db, struct flight *flight)
{
    enum err err = ERR_OK;

    for (size_t i = 0; i < flight->count && err == ERR_OK; i++) {
        if (flight->prepare[i])
            err = receive_one(db, flight, &flight->steps[i], true);
        if (err == ERR_OK)
            err = receive_one(db, flight, &flight->steps[i], false);
    }
    return err == ERR_OK ? receive_sync(db, flight) : err;
}

static enum err run_flight(struct db *db, struct flight *flight)
{
    enum err err = send_flight(db, flight);

    if (err == ERR_OK)
        err = receive_flight(db, flight);
    if (err == ERR_OK && flight->dead)
        db_connection_drop(db, "the server cannot go on");
    return err == ERR_OK ? flight->err : err;
}

void db_rollback(struct db *db)
{
    struct flight flight = {.deadline_ms = db_call_deadline(db)};

    if (db->tx == DB_TX_OPEN && db->pg) {
        flight_add_plain(&flight, db, &rollback_stmt);
        if (run_flight(db, &flight) != ERR_OK && db->pg)
            db_connection_drop(db, "rollback failed");
    }
    db->tx = DB_TX_NONE;
}

static bool calls_are_sound(const struct db_call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert(calls[i].param_count == calls[i].stmt->params);
        if (!db_params_are_sound(calls[i].params, calls[i].param_count)) {
            log_event(LOG_WARN, "db_nul_refused", "statement=%s", calls[i].stmt->name);
            return false;
        }
    }
    return true;
}

/* BEGIN as the flags or an earlier db_begin ask for it. */
static const struct db_stmt *begin_of(const struct db *db, unsigned flags)
{
    assert(!(flags & DB_BEGIN) || db->tx == DB_TX_NONE);
    if (flags & DB_BEGIN)
        return flags & DB_SNAPSHOT ? &begin_snapshot_stmt : &begin_stmt;
    return db->tx == DB_TX_PENDING ? &begin_stmt : NULL;
}

static enum err run_calls(struct db *db, unsigned flags, const struct db_call *calls, size_t count)
{
    struct flight flight = {.deadline_ms = db_call_deadline(db)};
    const struct db_stmt *begin = begin_of(db, flags);
    enum err err = db_connection_ensure(db, flight.deadline_ms);

    if (err != ERR_OK)
        return err;
    if (begin)
        flight_add_plain(&flight, db, begin);
    for (size_t i = 0; i < count; i++)
        flight_add(&flight, db, &calls[i]);
    if (flags & DB_COMMIT)
        flight_add_plain(&flight, db, &commit_stmt);
    if (begin)
        db->tx = DB_TX_OPEN;
    err = run_flight(db, &flight);
    if (err == ERR_OK && (flags & DB_COMMIT))
        db->tx = DB_TX_NONE;
    return err;
}

enum err db_pipeline(struct db *db, unsigned flags, const struct db_call *calls, size_t count)
{
    enum err err;

    assert(count <= CALLS_MAX);
    db->constraint[0] = '\0';
    if (calls_are_sound(calls, count))
        err = run_calls(db, flags, calls, count);
    else
        err = ERR_VALIDATION_FAILED;
    if (err != ERR_OK)
        db_rollback(db);
    return err;
}

enum err db_run(struct db *db, const struct db_stmt *stmt, const struct db_param *params,
                int param_count, struct db_result *out)
{
    return db_pipeline(db, 0, &(struct db_call){stmt, params, param_count, out}, 1);
}

void db_begin(struct db *db)
{
    assert(db->tx == DB_TX_NONE);
    db->tx = DB_TX_PENDING;
}

enum err db_commit(struct db *db)
{
    if (db->tx == DB_TX_PENDING) {
        db->tx = DB_TX_NONE;
        return ERR_OK;
    }
    if (db->tx == DB_TX_NONE) { /* a failure that the caller overlooked ended it */
        log_event(LOG_ERROR, "db_commit_without_transaction", "statement=commit");
        return ERR_DB_FAILED;
    }
    return db_pipeline(db, DB_COMMIT, NULL, 0);
}

const char *db_constraint(const struct db *db)
{
    return db->constraint;
}
