/* The inside of struct db, shared by the files of shared/db only. */
#ifndef PARLEY_DB_DB_INTERNAL_H
#define PARLEY_DB_DB_INTERNAL_H

#include <libpq-fe.h>

#include "shared/base/buf.h"
#include "shared/db/db.h"

#define DB_PARAMS_MAX 32

#define DB_HOST_WORDS 3

/* Where the server may be, and which of these is tried next. */
struct db_hosts {
    char *lists[DB_HOST_WORDS]; /* host, hostaddr, port as the connection string has them */
    int count;
    int at;
};
void db_hosts_init(struct db_hosts *hosts, const char *conninfo);
void db_hosts_release(struct db_hosts *hosts);
/* What names the host at hand, as parameters of libpq; values are the caller's, "" where there is
 * none. Returns how many, at most DB_HOST_WORDS: none if there is but one host. */
int db_hosts_pick(const struct db_hosts *hosts, const char *names[], char *values[]);
void db_hosts_next(struct db_hosts *hosts);

/* Where the connection's transaction is. */
enum db_transaction {
    DB_TX_NONE,
    DB_TX_PENDING, /* db_begin was called; BEGIN goes with the next statement */
    DB_TX_OPEN
};

struct db {
    char *conninfo;
    char *options; /* server settings, after those of the conninfo */
    int64_t timeout_ms;
    int64_t deadline_ms; /* db_set_deadline; 0: none */

    struct db_hosts hosts;
    struct db_fence *fence; /* of all connections of the process; borrowed; NULL: none */
    uint32_t timeline;      /* of the connection, or of the last one; 0: there was none */

    PGconn *pg;           /* NULL: not connected */
    uint64_t connections; /* how many there were */
    enum db_transaction tx;
    const struct db_stmt **prepared; /* what this connection has prepared */
    size_t prepared_count;
    size_t prepared_cap;

    bool failing; /* the last attempt to connect failed: said in the log once */
    int64_t retry_at_ms;
    int64_t backoff_ms;

    char constraint[64];
    struct buf scratch; /* encoded parameters of one statement */
};

/* When the call that begins now must end. */
int64_t db_call_deadline(const struct db *db);

/* Have a live connection, connecting if need be. ERR_DB_LOST. */
enum err db_connection_ensure(struct db *db, int64_t deadline_ms) MUST_CHECK;

/* Close the connection: the only way one ends. `reason` (may hold any text) goes to the log unless
 * it is NULL. Whatever was prepared or begun is gone. */
void db_connection_drop(struct db *db, const char *reason);

/* Ask a fresh connection, before it is put into pipeline mode, for its timeline. NULL: it may be
 * used; else why not, and it may be lost already. */
const char *db_timeline_learn(struct db *db, int64_t deadline_ms);
/* Has another connection of the process seen a newer timeline since? */
bool db_is_outdated(const struct db *db);

/* Flush what was sent and wait until a result is there. ERR_DB_LOST: dropped. */
enum err db_connection_wait(struct db *db, int64_t deadline_ms) MUST_CHECK;

bool db_is_prepared(const struct db *db, const struct db_stmt *stmt);
void db_mark_prepared(struct db *db, const struct db_stmt *stmt);

/* Encoded parameters, in the form libpq takes. Values point into the scratch buffer and the
 * parameters themselves. */
struct db_encoded {
    Oid types[DB_PARAMS_MAX];
    const char *values[DB_PARAMS_MAX];
    int lengths[DB_PARAMS_MAX];
    int formats[DB_PARAMS_MAX];
};

/* Is every text free of NUL bytes? */
bool db_params_are_sound(const struct db_param *params, int count);
void db_params_encode(const struct db_param *params, int count, struct buf *scratch,
                      struct db_encoded *out);

/* What a failed result means. Logs what nobody expects; sets db->constraint. *dead: the connection
 * is of no more use. */
enum err db_error_of(struct db *db, const PGresult *result, const char *stmt_name, bool *dead);

#endif
