/* API keys, see api_key.h. */
#include "shared/store/api_key.h"

static const struct db_stmt add = {
    .name = "key_add",
    .sql = "insert into api_key (name, hash) values ($1, $2)",
    .params = 2,
};

static const struct db_stmt revoke = {
    .name = "key_revoke",
    .sql = "update api_key set revoked_at = now() where name = $1 and revoked_at is null",
    .params = 1,
};

static const struct db_stmt find = {
    .name = "key_find",
    .sql = "select id from api_key where hash = $1 and revoked_at is null",
    .params = 1,
};

static const struct db_stmt list = {
    .name = "key_list",
    .sql = "select name, created_at, revoked_at from api_key order by id",
};

enum err key_add(struct db *db, struct span name, struct span hash)
{
    enum err err = db_run(db, &add, DB_PARAMS(db_param_text(name), db_param_bytes(hash)), NULL);

    return err == ERR_DB_UNIQUE ? ERR_NAME_TAKEN : err;
}

enum err key_revoke(struct db *db, struct span name, bool *revoked)
{
    struct db_result rows = {0};
    enum err err = db_run(db, &revoke, DB_PARAMS(db_param_text(name)), &rows);

    *revoked = err == ERR_OK && db_result_affected(&rows) > 0;
    db_result_release(&rows);
    return err;
}

enum err key_find(struct db *db, struct span hash, int64_t *id)
{
    struct db_result rows = {0};
    enum err err = db_run(db, &find, DB_PARAMS(db_param_bytes(hash)), &rows);

    *id = err == ERR_OK && db_result_rows(&rows) == 1 ? db_result_int(&rows, 0, 0) : 0;
    db_result_release(&rows);
    return err;
}

enum err key_list(struct db *db, struct db_result *rows)
{
    return db_run(db, &list, DB_NO_PARAMS, rows);
}

void key_row_get(const struct db_result *rows, int row, struct key_row *out)
{
    *out = (struct key_row){
        .name = db_result_text(rows, row, 0),
        .created_us = db_result_time(rows, row, 1),
        .revoked_us = db_result_time(rows, row, 2),
    };
}
