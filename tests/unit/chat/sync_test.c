/* What was missed, for clients without a connection, against a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "shared/base/json_scan.h"
#include "tests/unit/chat/world.h"

/* ---- the request ---- */

static void the_request_is_checked(void **state)
{
    static const struct {
        const char *body;
        const char *problem; /* NULL: good */
    } cases[] = {
        {"{\"since\":{}}", NULL},
        {"{\"since\":{\"a\":0,\"b\":9007199254740991},\"more\":1}", NULL},
        {"{\"since\":{\"a\":1,\"b\":2,\"c\":3}}", NULL},
        {"{\"since\":{\"a\":1,\"b\":2,\"c\":3,\"d\":4}}",
         "[{\"field\":\"since\",\"problem\":\"names too many channels\"}]"},
        {"{", "[{\"field\":\"\",\"problem\":\"must be valid JSON\"}]"},
        {"[]", "[{\"field\":\"\",\"problem\":\"must be an object\"}]"},
        {"null", "[{\"field\":\"\",\"problem\":\"must be an object\"}]"},
        {"{}", "[{\"field\":\"since\",\"problem\":\"is required\"}]"},
        {"{\"since\":null}", "[{\"field\":\"since\",\"problem\":\"must be an object\"}]"},
        {"{\"since\":[]}", "[{\"field\":\"since\",\"problem\":\"must be an object\"}]"},
        {"{\"since\":{\"\\ud800\":1}}",
         "[{\"field\":\"since\",\"problem\":\"has a name with half of a surrogate pair\"}]"},
    };
    static const char *const bad_seqs[] = {"-1",
                                           "1.5",
                                           "1e3",
                                           "\"1\"",
                                           "true",
                                           "null",
                                           "{}",
                                           "[]",
                                           "1E0",
                                           "-0.0",
                                           "9223372036854775808"};
    struct world *world = *state;
    struct span since;
    struct buf problems;

    buf_init(&problems, 1024);
    assert_int_equal(conf_set(world->conf, "limits.rooms_per_user", "3", &problems), ERR_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buf_clear(&problems);
        enum err err = chat_sync_parse(world->chat, span_of(cases[i].body), &since, &problems);

        assert_int_equal(err, cases[i].problem ? ERR_VALIDATION_FAILED : ERR_OK);
        if (cases[i].problem)
            assert_string_equal(problems.data, cases[i].problem);
    }
    for (size_t i = 0; i < sizeof bad_seqs / sizeof bad_seqs[0]; i++) {
        char body[64];

        snprintf(body, sizeof body, "{\"since\":{\"a\":%s}}", bad_seqs[i]);
        buf_clear(&problems);
        assert_int_equal(chat_sync_parse(world->chat, span_of(body), &since, &problems),
                         ERR_VALIDATION_FAILED);
    }
    buf_release(&problems);
}

/* ---- the answer ---- */

/* What `user` gets for `since`, read in pieces of about `bytes`; their number in *pieces. */
static struct buf sync_in(struct world *world, int64_t user, const char *since, size_t bytes,
                          int *pieces)
{
    struct chat_actor actor = world_actor(user, "x");
    struct chat_connect_options options = {.history = -1, .since = span_of(since)};
    struct chat_admission admission;
    struct chat_sync sync = {.admission = &admission, .since = span_of(since)};
    struct buf out;

    assert_int_equal(chat_admit(world->chat, world->db, &actor, &options, &admission), ERR_OK);
    buf_init(&out, BUF_MAX_DEFAULT);
    *pieces = 0;
    while (!sync.done) {
        assert_int_equal(chat_sync_next(world->db, &sync, bytes, &out), ERR_OK);
        assert_in_range(++*pieces, 1, 10000);
    }
    assert_int_equal(json_scan(buf_span(&out), 32), ERR_OK);
    chat_admission_release(&admission);
    return out;
}

static void expect(struct world *world, int64_t user, const char *since, const char *expected)
{
    int pieces;
    struct buf out = sync_in(world, user, since, 65536, &pieces);

    assert_string_equal(out.data, expected);
    buf_release(&out);
}

#define MESSAGE(room, seq, second)                                                                 \
    "{\"seq\":" #seq ",\"event\":\"newMessage\",\"data\":{\"room\":\"" room "\",\"seq\":" #seq     \
    ",\"kind\":\"text\",\"sender\":\"ann\",\"text\":\"m" #seq                                      \
    "\",\"date\":\"2026-01-01T00:00:" second ".000Z\"}}"
#define ROOM(room, after, last, events)                                                            \
    "\"" room "\":{\"after\":" #after ",\"lastSeq\":" #last ",\"events\":[" events "]}"

