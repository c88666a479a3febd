/*
 * Passing news: who gets them, that typing begins once and ends by itself, which room a name leads
 * to. The real news, typing, roomname, room, user and client; time, the network and MQTT are
 * scripts (world.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/gateway/world.h"

#include "broker/gateway/news.h"
#include "broker/gateway/roomname.h"
#include "broker/gateway/typing.h"
#include "shared/base/mem.h"

#define ON "[\"typing\",{\"room\":\"Room\",\"username\":\"ann\",\"typing\":true}] "
#define OFF "[\"typing\",{\"room\":\"Room\",\"username\":\"ann\",\"typing\":false}] "

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
    world->gateway.typing = typing_new(&world->gateway);
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    struct conf *conf = (struct conf *)world->gateway.conf;
    struct typing *typing = world->gateway.typing;

    world_teardown(state);
    typing_free(typing);
    conf_free(conf);
    return 0;
}

/* A member of the room on this socket. */
static struct client *member(struct world *world, int index, int64_t user_id)
{
    struct client *client = connect_user(world, index, user_id);

    snprintf(client->actor.username, sizeof client->actor.username, "%s",
             user_id == 1 ? "ann" : "bob");
    enter(client, 10);
    return client;
}

static void type(struct client *client, const char *dto)
{
    typing_on_event(client, span_of(dto));
}

static void pass(int64_t ms)
{
    now_ms += ms;
    while (started_timer && started_timer->active && started_timer->at <= now_ms) {
        started_timer->active = false;
        started_timer->fn(started_timer->arg);
    }
}

static const char *got(struct world *world, int index)
{
    static char text[512];

    snprintf(text, sizeof text, "%s", world->sockets[index].got);
    world->sockets[index].got[0] = '\0';
    return text;
}

static void typing_reaches_the_others(void **state)
{
    struct world *world = *state;
    struct client *ann = member(world, 0, 1);

    member(world, 1, 1); /* her other device */
    member(world, 2, 2);
    type(ann, "{\"room\":\"rOOM\",\"typing\":true}");
    assert_string_equal(got(world, 0), "");
    assert_string_equal(got(world, 1), "");
    assert_string_equal(got(world, 2), ON);
    assert_int_equal(published_count, 1);
    type(ann, "{\"room\":\"Room\",\"typing\":false}");
    assert_string_equal(got(world, 2), OFF);
    assert_int_equal(published_count, 2);
    type(ann, "{\"room\":\"Room\",\"typing\":false}");
    assert_int_equal(published_count, 2);
}

static void repetitions_are_not_relayed(void **state)
{
    struct world *world = *state;
    struct client *ann = member(world, 0, 1);

    member(world, 2, 2);
    for (int i = 0; i < 20; i++) {
        type(ann, "{\"room\":\"Room\",\"typing\":true}");
        pass(250);
    }
    assert_string_equal(got(world, 2), ON);
    assert_in_range(published_count, 4, 6); /* others would see it run out */
}

static void it_runs_out(void **state)
{
    struct world *world = *state;

    member(world, 2, 2);
    type(member(world, 0, 1), "{\"room\":\"Room\",\"typing\":true}");
    pass(4000);
    assert_string_equal(got(world, 2), ON);
    pass(2000);
    assert_string_equal(got(world, 2), OFF);
    assert_int_equal(published_count, 1); /* each broker sees it for itself */
}

static void what_another_broker_says_runs_out_too(void **state)
{
    struct world *world = *state;
    struct event news = {.log = LOG_ROOM,
                         .log_id = ROOM,
                         .kind = EVENT_TYPING,
                         .author = 1,
                         .json = mem_strdup("[\"typing\",{\"room\":\"Room\",\"username\":\"ann\","
                                            "\"typing\":true}]")};

    news.json_len = strlen(news.json);
    member(world, 2, 2);
    news_deliver(&world->gateway, &news);
    news_deliver(&world->gateway, &news);
    assert_string_equal(got(world, 2), ON);
    pass(6000);
    assert_string_equal(got(world, 2), OFF);
    event_release(&news);
}

static void a_message_ends_it(void **state)
{
    struct world *world = *state;

    member(world, 2, 2);
    type(member(world, 0, 1), "{\"room\":\"Room\",\"typing\":true}");
    got(world, 2);
    feed_kind(world, 11, EVENT_TEXT, 1);
    assert_string_equal(got(world, 2), OFF "11 ");
}

static void the_socket_going_ends_it(void **state)
{
    struct world *world = *state;
    struct client *ann = member(world, 0, 1);

    member(world, 1, 1);
    member(world, 2, 2);
    type(ann, "{\"room\":\"Room\",\"typing\":true}");
    client_gone(world->sockets[1].data, false); /* not the one that types */
    world->sockets[1].data = NULL;
    assert_string_equal(got(world, 2), ON);
    client_gone(ann, false);
    world->sockets[0].data = NULL;
    assert_string_equal(got(world, 2), OFF);
    assert_int_equal(published_count, 2);
}

