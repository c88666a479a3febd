/*
 * When a broker tells of its users, and what it makes of the answers. The real presence, announce,
 * news, room and client; time and PostgreSQL are scripts (world.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/gateway/world.h"

#include "broker/gateway/presence.h"
#include "shared/base/mem.h"

static struct loop_timer *ticker;

static int setup(void **state)
{
    struct conf *conf = NULL;
    struct buf problem;
    struct world *world;

    world_setup(state);
    world = *state;
    buf_init(&problem, 4096);
    assert_int_equal(conf_load(NULL, &conf, &problem), ERR_OK);
    buf_release(&problem);
    world->gateway.conf = conf;
    now_ms = 1000000;
    world->gateway.presence = presence_new(&world->gateway);
    ticker = started_timer;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    struct conf *conf = (struct conf *)world->gateway.conf;
    struct presence *presence = world->gateway.presence;

    for (int i = 0; i < 4; i++) {
        if (world->sockets[i].data)
            client_gone(world->sockets[i].data, false);
        world->sockets[i].data = NULL;
    }
    livelog_sweep_empty(&world->gateway);
    presence_free(presence);
    world_teardown(state);
    conf_free(conf);
    return 0;
}

/* A second goes by; true if something was asked of PostgreSQL, which has answered. */
static bool second(void)
{
    int steps = script.steps;

    now_ms += 1000;
    ticker->fn(ticker->arg);
    if (waiting_job)
        run_job();
    return script.steps > steps;
}

static struct client *member(struct world *world, int index, int64_t user_id)
{
    struct client *client = connect_user(world, index, user_id);

    snprintf(client->actor.username, sizeof client->actor.username, "user%d", (int)user_id);
    enter(client, 10);
    presence_client_live(client);
    return client;
}

static void leave(struct world *world, int index)
{
    client_gone(world->sockets[index].data, false);
    world->sockets[index].data = NULL;
}

static void answer(int what, const char *username)
{
    struct chat_presence_row *row = &script.rows[script.row_count++];

    *row = (struct chat_presence_row){.room_id = ROOM, .what = what};
    snprintf(row->username, sizeof row->username, "%s", username);
}

static void forget_answers(struct world *world)
{
    script.row_count = 0;
    for (int i = 0; i < 4; i++)
        world->sockets[i].got[0] = '\0';
}

static void a_user_is_told_of_once(void **state)
{
    struct world *world = *state;

    member(world, 0, 1);
    member(world, 1, 1);
    assert_true(second());
    assert_true(script.enroll);
    assert_int_equal(script.came_count, 1);
    assert_int_equal(script.came[0], 1);
    assert_int_equal(script.room_count, 1);
    assert_false(second());
    leave(world, 0);
    for (int i = 0; i < 15; i++) {
        if (second())
            assert_true(script.renew && script.gone_count == 0 && script.came_count == 0);
    }
    leave(world, 1);
    for (int i = 0; i < 9; i++) {
        if (second())
            assert_int_equal(script.gone_count, 0);
    }
    second();
    assert_int_equal(script.gone_count, 1);
    assert_int_equal(script.gone[0], 1);
}

static void coming_back_in_time_is_not_noticed(void **state)
{
    struct world *world = *state;

    member(world, 0, 1);
    second();
    leave(world, 0);
    for (int i = 0; i < 8; i++)
        second();
    member(world, 0, 1);
    for (int i = 0; i < 20; i++) {
        second();
        assert_int_equal(script.came_count + script.gone_count, 0);
    }
}

static void who_is_gone_before_it_was_told_is_not_told(void **state)
{
    struct world *world = *state;

    second(); /* enrolls */
    member(world, 0, 1);
    leave(world, 0);
    livelog_sweep_empty(&world->gateway);
    assert_false(second());
}

static void what_failed_is_told_again(void **state)
{
    struct world *world = *state;

    member(world, 0, 1);
    member(world, 1, 2);
    script.err = ERR_DB_LOST;
    second();
    assert_false(script.again);
    leave(world, 1);
    script.err = ERR_OK;
    second();
    assert_true(script.again && script.enroll);
    assert_int_equal(script.came_count, 1);
    assert_int_equal(script.room_count, 1);
    for (int i = 0; i < 10; i++)
        second();
    assert_false(script.again);
    assert_int_equal(script.gone_count, 1); /* it may have been told of */
    assert_int_equal(script.gone[0], 2);
}

