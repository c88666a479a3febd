/* Presence in PostgreSQL: who was the first and the last of several brokers, and dead ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/chat/presence.h"
#include "tests/unit/chat/world.h"

#define LEASE 60000

static int64_t ann, bob, room;

static void prepare(void)
{
    ann = world_user("ann");
    bob = world_user("bob");
    room = world_room("room");
    world_member(room, ann);
    world_member(room, bob);
    world_sql("update room set members = 2");
}

/* One step of a broker; what it answers as text: "+ann -bob =ann". */
static const char *step(struct world *world, struct chat_presence *step)
{
    static const char marks[] = {[CHAT_CAME_ONLINE] = '+',
                                 [CHAT_WENT_OFFLINE] = '-',
                                 [CHAT_IS_ONLINE] = '=',
                                 [CHAT_ASK_AGAIN] = '?'};
    static char text[512];
    size_t len = 0;

    text[0] = '\0';
    step->lease_ms = LEASE;
    if (step->max_members == 0)
        step->max_members = 500;
    assert_int_equal(chat_presence_step(world->db, step), ERR_OK);
    for (size_t i = 0; i < step->row_count; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%c%s", i ? " " : "",
                                marks[step->rows[i].what], step->rows[i].username);
    chat_presence_release(step);
    return text;
}

#define STEP(...) step(world, &(struct chat_presence){__VA_ARGS__})
#define IDS(...)                                                                                   \
    (int64_t[])                                                                                    \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void enroll(struct world *world, const char *broker)
{
    assert_string_equal(STEP(.broker = broker, .enroll = true), "");
}

static void the_first_and_the_last_count(void **state)
{
    struct world *world = *state;

    prepare();
    enroll(world, "a");
    enroll(world, "b");
    assert_string_equal(STEP(.broker = "a", .came = IDS(ann), .came_count = 1), "+ann");
    assert_string_equal(STEP(.broker = "b", .came = IDS(ann, bob), .came_count = 2), "+bob");
    assert_string_equal(STEP(.broker = "a", .gone = IDS(ann), .gone_count = 1), "");
    assert_string_equal(STEP(.broker = "a", .gone = IDS(ann), .gone_count = 1), "");
    assert_string_equal(STEP(.broker = "b", .gone = IDS(ann), .gone_count = 1), "-ann");
    assert_string_equal(STEP(.broker = "b", .rooms = IDS(room, 999), .room_count = 2), "=bob");
    assert_string_equal(
        STEP(.broker = "b", .gone = IDS(bob), .gone_count = 1, .rooms = IDS(room), .room_count = 1),
        "-bob =");
}

static void what_may_have_been_done_is_told_again(void **state)
{
    struct world *world = *state;

    prepare();
    enroll(world, "a");
    STEP(.broker = "a", .came = IDS(ann), .came_count = 1);
    assert_string_equal(STEP(.broker = "a", .came = IDS(ann), .came_count = 1), "");
    assert_string_equal(STEP(.broker = "a", .came = IDS(ann), .came_count = 1, .again = true),
                        "+ann");
    STEP(.broker = "a", .gone = IDS(ann), .gone_count = 1);
    assert_string_equal(STEP(.broker = "a", .gone = IDS(ann), .gone_count = 1, .again = true),
                        "-ann");
}

static void the_dead_are_buried_once(void **state)
{
    struct world *world = *state;
    struct chat_presence renewal = {.broker = "a", .renew = true};

    prepare();
    enroll(world, "a");
    enroll(world, "b");
    STEP(.broker = "b", .came = IDS(ann, bob), .came_count = 2);
    STEP(.broker = "a", .came = IDS(bob), .came_count = 1);
    step(world, &renewal);
    assert_false(renewal.dead);
    world_sql("update broker set lease_until = now() - interval '1 ms' where id = 'b'");
    step(world, &renewal);
    assert_true(renewal.dead && !renewal.lost);
    assert_string_equal(STEP(.broker = "a", .bury = true), "-ann");
    assert_string_equal(STEP(.broker = "a", .bury = true), "");
    assert_int_equal(pg_int("select count(*) from broker"), 1);
    assert_int_equal(pg_int("select count(*) from presence"), 1);
}

/* 50 users with 500 rooms each: a step has so many of them that its rows are bounded. */
static void a_burial_is_bounded_by_what_it_tells(void **state)
{
    struct world *world = *state;
    size_t told = 0;
    int steps = 0;

    pg_exec("insert into app_user (username, username_key) select 'u' || i, 'u' || i"
            " from generate_series(1, 50) i;"
            "insert into room (name, status, members) select i, 'PUBLIC', 50"
            " from generate_series(1, 500) i;"
            "insert into membership (room_id, user_id, is_member) select r.id, u.id, true"
            " from room r, app_user u;"
            "insert into broker values ('dead', '-infinity');"
            "insert into presence select id, 'dead' from app_user");
    for (bool more = true; more; steps++) {
        struct chat_presence burial = {
            .broker = "a", .bury = true, .lease_ms = LEASE, .max_members = 500};

        assert_int_equal(chat_presence_step(world->db, &burial), ERR_OK);
        assert_true(burial.row_count <= 10000);
        told += burial.row_count;
        more = burial.more;
        chat_presence_release(&burial);
    }
    assert_int_equal(told, 50 * 500);
    assert_int_equal(steps, 4); /* the last finds none, and takes the broker away */
    assert_int_equal(pg_int("select count(*) from broker"), 0);
}

static void a_lease_that_has_ended_is_not_renewed(void **state)
{
    struct world *world = *state;
    struct chat_presence renewal = {
        .broker = "a", .renew = true, .came = IDS(ann), .came_count = 1};

    prepare();
    enroll(world, "a");
    world_sql("update broker set lease_until = '-infinity'");
    assert_string_equal(step(world, &renewal), "");
    assert_true(renewal.lost);
    assert_string_equal(STEP(.broker = "a", .enroll = true, .came = IDS(ann), .came_count = 1),
                        "+ann");
    renewal = (struct chat_presence){.broker = "a", .renew = true};
    step(world, &renewal);
    assert_false(renewal.lost);
}

static void big_and_archived_rooms_have_none(void **state)
{
    struct world *world = *state;

    prepare();
    enroll(world, "a");
    assert_string_equal(STEP(.broker = "a", .came = IDS(ann), .came_count = 1, .max_members = 1,
                             .rooms = IDS(room), .room_count = 1),
                        "");
    world_sql("update room set members = 30000");
    assert_string_equal(
        STEP(.broker = "a", .max_members = 100000, .rooms = IDS(room), .room_count = 1), "?");
    world_sql("update room set members = 2, archived_at = now()");
    assert_string_equal(STEP(.broker = "a", .came = IDS(bob), .came_count = 1), "");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
        T(the_first_and_the_last_count),     T(what_may_have_been_done_is_told_again),
        T(the_dead_are_buried_once),         T(a_lease_that_has_ended_is_not_renewed),
        T(big_and_archived_rooms_have_none), T(a_burial_is_bounded_by_what_it_tells),
#undef T
    };

    (void)argc;
    pg_require(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
