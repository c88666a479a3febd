/* Several at once: what the locks are for. Each test repeats a race from threads that start
 * together, each with its own connection, and looks at what became of the rows. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <pthread.h>

#include "shared/chat/expire.h"
#include "tests/unit/chat/act.h"

#define ROUNDS 40
#define RACERS_MAX 4

struct racer {
    struct world *world;
    struct db *db;
    struct chat_actor actor;
    enum chat_verb verb;
    char json[128];
    enum err err;
    pthread_barrier_t *start;
};

struct race {
    struct racer racers[RACERS_MAX];
    size_t count;
};

static void *run_racer(void *arg)
{
    struct racer *racer = arg;
    struct chat_command *command =
        chat_command_new(racer->world->chat, chat_command_def(racer->verb), &racer->actor);
    racer->err = chat_command_decode(command, span_of(racer->json));
    pthread_barrier_wait(racer->start);
    if (racer->err == ERR_OK)
        act_finish(command, racer->db);
    racer->err = chat_command_error(command);
    chat_command_free(command);
    return NULL;
}

static void race_add(struct race *race, struct world *world, const struct chat_actor *actor,
                     enum chat_verb verb)
{
    struct racer *racer = &race->racers[race->count++];
    racer->world = world;
    racer->db = pg_open();
    racer->actor = *actor;
    racer->verb = verb;
}

static void race_run(struct race *race)
{
    pthread_barrier_t start;
    pthread_t threads[RACERS_MAX];
    pthread_barrier_init(&start, NULL, (unsigned)race->count);
    for (size_t i = 0; i < race->count; i++) {
        race->racers[i].start = &start;
        assert_int_equal(pthread_create(&threads[i], NULL, run_racer, &race->racers[i]), 0);
    }
    for (size_t i = 0; i < race->count; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&start);
}

static void race_end(struct race *race)
{
    for (size_t i = 0; i < race->count; i++)
        db_close(race->racers[i].db);
}

static int count_err(const struct race *race, enum err err)
{
    int count = 0;
    for (size_t i = 0; i < race->count; i++)
        count += race->racers[i].err == err;
    return count;
}

/* Both logs are numbered 1, 2, 3, ... and the counters agree with them. */
static void assert_logs_are_whole(void)
{
    assert_int_equal(pg_int("select count(*) from room r where last_seq <>"
                            " (select count(*) from room_event e where e.room_id = r.id)"
                            " or last_seq <> (select coalesce(max(seq), 0) from room_event e"
                            "  where e.room_id = r.id)"),
                     0);
    assert_int_equal(pg_int("select count(*) from app_user u where inbox_seq <>"
                            " (select count(*) from inbox_event e where e.user_id = u.id)"
                            " or inbox_seq <> (select coalesce(max(seq), 0) from inbox_event e"
                            "  where e.user_id = u.id)"),
                     0);
    assert_int_equal(pg_int("select count(*) from room r where members <> (select count(*)"
                            " from membership m where m.room_id = r.id and m.is_member)"),
                     0);
}

static void two_creations_of_one_name(void **state)
{
    struct world *world = *state;
    struct race race = {.count = 0};
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    race_add(&race, world, &alice, CHAT_CREATE_CHANNEL);
    race_add(&race, world, &bob, CHAT_CREATE_CHANNEL);
    race_add(&race, world, &alice, CHAT_CREATE_CHANNEL);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < race.count; i++)
            snprintf(race.racers[i].json, sizeof race.racers[i].json,
                     "{\"name\":\"%s%d\",\"status\":\"PUBLIC\"}", i ? "ROOM" : "room", round);
        race_run(&race);
        assert_int_equal(count_err(&race, ERR_OK), 1);
        assert_int_equal(count_err(&race, ERR_NAME_TAKEN), 2);
    }
    assert_int_equal(pg_int("select count(*) from room"), ROUNDS);
    assert_logs_are_whole();
    race_end(&race);
}

