/*
 * Flat cost: what a statement touches follows what is asked of it, not how much there is. Each hot
 * statement is run as the product prepared it, on a system with ten rooms and again on one with a
 * hundred thousand; buffers are counted, which the machine's load does not change. Which index a
 * plan uses while tables are small is plan_test's matter.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "shared/base/mem.h"
#include "shared/store/account.h"
#include "shared/store/admission.h"
#include "shared/store/api_key.h"
#include "shared/store/edit.h"
#include "shared/store/history.h"
#include "shared/store/listing.h"
#include "shared/store/log.h"
#include "shared/store/marker.h"
#include "shared/store/message.h"
#include "shared/store/moderation.h"
#include "shared/store/presence.h"
#include "shared/store/publish.h"
#include "shared/store/recovery.h"
#include "shared/store/search.h"
#include "shared/store/session.h"
#include "shared/store/user.h"
#include "tests/unit/chat/world.h"

#define SMALL 10
#define SHORT_HISTORY 1000 /* messages in room r2 of the small system, and of the large one */
#define LARGE 100000
#define LONG_HISTORY 1000000
#define BRIEFLY 50 /* PARLEY_BRIEF: so many times less, where another build does it in full */

/*
 * A tree over a million rows is two levels higher than one over ten, and rows that were on one page
 * are on a page each: a question may cost this much more. What walks more costs hundreds.
 */
#define MOST_TIMES 3
#define MOST_MORE 30

/* A filter may drop a few rows on the way: a reader's own messages, those of the blocked. */
#define FILTERED_MAX 20

/* Pages of one history, wherever they are in it. */
#define PAGES_APART 15

struct hot {
    const char *what;
    const char *before; /* has to run first in the transaction, or NULL; a prepared one or SQL */
    const char *call;
};

/* In r2's history. */
#define MIDDLE "(current_setting('parley.newest')::bigint / 2)"
#define NEWEST "current_setting('parley.newest')::bigint"

/* Not a statement of the product: the user is to be in no channel. */
#define LEAVE_ALL "update membership set is_member = false where user_id = 1"

/* User 1 asks, a member of ten rooms in both systems. Room r1 has ten members, r2 a long history,
 * r3 everybody. */
