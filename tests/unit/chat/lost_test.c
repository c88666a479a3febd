/* Connections that break in the middle of a command: the answer is "unavailable" (outcome unknown),
 * nothing is published twice or from nowhere, and the next command works. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <pthread.h>
#include <time.h>

#include "tests/unit/chat/act.h"
#include "tests/unit/chat/proxy.h"

struct lost {
    struct world *world;
    struct proxy *proxy;
    struct chat_actor alice;
    struct chat_actor bob;
};

/* alice owns the room, bob is in it; the world's connection goes through the proxy. */
static int setup(void **state)
{
    struct lost *lost = calloc(1, sizeof *lost);
    act_setup((void **)&lost->world);
    lost->alice = act_user(lost->world, "alice");
    lost->bob = act_user(lost->world, "bob");
    assert_int_equal(act_do(lost->world, CHAT_CREATE_CHANNEL, &lost->alice,
                            "{\"name\":\"room\",\"status\":\"PUBLIC\"}"),
                     ERR_OK);
    assert_int_equal(act_do(lost->world, CHAT_JOIN_CHANNEL, &lost->bob, "{\"name\":\"room\"}"),
                     ERR_OK);
    lost->proxy = proxy_start();
    db_close(lost->world->db);
    lost->world->db = db_open(proxy_conninfo(lost->proxy), 5000, 500);
    assert_int_equal(act_do(lost->world, CHAT_GET_HISTORY, &lost->bob, "{\"room\":\"room\"}"),
                     ERR_OK);
    *state = lost;
    return 0;
}

static int teardown(void **state)
{
    struct lost *lost = *state;
    act_teardown((void **)&lost->world);
    proxy_stop(lost->proxy);
    free(lost);
    return 0;
}

static void losing_the_lock_changes_nothing(void **state)
{
    struct lost *lost = *state;
    proxy_cut_next_answer(lost->proxy);
    struct chat_command *leave =
        act_command(lost->world, CHAT_LEAVE_CHANNEL, &lost->bob, "{\"name\":\"room\"}");
    assert_int_equal(chat_command_error(leave), ERR_UNAVAILABLE);
    assert_int_equal(chat_command_events(leave)->count, 0);
    chat_command_free(leave);
    assert_int_equal(pg_int("select last_seq from room"), 4);
    assert_int_equal(act_do(lost->world, CHAT_LEAVE_CHANNEL, &lost->bob, "{\"name\":\"room\"}"),
                     ERR_OK);
}

static void *run_leave(void *arg)
{
    struct lost *lost = arg;
    return act_command(lost->world, CHAT_LEAVE_CHANNEL, &lost->bob, "{\"name\":\"room\"}");
}

static void wait_until_somebody_waits_for_a_lock(void)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    struct db *db = pg_open_super();
    for (int i = 0; i < 200; i++) { /* the leave itself gives up after 500 ms */
        if (pg_int_on(db, "select count(*) from pg_locks where not granted") > 0)
            break;
        nanosleep(&pause, NULL);
    }
    db_close(db);
}

/* Leaving locks its user last, in the round trip of the COMMIT: held up there, its answer is cut.
 */
static void an_unknown_commit_is_unavailable_and_tells_nothing(void **state)
{
    struct lost *lost = *state;
    pthread_t thread;
    struct chat_command *leave = NULL;
    struct db *holder = pg_open_super();
    db_begin(holder);
    pg_int_on(holder, "select id from app_user where username = 'bob' for update");
    assert_int_equal(pthread_create(&thread, NULL, run_leave, lost), 0);
    wait_until_somebody_waits_for_a_lock();
    proxy_cut_next_answer(lost->proxy);
    db_rollback(holder);
    db_close(holder);
    pthread_join(thread, (void **)&leave);
    assert_int_equal(chat_command_error(leave), ERR_UNAVAILABLE);
    assert_int_equal(chat_command_events(leave)->count, 0);
    chat_command_free(leave);
    assert_int_equal(pg_int("select last_seq from room"), 6); /* it did happen */
    assert_int_equal(act_do(lost->world, CHAT_LEAVE_CHANNEL, &lost->bob, "{\"name\":\"room\"}"),
                     ERR_NOT_A_MEMBER);
}

int main(int argc, char **argv)
{
    (void)argc;
    pg_require(argv);
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(losing_the_lock_changes_nothing),
        T(an_unknown_commit_is_unavailable_and_tells_nothing),
    };
    return cmocka_run_group_tests_name("lost connections", tests, NULL, NULL);
}
