/* shared/db against a real PostgreSQL: types, transactions, errors, losses, deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <pthread.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "tests/unit/pg.h"

struct fixture {
    struct db *db;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    pg_exec("drop table if exists t; create table t (id bigint primary key, word text);"
            "grant all on t to parley_app");
    fixture->db = pg_open();
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    db_close(fixture->db);
    free(fixture);
    return 0;
}

static struct db *db_of(void **state)
{
    return ((struct fixture *)*state)->db;
}

static void every_type_comes_back_as_sent(void **state)
{
    static const struct db_stmt stmt = {
        "echo",
        "select $1::bigint, $2::boolean, $3::timestamptz, $4::text, $5::bytea, $6::bigint[],"
        " $7::text[] = array['a', null, ''], $8::bytea[] = array['\\x00ff'::bytea]",
        8};
    const int64_t ints[] = {1, -2, INT64_MAX};
    const struct span texts[] = {SPAN_LIT("a"), SPAN_NONE, SPAN_LIT("")};
    const struct span bytes[] = {{"\x00\xff", 2}};
    const int64_t at = INT64_C(1795372200123456);
    struct db_result rows = {0};

    assert_int_equal(
        db_run(db_of(state), &stmt,
               DB_PARAMS(db_param_int(-7), db_param_bool(true), db_param_time(at),
                         db_param_text(SPAN_LIT("h\xc3\xa9")),
                         db_param_bytes(span_make("\x01\x00", 2)), db_param_ints(ints, 3),
                         db_param_texts(texts, 3), db_param_bytes_array(bytes, 1)),
               &rows),
        ERR_OK);
    assert_int_equal(db_result_rows(&rows), 1);
    assert_int_equal(db_result_int(&rows, 0, 0), -7);
    assert_true(db_result_bool(&rows, 0, 1));
    assert_int_equal(db_result_time(&rows, 0, 2), at);
    assert_true(span_is(db_result_text(&rows, 0, 3), "h\xc3\xa9"));
    assert_true(span_equal(db_result_text(&rows, 0, 4), span_make("\x01\x00", 2)));
    assert_int_equal(db_result_array_count(&rows, 0, 5), 3);
    assert_int_equal(db_result_array_int(&rows, 0, 5, 1), -2);
    assert_int_equal(db_result_array_int(&rows, 0, 5, 2), INT64_MAX);
    assert_true(db_result_bool(&rows, 0, 6));
    assert_true(db_result_bool(&rows, 0, 7));
    db_result_release(&rows);
}

static void null_and_empty_differ(void **state)
{
    static const struct db_stmt stmt = {
        "nulls",
        "select $1::bigint, $2::timestamptz, $3::text, $4::bytea, $5::bigint[], $6::text,"
        " cardinality($7::text[])",
        7};
    struct db_result rows = {0};

    assert_int_equal(db_run(db_of(state), &stmt,
                            DB_PARAMS(db_param_id(0), db_param_time(0), db_param_text(SPAN_NONE),
                                      db_param_bytes(SPAN_NONE), db_param_ints(NULL, 0),
                                      db_param_text(SPAN_LIT("")), db_param_texts(NULL, 0)),
                            &rows),
                     ERR_OK);
    for (int column = 0; column < 4; column++)
        assert_true(db_result_is_null(&rows, 0, column));
    assert_false(span_present(db_result_text(&rows, 0, 2)));
    assert_int_equal(db_result_int(&rows, 0, 0), 0);
    assert_int_equal(db_result_time(&rows, 0, 1), 0);
    assert_false(db_result_is_null(&rows, 0, 4));
    assert_int_equal(db_result_array_count(&rows, 0, 4), 0);
    assert_true(span_present(db_result_text(&rows, 0, 5)));
    assert_int_equal(db_result_int(&rows, 0, 6), 0);
    db_result_release(&rows);
}

static void small_integers_json_xids_and_infinity_are_read(void **state)
{
    static const struct db_stmt stmt = {
        "kinds",
        "select 7::smallint, 8::integer, '{\"a\": 1}'::jsonb, '9'::xid8,"
        " 'infinity'::timestamptz, $1::timestamptz = 'infinity'",
        1};
    struct db_result rows = {0};

    assert_int_equal(db_run(db_of(state), &stmt, DB_PARAMS(db_param_time(INT64_MAX)), &rows),
                     ERR_OK);
    assert_int_equal(db_result_int(&rows, 0, 0), 7);
    assert_int_equal(db_result_int(&rows, 0, 1), 8);
    assert_true(span_is(db_result_text(&rows, 0, 2), "{\"a\": 1}"));
    assert_int_equal(db_result_int(&rows, 0, 3), 9);
    assert_int_equal(db_result_time(&rows, 0, 4), INT64_MAX);
    assert_true(db_result_bool(&rows, 0, 5));
    db_result_release(&rows);
}

static const struct db_stmt insert_stmt = {"t_insert", "insert into t values ($1, $2)", 2};
static const struct db_stmt count_stmt = {"t_count", "select count(*) from t", 0};

static enum err insert(struct db *db, int64_t id)
{
    return db_run(db, &insert_stmt, DB_PARAMS(db_param_int(id), db_param_text(SPAN_LIT("x"))),
                  NULL);
}

static int64_t count_rows(struct db *db)
{
    struct db_result rows = {0};
    int64_t count;

    assert_int_equal(db_run(db, &count_stmt, DB_NO_PARAMS, &rows), ERR_OK);
    count = db_result_int(&rows, 0, 0);
    db_result_release(&rows);
    return count;
}

static void nul_bytes_in_text_are_refused(void **state)
{
    struct db *db = db_of(state);
    struct span bad = span_make("a\0b", 3);

    assert_int_equal(db_run(db, &insert_stmt, DB_PARAMS(db_param_int(1), db_param_text(bad)), NULL),
                     ERR_VALIDATION_FAILED);
    assert_int_equal(count_rows(db), 0);
}

static void a_transaction_is_all_or_nothing(void **state)
{
    struct db *db = db_of(state);

    db_begin(db);
    assert_int_equal(insert(db, 1), ERR_OK);
    db_rollback(db);
    assert_int_equal(count_rows(db), 0);

    db_begin(db);
    assert_int_equal(insert(db, 1), ERR_OK);
    assert_int_equal(insert(db, 2), ERR_OK);
    assert_int_equal(db_commit(db), ERR_OK);
    assert_int_equal(count_rows(db), 2);

    db_begin(db);
    assert_int_equal(db_commit(db), ERR_OK);
}

static void an_error_rolls_the_transaction_back(void **state)
{
    struct db *db = db_of(state);

    assert_int_equal(insert(db, 1), ERR_OK);
    db_begin(db);
    assert_int_equal(insert(db, 2), ERR_OK);
    assert_int_equal(insert(db, 1), ERR_DB_UNIQUE);
    assert_string_equal(db_constraint(db), "t_pkey");
    assert_int_equal(db_commit(db), ERR_DB_FAILED);
    assert_int_equal(count_rows(db), 1);
    assert_string_equal(db_constraint(db), "");
}

static void a_pipeline_is_one_transaction(void **state)
{
    struct db *db = db_of(state);
    struct db_result rows = {0};
    const struct db_param one[] = {db_param_int(1), db_param_text(SPAN_LIT("x"))};
    const struct db_param two[] = {db_param_int(2), db_param_text(SPAN_LIT("y"))};
    const struct db_call calls[] = {
        {&insert_stmt, one, 2, NULL}, {&insert_stmt, two, 2, NULL}, {&count_stmt, NULL, 0, &rows}};
    const struct db_call twice[] = {
        {&insert_stmt, (struct db_param[]){db_param_int(3), one[1]}, 2, NULL},
        {&insert_stmt, one, 2, NULL},
        {&count_stmt, NULL, 0, &rows}};

    assert_int_equal(db_pipeline(db, DB_BEGIN | DB_COMMIT, calls, 3), ERR_OK);
    assert_int_equal(db_result_int(&rows, 0, 0), 2);
    db_result_release(&rows);
    assert_int_equal(db_pipeline(db, DB_BEGIN | DB_COMMIT, twice, 3), ERR_DB_UNIQUE);
    assert_null(rows.pg);
    assert_int_equal(count_rows(db), 2);
    db_result_release(&rows);
}

/* Commits once somebody waits for a lock. */
static void *commit_later(void *app)
{
    struct db *watcher = pg_open_super();

    while (pg_int_on(watcher, "select count(*) from pg_stat_activity where"
                              " wait_event_type = 'Lock'") == 0)
        ;
    db_close(watcher);
    assert_int_equal(db_commit(app), ERR_OK);
    return NULL;
}