static const struct hot hot[] = {
    {"send: lock", NULL, "message_lock_wait('{r1}')"},
    {"send: write", "message_lock_wait('{r1}')",
     "message_write_all('{r1}', '{1}', '{1}', '{n}', '{x}', '{\\\\x00}', '{n}')"},
    {"send: 10 into 5 rooms", "message_lock_wait('{r1,r4,r5,r6,r7}')",
     "message_write_all('{r1,r1,r4,r4,r5,r5,r6,r6,r7,r7}', '{1,1,1,1,1,1,1,1,1,1}',"
     " '{1,1,1,1,1,1,1,1,1,1}', '{a,b,c,d,e,f,g,h,i,j}', '{x,x,x,x,x,x,x,x,x,x}',"
     " '{x,x,x,x,x,x,x,x,x,x}', '{a,b,c,d,e,f,g,h,i,j}')"},
    {"send: into a direct room", "message_lock_wait('{d1}')",
     "message_write_all('{d1}', '{1}', '{1}', '{n}', '{x}', '{\\\\x00}', '{n}')"},
    {"connect", NULL, "admission_read(1, 1, 10, '{}', '{}')"},
    {"connect with since", NULL, "admission_read(1, 1, -1, '{r1,r2}', '{1,1}')"},
    {"names in since", NULL, "admission_missing('{r1,r2}', '{1,2}')"},
    {"history, oldest", NULL, "history_read('{2}', '{0}', '{50}', 50, '{}')"},
    {"history, middle", NULL, "history_read('{2}', array[" MIDDLE "], '{1000000}', 50, '{}')"},
    {"history, newest", NULL, "history_read('{2}', array[" NEWEST " - 50], '{1000000}', 50, '{}')"},
    {"page, newest", NULL, "listing_last_messages(1, 1, 'r2', 0, 9223372036854775807, 51)"},
    {"page, middle", NULL, "listing_last_messages(1, 1, 'r2', 0, " MIDDLE ", 51)"},
    {"page, oldest", NULL, "listing_last_messages(1, 1, 'r2', 0, 52, 51)"},
    {"page after, middle", NULL, "listing_first_messages(1, 1, 'r2', " MIDDLE ", 1000000, 51)"},
    {"page after, oldest", NULL, "listing_first_messages(1, 1, 'r2', 0, 1000000, 51)"},
    {"is a kept page the same", NULL, "listing_version(1, 1, 2)"},
    {"sync, a room's rows", NULL, "log_read_room(2, 0, 50, 50, false)"},
    {"sync, an inbox's rows", NULL, "log_read_inbox(1, 0, 50, 50)"},
    {"heads", NULL, "log_heads('{0,0,1}', '{1,2,1}')"},
    {"sweep", NULL, "log_news(current_setting('parley.horizon')::bigint)"},
    {"members", NULL, "listing_members(1, 1, 'r3', 0, 10)"},
    {"members, later", NULL, "listing_members(1, 1, 'r3', 5, 5)"},
    {"my channels", NULL, "listing_channels(1, 1, null, 0, 10, true)"},
    {"public channels", NULL, "listing_channels(1, 1, null, 0, 10, false)"},
    {"mark read", NULL, "marker_move(1, 1, 'r1', 1)"},
    {"edit: look", NULL, "edit_look(1, 1, 1, now())"},
    {"edit: look, direct", NULL, "edit_look(1000001, 1, 1, now())"},
    {"recovery: take", NULL, "recovery_session_take('p1', 1)"},
    {"recovery: put", NULL, "recovery_session_put('{new}', '{1}', '{x}', '{1000}')"},
    {"presence: come", NULL, "presence_come('b1', '{1}', false, 500)"},
    {"presence: go", NULL, "presence_go('b1', '{1}', false, 500)"},
    {"presence: of rooms", NULL, "presence_state('{1,4}', 500, 2000)"},
    {"publish to a room", NULL, "publish_write_room('r1', 10, null, '{}', 'n', '\\\\x00')"},
    {"publish to a user", NULL, "publish_write_user('u1', 38, null, '{}', 'n', '\\\\x00')"},
    {"a room, as commands see it", NULL, "room_look('r1', 1, 1, true)"},
    {"whom moderation is about", NULL, "moderation_find_target(1, 'u1')"},
    {"is search behind?", NULL, "search_is_behind"},
    {"search: index what is new", "search_lock", "search_step"},
    {"login: user", NULL, "user_find('u1')"},
    {"session", NULL, "session_find(1)"},
    {"refresh", NULL, "session_rotate(1, 1, 1000)"},
    {"API key", NULL, "key_find('\\\\x01')"},
    {"deleting an account", LEAVE_ALL, "account_delete(1, 1)"},
};

#define HOTS (sizeof hot / sizeof hot[0])

/* Nobody waits for it but this test, however busy the machine is. */
#define LOADING_MS 300000

/* What a statement touched. */
struct cost {
    int64_t buffers;
    int64_t filtered; /* rows that a filter dropped, of the node that dropped most */
    bool walks;       /* reads a big table from end to end */
};

static void run_long(const char *sql)
{
    struct db *db = pg_open_super();

    assert_int_equal(db_exec_script(db, "test", sql, LOADING_MS), ERR_OK);
    db_close(db);
}

/* ---- the systems ---- */

/* Rooms from..to with ten members each: user i is in rooms i, i + 1, ... i + 9, modulo the count.
 */
