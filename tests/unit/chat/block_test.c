/* blockUser and unblockUser: who can be blocked, what is written, and what is then not seen. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "tests/unit/chat/act.h"

#define BOB "{\"username\":\"BoB\"}"

static enum err block(struct world *world, const struct chat_actor *actor, const char *json)
{
    return act_do(world, CHAT_BLOCK_USER, actor, json);
}

static int64_t block_count(void)
{
    return pg_int("select count(*) from user_block");
}

static void a_block_is_a_row_of_the_blockers_inbox(void **state)
{
    struct world *world = *state;
    struct chat_actor ann = act_user(world, "ann");
    struct chat_actor bob = act_user(world, "Bob");
    struct chat_command *command = act_command(world, CHAT_BLOCK_USER, &ann, BOB);
    struct event_list *events = chat_command_events(command);
    assert_int_equal(chat_command_error(command), ERR_OK);
    assert_body_has(command, "{\"message\":\"User blocked.\",\"username\":\"Bob\"}");
    assert_int_equal(events->count, 1);
    assert_int_equal(events->items[0].log, LOG_INBOX);
    assert_int_equal(events->items[0].log_id, ann.user_id);
    assert_int_equal(events->items[0].seq, 1);
    assert_int_equal(events->items[0].kind, EVENT_INBOX_BLOCKED);
    assert_int_equal(events->items[0].actor, bob.user_id);
    assert_null(events->items[0].json);
    chat_command_free(command);
    assert_int_equal(pg_int("select count(*) from inbox_event where user_id = 1 and seq = 1"
                            " and kind = 36 and actor_id = 2"),
                     1);
    command = act_command(world, CHAT_UNBLOCK_USER, &ann, BOB);
    assert_body_has(command, "{\"message\":\"User unblocked.\",\"username\":\"Bob\"}");
    assert_int_equal(chat_command_events(command)->items[0].kind, EVENT_INBOX_UNBLOCKED);
    assert_int_equal(chat_command_events(command)->items[0].seq, 2);
    chat_command_free(command);
    assert_int_equal(block_count(), 0);
}

static void again_is_success_without_a_row(void **state)
{
    struct world *world = *state;
    struct chat_actor ann = act_user(world, "ann");
    act_user(world, "bob");
    assert_int_equal(act_do(world, CHAT_UNBLOCK_USER, &ann, BOB), ERR_OK);
    assert_int_equal(block(world, &ann, BOB), ERR_OK);
    struct chat_command *command = act_command(world, CHAT_BLOCK_USER, &ann, BOB);
    assert_int_equal(chat_command_error(command), ERR_OK);
    assert_true(chat_command_is_replay(command));
    assert_int_equal(chat_command_events(command)->count, 0);
    chat_command_free(command);
    assert_int_equal(pg_int("select inbox_seq from app_user where username = 'ann'"), 1);
    assert_int_equal(block_count(), 1);
}

static void only_others_who_exist_can_be_blocked(void **state)
{
    struct world *world = *state;
    struct chat_actor ann = act_user(world, "ann");
    struct chat_command *command =
        act_command(world, CHAT_BLOCK_USER, &ann, "{\"username\":\"ANN\"}");
    assert_int_equal(chat_command_error(command), ERR_VALIDATION_FAILED);
    assert_body_has(command, "\"errors\":[{\"field\":\"username\"");
    chat_command_free(command);
    assert_int_equal(block(world, &ann, "{\"username\":\"nobody\"}"), ERR_USER_NOT_FOUND);
    assert_int_equal(block(world, &ann, "{\"username\":\"no body\"}"), ERR_USER_NOT_FOUND);
    assert_int_equal(block(world, &ann, "{\"username\":\"\"}"), ERR_VALIDATION_FAILED);
    assert_int_equal(block(world, &ann, "{}"), ERR_VALIDATION_FAILED);
    assert_int_equal(block(world, &ann, "{\"username\":7}"), ERR_VALIDATION_FAILED);
    act_user(world, "bob");
    world_sql("update session set ended_at = now() where user_id = %lld", (long long)ann.user_id);
    assert_int_equal(block(world, &ann, BOB), ERR_UNAUTHENTICATED);
    assert_int_equal(act_do(world, CHAT_UNBLOCK_USER, &ann, BOB), ERR_UNAUTHENTICATED);
    assert_int_equal(block_count(), 0);
}

static void blocks_are_limited(void **state)
{
    struct world *world = *state;
    struct chat_actor ann = act_user(world, "ann");
    act_user(world, "bob");
    act_user(world, "carl");
    act_set(world, "limits.blocks_per_user", "1");
    assert_int_equal(block(world, &ann, BOB), ERR_OK);
    assert_int_equal(block(world, &ann, BOB), ERR_OK);
    struct chat_command *command =
        act_command(world, CHAT_BLOCK_USER, &ann, "{\"username\":\"carl\"}");
    assert_int_equal(chat_command_error(command), ERR_FORBIDDEN);
    assert_body_has(command, "You have blocked too many users.");
    chat_command_free(command);
    assert_int_equal(act_do(world, CHAT_UNBLOCK_USER, &ann, BOB), ERR_OK);
    assert_int_equal(block(world, &ann, "{\"username\":\"carl\"}"), ERR_OK);
    assert_int_equal(block(world, &ann, BOB), ERR_FORBIDDEN);
    world_sql("update app_user set deleted_at = now() where username = 'carl'");
    assert_int_equal(block(world, &ann, BOB), ERR_OK); /* nobody can unblock a deleted user */
}

