/*
 * The life of a connection: made without blocking past the deadline, checked before use, dropped in
 * one place, made again with a back-off. What is sent over it is not here (see pipeline.c).
 */
#include "shared/db/db_internal.h"

#include <errno.h>
#include <poll.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"

#define BACKOFF_FIRST_MS 50
#define BACKOFF_MAX_MS 1000
#define SCRATCH_MAX ((size_t)256 << 20)

/*
 * Settings of every connection. Statements are prepared once and live long, often from before the
 * tables are filled or analysed; so plans are told to stay what they must be for every size: nested
 * loops over indexes. (A hash join over an empty table is a disaster a minute later.)
 */
static char *server_options(int64_t timeout_ms, int64_t lock_timeout_ms)
{
    struct buf options;

    buf_init(&options, 4096);
    buf_addf(&options,
             "-c lock_timeout=%lld -c statement_timeout=%lld"
             " -c idle_in_transaction_session_timeout=%lld",
             (long long)lock_timeout_ms, (long long)timeout_ms, (long long)timeout_ms * 2);
    buf_add_str(&options, " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
                          " -c jit=off -c plan_cache_mode=force_generic_plan"
                          " -c default_transaction_isolation=read\\ committed");
    /* A client whose host is gone without a word is to leave neither connection nor locks. */
    buf_add_str(&options, " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5"
                          " -c tcp_keepalives_count=3 -c tcp_user_timeout=20000");
    return buf_take(&options, NULL);
}

struct db *db_open(const char *conninfo, int64_t timeout_ms, int64_t lock_timeout_ms)
{
    struct db *db = mem_alloc(sizeof *db);

    db->conninfo = mem_strdup(conninfo);
    db_hosts_init(&db->hosts, conninfo);
    db->options = server_options(timeout_ms, lock_timeout_ms);
    db->timeout_ms = timeout_ms;
    buf_init(&db->scratch, SCRATCH_MAX);
    return db;
}

void db_close(struct db *db)
{
    if (db == NULL)
        return;
    db_connection_drop(db, NULL);
    buf_release(&db->scratch);
    mem_free(db->prepared);
    mem_free(db->conninfo);
    mem_free(db->options);
    db_hosts_release(&db->hosts);
    free(db);
}

void db_set_deadline(struct db *db, int64_t mono_ms)
{
    db->deadline_ms = mono_ms;
}

int64_t db_call_deadline(const struct db *db)
{
    return db->deadline_ms ? db->deadline_ms : clock_mono_ms() + db->timeout_ms;
}

bool db_is_connected(const struct db *db)
{
    return db->pg != NULL;
}

uint64_t db_connections(const struct db *db)
{
    return db->connections;
}

/* One line, without quotes, so that it can stand in a log line. */
static void flatten(const char *text, char *out, size_t size)
{
    size_t len = 0;

    for (; text && *text && len + 1 < size; text++)
        out[len++] = *text == '\n' || *text == '\r' ? ' ' : *text == '"' ? '\'' : *text;
    while (len > 0 && out[len - 1] == ' ')
        len--;
    out[len] = '\0';
}

void db_connection_drop(struct db *db, const char *reason)
{
    char line[256];

    if (reason) {
        flatten(reason, line, sizeof line);
        log_event(LOG_WARN, "db_lost", "reason=\"%s\"", line);
    }
    PQfinish(db->pg);
    db->pg = NULL;
    db->tx = DB_TX_NONE;
    db->prepared_count = 0;
}

/* Wait until the socket is ready for `events`. ERR_DB_LOST past the deadline. */
static enum err wait_socket(PGconn *pg, short events, int64_t deadline_ms, short *ready)
{
    struct pollfd fd = {.fd = PQsocket(pg), .events = events};

    for (;;) {
        int64_t left = deadline_ms - clock_mono_ms();
        int n = poll(&fd, 1, left < 0 ? 0 : (int)(left > 60000 ? 60000 : left));

        if (n > 0) {
            *ready = fd.revents;
            return ERR_OK;
        }
        if (n < 0 && errno != EINTR)
            return ERR_DB_LOST;
        if (clock_mono_ms() >= deadline_ms)
            return ERR_DB_LOST;
    }
}

static void ignore_notice(void *app, const PGresult *result)
{
    (void)app;
    (void)result;
}

static bool connect_poll(PGconn *pg, int64_t deadline_ms)
{
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;

    while (PQstatus(pg) != CONNECTION_BAD) {
        short ready;

        if (wait_socket(pg, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_ms,
                        &ready) != ERR_OK)
            return false;
        state = PQconnectPoll(pg);
        if (state == PGRES_POLLING_OK)
            return true;
        if (state == PGRES_POLLING_FAILED)
            return false;
    }
    return false;
}

/* The options of the conninfo, then ours: the last setting wins. */
static char *merged_options(const struct db *db)
{
    PQconninfoOption *parsed = PQconninfoParse(db->conninfo, NULL);
    struct buf merged;

    buf_init(&merged, BUF_MAX_DEFAULT);
    for (PQconninfoOption *option = parsed; option && option->keyword; option++) {
        if (strcmp(option->keyword, "options") == 0 && option->val)
            buf_addf(&merged, "%s ", option->val);
    }
    buf_add_str(&merged, db->options);
    PQconninfoFree(parsed);
    return buf_take(&merged, NULL);
}