static void grow(int from, int to)
{
    char sql[8192];

    snprintf(sql, sizeof sql,
             "set session_replication_role = replica;" /* no foreign keys checked row by row */
             "insert into app_user (username, username_key, inbox_seq) select 'u' || i, 'u' || i, 9"
             " from generate_series(%d, %d) i;"
             "insert into session (user_id, expires_at) select i, 'infinity'"
             " from generate_series(%d, %d) i;"
             "insert into room (name, status, members, last_seq) select 'r' || i, 'PUBLIC', 10, 20"
             " from generate_series(%d, %d) i;"
             "insert into room_name (name_key, room_id) select 'r' || i, i"
             " from generate_series(%d, %d) i;"
             "insert into membership (room_id, user_id, is_member, role) select i,"
             " %d + (i + j) %% %d, true, 'USER' from generate_series(%d, %d) i,"
             " generate_series(0, 9) j on conflict do nothing;"
             "insert into membership (room_id, user_id, is_member, role) select 3, i, true, 'USER'"
             " from generate_series(%d, %d) i on conflict do nothing;"
             "insert into inbox_event (user_id, seq, kind) select i, j, 37"
             " from generate_series(%d, least(%d, 20000)) i, generate_series(1, 3) j;"
             "insert into user_block (blocker_id, blocked_id) select i, i + 1"
             " from generate_series(%d, least(%d, 20000)) i where i > 8;"
             "insert into presence (user_id, broker_id) select i, 'b1'"
             " from generate_series(%d, least(%d, 20000)) i;"
             "insert into recovery_session (pid, user_id, record, expires_at) select 'p' || i, i,"
             " 'x', 'infinity' from generate_series(%d, least(%d, 20000)) i;"
             "insert into api_key (name, hash) select 'k' || i, int8send(i)"
             " from generate_series(%d, least(%d, 20000)) i;",
             from, to, from, to, from, to, from, to, from, to - from + 1, from, to, from, to, from,
             to, from, to, from, to, from, to, from, to);
    run_long(sql);
}

/* Ten rooms, and the first `count` messages of r2, from user 2. */
static void make_small(void)
{
    grow(1, SMALL);
    run_long("insert into broker (id, lease_until) values ('b1', 'infinity');"
             "insert into room (id, name, status, direct_low, direct_high) overriding system value"
             " values (1000001, 'd1', 'DIRECT', 1, 2);"
             "insert into room_name (name_key, room_id) values ('d1', 1000001);"
             "insert into membership (room_id, user_id, is_member) values (1000001, 1, true),"
             " (1000001, 2, true);"
             "insert into room_event (room_id, seq, kind, actor_id, text, at)"
             " select i, j, 1, 2, 'a message of a usual length', now()"
             " from generate_series(1, 10) i, generate_series(1, 20) j where i <> 2");
}

static void write_history(int from, int to)
{
    char sql[1024];

    snprintf(sql, sizeof sql,
             "insert into room_event (room_id, seq, kind, actor_id, text, at)"
             " select 2, i, 1, 2, 'a message of a usual length', now()"
             " from generate_series(%d, %d) i;"
             "update room set last_seq = %d where id = 2",
             from, to, to);
    run_long(sql);
}

static void make_large(void)
{
    const char *brief = getenv("PARLEY_BRIEF");
    int divisor = brief && *brief ? BRIEFLY : 1;

    grow(SMALL + 1, LARGE / divisor);
    write_history(SHORT_HISTORY + 1, LONG_HISTORY / divisor);
    run_long("insert into room_event (room_id, seq, kind, actor_id, text, at)"
             " select id, 1, 1, 2, 'a message of a usual length', now() from room"
             " where id > 10 and id < 1000000");
}

/* The statistics are there, and everything that will be read has been looked at once. The sweep and
 * the search index are to find what is written after this, a few rows. */
static void settle(void)
{
    static const struct db_stmt vacuum = {"vacuum", "vacuum analyze", 0};
    /* A vacuum of the server's own that is at work makes way for one that waits, in a second. */
    struct db *db = db_open(getenv("PARLEY_TEST_PG_SUPER"), LOADING_MS, LOADING_MS);

    assert_int_equal(db_run(db, &vacuum, DB_NO_PARAMS, NULL), ERR_OK);
    db_close(db);
    run_long(
        "do $$ begin execute format('alter database parley set parley.horizon = %L',"
        " pg_snapshot_xmin(pg_current_snapshot())::text); execute format('alter database parley"
        " set parley.newest = %L', (select last_seq from room where id = 2)); end $$;"
        "insert into inbox_event (user_id, seq, kind) select user_id, max(seq) + 1, 37"
        "  from inbox_event where user_id = 10 group by user_id;"
        "insert into search_state (xid) values (pg_snapshot_xmin(pg_current_snapshot()))"
        " on conflict (only_one) do update set xid = excluded.xid;"
        "with bumped as (update room set last_seq = last_seq + 1 where id = 8 returning last_seq)"
        " insert into room_event (room_id, seq, kind, actor_id, text, at)"
        "  select 8, last_seq, 1, 2, 'new', now() from bumped");
}