static void rooms_come_from_where_they_were_or_in_full(void **state)
{
    struct world *world = *state;
    const int64_t ann = world_user("ann"), red = world_room("red"), blue = world_room("blue");

    expect(world, ann, "{}", "{\"gone\":[],\"rooms\":{}}");
    world_member(red, ann);
    world_member(blue, ann);
    world_messages(red, ann, 2);
    pg_exec("insert into room_name (name_key, room_id) values ('crimson', 1)");
    expect(world, ann, "{\"red\":1}",
           "{\"gone\":[],\"rooms\":{" ROOM("red", 1, 2, MESSAGE("red", 2, "02")) "," ROOM(
               "blue", 0, 0, "") "}}");
    expect(world, ann, "{\"Crimson\":2}",
           "{\"gone\":[],\"rooms\":{" ROOM("red", 2, 2, "") "," ROOM("blue", 0, 0, "") "}}");
    /* beyond its last: in full */
    expect(world, ann, "{\"red\":3}",
           "{\"gone\":[],\"rooms\":{" ROOM("red", 0, 2,
                                           MESSAGE("red", 1, "01") "," MESSAGE(
                                               "red", 2, "02")) "," ROOM("blue", 0, 0, "") "}}");
}

static void what_is_no_room_of_mine_is_gone_and_no_more_is_said(void **state)
{
    struct world *world = *state;
    const int64_t ann = world_user("ann"), eve = world_user("eve"), red = world_room("red"),
                  left = world_room("left"), old = world_room("old"), dark = world_room("dark");

    world_member(red, ann);
    world_member(left, ann);
    world_member(old, ann);
    world_member(dark, eve);
    world_messages(dark, eve, 3);
    world_messages(left, eve, 3);
    world_sql("update membership set is_member = false where room_id = %lld", (long long)left);
    world_sql("update room set archived_at = now() where id = %lld", (long long)old);
    expect(world, ann,
           "{\"red\":0,\"left\":1,\"old\":0,\"dark\":1,\"nowhere\":2,\"b@d\":1,\"\":0,"
           "\"\\u0000\":1}",
           "{\"gone\":[\"left\",\"old\",\"dark\",\"nowhere\",\"b@d\",\"\",\"\\u0000\"],"
           "\"rooms\":{" ROOM("red", 0, 0, "") "}}");
}

static void the_blocked_are_not_heard(void **state)
{
    struct world *world = *state;
    const int64_t ann = world_user("ann"), bob = world_user("bob"), red = world_room("red");

    world_member(red, ann);
    world_member(red, bob);
    world_messages(red, bob, 1);
    world_messages(red, ann, 1);
    world_messages(red, bob, 300);
    world_sql("insert into user_block values (%lld, %lld)", (long long)ann, (long long)bob);
    expect(world, ann, "{}",
           "{\"gone\":[],\"rooms\":{" ROOM("red", 0, 302, MESSAGE("red", 2, "02")) "}}");
}

static int count_of(const char *text, const char *what)
{
    int count = 0;

    for (; (text = strstr(text, what)); text++)
        count++;
    return count;
}

static void pieces_add_up_to_the_whole(void **state)
{
    struct world *world = *state;
    const int64_t ann = world_user("ann");
    int pieces;

    for (int i = 0; i < 30; i++) {
        char name[16];

        snprintf(name, sizeof name, "r%d", i);
        int64_t room = world_room(name);
        world_member(room, ann);
        world_messages(room, ann, i == 7 ? 1000 : i == 8 ? 200 : i % 3);
    }
    struct buf whole = sync_in(world, ann, "{\"r7\":100}", 64 << 20, &pieces);
    assert_int_equal(pieces, 1);
    assert_int_equal(count_of(whole.data, "\"event\":\"newMessage\""), 900 + 200 + 27);
    for (size_t bytes = 1; bytes < 100000; bytes *= 10) {
        struct buf out = sync_in(world, ann, "{\"r7\":100}", bytes, &pieces);

        assert_string_equal(out.data, whole.data);
        buf_release(&out);
    }
    buf_release(&whole);
}

static void the_operator_caps_what_comes_in_full(void **state)
{
    struct world *world = *state;
    const int64_t ann = world_user("ann"), red = world_room("red");
    struct buf problem = {0};

    world_member(red, ann);
    world_messages(red, ann, 5);
    assert_int_equal(conf_set(world->conf, "limits.history_messages", "1", &problem), ERR_OK);
    expect(world, ann, "{}",
           "{\"gone\":[],\"rooms\":{" ROOM("red", 4, 5, MESSAGE("red", 5, "05")) "}}");
    expect(world, ann, "{\"red\":3}",
           "{\"gone\":[],\"rooms\":{" ROOM(
               "red", 3, 5, MESSAGE("red", 4, "04") "," MESSAGE("red", 5, "05")) "}}");
}

int main(int argc, char **argv)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(the_request_is_checked),
        CASE(rooms_come_from_where_they_were_or_in_full),
        CASE(what_is_no_room_of_mine_is_gone_and_no_more_is_said),
        CASE(the_blocked_are_not_heard),
        CASE(pieces_add_up_to_the_whole),
        CASE(the_operator_caps_what_comes_in_full),
    };

    (void)argc;
    pg_require(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