static void each_statement_of_a_pipeline_has_a_fresh_snapshot(void **state)
{
    static const struct db_stmt lock = {"t_lock", "select id from t where id = 1 for update", 0};
    struct db *db = db_of(state);
    struct db *holder = pg_open();
    struct db_result rows = {0};
    const struct db_call calls[] = {{&lock, NULL, 0, NULL}, {&count_stmt, NULL, 0, &rows}};
    pthread_t thread;

    assert_int_equal(insert(db, 1), ERR_OK);
    db_begin(holder);
    assert_int_equal(db_run(holder, &lock, DB_NO_PARAMS, NULL), ERR_OK);
    assert_int_equal(insert(holder, 2), ERR_OK);
    assert_int_equal(pthread_create(&thread, NULL, commit_later, holder), 0);
    assert_int_equal(db_pipeline(db, DB_BEGIN | DB_COMMIT, calls, 2), ERR_OK);
    assert_int_equal(db_result_int(&rows, 0, 0), 2);
    db_result_release(&rows);
    pthread_join(thread, NULL);
    db_close(holder);
}

static void lock_timeout_and_bad_sql_have_their_errors(void **state)
{
    static const struct db_stmt lock = {"t_lock2", "select id from t where id = 1 for update", 0};
    static const struct db_stmt bad = {"bad", "select nonsense", 0};
    static const struct db_stmt divide = {"divide", "select 1 / $1::bigint", 1};
    struct db *db = db_of(state);
    struct db *holder = pg_open();

    assert_int_equal(insert(db, 1), ERR_OK);
    db_begin(holder);
    assert_int_equal(db_run(holder, &lock, DB_NO_PARAMS, NULL), ERR_OK);
    assert_int_equal(db_run(db, &lock, DB_NO_PARAMS, NULL), ERR_DB_LOCK_TIMEOUT);
    db_close(holder);
    assert_int_equal(db_run(db, &bad, DB_NO_PARAMS, NULL), ERR_DB_FAILED);
    assert_int_equal(db_run(db, &bad, DB_NO_PARAMS, NULL), ERR_DB_FAILED);
    assert_int_equal(db_run(db, &divide, DB_PARAMS(db_param_int(0)), NULL), ERR_DB_FAILED);
    assert_int_equal(db_run(db, &divide, DB_PARAMS(db_param_int(1)), NULL), ERR_OK);
    assert_true(db_is_connected(db));
}