/* ---- as the product prepares them ---- */

#define OK(call) assert_int_equal((call), ERR_OK)

static void prepare_publish(struct db *db)
{
    const struct publish_row row = {.key = SPAN_LIT("r9"),
                                    .kind = 10,
                                    .payload = SPAN_LIT("{}"),
                                    .nonce = SPAN_LIT("first"),
                                    .body_hash = SPAN_LIT("x")};
    struct publish_row own = row;
    struct publish_outcome outcome;

    OK(publish_to_room(db, &row, &outcome));
    mem_free(outcome.name);
    own.key = SPAN_LIT("u9");
    own.kind = 38;
    OK(publish_to_user(db, &own, &outcome));
    mem_free(outcome.name);
}

/* Before other writes: what those leave is what the index finds new when it is measured. */
static void prepare_search(struct db *db)
{
    bool more = true;

    while (more)
        OK(search_index(db, &more));
}

static void prepare_writes(struct db *db)
{
    const struct message_send send = {.room_key = SPAN_LIT("r9"),
                                      .user_id = 1,
                                      .session_id = 1,
                                      .nonce = SPAN_LIT("first"),
                                      .text = SPAN_LIT("x"),
                                      .body_hash = SPAN_LIT("x")};
    const int64_t users[] = {1}, ttl[] = {1};
    const struct span text = SPAN_LIT("t");
    struct presence_change change = {.broker = SPAN_LIT("b2"),
                                     .came = users,
                                     .came_count = 1,
                                     .gone = users,
                                     .gone_count = 1,
                                     .max_members = 9};
    struct presence_rows presence = {0};
    struct db_result rows = {0};

    OK(message_send_all(db, MESSAGE_LOCK_WAIT, &send, 1, &rows));
    db_result_release(&rows);
    OK(recovery_session_put(db, &text, users, &text, ttl, 1));
    OK(recovery_session_take(db, text, 2, &rows));
    db_result_release(&rows);
    OK(presence_change(db, &change, &presence));
    presence_rows_release(&presence);
}

static void prepare_reads(struct db *db)
{
    const int64_t ids[] = {1}, seqs[] = {0}, heads[] = {9};
    const struct history_ranges ranges = {ids, seqs, heads, 1};
    const struct span key = SPAN_LIT("r1");
    struct admission_query query = {.user_id = 1, .session_id = 1, .last = 1};
    struct db_result rows[6] = {0};
    int64_t head[1], horizon;
    bool missing[1];

    OK(admission_read(db, &query, &rows[0]));
    OK(admission_missing(db, &key, 1, ids, 1, missing));
    OK(history_read(db, &ranges, 1, NULL, 0, &rows[1]));
    OK(log_read_room(db, 1, 0, 9, 9, false, &rows[2]));
    OK(log_read_inbox(db, 1, 0, 9, 9, &rows[3]));
    OK(log_heads(db, seqs, ids, 1, head));
    OK(log_news(db, INT64_C(1) << 40, &rows[4], &horizon));
    OK(presence_state(db, ids, 1, 9, 9, &rows[5]));
    for (size_t i = 0; i < 6; i++)
        db_result_release(&rows[i]);
}

