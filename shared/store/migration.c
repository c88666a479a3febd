/*
 * The schema's history, see migration.h. It knows nothing of files: parleyctl reads those.
 */
#include "shared/store/migration.h"

#include <assert.h>
#include <ctype.h>

/* A migration may rewrite a large table. */
#define SCRIPT_TIMEOUT_MS (INT64_C(60) * 60 * 1000)

/* Any number, the same for all who migrate: "parley" in ASCII. */
static const struct db_stmt lock = {
    .name = "migration_lock",
    .sql = "select pg_advisory_lock(x'7061726c6579'::bigint)::text",
};

static const struct db_stmt find = {
    .name = "migration_find",
    .sql = "select checksum from schema_migration where version = $1",
    .params = 1,
};

static const struct db_stmt highest = {
    .name = "migration_version",
    .sql = "select coalesce(max(version), 0) from schema_migration",
};

static const char create_table[] = "create table if not exists schema_migration (\n"
                                   "    version  bigint primary key,\n"
                                   "    name     text not null,\n"
                                   "    checksum text not null,\n"
                                   "    at       timestamptz not null default now()\n"
                                   ")";

enum err migration_begin(struct db *db)
{
    enum err err = db_run(db, &lock, DB_NO_PARAMS, NULL);
    if (err)
        return err;
    return db_exec_script(db, "schema_migration", create_table, SCRIPT_TIMEOUT_MS);
}

enum err migration_find(struct db *db, int64_t version, bool *applied, struct buf *checksum)
{
    struct db_result rows = {0};
    enum err err = db_run(db, &find, DB_PARAMS(db_param_int(version)), &rows);
    *applied = !err && db_result_rows(&rows) == 1;
    if (*applied)
        buf_add_span(checksum, db_result_text(&rows, 0, 0));
    db_result_release(&rows);
    return err;
}

/* A script takes no parameters, so what is put into its text must need no quoting. */
static bool is_plain(const char *word)
{
    for (; *word; word++)
        if (!isalnum((unsigned char)*word) && *word != '_')
            return false;
    return true;
}

enum err migration_apply(struct db *db, const struct migration *migration)
{
    assert(is_plain(migration->name) && is_plain(migration->checksum));
    struct buf script;
    buf_init(&script, BUF_MAX_DEFAULT);
    buf_addf(
        &script,
        "%s\n;insert into schema_migration (version, name, checksum) values (%lld, '%s', '%s')",
        migration->sql, (long long)migration->version, migration->name, migration->checksum);
    enum err err = buf_ok(&script)
                       ? db_exec_script(db, migration->name, script.data, SCRIPT_TIMEOUT_MS)
                       : ERR_FULL;
    buf_release(&script);
    return err;
}

/* What is not in the index of messages yet gets the id of this transaction, and is found there. */
static const char settle[] =
    "do $$ begin\n"
    "if to_regclass('search_state') is null then return; end if;\n"
    "update room_event set xid = case when xid >= (select coalesce(max(xid::text::bigint), 0)::text"
    "  from search_state)::xid8 then pg_current_xact_id() else '0' end\n"
    "  where xid >= pg_snapshot_xmax(pg_current_snapshot());\n"
    "update inbox_event set xid = '0' where xid >= pg_snapshot_xmax(pg_current_snapshot());\n"
    "update search_state set xid = pg_current_xact_id()\n"
    "  where xid >= pg_snapshot_xmax(pg_current_snapshot());\n"
    "end $$";

enum err migration_settle(struct db *db)
{
    return db_exec_script(db, "settle", settle, SCRIPT_TIMEOUT_MS);
}

enum err migration_version(struct db *db, int64_t *version)
{
    struct db_result rows = {0};
    enum err err = db_run(db, &highest, DB_NO_PARAMS, &rows);
    *version = err ? 0 : db_result_int(&rows, 0, 0);
    db_result_release(&rows);
    return err;
}
