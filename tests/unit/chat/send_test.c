/* chat_send_batch against a real PostgreSQL: numbering, verdicts, nonces, locks, lost connections.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <pthread.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "tests/unit/chat/proxy.h"
#include "tests/unit/chat/world.h"

#define MAX 16

/* A batch under construction. */
struct batch {
    struct chat_command *sends[MAX];
    enum chat_progress progress[MAX];
    size_t count;
};

static struct chat_command *add(struct world *world, struct batch *batch, int64_t user,
                                const char *room, const char *text, const char *nonce)
{
    return batch->sends[batch->count++] = world_send(world, user, room, text, nonce);
}

static void run(struct world *world, struct batch *batch)
{
    chat_send_batch(world->db, batch->sends, batch->progress, batch->count);
}

static void run_to_end(struct world *world, struct batch *batch)
{
    run(world, batch);
    for (size_t i = 0; i < batch->count; i++)
        assert_int_equal(batch->progress[i], CHAT_DONE);
}

static void release(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        chat_command_free(batch->sends[i]);
    batch->count = 0;
}

/* Send alone; the error. */
static enum err send_one(struct world *world, int64_t user, const char *room, const char *text,
                         const char *nonce)
{
    struct batch batch = {0};
    enum err err;

    add(world, &batch, user, room, text, nonce);
    run_to_end(world, &batch);
    err = chat_command_error(batch.sends[0]);
    release(&batch);
    return err;
}

static void a_batch_is_numbered_per_room_in_order(void **state)
{
    struct world *world = *state;
    struct batch batch = {0};
    const int64_t user = world_user("ann");
    const int64_t red = world_room("red"), blue = world_room("blue");
    const int64_t seqs[] = {1, 1, 2, 3, 2};

    world_member(red, user);
    world_member(blue, user);
    add(world, &batch, user, "red", "r1", NULL);
    add(world, &batch, user, "blue", "b1", NULL);
    add(world, &batch, user, "red", "r2", NULL);
    add(world, &batch, user, "RED", "r3", NULL);
    add(world, &batch, user, "blue", "b2", NULL);
    run_to_end(world, &batch);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(chat_command_error(batch.sends[i]), ERR_OK);
        assert_int_equal(chat_command_seq(batch.sends[i]), seqs[i]);
        assert_int_equal(chat_command_events(batch.sends[i])->count, 1);
    }
    release(&batch);
    assert_int_equal(pg_int("select last_seq from room where name = 'red'"), 3);
    assert_int_equal(pg_int("select last_seq from room where name = 'blue'"), 2);
    assert_int_equal(pg_int("select count(*) from room_event e join room r on r.id = e.room_id"
                            " where (r.name, seq, text) in (('red', 1, 'r1'), ('red', 2, 'r2'),"
                            " ('red', 3, 'r3'), ('blue', 1, 'b1'), ('blue', 2, 'b2'))"),
                     5);
    assert_int_equal(send_one(world, user, "red", "r4", NULL), ERR_OK);
    assert_int_equal(pg_int("select last_seq from room where name = 'red'"), 4);
}

static void the_event_is_the_message(void **state)
{
    struct world *world = *state;
    struct batch batch = {0};
    const int64_t user = world_user("ann"), room = world_room("red");
    const struct event *event;

    world_member(room, user);
    add(world, &batch, user, "red", "hi \\u00e9", "n1");
    run_to_end(world, &batch);
    event = &chat_command_events(batch.sends[0])->items[0];
    assert_int_equal(event->log, LOG_ROOM);
    assert_int_equal(event->log_id, room);
    assert_int_equal(event->kind, EVENT_TEXT);
    assert_int_equal(event->actor, user);
    assert_int_equal(event->author, user);
    assert_ptr_equal(strstr(event->json, "[\"newMessage\",{\"room\":\"red\",\"seq\":1,"
                                         "\"kind\":\"text\",\"sender\":\"ann\","
                                         "\"text\":\"hi \xc3\xa9\",\"date\":\"20"),
                     event->json);
    assert_non_null(strstr(event->json, "\"nonce\":\"n1\"}]"));
    release(&batch);
}