static void prepare_lists(struct db *db)
{
    const struct room_viewer viewer = {1, 1};
    const struct span key = SPAN_LIT("r1");
    struct listing_channels channels = {.search = SPAN_NONE, .limit = 1};
    struct listing_range range = {0, 9, 1, false};
    struct db_result rows[4] = {0};
    struct listing_version version;
    struct marker_outcome marker;
    int count;

    OK(listing_members(db, &viewer, key, 0, 1, &rows[0], &count));
    OK(listing_channels(db, &viewer, &channels, &rows[1], &count));
    OK(listing_messages(db, &viewer, key, &range, &rows[2], &count));
    db_result_release(&rows[2]);
    range.ascending = true;
    OK(listing_messages(db, &viewer, key, &range, &rows[2], &count));
    OK(listing_version(db, &viewer, 2, &version));
    OK(marker_move(db, &viewer, SPAN_LIT("r9"), 1, &marker));
    for (size_t i = 0; i < 4; i++)
        db_result_release(&rows[i]);
}

static void prepare_accounts(struct db *db)
{
    const struct room_viewer viewer = {1, 1}, nobody = {1, 999999999};
    const struct room_state room = {.id = 1};
    struct db_result rows = {0};
    struct moderation_target whom;
    struct edit_target target;
    struct room_state seen;
    struct session_row session;
    struct account_ended ended;
    struct user_row user;
    bool deleted;
    int64_t id;

    OK(edit_look(db, &room, 1, 1, &rows, &target));
    db_result_release(&rows);
    OK(room_look(db, SPAN_LIT("r1"), &viewer, &seen));
    OK(moderation_find_target(db, 1, SPAN_LIT("u1"), &whom));
    OK(user_find(db, SPAN_LIT("u1"), &user));
    OK(session_find(db, 1, &session));
    assert_int_equal(session_rotate(db, 999999999, 1, 1, &session), ERR_UNAUTHENTICATED);
    OK(key_find(db, SPAN_LIT("x"), &id));
    assert_int_equal(account_delete(db, &nobody, &deleted, &ended), ERR_UNAUTHENTICATED);
}

/* ---- counting ---- */

/* An EXPLAIN is a statement like any other, with a name that is its own. */
static void explain(struct db *db, const char *call, struct db_result *rows)
{
    static struct db_stmt stmts[512];
    static char texts[512][2][640];
    static int used;

    assert_true(used < 512);
    snprintf(texts[used][0], sizeof texts[used][0], "explain_%d", used);
    snprintf(texts[used][1], sizeof texts[used][1],
             "explain (analyze, buffers, timing off, summary off) %s%s",
             strncmp(call, "update ", 7) == 0 ? "" : "execute ", call);
    stmts[used] = (struct db_stmt){texts[used][0], texts[used][1], 0};
    if (db_run(db, &stmts[used++], DB_NO_PARAMS, rows))
        fail_msg("it does not run: %s", call);
}

/* The number after `label` in a line; 0 if it is not there. */
static int64_t number_after(const char *line, const char *label)
{
    const char *at = strstr(line, label);

    return at ? strtoll(at + strlen(label), NULL, 10) : 0;
}

static bool walks_a_big_table(const char *line)
{
    static const char *const big[] = {"app_user",   "session",          "room",     "room_name",
                                      "membership", "room_event",       "presence", "inbox_event",
                                      "user_block", "recovery_session", "api_key"};
    const char *at = strstr(line, "Seq Scan on ");
    size_t len;

    if (!at)
        return false;
    at += strlen("Seq Scan on ");
    len = strcspn(at, " ");
    for (size_t i = 0; i < sizeof big / sizeof big[0]; i++)
        if (strlen(big[i]) == len && memcmp(big[i], at, len) == 0)
            return true;
    return false;
}

/* The first line with buffers is the whole plan's, but for what is written in WITH. */
static void count_line(const char *line, struct cost *cost, bool *in_write)
{
    int64_t buffers = number_after(line, " hit=") + number_after(line, " read=");
    int64_t dropped = number_after(line, "Rows Removed by Filter: ") +
                      number_after(line, "Rows Removed by Join Filter: ") +
                      number_after(line, "Rows Removed by Index Recheck: ");

    if (strstr(line, "Buffers: shared")) {
        if (cost->buffers == 0 || *in_write)
            cost->buffers += buffers;
        *in_write = false;
    } else if (strstr(line, "->") && strstr(line, " on ")) {
        *in_write = strstr(line, "  Update on ") || strstr(line, "  Insert on ") ||
                    strstr(line, "  Delete on ");
    }
    cost->filtered = dropped > cost->filtered ? dropped : cost->filtered;
    cost->walks = cost->walks || walks_a_big_table(line);
}