static void a_direct_room_refuses_while_one_blocks(void **state)
{
    struct world *world = *state;
    struct chat_actor ann = act_user(world, "ann");
    struct chat_actor bob = act_user(world, "bob");
    static const char *const text = "{\"room\":\"ann@bob\",\"text\":\"x\"}";
    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &bob, "{\"name\":\"ann\",\"status\":\"DIRECT\"}"),
        ERR_OK);
    assert_int_equal(act_do(world, CHAT_SEND_MESSAGE, &bob, text), ERR_OK);
    assert_int_equal(block(world, &ann, BOB), ERR_OK);
    assert_int_equal(act_do(world, CHAT_SEND_MESSAGE, &bob, text), ERR_BLOCKED);
    assert_int_equal(act_do(world, CHAT_SEND_MESSAGE, &ann, text), ERR_BLOCKED);
    assert_int_equal(act_do(world, CHAT_UNBLOCK_USER, &ann, BOB), ERR_OK);
    assert_int_equal(act_do(world, CHAT_SEND_MESSAGE, &bob, text), ERR_OK);
}

static void none_opens_with_one_who_blocks(void **state)
{
    struct world *world = *state;
    struct chat_actor ann = act_user(world, "ann");
    struct chat_actor bob = act_user(world, "bob");
    static const char *const with_ann = "{\"name\":\"ann\",\"status\":\"DIRECT\"}";
    static const char *const with_bob = "{\"name\":\"bob\",\"status\":\"DIRECT\"}";
    assert_int_equal(block(world, &ann, BOB), ERR_OK);
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &bob, with_ann), ERR_BLOCKED);
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &ann, with_bob), ERR_BLOCKED);
    assert_int_equal(pg_int("select count(*) from room"), 0);
    assert_int_equal(act_do(world, CHAT_UNBLOCK_USER, &ann, BOB), ERR_OK);
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &bob, with_ann), ERR_OK);
    assert_int_equal(block(world, &ann, BOB), ERR_OK);
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &bob, with_ann), ERR_OK); /* it is there */
}

/* Whoever holds the direct room's lock goes first. */
static void a_block_waits_for_the_direct_room(void **state)
{
    struct world *world = *state;
    struct chat_actor ann = act_user(world, "ann");
    struct chat_actor bob = act_user(world, "bob");
    world_direct("ann@bob", ann.user_id, bob.user_id);
    struct db *other = pg_open();
    db_begin(other);
    assert_int_equal(pg_int_on(other, "select id from room for update"), 1);
    struct chat_command *command =
        chat_command_new(world->chat, chat_command_def(CHAT_BLOCK_USER), &ann);
    assert_int_equal(chat_command_decode(command, span_of(BOB)), ERR_OK);
    assert_int_equal(chat_command_run(command, world->db), CHAT_BUSY);
    db_rollback(other);
    assert_int_equal(chat_command_run(command, world->db), CHAT_DONE);
    assert_int_equal(chat_command_error(command), ERR_OK);
    chat_command_free(command);
    db_close(other);
}