static void a_nonce_seen_before_answers_with_the_first_row(void **state)
{
    struct world *world = *state;
    struct batch batch = {0};
    const int64_t ann = world_user("ann"), bob = world_user("bob"), room = world_room("red");
    int64_t at;

    world_member(room, ann);
    world_member(room, bob);
    add(world, &batch, ann, "red", "one", "n1");
    run_to_end(world, &batch);
    at = batch.sends[0]->at_us;
    release(&batch);

    add(world, &batch, ann, "red", "one", "n1");
    add(world, &batch, ann, "red", "other", "n1");
    add(world, &batch, bob, "red", "bob's", "n1");
    run_to_end(world, &batch);
    assert_int_equal(chat_command_error(batch.sends[0]), ERR_OK);
    assert_true(chat_command_is_replay(batch.sends[0]));
    assert_int_equal(chat_command_seq(batch.sends[0]), 1);
    assert_int_equal(batch.sends[0]->at_us, at);
    assert_int_equal(chat_command_events(batch.sends[0])->count, 0);
    assert_int_equal(chat_command_error(batch.sends[1]), ERR_NONCE_CONFLICT);
    assert_int_equal(chat_command_seq(batch.sends[2]), 2);
    release(&batch);
    assert_int_equal(pg_int("select count(*) from room_event"), 2);
}

static void a_nonce_twice_in_one_batch_is_written_once(void **state)
{
    struct world *world = *state;
    struct batch batch = {0};
    const int64_t ann = world_user("ann"), room = world_room("red");

    world_member(room, ann);
    add(world, &batch, ann, "red", "zero", NULL);
    add(world, &batch, ann, "red", "one", "n1");
    add(world, &batch, ann, "red", "one", "n1");
    add(world, &batch, ann, "red", "other", "n1");
    add(world, &batch, ann, "red", "last", NULL);
    run_to_end(world, &batch);
    assert_int_equal(chat_command_seq(batch.sends[1]), 2);
    assert_false(chat_command_is_replay(batch.sends[1]));
    assert_int_equal(chat_command_seq(batch.sends[2]), 2);
    assert_true(chat_command_is_replay(batch.sends[2]));
    assert_int_equal(batch.sends[2]->at_us, batch.sends[1]->at_us);
    assert_int_equal(chat_command_events(batch.sends[2])->count, 0);
    assert_int_equal(chat_command_error(batch.sends[3]), ERR_NONCE_CONFLICT);
    assert_int_equal(chat_command_seq(batch.sends[4]), 3);
    release(&batch);
    assert_int_equal(pg_int("select count(*) from room_event"), 3);
}

static void each_refusal_has_its_code(void **state)
{
    struct world *world = *state;
    const int64_t ann = world_user("ann"), bob = world_user("bob"), eve = world_user("eve");
    const int64_t red = world_room("red"), old = world_room("old");
    const int64_t direct = world_direct("ann@bob", ann, bob);

    world_member(red, ann);
    world_member(old, ann);
    world_member(direct, ann);
    world_member(direct, bob);
    assert_int_equal(send_one(world, ann, "nowhere", "x", NULL), ERR_ROOM_NOT_FOUND);
    assert_int_equal(send_one(world, bob, "red", "x", NULL), ERR_NOT_A_MEMBER);
    assert_int_equal(send_one(world, eve, "ann@bob", "x", NULL), ERR_ROOM_NOT_FOUND);
    assert_int_equal(send_one(world, ann, "ann@bob", "x", "n1"), ERR_OK);

    world_sql("update room set archived_at = now() where id = %lld", (long long)old);
    assert_int_equal(send_one(world, ann, "old", "x", NULL), ERR_ROOM_NOT_FOUND);
    world_sql("insert into user_block values (%lld, %lld)", (long long)bob, (long long)ann);
    assert_int_equal(send_one(world, ann, "ann@bob", "y", NULL), ERR_BLOCKED);
    assert_int_equal(send_one(world, bob, "ann@bob", "y", NULL), ERR_BLOCKED);
    assert_int_equal(send_one(world, ann, "ann@bob", "x", "n1"), ERR_OK);

    world_sql("update session set ended_at = now() where id = %lld", (long long)bob);
    assert_int_equal(send_one(world, bob, "red", "x", NULL), ERR_UNAUTHENTICATED);
    world_sql("update session set expires_at = now() where id = %lld", (long long)ann);
    assert_int_equal(send_one(world, ann, "red", "x", NULL), ERR_UNAUTHENTICATED);
    world_sql("update app_user set disabled_at = now() where id = %lld", (long long)eve);
    assert_int_equal(send_one(world, eve, "red", "x", NULL), ERR_UNAUTHENTICATED);
    assert_int_equal(pg_int("select count(*) from room_event"), 1);
}