static void after_a_lost_lease_all_are_told_again(void **state)
{
    struct world *world = *state;

    member(world, 0, 1);
    second();
    script.lost = true;
    while (!second())
        ;
    assert_true(script.renew);
    script.lost = false;
    assert_true(second());
    assert_true(script.enroll);
    assert_int_equal(script.came_count, 1);
}

static void others_are_buried_after_a_lease(void **state)
{
    int64_t begun;

    (void)state;
    second();
    begun = now_ms;
    script.dead = true;
    for (int i = 0; i < 30 && !script.bury; i++)
        second();
    assert_true(script.bury);
    assert_true(now_ms - begun > 10000);
}

static void the_state_goes_to_who_waits_for_it(void **state)
{
    struct world *world = *state;
    const char *complete = "[\"presence\",{\"room\":\"Room\",\"online\":[\"user1\",\"user2\"],"
                           "\"offline\":[],\"complete\":true}] ";

    member(world, 0, 1);
    answer(CHAT_IS_ONLINE, "user1");
    second();
    forget_answers(world);
    member(world, 1, 2);
    answer(CHAT_CAME_ONLINE, "user2");
    answer(CHAT_IS_ONLINE, "user1");
    answer(CHAT_IS_ONLINE, "user2");
    second();
    assert_string_equal(
        world->sockets[0].got,
        "[\"presence\",{\"room\":\"Room\",\"online\":[\"user2\"],\"offline\":[]}] ");
    assert_non_null(strstr(world->sockets[1].got, complete));
    forget_answers(world);
    presence_lost_news(&world->gateway);
    answer(CHAT_IS_ONLINE, "user1");
    answer(CHAT_IS_ONLINE, "user2");
    second();
    assert_string_equal(world->sockets[0].got, complete);
    assert_string_equal(world->sockets[1].got, complete);
}

static void a_state_that_may_be_old_is_asked_for_again(void **state)
{
    struct world *world = *state;
    struct client *client = member(world, 0, 1);

    answer(CHAT_IS_ONLINE, "user1");
    now_ms += 1000;
    ticker->fn(ticker->arg);
    presence_heard(client->rooms[0]->room); /* while it is being read */
    run_job();
    assert_string_equal(world->sockets[0].got, "");
    script.rows[0].what = CHAT_ASK_AGAIN;
    second();
    assert_string_equal(world->sockets[0].got, "");
    script.rows[0].what = CHAT_IS_ONLINE;
    second();
    assert_string_not_equal(world->sockets[0].got, "");
}

static void who_joins_is_shown_to_the_others(void **state)
{
    struct world *world = *state;
    struct client *client;

    member(world, 0, 1);
    answer(CHAT_IS_ONLINE, "user1");
    second();
    forget_answers(world);
    client = connect_user(world, 1, 2);
    snprintf(client->actor.username, sizeof client->actor.username, "user2");
    presence_client_live(client);
    second();
    inbox(world, 2, 1, EVENT_INBOX_JOINED, 11);
    answer(CHAT_IS_ONLINE, "user1");
    answer(CHAT_IS_ONLINE, "user2");
    second();
    assert_string_equal(
        world->sockets[0].got,
        "[\"presence\",{\"room\":\"Room\",\"online\":[\"user2\"],\"offline\":[]}] ");
}

static void so_many_names_at_a_time(void **state)
{
    struct world *world = *state;
    char name[16];

    member(world, 0, 1);
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "u%d", i);
        answer(CHAT_CAME_ONLINE, name);
    }
    for (int i = 0; i < 5; i++) { /* the last word counts */
        snprintf(name, sizeof name, "u%d", i);
        answer(CHAT_WENT_OFFLINE, name);
    }
    world->sockets[0].lags = true;
    second();
    script.row_count = 0;
    assert_int_equal(published_count, 1);
    assert_non_null(strstr(published, "\"online\":[\"u5\","));
    second();
    assert_int_equal(published_count, 2);
    assert_non_null(strstr(published, "\"online\":[\"u50\",\"u51\","));
    second();
    assert_int_equal(published_count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(a_user_is_told_of_once),
        T(coming_back_in_time_is_not_noticed),
        T(who_is_gone_before_it_was_told_is_not_told),
        T(what_failed_is_told_again),
        T(after_a_lost_lease_all_are_told_again),
        T(others_are_buried_after_a_lease),
        T(the_state_goes_to_who_waits_for_it),
        T(a_state_that_may_be_old_is_asked_for_again),
        T(who_joins_is_shown_to_the_others),
        T(so_many_names_at_a_time),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