static void messages_of_the_blocked_are_in_no_history(void **state)
{
    struct world *world = *state;
    struct chat_actor ann = act_user(world, "ann");
    struct chat_actor bob = act_user(world, "bob");
    int64_t room = world_room("r");
    struct chat_page page = {.limit = 10};
    struct buf out;
    struct chat_page_found found;
    world_member(room, ann.user_id);
    world_member(room, bob.user_id);
    assert_int_equal(act_do(world, CHAT_SEND_MESSAGE, &bob, "{\"room\":\"r\",\"text\":\"hidden\"}"),
                     ERR_OK);
    for (int blocked = 1; blocked >= 0; blocked--) {
        assert_int_equal(act_do(world, blocked ? CHAT_BLOCK_USER : CHAT_UNBLOCK_USER, &ann, BOB),
                         ERR_OK);
        buf_init(&out, BUF_MAX_DEFAULT);
        assert_int_equal(chat_messages_page(world->db, &ann, SPAN_LIT("r"), &page, &out, &found),
                         ERR_OK);
        assert_int_equal(strstr(out.data, "hidden") == NULL, blocked);
        buf_clear(&out);
        enum err err = chat_message_get(world->db, &ann, SPAN_LIT("r"), 1, &out);
        assert_int_equal(err, blocked ? ERR_MESSAGE_NOT_FOUND : ERR_OK);
        buf_release(&out);
        struct chat_command *command =
            act_command(world, CHAT_GET_HISTORY, &ann, "{\"room\":\"r\"}");
        assert_body_has(command, blocked ? "\"messages\":[]" : "hidden");
        chat_command_free(command);
    }
}

static void the_list_is_paged(void **state)
{
    struct world *world = *state;
    struct chat_actor ann = act_user(world, "ann");
    struct buf out, next;
    act_user(world, "Bob");
    act_user(world, "carl");
    act_user(world, "dora");
    assert_int_equal(block(world, &ann, "{\"username\":\"dora\"}"), ERR_OK);
    assert_int_equal(block(world, &ann, BOB), ERR_OK);
    assert_int_equal(block(world, &ann, "{\"username\":\"carl\"}"), ERR_OK);
    buf_init(&out, BUF_MAX_DEFAULT);
    buf_init(&next, BUF_MAX_DEFAULT);
    assert_int_equal(chat_blocks_list(world->db, &ann, SPAN_NONE, 2, &out, &next), ERR_OK);
    assert_non_null(strstr(out.data, "{\"blocks\":[{\"username\":\"Bob\",\"blockedAt\":\""));
    assert_null(strstr(out.data, "dora"));
    assert_string_equal(next.data, "3");
    buf_clear(&out);
    struct buf rest;
    buf_init(&rest, BUF_MAX_DEFAULT);
    assert_int_equal(chat_blocks_list(world->db, &ann, buf_span(&next), 2, &out, &rest), ERR_OK);
    assert_non_null(strstr(out.data, "dora"));
    assert_int_equal(rest.len, 0);
    assert_int_equal(chat_blocks_list(world->db, &ann, SPAN_LIT("x"), 2, &out, &rest),
                     ERR_VALIDATION_FAILED);
    buf_release(&out);
    buf_release(&next);
    buf_release(&rest);
}

int main(int argc, char **argv)
{
    (void)argc;
    pg_require(argv);
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, act_setup, act_teardown)
        TEST(a_block_is_a_row_of_the_blockers_inbox),
        TEST(again_is_success_without_a_row),
        TEST(only_others_who_exist_can_be_blocked),
        TEST(blocks_are_limited),
        TEST(a_direct_room_refuses_while_one_blocks),
        TEST(a_block_waits_for_the_direct_room),
        TEST(none_opens_with_one_who_blocks),
        TEST(messages_of_the_blocked_are_in_no_history),
        TEST(the_list_is_paged),
    };
    return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