static void two_joins_of_one_user(void **state)
{
    struct world *world = *state;
    struct race race = {.count = 0};
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    for (int i = 0; i < 3; i++)
        race_add(&race, world, &bob, CHAT_JOIN_CHANNEL);
    for (int round = 0; round < ROUNDS; round++) {
        char create[64];
        snprintf(create, sizeof create, "{\"name\":\"room%d\",\"status\":\"PUBLIC\"}", round);
        assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, create), ERR_OK);
        for (size_t i = 0; i < race.count; i++)
            snprintf(race.racers[i].json, sizeof race.racers[i].json, "{\"name\":\"room%d\"}",
                     round);
        race_run(&race);
        assert_int_equal(count_err(&race, ERR_OK), 1);
        assert_int_equal(count_err(&race, ERR_ALREADY_MEMBER), 2);
    }
    assert_int_equal(pg_int("select inbox_seq from app_user where username = 'bob'"), ROUNDS);
    assert_logs_are_whole();
    race_end(&race);
}

/* Either the joiner inherits the room, or finds it archived; never a room without an owner. */
static void the_last_owner_leaves_while_somebody_joins(void **state)
{
    struct world *world = *state;
    struct race race = {.count = 0};
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    race_add(&race, world, &alice, CHAT_LEAVE_CHANNEL);
    race_add(&race, world, &bob, CHAT_JOIN_CHANNEL);
    for (int round = 0; round < ROUNDS; round++) {
        char create[64];
        snprintf(create, sizeof create, "{\"name\":\"room%d\",\"status\":\"PUBLIC\"}", round);
        assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, create), ERR_OK);
        for (size_t i = 0; i < race.count; i++)
            snprintf(race.racers[i].json, sizeof race.racers[i].json, "{\"name\":\"room%d\"}",
                     round);
        race_run(&race);
        assert_int_equal(race.racers[0].err, ERR_OK);
        enum err joined = race.racers[1].err;
        assert_true(joined == ERR_OK || joined == ERR_ROOM_NOT_FOUND);
    }
    assert_int_equal(pg_int("select count(*) from room r where archived_at is null and not exists"
                            " (select 1 from membership m where m.room_id = r.id and m.is_member"
                            "  and m.role = 'OWNER')"),
                     0);
    assert_int_equal(pg_int("select count(*) from room r where archived_at is not null and exists"
                            " (select 1 from membership m where m.room_id = r.id and m.is_member)"),
                     0);
    assert_logs_are_whole();
    race_end(&race);
}

/* Three users open rooms with each other in a ring and from both sides: no deadlock, no double. */
static void direct_rooms_from_both_sides(void **state)
{
    struct world *world = *state;
    for (int round = 0; round < ROUNDS / 4; round++) {
        struct race race = {.count = 0};
        struct chat_actor users[3];
        char name[32];
        for (int i = 0; i < 3; i++) {
            snprintf(name, sizeof name, "user%d-%d", i, round);
            users[i] = act_user(world, name);
        }
        for (int i = 0; i < 4; i++) {
            int from = i == 3 ? 1 : i, to = i == 3 ? 0 : (i + 1) % 3;
            race_add(&race, world, &users[from], CHAT_CREATE_CHANNEL);
            snprintf(race.racers[i].json, sizeof race.racers[i].json,
                     "{\"name\":\"%s\",\"status\":\"DIRECT\"}", users[to].username);
        }
        race_run(&race);
        assert_int_equal(count_err(&race, ERR_OK), 4);
        assert_int_equal(pg_int("select count(*) from room"), 3 * (round + 1));
        race_end(&race);
    }
    assert_int_equal(pg_int("select count(*) from inbox_event where kind = 34"), 3 * (ROUNDS / 4));
    assert_logs_are_whole();
}

