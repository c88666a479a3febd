/* editMessage and deleteMessage: who may, what changes, what is told, and what replay shows. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/chat/act.h"

/* A room "r" of ann (owner), adam (admin), bob and carl; bob's message is seq 1, adam's 2. */
struct scene {
    struct world *world;
    struct chat_actor ann, adam, bob, carl;
    int64_t room;
};

static void role(const struct scene *scene, const struct chat_actor *actor, const char *name)
{
    world_member(scene->room, actor->user_id);
    world_sql("update membership set role = '%s' where room_id = %lld and user_id = %lld", name,
              (long long)scene->room, (long long)actor->user_id);
}

static void send_as(const struct scene *scene, const struct chat_actor *actor, const char *json)
{
    assert_int_equal(act_do(scene->world, CHAT_SEND_MESSAGE, actor, json), ERR_OK);
}

static struct scene begin(void **state)
{
    struct scene scene = {.world = *state};
    scene.ann = act_user(scene.world, "ann");
    scene.adam = act_user(scene.world, "adam");
    scene.bob = act_user(scene.world, "bob");
    scene.carl = act_user(scene.world, "carl");
    scene.room = world_room("r");
    role(&scene, &scene.ann, "OWNER");
    role(&scene, &scene.adam, "ADMIN");
    role(&scene, &scene.bob, "USER");
    role(&scene, &scene.carl, "USER");
    send_as(&scene, &scene.bob, "{\"room\":\"r\",\"text\":\"helo\",\"nonce\":\"n1\"}");
    send_as(&scene, &scene.adam, "{\"room\":\"r\",\"text\":\"hi\"}");
    return scene;
}

static enum err edit(const struct scene *scene, const struct chat_actor *actor, const char *json)
{
    return act_do(scene->world, CHAT_EDIT_MESSAGE, actor, json);
}

static enum err erase(const struct scene *scene, const struct chat_actor *actor, int seq)
{
    char json[64];
    snprintf(json, sizeof json, "{\"room\":\"r\",\"seq\":%d}", seq);
    return act_do(scene->world, CHAT_DELETE_MESSAGE, actor, json);
}

static void assert_has(const char *json, const char *text)
{
    if (!json || !strstr(json, text))
        fail_msg("no %s in %s", text, json ? json : "(nothing)");
}

static int64_t last_seq(void)
{
    return pg_int("select last_seq from room where name = 'r'");
}

#define EDIT_1 "{\"room\":\"R\",\"seq\":1,\"text\":\"hello\"}"

/* ---- what an edit does ---- */

static void an_edit_changes_the_message_and_adds_a_row(void **state)
{
    struct scene scene = begin(state);
    struct chat_command *command = act_command(scene.world, CHAT_EDIT_MESSAGE, &scene.bob, EDIT_1);
    struct event_list *events = chat_command_events(command);
    struct buf message;
    assert_int_equal(chat_command_error(command), ERR_OK);
    assert_body_has(command, "\"message\":\"Message edited.\",\"room\":\"r\",\"seq\":1,"
                             "\"eventSeq\":3");
    assert_int_equal(events->count, 1);
    assert_int_equal(events->items[0].kind, EVENT_MESSAGE_UPDATED);
    assert_int_equal(events->items[0].seq, 3);
    assert_int_equal(events->items[0].author, scene.bob.user_id);
    assert_has(events->items[0].json, "[\"messageUpdated\",{\"room\":\"r\",\"seq\":1,"
                                      "\"kind\":\"text\",\"sender\":\"bob\",\"text\":\"hello\"");
    assert_has(events->items[0].json, "\"nonce\":\"n1\",\"eventSeq\":3}]");
    buf_init(&message, BUF_MAX_DEFAULT);
    chat_command_resource(command, &message);
    assert_has(message.data, "\"seq\":1,\"kind\":\"text\",\"sender\":\"bob\",\"text\":\"hello\"");
    assert_has(message.data, "\"editedAt\":\"");
    buf_release(&message);
    chat_command_free(command);
    assert_int_equal(last_seq(), 3);
    assert_int_equal(pg_int("select count(*) from room_event where seq = 1 and text = 'hello'"
                            " and edited_at is not null and at < edited_at"),
                     1);
    assert_int_equal(pg_int("select target_seq from room_event where seq = 3"), 1);
}

