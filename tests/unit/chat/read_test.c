/* Admission, history, logs and the sweep against a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "shared/base/json_scan.h"
#include "tests/unit/chat/world.h"

static struct chat_admission admit(struct world *world, int64_t user, int64_t history,
                                   const char *since)
{
    struct chat_actor actor = world_actor(user, "x");
    struct chat_connect_options options = {.history = history, .since = span_of(since)};
    struct chat_admission admission;

    assert_int_equal(chat_admit(world->chat, world->db, &actor, &options, &admission), ERR_OK);
    return admission;
}

/* ---- options ---- */

static void connect_options_have_types(void **state)
{
    static const struct {
        const char *auth;
        enum err err;
        int64_t history;
        const char *since;
    } cases[] = {
        {"", ERR_OK, -1, NULL},
        {"{}", ERR_OK, -1, NULL},
        {"null", ERR_OK, -1, NULL},
        {"{\"history\":null,\"since\":null}", ERR_OK, -1, NULL},
        {"{\"history\":0}", ERR_OK, 0, NULL},
        {"{\"history\":25,\"token\":\"x\"}", ERR_OK, 25, NULL},
        {"{\"since\":{\"a\":1,\"b\":0}}", ERR_OK, -1, "{\"a\":1,\"b\":0}"},
        {"{\"history\":-1}", ERR_VALIDATION_FAILED, 0, NULL},
        {"{\"history\":1.5}", ERR_VALIDATION_FAILED, 0, NULL},
        {"{\"history\":\"1\"}", ERR_VALIDATION_FAILED, 0, NULL},
        {"{\"history\":true}", ERR_VALIDATION_FAILED, 0, NULL},
        {"{\"since\":[]}", ERR_VALIDATION_FAILED, 0, NULL},
        {"{\"since\":{\"a\":-1}}", ERR_VALIDATION_FAILED, 0, NULL},
        {"{\"since\":{\"a\":\"1\"}}", ERR_VALIDATION_FAILED, 0, NULL},
    };
    struct chat_connect_options options;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(chat_connect_options_parse(span_of(cases[i].auth), &options),
                         cases[i].err);
        if (cases[i].err)
            continue;
        assert_int_equal(options.history, cases[i].history);
        assert_true(span_equal(options.since, span_of(cases[i].since)));
    }
}

/* ---- admission ---- */

static void admission_is_the_vector_of_all_rooms(void **state)
{
    struct world *world = *state;
    const int64_t ann = world_user("ann"), bob = world_user("bob"), eve = world_user("eve");
    const int64_t red = world_room("red"), blue = world_room("blue"), old = world_room("old");
    struct chat_admission admission;

    world_room("others");
    world_member(red, ann);
    world_member(blue, ann);
    world_member(old, ann);
    world_messages(red, ann, 5);
    world_sql("update room set archived_at = now() where id = %lld", (long long)old);
    world_sql("update app_user set inbox_seq = 7 where id = %lld", (long long)ann);
    world_sql("update membership set joined_seq = 3 where room_id = %lld", (long long)red);
    world_sql("insert into user_block values (1, %lld), (1, %lld)", (long long)eve, (long long)bob);
    admission = admit(world, ann, -1, NULL);
    assert_int_equal(admission.inbox_seq, 7);
    assert_int_equal(admission.room_count, 2);
    assert_int_equal(admission.rooms[0].room_id, red);
    assert_string_equal(admission.rooms[0].name, "red");
    assert_int_equal(admission.rooms[0].head, 5);
    assert_int_equal(admission.rooms[0].after, 0);
    assert_int_equal(admission.rooms[0].joined_seq, 3);
    assert_int_equal(admission.rooms[1].room_id, blue);
    assert_int_equal(admission.rooms[1].head, 0);
    assert_int_equal(admission.blocked_count, 2);
    assert_int_equal(admission.blocked[0], bob);
    assert_int_equal(admission.blocked[1], eve);
    chat_admission_release(&admission);

    admission = admit(world, bob, -1, NULL);
    assert_int_equal(admission.room_count, 0);
    assert_int_equal(admission.blocked_count, 0);
    chat_admission_release(&admission);
}