/* A room is deleted while another is joined by the same user: inboxes of many users at once. */
static void deleting_while_members_come_and_go(void **state)
{
    struct world *world = *state;
    struct race race = {.count = 0};
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    race_add(&race, world, &alice, CHAT_DELETE_CHANNEL);
    race_add(&race, world, &bob, CHAT_LEAVE_CHANNEL);
    race_add(&race, world, &bob, CHAT_CREATE_CHANNEL);
    race_add(&race, world, &alice, CHAT_CREATE_CHANNEL);
    for (int round = 0; round < ROUNDS; round++) {
        char json[64];
        snprintf(json, sizeof json, "{\"name\":\"room%d\",\"status\":\"PUBLIC\"}", round);
        assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, json), ERR_OK);
        snprintf(json, sizeof json, "{\"name\":\"room%d\"}", round);
        assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, json), ERR_OK);
        snprintf(race.racers[0].json, sizeof race.racers[0].json, "%s", json);
        snprintf(race.racers[1].json, sizeof race.racers[1].json, "%s", json);
        for (int i = 2; i < 4; i++)
            snprintf(race.racers[i].json, sizeof race.racers[i].json,
                     "{\"name\":\"other%d-%d\",\"status\":\"PUBLIC\"}", i, round);
        race_run(&race);
        assert_int_equal(race.racers[0].err, ERR_OK);
        enum err left = race.racers[1].err;
        assert_true(left == ERR_OK || left == ERR_ROOM_NOT_FOUND);
        assert_int_equal(race.racers[2].err, ERR_OK);
        assert_int_equal(race.racers[3].err, ERR_OK);
    }
    assert_logs_are_whole();
    race_end(&race);
}

/* Whatever comes first: one owner, nobody in who is banned, and all that was told is in the log. */
static void handing_over_while_the_heir_is_banned_and_leaves(void **state)
{
    struct world *world = *state;
    struct race race = {.count = 0};
    struct chat_actor ann = act_user(world, "ann"), bob = act_user(world, "bob"),
                      eve = act_user(world, "eve");
    race_add(&race, world, &ann, CHAT_UPDATE_CHANNEL);
    race_add(&race, world, &bob, CHAT_BAN_USER);
    race_add(&race, world, &eve, CHAT_LEAVE_CHANNEL);
    race_add(&race, world, &eve, CHAT_SEND_MESSAGE);
    for (int round = 0; round < ROUNDS; round++) {
        static const char *const forms[][2] = {{"name", "\",\"owner\":\"eve"},
                                               {"room", "\",\"username\":\"eve"},
                                               {"name", ""},
                                               {"room", "\",\"text\":\"hi"}};
        world_sql("insert into room (name, status, last_seq, members)"
                  " values ('room%d', 'PUBLIC', 1, 3);"
                  "insert into room_name (name_key, room_id) select name, id from room"
                  " where name = 'room%d';"
                  "insert into room_event (room_id, seq, kind, at) select id, 1, 2, now() from room"
                  " where name = 'room%d';"
                  "insert into membership (room_id, user_id, is_member, role) select r.id, u.id,"
                  " true, (array['OWNER', 'ADMIN', 'USER'])[u.id] from room r, app_user u"
                  " where r.name = 'room%d'",
                  round, round, round, round);
        for (size_t i = 0; i < race.count; i++)
            snprintf(race.racers[i].json, sizeof race.racers[i].json, "{\"%s\":\"room%d%s\"}",
                     forms[i][0], round, forms[i][1]);
        race_run(&race);
        for (size_t i = 0; i < race.count; i++)
            assert_int_not_equal(race.racers[i].err, ERR_INTERNAL);
    }
    assert_int_equal(pg_int("select count(*) from room r where (select count(*) from membership m"
                            " where m.room_id = r.id and m.role = 'OWNER') <> 1"),
                     0);
    assert_int_equal(pg_int("select count(*) from membership where is_member"
                            " and banned_until is not null"),
                     0);
    assert_int_equal(pg_int("select count(*) from room_event e where kind = 1 and exists (select 1"
                            " from room_event l where l.room_id = e.room_id and l.kind = 4"
                            " and l.seq < e.seq)"),
                     0);
    assert_logs_are_whole();
    race_end(&race);
}