static void kill_backends_of_app(void)
{
    pg_int("select count(pg_terminate_backend(pid, 2000)) from pg_stat_activity"
           " where usename = 'parley_app'");
}

static void an_idle_loss_is_not_noticed_by_the_caller(void **state)
{
    struct db *db = db_of(state);

    assert_int_equal(insert(db, 1), ERR_OK);
    kill_backends_of_app();
    assert_int_equal(insert(db, 2), ERR_OK);
    db_begin(db);
    kill_backends_of_app();
    assert_int_equal(insert(db, 3), ERR_OK);
    assert_int_equal(db_commit(db), ERR_OK);
    assert_int_equal(count_rows(db), 3);
}

static void a_loss_in_a_transaction_is_an_error(void **state)
{
    struct db *db = db_of(state);

    db_begin(db);
    assert_int_equal(insert(db, 1), ERR_OK);
    kill_backends_of_app();
    assert_int_equal(insert(db, 2), ERR_DB_LOST);
    assert_false(db_is_connected(db));
    assert_int_equal(count_rows(db), 0);
}

static void a_deadline_ends_a_call(void **state)
{
    static const struct db_stmt nap = {"nap", "select pg_sleep(3)::text", 0};
    struct db *db = db_of(state);
    int64_t start;

    assert_int_equal(count_rows(db), 0);
    start = clock_mono_ms();
    db_set_deadline(db, start + 100);
    assert_int_equal(db_run(db, &nap, DB_NO_PARAMS, NULL), ERR_DB_LOST);
    assert_in_range(clock_mono_ms() - start, 100, 1000);
    db_set_deadline(db, 0);
    assert_int_equal(count_rows(db), 0);
}

static void a_server_that_hangs_does_not_hold_us(void **state)
{
    struct db *db = db_of(state);
    int64_t pid = pg_int_on(db, "select pg_backend_pid()");
    int64_t start = clock_mono_ms();

    assert_int_equal(kill((pid_t)pid, SIGSTOP), 0);
    db_set_deadline(db, start + 100);
    assert_int_equal(insert(db, 1), ERR_DB_LOST);
    assert_in_range(clock_mono_ms() - start, 100, 1000);
    assert_int_equal(kill((pid_t)pid, SIGCONT), 0);
}

static void without_a_server_calls_fail_at_once(void **state)
{
    struct db *db = db_open("host=/nonexistent dbname=parley", 1000, 500);
    int64_t start = clock_mono_ms();

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(insert(db, 1), ERR_DB_LOST);
    assert_in_range(clock_mono_ms() - start, 0, 500);
    db_close(db);
}