static void the_same_text_is_success_without_a_row(void **state)
{
    struct scene scene = begin(state);
    struct chat_command *command = act_command(scene.world, CHAT_EDIT_MESSAGE, &scene.bob,
                                               "{\"room\":\"r\",\"seq\":1,\"text\":\"helo\"}");
    assert_int_equal(chat_command_error(command), ERR_OK);
    assert_true(chat_command_is_replay(command));
    assert_int_equal(chat_command_events(command)->count, 0);
    chat_command_free(command);
    assert_int_equal(last_seq(), 2);
}

static void a_resend_of_the_first_text_still_finds_it(void **state)
{
    struct scene scene = begin(state);
    assert_int_equal(edit(&scene, &scene.bob, EDIT_1), ERR_OK);
    struct chat_command *again = act_command(scene.world, CHAT_SEND_MESSAGE, &scene.bob,
                                             "{\"room\":\"r\",\"text\":\"helo\",\"nonce\":\"n1\"}");
    assert_int_equal(chat_command_error(again), ERR_OK);
    assert_true(chat_command_is_replay(again));
    assert_int_equal(chat_command_seq(again), 1);
    chat_command_free(again);
}

static void edits_have_the_rules_of_texts(void **state)
{
    struct scene scene = begin(state);
    static const char *const bad[] = {
        "{\"room\":\"r\",\"seq\":1}",
        "{\"room\":\"r\",\"text\":\"x\"}",
        "{\"seq\":1,\"text\":\"x\"}",
        "{\"room\":\"r\",\"seq\":\"1\",\"text\":\"x\"}",
        "{\"room\":\"r\",\"seq\":-1,\"text\":\"x\"}",
        "{\"room\":\"r\",\"seq\":1,\"text\":\"  \"}",
        "{\"room\":\"r\",\"seq\":1,\"text\":\"a\\u0001\"}",
        "{\"room\":\"r\",\"seq\":1,\"text\":7}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(edit(&scene, &scene.bob, bad[i]), ERR_VALIDATION_FAILED);
    assert_int_equal(last_seq(), 2);
}

static void an_edit_costs_like_a_send(void **state)
{
    struct scene scene = begin(state);
    act_set(scene.world, "limits.sends_per_s", "1");
    act_set(scene.world, "limits.send_burst", "2");
    assert_int_equal(edit(&scene, &scene.bob, EDIT_1), ERR_OK);
    assert_int_equal(edit(&scene, &scene.bob, EDIT_1), ERR_OK);
    assert_int_equal(edit(&scene, &scene.bob, EDIT_1), ERR_RATE_LIMITED);
    assert_int_equal(erase(&scene, &scene.bob, 1), ERR_OK);
}

/* ---- who may ---- */

static void only_its_author_edits_a_message(void **state)
{
    struct scene scene = begin(state);
    struct chat_actor stranger = act_user(scene.world, "stranger");
    assert_int_equal(edit(&scene, &scene.ann, EDIT_1), ERR_FORBIDDEN);
    assert_int_equal(edit(&scene, &stranger, EDIT_1), ERR_NOT_A_MEMBER);
    assert_int_equal(edit(&scene, &scene.bob, "{\"room\":\"x\",\"seq\":1,\"text\":\"y\"}"),
                     ERR_ROOM_NOT_FOUND);
    assert_int_equal(edit(&scene, &scene.bob, "{\"room\":\"r\",\"seq\":9,\"text\":\"y\"}"),
                     ERR_MESSAGE_NOT_FOUND);
    assert_int_equal(edit(&scene, &scene.bob, "{\"room\":\"r\",\"seq\":0,\"text\":\"y\"}"),
                     ERR_MESSAGE_NOT_FOUND);
    world_sql("update session set ended_at = now() where user_id = %lld",
              (long long)scene.bob.user_id);
    assert_int_equal(edit(&scene, &scene.bob, EDIT_1), ERR_UNAUTHENTICATED);
    assert_int_equal(last_seq(), 2);
}

static void roles_decide_who_deletes(void **state)
{
    struct scene scene = begin(state);
    assert_int_equal(erase(&scene, &scene.carl, 1), ERR_FORBIDDEN);
    assert_int_equal(erase(&scene, &scene.carl, 2), ERR_FORBIDDEN);
    assert_int_equal(erase(&scene, &scene.bob, 2), ERR_FORBIDDEN);
    assert_int_equal(erase(&scene, &scene.adam, 1), ERR_OK);
    send_as(&scene, &scene.ann, "{\"room\":\"r\",\"text\":\"owner's\"}"); /* 4 */
    assert_int_equal(erase(&scene, &scene.adam, 4), ERR_FORBIDDEN);
    assert_int_equal(erase(&scene, &scene.ann, 2), ERR_OK);
    send_as(&scene, &scene.carl, "{\"room\":\"r\",\"text\":\"mine\"}"); /* 6 */
    assert_int_equal(erase(&scene, &scene.carl, 6), ERR_OK);
    assert_int_equal(last_seq(), 7);
}

/* One who has left has no role: any admin may tidy up. */
static void messages_of_those_who_left_are_admins_to_delete(void **state)
{
    struct scene scene = begin(state);
    send_as(&scene, &scene.ann, "{\"room\":\"r\",\"text\":\"x\"}");
    assert_int_equal(act_do(scene.world, CHAT_LEAVE_CHANNEL, &scene.bob, "{\"name\":\"r\"}"),
                     ERR_OK);
    assert_int_equal(erase(&scene, &scene.bob, 1), ERR_NOT_A_MEMBER);
    assert_int_equal(edit(&scene, &scene.bob, EDIT_1), ERR_NOT_A_MEMBER);
    assert_int_equal(erase(&scene, &scene.carl, 1), ERR_FORBIDDEN);
    assert_int_equal(erase(&scene, &scene.adam, 1), ERR_OK);
}

static void nobody_touches_system_messages(void **state)
{
    struct scene scene = begin(state);
    assert_int_equal(act_do(scene.world, CHAT_LEAVE_CHANNEL, &scene.carl, "{\"name\":\"r\"}"),
                     ERR_OK);
    int seq = (int)pg_int("select seq from room_event where kind = 2");
    char json[80];
    snprintf(json, sizeof json, "{\"room\":\"r\",\"seq\":%d,\"text\":\"x\"}", seq);
    assert_int_equal(edit(&scene, &scene.ann, json), ERR_FORBIDDEN);
    assert_int_equal(erase(&scene, &scene.ann, seq), ERR_FORBIDDEN);
    assert_int_equal(erase(&scene, &scene.ann, seq - 1), ERR_MESSAGE_NOT_FOUND); /* memberLeft */
}

static void the_muted_may_take_back_but_not_edit(void **state)
{
    struct scene scene = begin(state);
    world_sql("update membership set muted_until = 'infinity' where user_id = %lld",
              (long long)scene.bob.user_id);
    struct chat_command *command = act_command(scene.world, CHAT_EDIT_MESSAGE, &scene.bob, EDIT_1);
    assert_int_equal(chat_command_error(command), ERR_MUTED);
    assert_body_has(command, "\"until\":null");
    chat_command_free(command);
    assert_int_equal(erase(&scene, &scene.bob, 1), ERR_OK);
    world_sql("update membership set muted_until = now() - interval '1 s'");
    send_as(&scene, &scene.bob, "{\"room\":\"r\",\"text\":\"again\"}"); /* 4 */
    assert_int_equal(edit(&scene, &scene.bob, "{\"room\":\"r\",\"seq\":4,\"text\":\"y\"}"), ERR_OK);
}

static void the_banned_may_nothing(void **state)
{
    struct scene scene = begin(state);
    world_sql("update membership set banned_until = now() + interval '1 hour', is_member = false"
              " where user_id = %lld",
              (long long)scene.bob.user_id);
    struct chat_command *command = act_command(scene.world, CHAT_EDIT_MESSAGE, &scene.bob, EDIT_1);
    assert_int_equal(chat_command_error(command), ERR_BANNED);
    assert_body_has(command, "\"until\":\"");
    chat_command_free(command);
    assert_int_equal(erase(&scene, &scene.bob, 1), ERR_BANNED);
}

static void in_a_direct_room_each_has_its_own(void **state)
{
    struct scene scene = begin(state);
    static const char *const text = "{\"room\":\"ann@bob\",\"text\":\"psst\"}";
    static const char *const change = "{\"room\":\"ann@bob\",\"seq\":1,\"text\":\"pst\"}";
    static const char *const gone = "{\"room\":\"ann@bob\",\"seq\":1}";
    int64_t room = world_direct("ann@bob", scene.ann.user_id, scene.bob.user_id);
    world_member(room, scene.ann.user_id);
    world_member(room, scene.bob.user_id);
    world_sql("update membership set role = null where room_id = %lld", (long long)room);
    send_as(&scene, &scene.bob, text);
    assert_int_equal(edit(&scene, &scene.carl, change), ERR_ROOM_NOT_FOUND);
    assert_int_equal(edit(&scene, &scene.ann, change), ERR_FORBIDDEN);
    assert_int_equal(act_do(scene.world, CHAT_DELETE_MESSAGE, &scene.ann, gone), ERR_FORBIDDEN);
    assert_int_equal(edit(&scene, &scene.bob, change), ERR_OK);
    world_sql("insert into user_block values (%lld, %lld)", (long long)scene.ann.user_id,
              (long long)scene.bob.user_id);
    assert_int_equal(edit(&scene, &scene.bob, "{\"room\":\"ann@bob\",\"seq\":1,\"text\":\"z\"}"),
                     ERR_BLOCKED);
    assert_int_equal(act_do(scene.world, CHAT_DELETE_MESSAGE, &scene.bob, gone), ERR_OK);
}

/* ---- what a delete does ---- */

static void a_delete_erases_the_text_everywhere(void **state)
{
    struct scene scene = begin(state);
    assert_int_equal(edit(&scene, &scene.bob, EDIT_1), ERR_OK);
    struct chat_command *command =
        act_command(scene.world, CHAT_DELETE_MESSAGE, &scene.adam, "{\"room\":\"r\",\"seq\":1}");
    struct event_list *events = chat_command_events(command);
    assert_int_equal(chat_command_error(command), ERR_OK);
    assert_body_has(command, "\"message\":\"Message deleted.\",\"room\":\"r\",\"seq\":1,"
                             "\"eventSeq\":4");
    assert_int_equal(events->count, 1);
    assert_int_equal(events->items[0].actor, scene.adam.user_id);
    assert_int_equal(events->items[0].author, scene.bob.user_id);
    assert_has(events->items[0].json, "[\"messageDeleted\",{\"room\":\"r\",\"seq\":1,"
                                      "\"kind\":\"text\",\"sender\":\"bob\",\"text\":\"\"");
    assert_has(events->items[0].json, "\"deletedAt\":\"");
    chat_command_free(command);
    assert_int_equal(pg_int("select count(*) from room_event where seq = 1 and text is null"), 1);
    /* again: success, no row; an edit: there is no such message any more */
    assert_int_equal(erase(&scene, &scene.adam, 1), ERR_OK);
    assert_int_equal(erase(&scene, &scene.bob, 1), ERR_OK);
    assert_int_equal(erase(&scene, &scene.carl, 1), ERR_FORBIDDEN);
    assert_int_equal(edit(&scene, &scene.bob, EDIT_1), ERR_MESSAGE_NOT_FOUND);
    assert_int_equal(last_seq(), 4);
}

/* Replay renders the present: the edit before a delete shows no text any more. */
static void replay_shows_what_is_now(void **state)
{
    struct scene scene = begin(state);
    struct event_list events;
    assert_int_equal(edit(&scene, &scene.bob, EDIT_1), ERR_OK);
    assert_int_equal(erase(&scene, &scene.bob, 1), ERR_OK);
    event_list_init(&events);
    assert_int_equal(
        chat_log_read(scene.world->db, LOG_ROOM, scene.room, 0, 0, 100, false, &events), ERR_OK);
    assert_int_equal(events.count, 4);
    for (size_t i = 0; i < events.count; i++) {
        assert_int_equal(events.items[i].author, i == 1 ? scene.adam.user_id : scene.bob.user_id);
        if (i != 1)
            assert_has(events.items[i].json, "\"text\":\"\"");
    }
    assert_has(events.items[2].json, "[\"messageUpdated\"");
    assert_has(events.items[2].json, "\"eventSeq\":3}]");
    assert_has(events.items[3].json, "[\"messageDeleted\"");
    event_list_release(&events);
}

int main(int argc, char **argv)
{
    (void)argc;
    pg_require(argv);
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, act_setup, act_teardown)
        TEST(an_edit_changes_the_message_and_adds_a_row),
        TEST(the_same_text_is_success_without_a_row),
        TEST(a_resend_of_the_first_text_still_finds_it),
        TEST(edits_have_the_rules_of_texts),
        TEST(an_edit_costs_like_a_send),
        TEST(only_its_author_edits_a_message),
        TEST(roles_decide_who_deletes),
        TEST(messages_of_those_who_left_are_admins_to_delete),
        TEST(nobody_touches_system_messages),
        TEST(the_muted_may_take_back_but_not_edit),
        TEST(the_banned_may_nothing),
        TEST(in_a_direct_room_each_has_its_own),
        TEST(a_delete_erases_the_text_everywhere),
        TEST(replay_shows_what_is_now),
    };
    return cmocka_run_group_tests_name("edit", tests, NULL, NULL);
}