static void a_session_that_ended_is_not_admitted(void **state)
{
    struct world *world = *state;
    struct chat_connect_options options = {.history = -1};
    struct chat_admission admission;
    struct chat_actor actor = world_actor(world_user("ann"), "ann");

    pg_exec("update session set ended_at = now()");
    assert_int_equal(chat_admit(world->chat, world->db, &actor, &options, &admission),
                     ERR_UNAUTHENTICATED);
    chat_admission_release(&admission);
}

static int64_t after_of(struct world *world, int64_t history, const char *since, bool *is_since)
{
    struct chat_admission admission = admit(world, 1, history, since);
    int64_t after = admission.rooms[0].after;

    *is_since = admission.rooms[0].since;
    chat_admission_release(&admission);
    return after;
}

static void history_and_since_say_where_a_room_begins(void **state)
{
    struct world *world = *state;
    const int64_t ann = world_user("ann"), red = world_room("red");
    struct buf problem = {0};
    bool since;

    world_member(red, ann);
    world_messages(red, ann, 10);
    /* 4 and 9 are no messages */
    pg_exec("update room_event set kind = 3, text = null where seq in (4, 9);"
            "insert into room_name (name_key, room_id) values ('crimson', 1)");
    assert_int_equal(after_of(world, -1, NULL, &since), 0);
    assert_false(since);
    assert_int_equal(after_of(world, 0, NULL, &since), 10);
    assert_int_equal(after_of(world, 1, NULL, &since), 9);
    assert_int_equal(after_of(world, 3, NULL, &since), 6);
    assert_int_equal(after_of(world, 8, NULL, &since), 0);
    assert_int_equal(after_of(world, 100, NULL, &since), 0);
    assert_int_equal(after_of(world, -1, "{\"RED\":4}", &since), 4);
    assert_true(since);
    assert_int_equal(after_of(world, -1, "{\"crimson\":4}", &since), 4);
    assert_int_equal(after_of(world, -1, "{\"red\":10}", &since), 10);
    assert_true(since);
    assert_int_equal(after_of(world, -1, "{\"red\":11}", &since), 0);
    assert_false(since);
    assert_int_equal(after_of(world, -1, "{\"nowhere\":3,\"b@d\":1,\"\":2}", &since), 0);
    assert_int_equal(after_of(world, 1, "{\"red\":2}", &since), 2);

    assert_int_equal(conf_set(world->conf, "limits.history_messages", "2", &problem), ERR_OK);
    assert_int_equal(after_of(world, -1, NULL, &since), 7);
    assert_int_equal(after_of(world, 100, NULL, &since), 7);
    assert_int_equal(after_of(world, 1, NULL, &since), 9);
    assert_int_equal(after_of(world, 0, NULL, &since), 10);
}

/* ---- history ---- */

/* The whole history, read in pieces of about `bytes`; the number of pieces in *pieces. */
static struct buf read_history(struct world *world, const struct chat_admission *admission,
                               size_t bytes, int *pieces)
{
    struct chat_history history = {.admission = admission};
    struct buf out;

    buf_init(&out, BUF_MAX_DEFAULT);
    *pieces = 0;
    while (!history.done) {
        size_t before = out.len;

        assert_int_equal(chat_history_next(world->db, &history, bytes, &out), ERR_OK);
        assert_in_range(out.len - before, 0, bytes + 1000);
        assert_in_range(++*pieces, 1, 10000);
    }
    assert_int_equal(json_scan(buf_span(&out), 32), ERR_OK);
    return out;
}

static void expect_history(struct world *world, int64_t user, int64_t history, const char *since,
                           const char *expected)
{
    struct chat_admission admission = admit(world, user, history, since);
    int pieces;
    struct buf out = read_history(world, &admission, 65536, &pieces);

    assert_string_equal(out.data, expected);
    buf_release(&out);
    chat_admission_release(&admission);
}

#define MESSAGE(room, seq, second)                                                                 \
    "{\"room\":\"" room "\",\"seq\":" #seq                                                         \
    ",\"kind\":\"text\",\"sender\":\"ann\",\"text\":\"m" #seq                                      \
    "\",\"date\":\"2026-01-01T00:00:" second ".000Z\"}"

