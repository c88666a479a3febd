/*
 * One PostgreSQL connection, used by one thread at a time; the only folder that sees libpq. Calls
 * block the calling thread, never past the deadline: libpq is used non-blocking with poll(2).
 * Statements are prepared on first use, per connection. The connection is made on first use and
 * again after a loss (with a short back-off); db_open never blocks.
 *
 * Errors, the same for every call that talks to the server:
 *   ERR_DB_LOST          no connection, connection lost, or the deadline passed. The connection is
 *                        dropped; a COMMIT that was in flight may have happened. The next use
 *                        reconnects; after a failed attempt calls fail at once for 50 ms .. 1 s.
 *   ERR_DB_LOCK_TIMEOUT  lock_timeout, deadlock or serialisation failure; rolled back
 *   ERR_DB_UNIQUE        a unique constraint said no (db_constraint names it); rolled back
 *   ERR_DB_FAILED        any other SQL error; rolled back, logged with SQLSTATE and statement name
 *   ERR_VALIDATION_FAILED  a text parameter holds a NUL byte; nothing was sent
 * Whatever the error, the transaction is over when the call returns: db_rollback is then not needed
 * and does nothing.
 */
#ifndef PARLEY_DB_DB_H
#define PARLEY_DB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/err.h"
#include "shared/base/span.h"

struct db;

/* `timeout_ms` bounds each call; `lock_timeout_ms` is set on the server. Strings are copied. */
struct db *db_open(const char *conninfo, int64_t timeout_ms, int64_t lock_timeout_ms);
/* Closes the connection, if any. Takes NULL. */
void db_close(struct db *db);

/* Until it is set again, calls end at `mono_ms` (clock_mono_ms) instead of timeout_ms after they
 * began: the deadline of a whole command. 0: back to timeout_ms. */
void db_set_deadline(struct db *db, int64_t mono_ms);

/* ---- fail-over ---- */

/* Of all connections of a process: the newest timeline that one of them has seen. Zeroed at first,
 * and touched only here; any thread. A connection to a standby, or to a server whose timeline is
 * older, is not used: of several hosts in the connection string the next one is tried. */
struct db_fence {
    uint32_t timeline;
    int64_t changed_ms; /* monotonic; 0: it never has */
};

/* From its next use on. `fence` must outlive it; without one every timeline is as good. */
void db_set_fence(struct db *db, struct db_fence *fence);

/* The cluster's timeline as the last call saw it; 0: there was no connection yet. After a change
 * what an older timeline told may be gone: a log can have become shorter. */
uint32_t db_timeline(const struct db *db);
uint32_t db_fence_timeline(const struct db_fence *fence);

/* Did the timeline change, under this process, within the last `ms`? */
bool db_timeline_is_young(const struct db *db, int64_t ms);

/* Is a connection up, as far as was seen? For readiness and tests; asks nobody. */
bool db_is_connected(const struct db *db);

/* How often it was connected. The same number before and after: it was one connection, and what
 * committed transactions wrote, as it saw them, has only ever grown; unless somebody restored a
 * dump into the database while it was in use. */
uint64_t db_connections(const struct db *db);

/* The constraint that made the last call ERR_DB_UNIQUE; "" otherwise. Valid until the next call. */
const char *db_constraint(const struct db *db);

/* ---- parameters ---- */

enum db_type {
    DB_INT,        /* bigint */
    DB_BOOL,       /* boolean */
    DB_TIME,       /* timestamptz; microseconds since 1970 on our side */
    DB_TEXT,       /* text */
    DB_BYTES,      /* bytea */
    DB_INT_ARRAY,  /* bigint[] */
    DB_TEXT_ARRAY, /* text[]; an element that is SPAN_NONE is NULL */
    DB_BYTES_ARRAY /* bytea[]; likewise */
};

/* One value for $1, $2, ...; sent in binary. Borrows what it points to until the call returns. */
struct db_param {
    enum db_type type;
    bool null;
    int64_t number;
    struct span span;
    const int64_t *ints;
    const struct span *spans;
    size_t count;
};

/* An integer; never NULL. */
static inline struct db_param db_param_int(int64_t value)
{
    return (struct db_param){.type = DB_INT, .number = value};
}

/* NULL if `value` is 0: an id or a seq that is absent. */
static inline struct db_param db_param_id(int64_t value)
{
    return (struct db_param){.type = DB_INT, .number = value, .null = value == 0};
}

/* A truth value. */
static inline struct db_param db_param_bool(bool value)
{
    return (struct db_param){.type = DB_BOOL, .number = value};
}

/* NULL if `wall_us` is 0. */
static inline struct db_param db_param_time(int64_t wall_us)
{
    return (struct db_param){.type = DB_TIME, .number = wall_us, .null = wall_us == 0};
}

/* SPAN_NONE is NULL; a NUL byte makes the call fail. */
static inline struct db_param db_param_text(struct span text)
{
    return (struct db_param){.type = DB_TEXT, .span = text, .null = text.ptr == NULL};
}