/* `print`: the plan goes to standard error. The last of a few runs counts: the first ones meet
 * what only a first one meets (the catalogue, tuples nobody has looked at). */
static void measure(struct db *db, const struct hot *it, struct cost *cost, bool print)
{
    for (int run = 0; run < 3; run++) {
        struct db_result rows = {0};

        bool in_write = false;

        *cost = (struct cost){0};
        db_begin(db);
        if (it->before) {
            explain(db, it->before, &rows);
            db_result_release(&rows);
        }
        explain(db, it->call, &rows);
        for (int row = 0; row < db_result_rows(&rows); row++) {
            char *line = mem_span_dup(db_result_text(&rows, row, 0));
            count_line(line, cost, &in_write);
            if (print && run == 2)
                fprintf(stderr, "%s\n", line);
            mem_free(line);
        }
        db_result_release(&rows);
        db_rollback(db);
    }
}

static void measure_all(struct cost *costs)
{
    struct db *db = pg_open();

    prepare_search(db);
    prepare_writes(db);
    prepare_publish(db);
    prepare_reads(db);
    prepare_lists(db);
    prepare_accounts(db);
    for (size_t i = 0; i < HOTS; i++)
        measure(db, &hot[i], &costs[i], getenv("PARLEY_PLANS") != NULL);
    db_close(db);
}

static int64_t most_that_may_be(const struct cost *small)
{
    return small->buffers * MOST_TIMES + MOST_MORE;
}

static struct cost small[HOTS], large[HOTS];

static int setup(void **state)
{
    (void)state;
    pg_reset();
    make_small();
    write_history(1, SHORT_HISTORY);
    settle();
    measure_all(small);
    make_large();
    settle();
    measure_all(large);
    return 0;
}

static void a_hundred_thousand_rooms_cost_what_ten_do(void **state)
{
    int bad = 0;

    (void)state;
    for (size_t i = 0; i < HOTS; i++) {
        bool good = large[i].buffers <= most_that_may_be(&small[i]) && !large[i].walks &&
                    large[i].filtered <= FILTERED_MAX;
        printf("%s %-26s %4" PRId64 " buffers in the small system, %4" PRId64
               " in the large one (at most %4" PRId64 "), %" PRId64 " filtered%s\n",
               good ? "#  " : "# !", hot[i].what, small[i].buffers, large[i].buffers,
               most_that_may_be(&small[i]), large[i].filtered,
               large[i].walks ? ", walks a table" : "");
        bad += !good;
    }
    assert_int_equal(bad, 0);
}

/* Of the statements that begin with `what`, one for each place in the history. */
static void expect_the_same(const char *what, size_t count)
{
    int64_t least = INT64_MAX, most = 0;
    size_t found = 0;

    for (size_t i = 0; i < HOTS; i++) {
        if (strncmp(hot[i].what, what, strlen(what)) != 0)
            continue;
        found++;
        least = large[i].buffers < least ? large[i].buffers : least;
        most = large[i].buffers > most ? large[i].buffers : most;
    }
    assert_int_equal(found, count);
    assert_true(least > 0);
    assert_in_range(most, least, least + PAGES_APART);
}

static void the_millionth_message_costs_what_the_first_does(void **state)
{
    (void)state;
    expect_the_same("history, ", 3);
    expect_the_same("page, ", 3);
    expect_the_same("page after, ", 2);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_thousand_rooms_cost_what_ten_do),
        cmocka_unit_test(the_millionth_message_costs_what_the_first_does),
    };

    (void)argc;
    pg_require(argv);
    return cmocka_run_group_tests(tests, setup, NULL);
}