static void history_is_a_record_of_messages(void **state)
{
    struct world *world = *state;
    const int64_t ann = world_user("ann"), red = world_room("red"), blue = world_room("blue"),
                  green = world_room("green");

    expect_history(world, ann, -1, NULL, "{}");
    world_member(red, ann);
    world_member(blue, ann);
    world_member(green, ann);
    expect_history(world, ann, -1, NULL, "{\"red\":[],\"blue\":[],\"green\":[]}");
    world_messages(red, ann, 2);
    world_messages(green, ann, 1);
    expect_history(world, ann, -1, NULL,
                   "{\"red\":[" MESSAGE("red", 1, "01") "," MESSAGE(
                       "red", 2, "02") "],"
                                       "\"blue\":[],\"green\":[" MESSAGE("green", 1, "01") "]}");
    expect_history(
        world, ann, 1, NULL,
        "{\"red\":[" MESSAGE("red", 2, "02") "],\"blue\":[],"
                                             "\"green\":[" MESSAGE("green", 1, "01") "]}");
    expect_history(world, ann, 0, NULL, "{}");
    expect_history(world, ann, 0, "{\"red\":1}",
                   "{\"red\":[" MESSAGE("red", 2, "02") "],\"blue\":[],\"green\":[]}");
}

static void history_shows_messages_as_they_are_now(void **state)
{
    struct world *world = *state;
    const int64_t ann = world_user("ann"), bob = world_user("bob"), red = world_room("red");

    world_member(red, ann);
    world_messages(red, bob, 5);
    world_sql("update room_event set text = 'new', edited_at = '2026-02-01Z' where seq = 1;"
              "update room_event set text = null, deleted_at = '2026-02-02Z' where seq = 2;"
              "update room_event set kind = 2, actor_id = %lld, text = 'ann joined' where seq = 3;"
              "update room_event set kind = 3, text = null where seq = 4;"
              "update room_event set nonce = case seq when 1 then ' server' else 'mine' end"
              " where seq < 3",
              (long long)ann);
    expect_history(
        world, ann, -1, NULL,
        "{\"red\":[{\"room\":\"red\",\"seq\":1,\"kind\":\"text\",\"sender\":\"bob\","
        "\"text\":\"new\",\"date\":\"2026-01-01T00:00:01.000Z\","
        "\"editedAt\":\"2026-02-01T00:00:00.000Z\"},"
        "{\"room\":\"red\",\"seq\":2,\"kind\":\"text\",\"sender\":\"bob\",\"text\":\"\","
        "\"date\":\"2026-01-01T00:00:02.000Z\",\"deletedAt\":\"2026-02-02T00:00:00.000Z\","
        "\"nonce\":\"mine\"},"
        "{\"room\":\"red\",\"seq\":3,\"kind\":\"system\",\"sender\":null,\"text\":\"ann joined\","
        "\"date\":\"2026-01-01T00:00:03.000Z\"},"
        "{\"room\":\"red\",\"seq\":5,\"kind\":\"text\",\"sender\":\"bob\",\"text\":\"m5\","
        "\"date\":\"2026-01-01T00:00:05.000Z\"}]}");
    world_sql("insert into user_block values (%lld, %lld)", (long long)ann, (long long)bob);
    expect_history(world, ann, -1, NULL,
                   "{\"red\":[{\"room\":\"red\",\"seq\":3,\"kind\":\"system\",\"sender\":null,"
                   "\"text\":\"ann joined\",\"date\":\"2026-01-01T00:00:03.000Z\""
                   "}]}");
}

static void history_stops_at_the_head_of_the_admission(void **state)
{
    struct world *world = *state;
    const int64_t ann = world_user("ann"), red = world_room("red");
    struct chat_admission admission;
    struct buf out;
    int pieces;

    world_member(red, ann);
    world_messages(red, ann, 1);
    admission = admit(world, ann, -1, NULL);
    world_messages(red, ann, 1);
    out = read_history(world, &admission, 1000, &pieces);
    assert_string_equal(out.data, "{\"red\":[" MESSAGE("red", 1, "01") "]}");
    buf_release(&out);
    chat_admission_release(&admission);
}