/* A server that takes connections and never says a word. *port gets its port. */
static int listen_in_silence(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void a_silent_host_leaves_time_for_the_next(void **state)
{
    struct span socket = span_of(getenv("PARLEY_TEST_PG_SOCKET"));
    int folder = (int)(socket.len - strlen("/.s.PGSQL.5432"));
    char conninfo[1024];
    int port, fd = listen_in_silence(&port);
    struct db *db;

    (void)state;
    snprintf(conninfo, sizeof conninfo, "%s host=127.0.0.1,%.*s port=%d,5432",
             getenv("PARLEY_TEST_PG"), folder, socket.ptr, port);
    db = db_open(conninfo, 6000, 500);
    assert_int_equal(pg_int_on(db, "select 7"), 7);
    db_close(db);
    close(fd);
}

static void an_older_timeline_is_not_used(void **state)
{
    struct db_fence fence = {0}, later = {.timeline = 7};
    struct db *first = pg_open(), *second = pg_open();

    (void)state;
    db_set_fence(first, &fence);
    assert_int_equal(db_timeline(first), 0);
    assert_int_equal(pg_int_on(first, "select 7"), 7);
    assert_int_equal(db_timeline(first), 1);
    assert_int_equal(db_fence_timeline(&fence), 1);
    assert_false(db_timeline_is_young(first, 60000)); /* the first one is no change */
    db_set_fence(second, &later);
    assert_int_equal(insert(second, 1), ERR_DB_LOST);
    db_set_fence(first, &later); /* another connection has seen a newer one meanwhile */
    assert_int_equal(insert(first, 1), ERR_DB_LOST);
    db_close(first);
    db_close(second);
}

static void a_large_parameter_and_a_large_result_pass(void **state)
{
    static const struct db_stmt repeat = {"repeat", "select $1::text || repeat('y', 3000000)", 1};
    struct db_result rows = {0};
    size_t size = 3000000;
    char *big = malloc(size);

    memset(big, 'x', size);
    assert_int_equal(
        db_run(db_of(state), &repeat, DB_PARAMS(db_param_text(span_make(big, size))), &rows),
        ERR_OK);
    assert_int_equal(db_result_text(&rows, 0, 0).len, 6000000);
    db_result_release(&rows);
    free(big);
}

static void a_snapshot_is_one_and_read_only(void **state)
{
    struct db *db = db_of(state);
    struct db *other = pg_open();
    struct db_result rows = {0};
    const struct db_call count = {&count_stmt, NULL, 0, &rows};

    assert_int_equal(db_pipeline(db, DB_BEGIN | DB_SNAPSHOT, &count, 1), ERR_OK);
    db_result_release(&rows);
    assert_int_equal(insert(other, 1), ERR_OK);
    assert_int_equal(count_rows(db), 0);
    assert_int_equal(db_commit(db), ERR_OK);
    assert_int_equal(count_rows(db), 1);
    db_close(other);
}

static void scripts_run_whole_or_not_at_all(void **state)
{
    struct db *db = db_of(state);

    assert_int_equal(db_exec_script(db, "good",
                                    "insert into t values (1); -- end\n"
                                    "insert into t values (2) -- end",
                                    5000),
                     ERR_OK);
    assert_int_equal(db_exec_script(db, "bad", "insert into t values (3); select nonsense", 5000),
                     ERR_DB_FAILED);
    assert_int_equal(db_exec_script(db, "copy", "copy t from stdin", 5000), ERR_DB_FAILED);
    assert_int_equal(count_rows(db), 2);
}

int main(int argc, char **argv)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(every_type_comes_back_as_sent),
        CASE(null_and_empty_differ),
        CASE(small_integers_json_xids_and_infinity_are_read),
        CASE(nul_bytes_in_text_are_refused),
        CASE(a_transaction_is_all_or_nothing),
        CASE(an_error_rolls_the_transaction_back),
        CASE(a_pipeline_is_one_transaction),
        CASE(each_statement_of_a_pipeline_has_a_fresh_snapshot),
        CASE(lock_timeout_and_bad_sql_have_their_errors),
        CASE(an_idle_loss_is_not_noticed_by_the_caller),
        CASE(a_loss_in_a_transaction_is_an_error),
        CASE(a_deadline_ends_a_call),
        CASE(a_server_that_hangs_does_not_hold_us),
        CASE(without_a_server_calls_fail_at_once),
        CASE(a_silent_host_leaves_time_for_the_next),
        CASE(an_older_timeline_is_not_used),
        CASE(a_large_parameter_and_a_large_result_pass),
        CASE(a_snapshot_is_one_and_read_only),
        CASE(scripts_run_whole_or_not_at_all),
    };

    (void)argc;
    pg_require(argv);
    log_set_level(LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
