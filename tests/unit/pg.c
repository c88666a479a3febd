/* See pg.h. Statements here are the tests' own, made on the spot; nothing of them ships. */
#include "tests/unit/pg.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "shared/base/log.h"

void pg_require(char **argv)
{
    if (getenv("PARLEY_TEST_PG") == NULL) {
        execl(TOP_SRCDIR "/tests/lib/pg.sh", "pg.sh", argv[0], (char *)NULL);
        perror(TOP_SRCDIR "/tests/lib/pg.sh");
        exit(99);
    }
    log_open("test", LOG_WARN, false);
}

struct db *pg_open(void)
{
    return db_open(getenv("PARLEY_TEST_PG"), 5000, 500);
}

struct db *pg_open_super(void)
{
    return db_open(getenv("PARLEY_TEST_PG_SUPER"), 5000, 500);
}

void pg_exec(const char *sql)
{
    struct db *db = pg_open_super();

    assert_int_equal(db_exec_script(db, "test", sql, 10000), ERR_OK);
    db_close(db);
}

/* A statement is known by its address and its name: each text has a place of its own. */
static const struct db_stmt *stmt_of(const char *sql)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static struct db_stmt stmts[1024];
    static char names[1024][32];
    static int used;
    int i = 0;

    pthread_mutex_lock(&mutex);
    while (i < used && stmts[i].sql != sql)
        i++;
    assert_true(i < 1024);
    if (i == used) {
        snprintf(names[used], sizeof names[used], "test_%d", used);
        stmts[used] = (struct db_stmt){names[used], sql, 0};
        used++;
    }
    pthread_mutex_unlock(&mutex);
    return &stmts[i];
}

int64_t pg_int_on(struct db *db, const char *sql)
{
    struct db_result rows = {0};
    int64_t value;

    assert_int_equal(db_run(db, stmt_of(sql), DB_NO_PARAMS, &rows), ERR_OK);
    assert_int_equal(db_result_rows(&rows), 1);
    value = db_result_int(&rows, 0, 0);
    db_result_release(&rows);
    return value;
}

int64_t pg_int(const char *sql)
{
    struct db *db = pg_open_super();
    int64_t value = pg_int_on(db, sql);

    db_close(db);
    return value;
}

void pg_reset(void)
{
    pg_exec("do $$ begin execute (select 'truncate ' || string_agg(format('%I', tablename), ', ')"
            " || ' restart identity cascade' from pg_tables where schemaname = 'public'); end $$");
}