/* Any bytes; SPAN_NONE is NULL. */
static inline struct db_param db_param_bytes(struct span bytes)
{
    return (struct db_param){.type = DB_BYTES, .span = bytes, .null = bytes.ptr == NULL};
}

/* Arrays; count 0 is the empty array. */
static inline struct db_param db_param_ints(const int64_t *values, size_t count)
{
    return (struct db_param){.type = DB_INT_ARRAY, .ints = values, .count = count};
}

/* Texts, each as db_param_text. */
static inline struct db_param db_param_texts(const struct span *texts, size_t count)
{
    return (struct db_param){.type = DB_TEXT_ARRAY, .spans = texts, .count = count};
}

/* Bytes, each as db_param_bytes. */
static inline struct db_param db_param_bytes_array(const struct span *values, size_t count)
{
    return (struct db_param){.type = DB_BYTES_ARRAY, .spans = values, .count = count};
}

/* ---- statements ---- */

/* A constant of shared/store. `name` is unique (it is the prepared statement's name and appears in
 * logs); `params` is how many parameters `sql` takes (asserted). The types of the parameters are
 * those of the first call. */
struct db_stmt {
    const char *name;
    const char *sql;
    int params;
};

/* Rows in binary; zeroed by its owner, released with db_result_release whatever the call returned.
 */
struct pg_result;
struct db_result {
    struct pg_result *pg;
};

/* Run one statement; inside a transaction if one was begun, else it is its own. `out` may be NULL.
 *
 *   struct db_result rows = {0};
 *   err = db_run(db, &room_get, DB_PARAMS(db_param_text(key), db_param_int(user)), &rows);
 *   ...
 *   db_result_release(&rows);
 */
enum err db_run(struct db *db, const struct db_stmt *stmt, const struct db_param *params,
                int param_count, struct db_result *out) MUST_CHECK;

/* Two arguments, the array and its length, from a list of db_param. */
#define DB_PARAMS(...)                                                                             \
    (const struct db_param[]){__VA_ARGS__},                                                        \
        (int)(sizeof((const struct db_param[]){__VA_ARGS__}) / sizeof(struct db_param))
#define DB_NO_PARAMS NULL, 0

/* One statement of a pipeline. */
struct db_call {
    const struct db_stmt *stmt;
    const struct db_param *params;
    int param_count;
    struct db_result *out; /* may be NULL */
};

enum {
    DB_BEGIN = 1,   /* BEGIN (READ COMMITTED: each statement has its own, fresh snapshot) */
    DB_COMMIT = 2,  /* COMMIT at the end */
    DB_SNAPSHOT = 4 /* with DB_BEGIN: REPEATABLE READ, READ ONLY: one snapshot for all */
};

/* Run the calls, in order, in ONE round trip, with BEGIN before and COMMIT after them as the flags
 * say. The first error skips all that follows and is returned (see the top); results of the
 * statements before it may be there and must be ignored but released.
 * With DB_BEGIN and without DB_COMMIT the transaction stays open. */
enum err db_pipeline(struct db *db, unsigned flags, const struct db_call *calls,
                     size_t count) MUST_CHECK;

/* A transaction of several round trips. db_begin sends nothing: BEGIN travels with the first
 * statement. ERR_OK always but for a transaction already open (asserted). */
void db_begin(struct db *db);
enum err db_commit(struct db *db) MUST_CHECK;
/* Nothing to do or roll back; a failure drops the connection, which does it too. */
void db_rollback(struct db *db);

/* Run SQL text of several statements as one transaction; logs the server's message on failure (so:
 * for migrations, never with data). `name` goes to the log. Its own deadline: `timeout_ms`, with
 * the statement and lock timeouts of the connection lifted. */
enum err db_exec_script(struct db *db, const char *name, const char *sql,
                        int64_t timeout_ms) MUST_CHECK;

/* ---- results ---- */

/* Number of rows. */
int db_result_rows(const struct db_result *result);
/* Rows inserted, updated or deleted (or selected) by the statement. */
int64_t db_result_affected(const struct db_result *result);
bool db_result_is_null(const struct db_result *result, int row, int column);
/* smallint, integer, bigint, xid8 (0 for NULL). */
int64_t db_result_int(const struct db_result *result, int row, int column);
/* False for NULL. */
bool db_result_bool(const struct db_result *result, int row, int column);
/* timestamptz as microseconds since 1970; 0 for NULL (and for -infinity); INT64_MAX: infinity. */
int64_t db_result_time(const struct db_result *result, int row, int column);
/* text, bytea, jsonb (as its text): borrowed from the result; SPAN_NONE for NULL. NUL-terminated.
 */
struct span db_result_text(const struct db_result *result, int row, int column);
/* bigint[] without NULL elements: how many it has (0 for NULL), and each. */
size_t db_result_array_count(const struct db_result *result, int row, int column);
int64_t db_result_array_int(const struct db_result *result, int row, int column, size_t index);
/* Free the rows; zeroed afterwards. Takes a zeroed one. */
void db_result_release(struct db_result *result);

#endif