/* Messages of every size of room, in pieces of every size, are each there once and in order. */
static void pieces_add_up_to_the_whole(void **state)
{
    static const int sizes[] = {0, 1, 0, 31, 32, 33, 700, 0, 1, 1, 64, 1024, 0};
    static const size_t bytes[] = {1, 100, 8192, 65536, 10000000};
    struct world *world = *state;
    const int64_t ann = world_user("ann");
    struct chat_admission admission;
    struct buf whole = {0};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char name[16];
        int64_t room;

        snprintf(name, sizeof name, "room%zu", i);
        room = world_room(name);
        world_member(room, ann);
        if (sizes[i])
            world_messages(room, ann, sizes[i]);
    }
    admission = admit(world, ann, -1, NULL);
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        int pieces;
        struct buf out = read_history(world, &admission, bytes[i], &pieces);

        assert_in_range(pieces, 1, 2000);
        if (whole.data)
            assert_string_equal(out.data, whole.data);
        else
            whole = out;
        if (out.data != whole.data)
            buf_release(&out);
    }
    for (size_t i = 0; i < admission.room_count; i++) {
        struct span messages = json_member(buf_span(&whole), admission.rooms[i].name);
        struct span key, message;
        size_t cursor = 0;
        long long seq, count = 0;

        while (json_next(messages, &cursor, &key, &message)) {
            assert_true(json_to_int(json_member(message, "seq"), &seq));
            assert_int_equal(seq, ++count);
        }
        assert_int_equal(count, sizes[i]);
    }
    buf_release(&whole);
    chat_admission_release(&admission);
}

/* ---- logs ---- */

static void expect_event(const struct event_list *events, size_t index, int64_t seq,
                         enum event_kind kind, int64_t author, const char *json)
{
    assert_in_range(index, 0, events->count - 1);
    assert_int_equal(events->items[index].seq, seq);
    assert_int_equal(events->items[index].kind, kind);
    assert_int_equal(events->items[index].author, author);
    if (json)
        assert_string_equal(events->items[index].json, json);
    else
        assert_null(events->items[index].json);
}

static void a_rooms_log_is_rendered_from_the_present(void **state)
{
    struct world *world = *state;
    const int64_t ann = world_user("ann"), bob = world_user("bob"), red = world_room("red");
    struct event_list events;

    world_messages(red, bob, 8);
    world_sql("update room_event set text = 'new', edited_at = '2026-02-01Z' where seq = 1;"
              "update room_event set kind = 6, target_seq = 1, text = null, actor_id = %lld"
              " where seq = 2;"
              "update room_event set kind = 3, text = null, subject_id = %lld,"
              " payload = '{\"role\": \"USER\", \"username\": \"ann\"}' where seq = 3;"
              "update room_event set text = null, deleted_at = '2026-02-02Z' where seq = 4;"
              "update room_event set kind = 7, target_seq = 4, text = null where seq = 5;"
              "update room_event set kind = 8, text = null, payload ="
              " '{\"name\": \"red\", \"status\": \"PUBLIC\", \"previousName\": \"rot\"}'"
              " where seq = 6;"
              "update room_event set kind = 4, text = null, subject_id = %lld,"
              " payload = '{\"username\": \"ann\"}' where seq = 7;"
              "update room_event set kind = 9, text = null where seq = 8",
              (long long)ann, (long long)ann, (long long)ann);
    event_list_init(&events);
    assert_int_equal(chat_log_read(world->db, LOG_ROOM, red, 0, 0, 100, false, &events), ERR_OK);
    assert_int_equal(events.count, 8);
#define NEW                                                                                        \
    "\"room\":\"red\",\"seq\":1,\"kind\":\"text\",\"sender\":\"bob\",\"text\":\"new\","            \
    "\"date\":\"2026-01-01T00:00:01.000Z\",\"editedAt\":\"2026-02-01T00:00:00.000Z\""
    expect_event(&events, 0, 1, EVENT_TEXT, bob, "[\"newMessage\",{" NEW "}]");
    expect_event(&events, 1, 2, EVENT_MESSAGE_UPDATED, bob,
                 "[\"messageUpdated\",{" NEW ",\"eventSeq\":2}]");
    assert_int_equal(events.items[1].actor, ann);
    expect_event(&events, 2, 3, EVENT_MEMBER_JOINED, 0,
                 "[\"memberJoined\",{\"room\":\"red\",\"seq\":3,\"username\":\"ann\","
                 "\"role\":\"USER\",\"date\":\"2026-01-01T00:00:03.000Z\"}]");
    assert_int_equal(events.items[2].subject, ann);
    expect_event(&events, 3, 4, EVENT_TEXT, bob,
                 "[\"newMessage\",{\"room\":\"red\",\"seq\":4,\"kind\":\"text\",\"sender\":\"bob\","
                 "\"text\":\"\",\"date\":\"2026-01-01T00:00:04.000Z\","
                 "\"deletedAt\":\"2026-02-02T00:00:00.000Z\"}]");
    expect_event(&events, 4, 5, EVENT_MESSAGE_DELETED, bob,
                 "[\"messageDeleted\",{\"room\":\"red\",\"seq\":4,\"kind\":\"text\","
                 "\"sender\":\"bob\",\"text\":\"\",\"date\":\"2026-01-01T00:00:04.000Z\","
                 "\"deletedAt\":\"2026-02-02T00:00:00.000Z\",\"eventSeq\":5}]");
    expect_event(&events, 5, 6, EVENT_CHANNEL_UPDATED, 0,
                 "[\"channelUpdated\",{\"room\":\"red\",\"seq\":6,\"name\":\"red\","
                 "\"status\":\"PUBLIC\",\"previousName\":\"rot\"}]");
    expect_event(&events, 6, 7, EVENT_MEMBER_LEFT, 0,
                 "[\"memberLeft\",{\"room\":\"red\",\"seq\":7,\"username\":\"ann\","
                 "\"date\":\"2026-01-01T00:00:07.000Z\"}]");
    expect_event(&events, 7, 8, EVENT_CHANNEL_DELETED, 0,
                 "[\"channelDeleted\",{\"room\":\"red\",\"seq\":8}]");
    event_list_release(&events);

    assert_int_equal(chat_log_read(world->db, LOG_ROOM, red, 2, 6, 2, false, &events), ERR_OK);
    assert_int_equal(events.count, 2);
    assert_int_equal(events.items[0].seq, 3);
    event_list_release(&events);
    assert_int_equal(chat_log_read(world->db, LOG_ROOM, red, 0, 7, 3, true, &events), ERR_OK);
    assert_int_equal(events.count, 3);
    assert_int_equal(events.items[2].seq, 5);
    event_list_release(&events);
    assert_int_equal(chat_log_read(world->db, LOG_ROOM, 999, 0, 0, 3, false, &events), ERR_OK);
    assert_int_equal(events.count, 0);
}