static void bans_and_mutes_say_until_when(void **state)
{
    struct world *world = *state;
    struct batch batch = {0};
    const int64_t ann = world_user("ann"), bob = world_user("bob"), room = world_room("red");

    world_member(room, ann);
    world_member(room, bob);
    world_sql("update membership set muted_until = '2100-01-01Z' where user_id = %lld",
              (long long)ann);
    world_sql("update membership set is_member = false, banned_until = 'infinity'"
              " where user_id = %lld",
              (long long)bob);
    add(world, &batch, ann, "red", "x", NULL);
    add(world, &batch, bob, "red", "x", NULL);
    run_to_end(world, &batch);
    assert_int_equal(chat_command_error(batch.sends[0]), ERR_MUTED);
    assert_int_equal(batch.sends[0]->until_us, INT64_C(4102444800000000));
    assert_int_equal(chat_command_error(batch.sends[1]), ERR_BANNED);
    assert_int_equal(batch.sends[1]->until_us, INT64_MAX);
    release(&batch);
    world_sql("update membership set muted_until = now()");
    assert_int_equal(send_one(world, ann, "red", "x", NULL), ERR_OK);
}

static const struct db_stmt lock_red = {"test_lock_red",
                                        "select id from room where name = 'red' for update", 0};

static void a_locked_room_does_not_hold_the_others(void **state)
{
    struct world *world = *state;
    struct batch batch = {0};
    struct db *holder = pg_open();
    const int64_t ann = world_user("ann"), red = world_room("red"), blue = world_room("blue");
    int64_t start;

    world_member(red, ann);
    world_member(blue, ann);
    db_begin(holder);
    assert_int_equal(db_run(holder, &lock_red, DB_NO_PARAMS, NULL), ERR_OK);
    add(world, &batch, ann, "red", "r1", NULL);
    add(world, &batch, ann, "blue", "b1", NULL);
    run(world, &batch);
    assert_int_equal(batch.progress[0], CHAT_BUSY);
    assert_int_equal(batch.progress[1], CHAT_DONE);
    assert_int_equal(chat_command_error(batch.sends[1]), ERR_OK);

    /* Now that it is known, nobody else waits for it. */
    chat_command_free(batch.sends[1]);
    batch.sends[1] = world_send(world, ann, "blue", "b2", NULL);
    start = clock_mono_ms();
    run(world, &batch);
    assert_in_range(clock_mono_ms() - start, 0, 80);
    assert_int_equal(batch.progress[0], CHAT_BUSY);
    assert_int_equal(chat_command_error(batch.sends[1]), ERR_OK);

    db_rollback(holder);
    db_close(holder);
    chat_send_batch(world->db, batch.sends, batch.progress, 1);
    assert_int_equal(batch.progress[0], CHAT_DONE);
    assert_int_equal(chat_command_seq(batch.sends[0]), 1);
    release(&batch);
}