static void blocked_authors_are_not_seen(void **state)
{
    struct world *world = *state;
    struct client *ann = member(world, 0, 1), *bob = member(world, 2, 2);
    int64_t one = 1, two = 2;

    user_set_blocked(bob->user, &one, 1);
    type(ann, "{\"room\":\"Room\",\"typing\":true}");
    assert_string_equal(got(world, 2), "");
    assert_int_equal(published_count, 1); /* others may see it */
    type(ann, "{\"room\":\"Room\",\"typing\":false}");
    user_set_blocked(bob->user, NULL, 0);
    user_set_blocked(ann->user, &two, 1); /* a direct room: neither sees the other */
    room_name_learn(ann->rooms[0]->room, SPAN_LIT("ann@bob"), 20);
    type(ann, "{\"room\":\"ann@bob\",\"typing\":true}");
    pass(6000);
    assert_string_equal(got(world, 2), "");
}

static void nonsense_and_strangers_are_ignored(void **state)
{
    static const char *const nonsense[] = {
        "null",
        "[]",
        "\"x\"",
        "{}",
        "{\"room\":\"Room\"}",
        "{\"room\":\"Room\",\"typing\":1}",
        "{\"room\":7,\"typing\":true}",
        "{\"room\":\"Other\",\"typing\":true}",
        "{\"room\":\"\",\"typing\":true}",
    };
    struct world *world = *state;
    struct client *ann = member(world, 0, 1), *eve = connect_user(world, 3, 3);

    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++)
        type(ann, nonsense[i]);
    type(eve, "{\"room\":\"Room\",\"typing\":true}");
    assert_int_equal(published_count, 0);
}

static void too_much_of_it_is_ignored(void **state)
{
    struct world *world = *state;
    struct client *ann = member(world, 0, 1);

    for (int i = 0; i < 100; i++)
        type(ann, i % 2 ? "{\"room\":\"Room\",\"typing\":false}"
                        : "{\"room\":\"Room\",\"typing\":true}");
    assert_in_range(published_count, 5, 12);
}

static void who_lags_does_not_get_them(void **state)
{
    struct world *world = *state;

    member(world, 2, 2);
    world->sockets[2].lags = true;
    type(member(world, 0, 1), "{\"room\":\"Room\",\"typing\":true}");
    assert_string_equal(got(world, 2), "");
}

static void who_is_on_the_way_out_does_not_get_them(void **state)
{
    struct world *world = *state;
    struct client *ann = member(world, 0, 1);

    member(world, 2, 2);
    inbox(world, 2, 1, EVENT_INBOX_LEFT, 15); /* the room is at 10 */
    type(ann, "{\"room\":\"Room\",\"typing\":true}");
    assert_string_equal(got(world, 2), "");
}

static void old_names_lead_to_the_room(void **state)
{
    struct world *world = *state;
    struct room *room = member(world, 0, 1)->rooms[0]->room;
    struct event renamed = {.seq = 12,
                            .json = (char *)"[\"channelUpdated\",{\"name\":\"N\\u00e9w\"}]"};

    renamed.json_len = strlen(renamed.json);
    room_name_heed(room, &renamed);
    assert_string_equal(room->name, "N\xc3\xa9w");
    assert_ptr_equal(room_name_find(&world->gateway, SPAN_LIT("room")), room);
    assert_ptr_equal(room_name_find(&world->gateway, SPAN_LIT("N\xc3\x89W")), room);
    room_name_learn(room, SPAN_LIT("older"), 11); /* a snapshot from before */
    assert_string_equal(room->name, "N\xc3\xa9w");
    assert_null(room_name_find(&world->gateway, SPAN_LIT("nobody")));
    for (int i = 0; i < 40; i++) {
        char name[24];

        snprintf(name, sizeof name, "name %d", i);
        room_name_learn(room, span_of(name), 100 + i);
    }
    assert_null(room_name_find(&world->gateway, SPAN_LIT("room")));
    assert_ptr_equal(room_name_find(&world->gateway, SPAN_LIT("name 39")), room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(typing_reaches_the_others),
        T(repetitions_are_not_relayed),
        T(it_runs_out),
        T(what_another_broker_says_runs_out_too),
        T(a_message_ends_it),
        T(the_socket_going_ends_it),
        T(blocked_authors_are_not_seen),
        T(nonsense_and_strangers_are_ignored),
        T(too_much_of_it_is_ignored),
        T(who_lags_does_not_get_them),
        T(who_is_on_the_way_out_does_not_get_them),
        T(old_names_lead_to_the_room),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