static void an_inbox_has_what_routing_needs(void **state)
{
    struct world *world = *state;
    const int64_t ann = world_user("ann"), bob = world_user("bob"), red = world_room("red");
    struct event_list events;

    world_sql(
        "insert into inbox_event (user_id, seq, kind, actor_id, room_id, room_seq, session_id)"
        " values (%lld, 1, 32, null, %lld, 12, null), (%lld, 2, 34, %lld, %lld, null, null),"
        " (%lld, 3, 35, null, null, null, 77), (%lld, 4, 36, %lld, null, null, null)",
        (long long)ann, (long long)red, (long long)ann, (long long)bob, (long long)red,
        (long long)ann, (long long)ann, (long long)bob);
    event_list_init(&events);
    assert_int_equal(chat_log_read(world->db, LOG_INBOX, ann, 0, 0, 100, false, &events), ERR_OK);
    assert_int_equal(events.count, 4);
    expect_event(&events, 0, 1, EVENT_INBOX_JOINED, 0, NULL);
    assert_int_equal(events.items[0].log, LOG_INBOX);
    assert_int_equal(events.items[0].log_id, ann);
    assert_int_equal(events.items[0].room, red);
    assert_int_equal(events.items[0].room_seq, 12);
    assert_string_equal(events.items[0].room_name, "red");
    expect_event(&events, 1, 2, EVENT_INBOX_DIRECT_OPENED, 0,
                 "[\"reconnectNeeded\",{\"message\":\"A direct channel with you was opened.\","
                 "\"room\":\"red\"}]");
    expect_event(&events, 2, 3, EVENT_INBOX_SESSION_ENDED, 0, NULL);
    assert_int_equal(events.items[2].session, 77);
    expect_event(&events, 3, 4, EVENT_INBOX_BLOCKED, 0, NULL);
    assert_int_equal(events.items[3].actor, bob);
    event_list_release(&events);
    assert_int_equal(chat_log_read(world->db, LOG_INBOX, ann, 1, 3, 100, false, &events), ERR_OK);
    assert_int_equal(events.count, 2);
    event_list_release(&events);
}

