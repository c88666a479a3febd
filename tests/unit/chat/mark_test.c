/* markRead and the counts of unread messages. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "shared/base/json_scan.h"
#include "tests/unit/chat/act.h"

struct scene {
    struct world *world;
    struct chat_actor ann, bob, carl;
    int64_t room;
};

static void say(const struct scene *scene, const struct chat_actor *actor)
{
    assert_int_equal(
        act_do(scene->world, CHAT_SEND_MESSAGE, actor, "{\"room\":\"r\",\"text\":\"x\"}"), ERR_OK);
}

/* ann, bob and carl in r, where bob and carl have each said something: seqs 1 and 2. */
static struct scene begin(void **state)
{
    struct scene scene = {.world = *state};
    scene.ann = act_user(scene.world, "ann");
    scene.bob = act_user(scene.world, "bob");
    scene.carl = act_user(scene.world, "carl");
    scene.room = world_room("r");
    world_member(scene.room, scene.ann.user_id);
    world_member(scene.room, scene.bob.user_id);
    world_member(scene.room, scene.carl.user_id);
    world_sql("update room set members = 3");
    say(&scene, &scene.bob);
    say(&scene, &scene.carl);
    return scene;
}

/* What GET /channels?member=me and GET /channels/r say, which is the same. */
static int64_t count(const struct scene *scene, const char *member)
{
    const struct chat_channel_query query = {.mine = true, .limit = 10};
    struct buf list, one, next;
    size_t cursor = 0;
    struct span channel;
    long long value = -1;
    buf_init(&list, BUF_MAX_DEFAULT);
    buf_init(&one, BUF_MAX_DEFAULT);
    buf_init(&next, BUF_MAX_DEFAULT);
    assert_int_equal(chat_channels_list(scene->world->db, &scene->ann, &query, &list, &next),
                     ERR_OK);
    assert_true(json_next(json_member(buf_span(&list), "channels"), &cursor, NULL, &channel));
    assert_int_equal(chat_channel_get(scene->world->db, &scene->ann, SPAN_LIT("r"), &one), ERR_OK);
    assert_true(span_equal(channel, buf_span(&one)));
    assert_true(json_to_int(json_member(channel, member), &value));
    buf_release(&list);
    buf_release(&one);
    buf_release(&next);
    return value;
}

static enum err mark(const struct scene *scene, int seq)
{
    char json[64];
    snprintf(json, sizeof json, "{\"room\":\"r\",\"seq\":%d}", seq);
    return act_do(scene->world, CHAT_MARK_READ, &scene->ann, json);
}

static void the_marker_moves_forward_and_not_too_far(void **state)
{
    struct scene scene = begin(state);
    struct chat_command *command =
        act_command(scene.world, CHAT_MARK_READ, &scene.ann, "{\"room\":\"R\",\"seq\":1}");
    struct event_list *events = chat_command_events(command);
    assert_int_equal(chat_command_error(command), ERR_OK);
    assert_body_has(command, "{\"message\":\"Marked as read.\",\"room\":\"r\",\"seq\":1}");
    assert_int_equal(events->count, 1);
    assert_true(event_is_news(&events->items[0]));
    assert_int_equal(events->items[0].log, LOG_ROOM);
    assert_int_equal(events->items[0].author, scene.ann.user_id);
    assert_string_equal(events->items[0].json,
                        "[\"readMarker\",{\"room\":\"r\",\"username\":\"ann\",\"seq\":1}]");
    chat_command_free(command);
    assert_int_equal(count(&scene, "lastReadSeq"), 1);
    assert_int_equal(mark(&scene, 99), ERR_OK);
    assert_int_equal(count(&scene, "lastReadSeq"), 2);
    command = act_command(scene.world, CHAT_MARK_READ, &scene.ann, "{\"room\":\"r\",\"seq\":1}");
    assert_body_has(command, "\"seq\":2}");
    assert_int_equal(chat_command_events(command)->count, 0);
    chat_command_free(command);
    assert_int_equal(count(&scene, "lastReadSeq"), 2);
    assert_int_equal(pg_int("select last_seq from room"), 2);
}

static void in_a_large_room_only_ones_own_sockets_hear(void **state)
{
    struct scene scene = begin(state);
    world_sql("update room set members = 101");
    struct chat_command *command =
        act_command(scene.world, CHAT_MARK_READ, &scene.ann, "{\"room\":\"r\",\"seq\":1}");
    assert_int_equal(chat_command_events(command)->items[0].log, LOG_INBOX);
    assert_int_equal(chat_command_events(command)->items[0].log_id, scene.ann.user_id);
    chat_command_free(command);
}

