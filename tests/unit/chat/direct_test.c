/* Direct rooms: made once for two users, closed to everyone else; and dead sessions. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/chat/act.h"

static const struct event *event_at(struct chat_command *command, size_t index)
{
    assert_true(index < chat_command_events(command)->count);
    return &chat_command_events(command)->items[index];
}

static void assert_event(const struct event *event, enum event_kind kind, int64_t log_id,
                         int64_t seq)
{
    assert_int_equal(event->kind, kind);
    assert_int_equal(event->log_id, log_id);
    assert_int_equal(event->seq, seq);
}

static void a_direct_room_enters_both_and_tells_the_other(void **state)
{
    struct world *world = *state;
    struct chat_actor bob = act_user(world, "bob");
    struct chat_actor alice = act_user(world, "Alice");
    struct chat_command *command =
        act_command(world, CHAT_CREATE_CHANNEL, &bob, "{\"name\":\"aLICE\",\"status\":\"DIRECT\"}");
    assert_int_equal(chat_command_error(command), ERR_OK);
    const struct chat_room_view *room = chat_command_room(command);
    assert_string_equal(room->name, "Alice@bob");
    assert_string_equal(room->status, "DIRECT");
    assert_null(room->role);
    assert_int_equal(room->members, 2);
    assert_int_equal(chat_command_events(command)->count, 6);
    assert_event(event_at(command, 0), EVENT_MEMBER_JOINED, room->id, 1);
    assert_int_equal(event_at(command, 0)->subject, bob.user_id);
    assert_event(event_at(command, 1), EVENT_MEMBER_JOINED, room->id, 2);
    assert_int_equal(event_at(command, 1)->subject, alice.user_id);
    assert_event(event_at(command, 2), EVENT_SYSTEM, room->id, 3);
    assert_non_null(strstr(event_at(command, 2)->json, "bob opened a conversation with Alice"));
    assert_event(event_at(command, 3), EVENT_INBOX_JOINED, bob.user_id, 1);
    assert_int_equal(event_at(command, 3)->room_seq, 1);
    assert_event(event_at(command, 4), EVENT_INBOX_JOINED, alice.user_id, 1);
    assert_int_equal(event_at(command, 4)->room_seq, 2);
    assert_event(event_at(command, 5), EVENT_INBOX_DIRECT_OPENED, alice.user_id, 2);
    assert_non_null(strstr(event_at(command, 5)->json, "[\"reconnectNeeded\",{"));
    assert_null(event_at(command, 3)->json);
    chat_command_free(command);
    assert_int_equal(pg_int("select count(*) from membership where is_member and role is null"), 2);
}

static void one_that_exists_is_success_with_it(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &alice, "{\"name\":\"bob\",\"status\":\"DIRECT\"}"),
        ERR_OK);
    struct chat_command *command =
        act_command(world, CHAT_CREATE_CHANNEL, &bob, "{\"name\":\"alice\",\"status\":\"DIRECT\"}");
    assert_int_equal(chat_command_error(command), ERR_OK);
    assert_true(chat_command_is_replay(command));
    assert_string_equal(chat_command_room(command)->name, "alice@bob");
    assert_int_equal(chat_command_events(command)->count, 0);
    chat_command_free(command);
    assert_int_equal(pg_int("select count(*) from room"), 1);
    assert_int_equal(pg_int("select count(*) from room_event"), 3);
}

static void direct_rooms_need_another_user(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    struct chat_command *command = act_command(world, CHAT_CREATE_CHANNEL, &alice,
                                               "{\"name\":\"ALICE\",\"status\":\"DIRECT\"}");
    assert_int_equal(chat_command_error(command), ERR_VALIDATION_FAILED);
    assert_body_has(command, "\"errors\":[{\"field\":\"name\"");
    chat_command_free(command);
    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &alice, "{\"name\":\"nobody\",\"status\":\"DIRECT\"}"),
        ERR_USER_NOT_FOUND);
    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &alice, "{\"name\":\"a@b\",\"status\":\"DIRECT\"}"),
        ERR_USER_NOT_FOUND);
    pg_exec("insert into app_user (username, username_key, deleted_at)"
            " values ('gone', 'gone', now())");
    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &alice, "{\"name\":\"gone\",\"status\":\"DIRECT\"}"),
        ERR_USER_NOT_FOUND);
    assert_int_equal(pg_int("select count(*) from room"), 0);
}

static void nobody_joins_leaves_or_changes_one(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    struct chat_actor carol = act_user(world, "carol");
    const struct {
        enum chat_verb verb;
        const char *json;
    } tries[] = {
        {CHAT_JOIN_CHANNEL, "{\"name\":\"alice@bob\"}"},
        {CHAT_JOIN_CHANNEL, "{\"name\":\"alice@bob\",\"password\":\"x\"}"},
        {CHAT_LEAVE_CHANNEL, "{\"name\":\"alice@bob\"}"},
        {CHAT_UPDATE_CHANNEL, "{\"name\":\"alice@bob\",\"newName\":\"x\"}"},
        {CHAT_UPDATE_CHANNEL, "{\"name\":\"alice@bob\",\"password\":\"x\"}"},
        {CHAT_DELETE_CHANNEL, "{\"name\":\"alice@bob\"}"},
    };
    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &alice, "{\"name\":\"bob\",\"status\":\"DIRECT\"}"),
        ERR_OK);
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        assert_int_equal(act_do(world, tries[i].verb, &bob, tries[i].json), ERR_FORBIDDEN);
        assert_int_equal(act_do(world, tries[i].verb, &carol, tries[i].json), ERR_ROOM_NOT_FOUND);
    }
    assert_int_equal(act_do(world, CHAT_GET_HISTORY, &carol, "{\"room\":\"alice@bob\"}"),
                     ERR_ROOM_NOT_FOUND);
    assert_int_equal(act_do(world, CHAT_GET_HISTORY, &bob, "{\"room\":\"alice@bob\"}"), ERR_OK);
}

static const struct {
    enum chat_verb verb;
    const char *json;
} everything[] = {
    {CHAT_SEND_MESSAGE, "{\"room\":\"here\",\"text\":\"x\"}"},
    {CHAT_CREATE_CHANNEL, "{\"name\":\"a\",\"status\":\"PUBLIC\"}"},
    {CHAT_CREATE_CHANNEL, "{\"name\":\"a\",\"status\":\"PRIVATE\",\"password\":\"x\"}"},
    {CHAT_CREATE_CHANNEL, "{\"name\":\"bob\",\"status\":\"DIRECT\"}"},
    {CHAT_CREATE_CHANNEL, "{\"name\":\"nobody\",\"status\":\"DIRECT\"}"},
    {CHAT_JOIN_CHANNEL, "{\"name\":\"other\"}"},
    {CHAT_JOIN_CHANNEL, "{\"name\":\"other\",\"password\":\"x\"}"},
    {CHAT_LEAVE_CHANNEL, "{\"name\":\"here\"}"},
    {CHAT_UPDATE_CHANNEL, "{\"name\":\"here\",\"newName\":\"x\"}"},
    {CHAT_UPDATE_CHANNEL, "{\"name\":\"here\",\"status\":\"PRIVATE\",\"password\":\"x\"}"},
    {CHAT_DELETE_CHANNEL, "{\"name\":\"here\"}"},
    {CHAT_GET_HISTORY, "{\"room\":\"here\"}"},
};

static void assert_nothing_goes(struct world *world, const struct chat_actor *actor)
{
    for (size_t i = 0; i < sizeof everything / sizeof everything[0]; i++) {
        enum err err = act_do(world, everything[i].verb, actor, everything[i].json);
        if (err != ERR_UNAUTHENTICATED)
            fail_msg("%s %s: %s", chat_command_def(everything[i].verb)->event, everything[i].json,
                     err_code(err));
    }
}

static void a_dead_session_does_nothing(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &alice, "{\"name\":\"here\",\"status\":\"PUBLIC\"}"),
        ERR_OK);
    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &bob, "{\"name\":\"other\",\"status\":\"PUBLIC\"}"),
        ERR_OK);
    pg_exec("update session set ended_at = now() where id = 1");
    assert_nothing_goes(world, &alice);
    pg_exec("update session set ended_at = null, expires_at = now() - interval '1 s' where id = 1");
    assert_nothing_goes(world, &alice);
    pg_exec("update session set expires_at = now() + interval '1 h' where id = 1;"
            "update app_user set disabled_at = now() where id = 1");
    assert_nothing_goes(world, &alice);
    pg_exec("update app_user set disabled_at = null where id = 1");
    struct chat_actor mixed = alice;
    mixed.session_id = bob.session_id;
    assert_nothing_goes(world, &mixed);
    assert_int_equal(pg_int("select count(*) from room"), 2);
    assert_int_equal(act_do(world, CHAT_LEAVE_CHANNEL, &alice, "{\"name\":\"here\"}"), ERR_OK);
}

static void no_database_is_unavailable(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    db_close(world->db);
    world->db = db_open("host=/nonexistent dbname=parley", 200, 100);
    for (size_t i = 0; i < sizeof everything / sizeof everything[0]; i++)
        assert_int_equal(act_do(world, everything[i].verb, &alice, everything[i].json),
                         ERR_UNAVAILABLE);
}

int main(int argc, char **argv)
{
    (void)argc;
    pg_require(argv);
#define T(test) cmocka_unit_test_setup_teardown(test, act_setup, act_teardown)
    const struct CMUnitTest tests[] = {
        T(a_direct_room_enters_both_and_tells_the_other),
        T(one_that_exists_is_success_with_it),
        T(direct_rooms_need_another_user),
        T(nobody_joins_leaves_or_changes_one),
        T(a_dead_session_does_nothing),
        T(no_database_is_unavailable),
    };
    return cmocka_run_group_tests_name("direct rooms", tests, NULL, NULL);
}