static PGconn *connect_start(const struct db *db)
{
    char *options = merged_options(db);
    const char *keywords[5 + DB_HOST_WORDS] = {"fallback_application_name", "dbname",
                                               "client_encoding", "options"};
    const char *values[5 + DB_HOST_WORDS] = {"parley", db->conninfo, "UTF8", options};
    char *host[DB_HOST_WORDS];
    int words = db_hosts_pick(&db->hosts, keywords + 4, host);
    PGconn *pg;

    for (int i = 0; i < words; i++)
        values[4 + i] = host[i];
    pg = PQconnectStartParams(keywords, values, 1);
    for (int i = 0; i < words; i++)
        free(host[i]);
    free(options);
    return pg;
}

static enum err connect_failed(struct db *db, const char *reason)
{
    if (!db->failing)
        log_event(LOG_WARN, "db_connect_failed", "reason=\"%s\"", reason);
    db->backoff_ms = db->failing ? db->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (db->backoff_ms > BACKOFF_MAX_MS)
        db->backoff_ms = BACKOFF_MAX_MS;
    db->failing = true;
    db->retry_at_ms = clock_mono_ms() + db->backoff_ms;
    return ERR_DB_LOST;
}

/* Connect to the host at hand. False: not to be used, and why. */
static bool connect_host(struct db *db, int64_t deadline_ms, char *why, size_t size)
{
    const char *refused = NULL;

    db->pg = connect_start(db);
    if (db->pg && connect_poll(db->pg, deadline_ms)) {
        PQsetNoticeReceiver(db->pg, ignore_notice, NULL);
        if (PQsetnonblocking(db->pg, 1) == 0)
            refused = db_timeline_learn(db, deadline_ms);
        if (!refused && db->pg && PQenterPipelineMode(db->pg) == 1)
            return true;
    }
    flatten(refused ? refused : PQerrorMessage(db->pg), why, size);
    if (why[0] == '\0')
        snprintf(why, size, "the deadline passed");
    db_connection_drop(db, NULL);
    return false;
}

static enum err connect_now(struct db *db, int64_t deadline_ms)
{
    enum db_transaction tx = db->tx;
    char why[256];
    bool connected = false;

    if (db->failing && clock_mono_ms() < db->retry_at_ms)
        return ERR_DB_LOST;
    for (int left = db->hosts.count; left > 0 && !connected; left--) {
        int64_t now = clock_mono_ms();

        connected = connect_host(db, now + (deadline_ms - now) / left, why, sizeof why);
        if (!connected)
            db_hosts_next(&db->hosts);
    }
    db->tx = tx;
    if (!connected)
        return connect_failed(db, why);
    db->connections++;
    if (db->failing)
        log_event(LOG_INFO, "db_connected", "host=%s timeline=%u", PQhost(db->pg), db->timeline);
    db->failing = false;
    return ERR_OK;
}

/* Between calls the server says nothing but that it goes away. To notice it before something is
 * sent spares the caller a failure. */
static bool is_alive(struct db *db)
{
    struct pollfd fd = {.fd = PQsocket(db->pg), .events = POLLIN | POLLRDHUP};

    if (poll(&fd, 1, 0) <= 0)
        return true;
    return !(fd.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) && PQconsumeInput(db->pg) &&
           PQstatus(db->pg) == CONNECTION_OK;
}

enum err db_connection_ensure(struct db *db, int64_t deadline_ms)
{
    const char *end = NULL;

    if (db->pg && db->tx != DB_TX_OPEN)
        end = db_is_outdated(db) ? "its timeline is not the newest any more"
              : is_alive(db)     ? NULL
                                 : "closed by the server while idle";
    if (end) {
        enum db_transaction tx = db->tx;

        db_connection_drop(db, end);
        db->tx = tx;
    }
    return db->pg ? ERR_OK : connect_now(db, deadline_ms);
}

enum err db_connection_wait(struct db *db, int64_t deadline_ms)
{
    for (;;) {
        int unsent = PQflush(db->pg);
        short ready = 0;

        if (unsent < 0)
            break;
        if (unsent == 0 && !PQisBusy(db->pg))
            return ERR_OK;
        if (wait_socket(db->pg, unsent ? POLLIN | POLLOUT : POLLIN, deadline_ms, &ready) !=
            ERR_OK) {
            db_connection_drop(db, "the deadline of a statement passed");
            db_hosts_next(&db->hosts); /* it may be gone for good: look elsewhere first */
            return ERR_DB_LOST;
        }
        if ((ready & ~POLLOUT) && !PQconsumeInput(db->pg))
            break;
    }
    db_connection_drop(db, PQerrorMessage(db->pg));
    return ERR_DB_LOST;
}

bool db_is_prepared(const struct db *db, const struct db_stmt *stmt)
{
    for (size_t i = 0; i < db->prepared_count; i++) {
        if (db->prepared[i] == stmt)
            return true;
    }
    return false;
}

void db_mark_prepared(struct db *db, const struct db_stmt *stmt)
{
    if (db->prepared_count == db->prepared_cap) {
        db->prepared_cap = db->prepared_cap ? db->prepared_cap * 2 : 32;
        db->prepared = mem_regrow(db->prepared, db->prepared_cap, sizeof *db->prepared);
    }
    db->prepared[db->prepared_count++] = stmt;
}