static void members_only(void **state)
{
    struct scene scene = begin(state);
    struct chat_actor dora = act_user(scene.world, "dora");
    static const char *const json = "{\"room\":\"r\",\"seq\":1}";
    world_direct("bob@carl", scene.bob.user_id, scene.carl.user_id);
    assert_int_equal(act_do(scene.world, CHAT_MARK_READ, &dora, json), ERR_NOT_A_MEMBER);
    assert_int_equal(
        act_do(scene.world, CHAT_MARK_READ, &dora, "{\"room\":\"bob@carl\",\"seq\":1}"),
        ERR_ROOM_NOT_FOUND);
    assert_int_equal(act_do(scene.world, CHAT_MARK_READ, &dora, "{\"room\":\"no\",\"seq\":1}"),
                     ERR_ROOM_NOT_FOUND);
    assert_int_equal(act_do(scene.world, CHAT_MARK_READ, &scene.ann, "{\"room\":\"r\"}"),
                     ERR_VALIDATION_FAILED);
    assert_int_equal(act_do(scene.world, CHAT_MARK_READ, &scene.ann, "{\"room\":\"r\",\"seq\":-1}"),
                     ERR_VALIDATION_FAILED);
    world_sql("update membership set is_member = false, banned_until = 'infinity'");
    assert_int_equal(mark(&scene, 1), ERR_BANNED);
    world_sql("update session set ended_at = now()");
    assert_int_equal(mark(&scene, 1), ERR_UNAUTHENTICATED);
    assert_int_equal(pg_int("select max(last_read_seq) from membership"), 0);
}

static void marks_are_limited(void **state)
{
    struct scene scene = begin(state);
    act_set(scene.world, "limits.marks_per_s", "1");
    for (int i = 0; i < 3; i++)
        assert_int_equal(mark(&scene, 1), ERR_OK);
    assert_int_equal(mark(&scene, 1), ERR_RATE_LIMITED);
}

static void unread_are_what_others_said(void **state)
{
    struct scene scene = begin(state);
    assert_int_equal(count(&scene, "unread"), 2);
    say(&scene, &scene.ann);
    assert_int_equal(count(&scene, "unread"), 2);
    assert_int_equal(mark(&scene, 1), ERR_OK);
    assert_int_equal(count(&scene, "unread"), 1);
    say(&scene, &scene.bob); /* 4 */
    assert_int_equal(count(&scene, "unread"), 2);
    assert_int_equal(
        act_do(scene.world, CHAT_DELETE_MESSAGE, &scene.bob, "{\"room\":\"r\",\"seq\":4}"), ERR_OK);
    assert_int_equal(count(&scene, "unread"), 1);
    assert_int_equal(act_do(scene.world, CHAT_BLOCK_USER, &scene.ann, "{\"username\":\"carl\"}"),
                     ERR_OK);
    assert_int_equal(count(&scene, "unread"), 0);
    assert_int_equal(act_do(scene.world, CHAT_UNBLOCK_USER, &scene.ann, "{\"username\":\"carl\"}"),
                     ERR_OK);
    assert_int_equal(act_do(scene.world, CHAT_LEAVE_CHANNEL, &scene.carl, "{\"name\":\"r\"}"),
                     ERR_OK);
    assert_int_equal(count(&scene, "unread"), 1);
}

static void what_was_said_before_one_joined_is_read(void **state)
{
    struct scene scene = begin(state);
    world_sql("delete from membership where user_id = %lld", (long long)scene.ann.user_id);
    assert_int_equal(act_do(scene.world, CHAT_JOIN_CHANNEL, &scene.ann, "{\"name\":\"r\"}"),
                     ERR_OK);
    assert_int_equal(count(&scene, "unread"), 0);
    say(&scene, &scene.bob);
    assert_int_equal(count(&scene, "unread"), 1);
}

static void counting_ends_somewhere(void **state)
{
    struct scene scene = begin(state);
    world_messages(scene.room, scene.bob.user_id, 1500);
    assert_int_equal(count(&scene, "unread"), 1000);
    world_messages(scene.room, scene.ann.user_id, 1990);
    assert_int_equal(count(&scene, "unread"), 10);
}

static void others_see_no_counts(void **state)
{
    struct scene scene = begin(state);
    struct chat_actor dora = act_user(scene.world, "dora");
    struct buf out;
    buf_init(&out, BUF_MAX_DEFAULT);
    assert_int_equal(chat_channel_get(scene.world->db, &dora, SPAN_LIT("r"), &out), ERR_OK);
    assert_null(strstr(out.data, "unread"));
    buf_release(&out);
}

int main(int argc, char **argv)
{
    (void)argc;
    pg_require(argv);
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, act_setup, act_teardown)
        TEST(the_marker_moves_forward_and_not_too_far),
        TEST(in_a_large_room_only_ones_own_sockets_hear),
        TEST(members_only),
        TEST(marks_are_limited),
        TEST(unread_are_what_others_said),
        TEST(what_was_said_before_one_joined_is_read),
        TEST(counting_ends_somewhere),
        TEST(others_see_no_counts),
    };
    return cmocka_run_group_tests_name("marks", tests, NULL, NULL);
}