static void a_room_locked_past_the_deadline_is_unavailable(void **state)
{
    struct world *world = *state;
    struct batch batch = {0};
    struct db *holder = pg_open();
    struct buf problem = {0};
    const int64_t ann = world_user("ann"), red = world_room("red");

    assert_int_equal(conf_set(world->conf, "pg.timeout_ms", "700", &problem), ERR_OK);
    world_member(red, ann);
    db_begin(holder);
    assert_int_equal(db_run(holder, &lock_red, DB_NO_PARAMS, NULL), ERR_OK);
    add(world, &batch, ann, "red", "r1", NULL);
    do
        run(world, &batch);
    while (batch.progress[0] == CHAT_BUSY);
    assert_int_equal(chat_command_error(batch.sends[0]), ERR_UNAVAILABLE);
    assert_in_range(batch.sends[0]->busy_count, 1, 10);
    release(&batch);
    db_close(holder);
}

static void through_proxy(struct world *world, struct proxy *proxy)
{
    db_close(world->db);
    world->db = db_open(proxy_conninfo(proxy), 5000, 500);
    assert_int_equal(pg_int_on(world->db, "select 1"), 1);
}

static void an_answer_lost_at_commit_is_tried_again_without_doubling(void **state)
{
    struct world *world = *state;
    struct batch batch = {0};
    struct proxy *proxy = proxy_start();
    const int64_t ann = world_user("ann"), red = world_room("red");

    world_member(red, ann);
    through_proxy(world, proxy);
    add(world, &batch, ann, "red", "r1", NULL);
    add(world, &batch, ann, "red", "r2", "n2");
    proxy_cut_next_answer(proxy);
    run_to_end(world, &batch);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(chat_command_error(batch.sends[i]), ERR_OK);
        assert_int_equal(chat_command_seq(batch.sends[i]), i + 1);
        assert_true(batch.sends[i]->maybe_written);
        assert_int_equal(chat_command_events(batch.sends[i])->count, 1);
    }
    release(&batch);
    assert_int_equal(pg_int("select count(*) from room_event"), 2);

    /* Lost before it reached the server: written by the second attempt. */
    add(world, &batch, ann, "red", "r3", NULL);
    proxy_cut_next_request(proxy);
    run_to_end(world, &batch);
    assert_int_equal(chat_command_seq(batch.sends[0]), 3);
    release(&batch);
    assert_int_equal(pg_int("select count(*) from room_event"), 3);
    db_close(world->db);
    world->db = NULL;
    proxy_stop(proxy);
}

static void without_a_server_sends_are_unavailable(void **state)
{
    struct world *world = *state;
    struct batch batch = {0};

    db_close(world->db);
    world->db = db_open("host=/nonexistent", 5000, 500);
    add(world, &batch, 1, "red", "x", NULL);
    add(world, &batch, 1, "red", "y", NULL);
    run_to_end(world, &batch);
    assert_int_equal(chat_command_error(batch.sends[0]), ERR_UNAVAILABLE);
    assert_int_equal(chat_command_error(batch.sends[1]), ERR_UNAVAILABLE);
    release(&batch);
}

static void one_bad_row_does_not_spoil_the_others(void **state)
{
    struct world *world = *state;
    struct batch batch = {0};
    const int64_t ann = world_user("ann"), red = world_room("red");

    world_member(red, ann);
    pg_exec("alter table room_event add constraint no_x check (text <> 'x')");
    add(world, &batch, ann, "red", "a", NULL);
    add(world, &batch, ann, "red", "x", NULL);
    add(world, &batch, ann, "red", "b", NULL);
    run_to_end(world, &batch);
    pg_exec("alter table room_event drop constraint no_x");
    assert_int_equal(chat_command_seq(batch.sends[0]), 1);
    assert_int_equal(chat_command_error(batch.sends[1]), ERR_INTERNAL);
    assert_int_equal(chat_command_seq(batch.sends[2]), 2);
    release(&batch);
}

struct race {
    struct world *world;
    struct batch batch;
};

static void *send_in_thread(void *app)
{
    struct race *race = app;

    run(race->world, &race->batch);
    return NULL;
}

static void wait_until_somebody_waits_for_a_lock(void)
{
    struct db *watcher = pg_open_super();

    while (pg_int_on(watcher, "select count(*) from pg_stat_activity"
                              " where wait_event_type = 'Lock'") == 0)
        ;
    db_close(watcher);
}