struct expirer {
    struct db *db;
    size_t ended;
    pthread_barrier_t *start;
};

static void *run_expirer(void *arg)
{
    struct expirer *expirer = arg;
    bool more = true;
    pthread_barrier_wait(expirer->start);
    while (more) {
        struct event_list events;
        event_list_init(&events);
        enum err err = chat_expire(expirer->db, &events, &more);
        expirer->ended += events.count;
        event_list_release(&events);
        more = more || err != ERR_OK; /* a lock that took too long: as the next sweep would */
    }
    return NULL;
}

static void several_end_what_has_run_out(void **state)
{
    struct world *world = *state;
    struct chat_actor ann = act_user(world, "ann");
    struct expirer expirers[RACERS_MAX] = {{.ended = 0}};
    pthread_barrier_t start;
    pthread_t threads[RACERS_MAX];
    size_t ended = 0;
    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &ann, "{\"name\":\"room\",\"status\":\"PUBLIC\"}"),
        ERR_OK);
    pg_exec("insert into app_user (username, username_key) select 'u' || i, 'u' || i"
            " from generate_series(1, 200) i;"
            "insert into membership (room_id, user_id, is_member, muted_until)"
            " select 1, id, false, now() - interval '1 second' from app_user where id > 1");
    pthread_barrier_init(&start, NULL, RACERS_MAX);
    for (int i = 0; i < RACERS_MAX; i++) {
        expirers[i] = (struct expirer){.db = pg_open(), .start = &start};
        assert_int_equal(pthread_create(&threads[i], NULL, run_expirer, &expirers[i]), 0);
    }
    for (int i = 0; i < RACERS_MAX; i++) {
        pthread_join(threads[i], NULL);
        ended += expirers[i].ended;
        db_close(expirers[i].db);
    }
    pthread_barrier_destroy(&start);
    assert_int_equal(ended, 200);
    assert_int_equal(pg_int("select count(*) from room_event where kind = 5"), 200);
    assert_int_equal(pg_int("select count(*) from membership where muted_until is not null"), 0);
    assert_logs_are_whole();
}

/* A room that stays locked: busy, and unavailable at the deadline of the command. */
static void a_locked_room_is_busy_until_the_deadline(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    act_set(world, "pg.timeout_ms", "1200");
    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &alice, "{\"name\":\"room\",\"status\":\"PUBLIC\"}"),
        ERR_OK);
    struct db *slow = pg_open_super();
    db_begin(slow);
    assert_int_equal(pg_int_on(slow, "select id from room for update"), 1);
    struct chat_command *join =
        chat_command_new(world->chat, chat_command_def(CHAT_JOIN_CHANNEL), &bob);
    assert_int_equal(chat_command_decode(join, SPAN_LIT("{\"name\":\"room\"}")), ERR_OK);
    assert_int_equal(chat_command_run(join, world->db), CHAT_BUSY);
    act_finish(join, world->db);
    assert_int_equal(chat_command_error(join), ERR_UNAVAILABLE);
    chat_command_free(join);
    db_rollback(slow);
    db_close(slow);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"room\"}"), ERR_OK);
}

int main(int argc, char **argv)
{
    (void)argc;
    pg_require(argv);
#define T(test) cmocka_unit_test_setup_teardown(test, act_setup, act_teardown)
    const struct CMUnitTest tests[] = {
        T(two_creations_of_one_name),
        T(two_joins_of_one_user),
        T(the_last_owner_leaves_while_somebody_joins),
        T(direct_rooms_from_both_sides),
        T(deleting_while_members_come_and_go),
        T(handing_over_while_the_heir_is_banned_and_leaves),
        T(several_end_what_has_run_out),
        T(a_locked_room_is_busy_until_the_deadline),
    };
    return cmocka_run_group_tests_name("races", tests, NULL, NULL);
}