static void heads_are_the_last_seqs(void **state)
{
    struct world *world = *state;
    const int64_t ann = world_user("ann"), red = world_room("red");
    struct chat_head heads[] = {{LOG_INBOX, ann, -1}, {LOG_ROOM, 999, -1}, {LOG_ROOM, red, -1}};

    world_messages(red, ann, 4);
    pg_exec("update app_user set inbox_seq = 9");
    assert_int_equal(chat_heads(world->db, heads, 3), ERR_OK);
    assert_int_equal(heads[0].seq, 9);
    assert_int_equal(heads[1].seq, 0);
    assert_int_equal(heads[2].seq, 4);
    assert_int_equal(chat_heads(world->db, NULL, 0), ERR_OK);
    assert_int_equal(chat_ping(world->db), ERR_OK);
}

/* ---- the sweep ---- */

/* Sweep on; expects `count` heads and, if there is one, the first to be (log, id, seq). */
static void sweep_expect(struct world *world, struct chat_sweep *sweep, size_t count,
                         enum log_type log, int64_t id, int64_t seq)
{
    sweep->since_xid = sweep->next_xid;
    assert_int_equal(chat_sweep_run(world->db, sweep), ERR_OK);
    assert_int_equal(sweep->count, count);
    if (count) {
        assert_int_equal(sweep->heads[0].log, log);
        assert_int_equal(sweep->heads[0].id, id);
        assert_int_equal(sweep->heads[0].seq, seq);
    }
    chat_sweep_release(sweep);
}

static void the_sweep_finds_exactly_what_is_new(void **state)
{
    struct world *world = *state;
    const int64_t ann = world_user("ann"), red = world_room("red"), blue = world_room("blue");
    struct chat_sweep sweep = {0};
    struct db *slow = pg_open();
    static const struct db_stmt write = {
        "test_write", "insert into room_event (room_id, seq, kind, at) values ($1, $2, 3, now())",
        2};

    world_messages(red, ann, 3);
    sweep_expect(world, &sweep, 0, 0, 0, 0); /* the first only says where to begin */
    sweep_expect(world, &sweep, 0, 0, 0, 0);
    world_messages(red, ann, 2);
    sweep_expect(world, &sweep, 1, LOG_ROOM, red, 5);
    sweep_expect(world, &sweep, 0, 0, 0, 0);

    /* A transaction older than a sweep that commits after it is found by the next. */
    db_begin(slow);
    assert_int_equal(db_run(slow, &write, DB_PARAMS(db_param_int(blue), db_param_int(1)), NULL),
                     ERR_OK);
    world_messages(red, ann, 1);
    sweep_expect(world, &sweep, 1, LOG_ROOM, red, 6);
    assert_int_equal(db_commit(slow), ERR_OK);
    sweep.since_xid = sweep.next_xid;
    assert_int_equal(chat_sweep_run(world->db, &sweep), ERR_OK);
    assert_int_equal(sweep.count, 2); /* red once more: it was written while blue was under way */
    assert_int_equal(sweep.heads[0].id + sweep.heads[1].id, red + blue);
    chat_sweep_release(&sweep);
    sweep_expect(world, &sweep, 0, 0, 0, 0);

    world_sql("insert into inbox_event (user_id, seq, kind) values (%lld, 1, 32)", (long long)ann);
    sweep_expect(world, &sweep, 1, LOG_INBOX, ann, 1);
    sweep_expect(world, &sweep, 0, 0, 0, 0);
    db_close(slow);
}

int main(int argc, char **argv)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_options_have_types),
        CASE(admission_is_the_vector_of_all_rooms),
        CASE(a_session_that_ended_is_not_admitted),
        CASE(history_and_since_say_where_a_room_begins),
        CASE(history_is_a_record_of_messages),
        CASE(history_shows_messages_as_they_are_now),
        CASE(history_stops_at_the_head_of_the_admission),
        CASE(pieces_add_up_to_the_whole),
        CASE(a_rooms_log_is_rendered_from_the_present),
        CASE(an_inbox_has_what_routing_needs),
        CASE(heads_are_the_last_seqs),
        CASE(the_sweep_finds_exactly_what_is_new),
    };

    (void)argc;
    pg_require(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