/* A ban that was committed while the send waited for the room's lock refuses the send. */
static void a_ban_while_the_send_waits_wins(void **state)
{
    struct race race = {.world = *state};
    struct db *holder = pg_open();
    const int64_t ann = world_user("ann"), bob = world_user("bob"), red = world_room("red");
    static const struct db_stmt ban = {
        "test_ban",
        "update membership set banned_until = 'infinity', is_member = false where user_id = $1", 1};
    pthread_t thread;

    world_member(red, ann);
    world_member(red, bob);
    db_begin(holder);
    assert_int_equal(db_run(holder, &lock_red, DB_NO_PARAMS, NULL), ERR_OK);
    add(race.world, &race.batch, ann, "red", "a", NULL);
    add(race.world, &race.batch, bob, "red", "b", NULL);
    assert_int_equal(pthread_create(&thread, NULL, send_in_thread, &race), 0);
    wait_until_somebody_waits_for_a_lock();
    assert_int_equal(db_run(holder, &ban, DB_PARAMS(db_param_int(ann)), NULL), ERR_OK);
    assert_int_equal(db_commit(holder), ERR_OK);
    pthread_join(thread, NULL);
    assert_int_equal(chat_command_error(race.batch.sends[0]), ERR_BANNED);
    assert_int_equal(chat_command_error(race.batch.sends[1]), ERR_OK);
    assert_int_equal(chat_command_seq(race.batch.sends[1]), 1);
    release(&race.batch);
    db_close(holder);
}

#define WRITERS 4
#define ROUNDS 25

static void *write_many(void *app)
{
    struct race *race = app;
    struct world mine = *race->world;

    mine.db = pg_open();
    for (int i = 0; i < ROUNDS; i++) {
        struct batch batch = {0};

        add(&mine, &batch, 1, "red", "x", NULL);
        add(&mine, &batch, 1, "blue", "x", NULL);
        add(&mine, &batch, 1, "red", "x", NULL);
        do
            run(&mine, &batch);
        while (batch.progress[0] == CHAT_BUSY || batch.progress[1] == CHAT_BUSY);
        for (size_t j = 0; j < batch.count; j++)
            assert_int_equal(chat_command_error(batch.sends[j]), ERR_OK);
        release(&batch);
    }
    db_close(mine.db);
    return NULL;
}

static void many_writers_leave_no_gap(void **state)
{
    struct race race = {.world = *state};
    pthread_t threads[WRITERS];
    const int64_t ann = world_user("ann"), red = world_room("red"), blue = world_room("blue");

    world_member(red, ann);
    world_member(blue, ann);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &race), 0);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(pg_int("select last_seq from room where name = 'red'"), WRITERS * ROUNDS * 2);
    assert_int_equal(pg_int("select count(*) from room_event e join room r on r.id = e.room_id"
                            " where name = 'red' and seq between 1 and r.last_seq"),
                     WRITERS * ROUNDS * 2);
    assert_int_equal(pg_int("select count(*) from (select at < lag(at) over (partition by room_id"
                            " order by seq) as back from room_event) o where back"),
                     0);
}

int main(int argc, char **argv)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_batch_is_numbered_per_room_in_order),
        CASE(the_event_is_the_message),
        CASE(a_nonce_seen_before_answers_with_the_first_row),
        CASE(a_nonce_twice_in_one_batch_is_written_once),
        CASE(each_refusal_has_its_code),
        CASE(bans_and_mutes_say_until_when),
        CASE(a_locked_room_does_not_hold_the_others),
        CASE(a_room_locked_past_the_deadline_is_unavailable),
        CASE(an_answer_lost_at_commit_is_tried_again_without_doubling),
        CASE(without_a_server_sends_are_unavailable),
        CASE(one_bad_row_does_not_spoil_the_others),
        CASE(a_ban_while_the_send_waits_wins),
        CASE(many_writers_leave_no_gap),
    };

    (void)argc;
    pg_require(argv);
    log_set_level(LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
