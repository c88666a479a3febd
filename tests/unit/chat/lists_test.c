/* REST reads: channels, members, pages of messages, and who may see what. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/chat/act.h"

static char *names_of(struct world *world, const struct chat_actor *actor,
                      const struct chat_channel_query *query, struct buf *next)
{
    struct buf json;
    buf_init(&json, BUF_MAX_DEFAULT);
    assert_int_equal(chat_channels_list(world->db, actor, query, &json, next), ERR_OK);
    static char names[256];
    size_t len = 0;
    for (const char *at = json.data; (at = strstr(at, "{\"name\":\"")) != NULL;) {
        at += strlen("{\"name\":\"");
        size_t name = strcspn(at, "\"");
        len += (size_t)snprintf(names + len, sizeof names - len, "%s%.*s", len ? " " : "",
                                (int)name, at);
    }
    names[len] = '\0';
    buf_release(&json);
    return names;
}

static const char *list(struct world *world, const struct chat_actor *actor, bool mine,
                        const char *search)
{
    struct chat_channel_query query = {
        .mine = mine, .search = search ? span_of(search) : SPAN_NONE, .limit = 50};
    struct buf next;
    buf_init(&next, 100);
    char *names = names_of(world, actor, &query, &next);
    assert_int_equal(next.len, 0);
    buf_release(&next);
    return names;
}

/* alice owns Apple, Secret (PRIVATE) and Cherry; bob is in Cherry; they have a direct room; Gone is
 * archived. */
static void make_rooms(struct world *world, struct chat_actor *alice, struct chat_actor *bob)
{
    *alice = act_user(world, "alice");
    *bob = act_user(world, "bob");
    static const char *const creations[] = {
        "{\"name\":\"Apple\",\"status\":\"PUBLIC\"}",
        "{\"name\":\"Secret\",\"status\":\"PRIVATE\",\"password\":\"x\"}",
        "{\"name\":\"Gone\",\"status\":\"PUBLIC\"}",
        "{\"name\":\"Cherry\",\"status\":\"PUBLIC\"}",
        "{\"name\":\"bob\",\"status\":\"DIRECT\"}",
    };
    for (size_t i = 0; i < sizeof creations / sizeof creations[0]; i++)
        assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, alice, creations[i]), ERR_OK);
    assert_int_equal(act_do(world, CHAT_LEAVE_CHANNEL, alice, "{\"name\":\"Gone\"}"), ERR_OK);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, bob, "{\"name\":\"Cherry\"}"), ERR_OK);
}

static void channels_are_the_public_ones_and_mine(void **state)
{
    struct world *world = *state;
    struct chat_actor alice, bob;
    make_rooms(world, &alice, &bob);
    struct chat_actor carol = act_user(world, "carol");
    assert_string_equal(list(world, &alice, false, NULL), "Apple Secret Cherry alice@bob");
    assert_string_equal(list(world, &bob, false, NULL), "Apple Cherry alice@bob");
    assert_string_equal(list(world, &bob, true, NULL), "Cherry alice@bob");
    assert_string_equal(list(world, &carol, false, NULL), "Apple Cherry");
    assert_string_equal(list(world, &carol, true, NULL), "");
    assert_string_equal(list(world, &alice, false, "E"), "Apple Secret Cherry alice@bob");
    assert_string_equal(list(world, &alice, false, "RR"), "Cherry");
    assert_string_equal(list(world, &alice, false, "%"), "");
    assert_string_equal(list(world, &alice, true, "secr"), "Secret");
    assert_string_equal(list(world, &bob, false, "secr"), "");
}

static void channels_come_in_pages(void **state)
{
    struct world *world = *state;
    struct chat_actor alice, bob;
    make_rooms(world, &alice, &bob);
    struct chat_channel_query query = {.limit = 3, .cursor = SPAN_NONE};
    struct buf next, rest;
    buf_init(&next, 100);
    buf_init(&rest, 100);
    assert_string_equal(names_of(world, &alice, &query, &next), "Apple Secret Cherry");
    query.cursor = buf_span(&next);
    assert_string_equal(names_of(world, &alice, &query, &rest), "alice@bob");
    assert_int_equal(rest.len, 0);
    query.cursor = SPAN_LIT("'; drop");
    assert_int_equal(chat_channels_list(world->db, &alice, &query, &rest, &next),
                     ERR_VALIDATION_FAILED);
    buf_release(&next);
    buf_release(&rest);
}

static enum err get_channel(struct world *world, const struct chat_actor *actor, const char *name,
                            const char *expected)
{
    struct buf json;
    buf_init(&json, BUF_MAX_DEFAULT);
    enum err err = chat_channel_get(world->db, actor, span_of(name), &json);
    if (expected && (!json.data || !strstr(json.data, expected)))
        fail_msg("no %s in %s", expected, json.data ? json.data : "(nothing)");
    buf_release(&json);
    return err;
}

static void what_one_may_not_see_is_not_there(void **state)
{
    struct world *world = *state;
    struct chat_actor alice, bob;
    make_rooms(world, &alice, &bob);
    struct chat_actor carol = act_user(world, "carol");
    assert_int_equal(get_channel(world, &bob, "cherry",
                                 "{\"name\":\"Cherry\",\"status\":\"PUBLIC\",\"role\":\"USER\","
                                 "\"members\":2,\"lastSeq\":4,\"topic\":\"parley/v1/rooms/4\""),
                     ERR_OK);
    assert_int_equal(get_channel(world, &carol, "Cherry", "\"status\":\"PUBLIC\",\"members\":2"),
                     ERR_OK);
    assert_int_equal(get_channel(world, &bob, "alice@bob", "\"status\":\"DIRECT\",\"members\":2"),
                     ERR_OK);
    assert_int_equal(get_channel(world, &carol, "alice@bob", NULL), ERR_ROOM_NOT_FOUND);
    assert_int_equal(get_channel(world, &bob, "Secret", NULL), ERR_ROOM_NOT_FOUND);
    assert_int_equal(get_channel(world, &alice, "Gone", NULL), ERR_ROOM_NOT_FOUND);
    assert_int_equal(get_channel(world, &alice, "\xff", NULL), ERR_ROOM_NOT_FOUND);
    pg_exec("update session set ended_at = now() where user_id = 3");
    assert_int_equal(get_channel(world, &carol, "Cherry", NULL), ERR_UNAUTHENTICATED);
}

static enum err get_members(struct world *world, const struct chat_actor *actor, const char *name,
                            struct span cursor, int64_t limit, const char *expected)
{
    struct buf json, next;
    buf_init(&json, BUF_MAX_DEFAULT);
    buf_init(&next, 100);
    enum err err = chat_members_list(world->db, actor, span_of(name), cursor, limit, &json, &next);
    if (expected)
        assert_string_equal(json.data, expected);
    buf_release(&json);
    buf_release(&next);
    return err;
}

static void members_and_their_roles(void **state)
{
    struct world *world = *state;
    struct chat_actor alice, bob;
    make_rooms(world, &alice, &bob);
    struct chat_actor carol = act_user(world, "carol");
    assert_int_equal(
        get_members(world, &carol, "Cherry", SPAN_NONE, 50,
                    "{\"members\":[{\"username\":\"alice\",\"role\":\"OWNER\",\"online\":false},"
                    "{\"username\":\"bob\",\"role\":\"USER\",\"online\":false}]}"),
        ERR_OK);
    assert_int_equal(
        get_members(world, &carol, "Cherry", SPAN_NONE, 1,
                    "{\"members\":[{\"username\":\"alice\",\"role\":\"OWNER\",\"online\":false}],"
                    "\"nextCursor\":\"1\"}"),
        ERR_OK);
    pg_exec("update membership set muted_until = '2100-01-01T00:00:00Z' where user_id = 2");
    assert_int_equal(
        get_members(world, &carol, "Cherry", SPAN_LIT("1"), 1,
                    "{\"members\":[{\"username\":\"bob\",\"role\":\"USER\",\"online\":false,"
                    "\"mutedUntil\":\"2100-01-01T00:00:00.000Z\"}]}"),
        ERR_OK);
    pg_exec("update membership set muted_until = null where user_id = 2");
    assert_int_equal(get_members(world, &bob, "alice@bob", SPAN_NONE, 50,
                                 "{\"members\":[{\"username\":\"alice\",\"online\":false},{"
                                 "\"username\":\"bob\",\"online\":false}]}"),
                     ERR_OK);
    assert_int_equal(get_members(world, &carol, "alice@bob", SPAN_NONE, 50, NULL),
                     ERR_ROOM_NOT_FOUND);
    assert_int_equal(get_members(world, &bob, "Secret", SPAN_NONE, 50, NULL), ERR_ROOM_NOT_FOUND);
}

/* ---- messages ---- */

/* The seqs of the page, and "+" if there are more. */
static const char *page(struct world *world, const struct chat_actor *actor,
                        const struct chat_page *wanted)
{
    static char seqs[256];
    struct buf json;
    struct chat_page_found found = {0};
    size_t len = 0;
    buf_init(&json, BUF_MAX_DEFAULT);
    assert_int_equal(chat_messages_page(world->db, actor, SPAN_LIT("Apple"), wanted, &json, &found),
                     ERR_OK);
    assert_non_null(strstr(json.data, found.has_more ? "\"hasMore\":true}" : "\"hasMore\":false}"));
    for (const char *at = json.data; (at = strstr(at, "\"seq\":")) != NULL; at++)
        len += (size_t)snprintf(seqs + len, sizeof seqs - len, "%s%d", len ? " " : "",
                                (int)strtol(at + 6, NULL, 10));
    snprintf(seqs + len, sizeof seqs - len, "%s", found.has_more ? " +" : "");
    buf_release(&json);
    return seqs;
}

/* Apple: 1 memberJoined, 2 system, 3 to 12 texts of alice. */
static void make_messages(struct world *world, struct chat_actor *alice)
{
    *alice = act_user(world, "alice");
    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, alice, "{\"name\":\"Apple\",\"status\":\"PUBLIC\"}"),
        ERR_OK);
    world_messages(1, alice->user_id, 10);
}

static void pages_of_messages(void **state)
{
    struct world *world = *state;
    struct chat_actor alice;
    make_messages(world, &alice);
#define PAGE(...) page(world, &alice, &(struct chat_page){__VA_ARGS__})
    assert_string_equal(PAGE(.limit = 3), "10 11 12 +");
    assert_string_equal(PAGE(.limit = 50), "2 3 4 5 6 7 8 9 10 11 12");
    assert_string_equal(PAGE(.limit = 11), "2 3 4 5 6 7 8 9 10 11 12");
    assert_string_equal(PAGE(.before = 10, .limit = 3), "7 8 9 +");
    assert_string_equal(PAGE(.before = 4, .limit = 3), "2 3");
    assert_string_equal(PAGE(.before = 1, .limit = 3), "");
    assert_string_equal(PAGE(.after = 10, .limit = 3), "11 12");
    assert_string_equal(PAGE(.after = 6, .limit = 3), "7 8 9 +");
    assert_string_equal(PAGE(.after = -1, .limit = 3), "2 3 4 +");
    assert_string_equal(PAGE(.after = 12, .limit = 3), "");
    assert_string_equal(PAGE(.around = 7, .limit = 4), "5 6 7 8 +");
    assert_string_equal(PAGE(.around = 12, .limit = 4), "10 11 12 +");
    assert_string_equal(PAGE(.around = 12, .limit = 1), "12 +");
    assert_string_equal(PAGE(.around = 1000, .limit = 1), "12 +");
    assert_string_equal(PAGE(.around = 7, .limit = 50), "2 3 4 5 6 7 8 9 10 11 12");
#undef PAGE
}

static void one_message(void **state)
{
    struct world *world = *state;
    struct chat_actor alice;
    struct buf json;
    make_messages(world, &alice);
    buf_init(&json, BUF_MAX_DEFAULT);
    assert_int_equal(chat_message_get(world->db, &alice, SPAN_LIT("apple"), 3, &json), ERR_OK);
    assert_string_equal(json.data,
                        "{\"room\":\"Apple\",\"seq\":3,\"kind\":\"text\",\"sender\":"
                        "\"alice\",\"text\":\"m3\",\"date\":\"2026-01-01T00:00:03.000Z\"}");
    buf_clear(&json);
    assert_int_equal(chat_message_get(world->db, &alice, SPAN_LIT("apple"), 2, &json), ERR_OK);
    assert_non_null(strstr(json.data, "\"sender\":null,\"text\":\"alice created the channel\""));
    assert_int_equal(chat_message_get(world->db, &alice, SPAN_LIT("apple"), 1, &json),
                     ERR_MESSAGE_NOT_FOUND); /* not a message */
    assert_int_equal(chat_message_get(world->db, &alice, SPAN_LIT("apple"), 99, &json),
                     ERR_MESSAGE_NOT_FOUND);
    assert_int_equal(chat_message_get(world->db, &alice, SPAN_LIT("pear"), 1, &json),
                     ERR_ROOM_NOT_FOUND);
    buf_release(&json);
}

static void messages_are_for_members_and_without_the_blocked(void **state)
{
    struct world *world = *state;
    struct chat_actor alice;
    make_messages(world, &alice);
    struct chat_actor bob = act_user(world, "bob");
    const struct chat_page newest = {.limit = 50};
    struct buf json;
    struct chat_page_found found;
    buf_init(&json, BUF_MAX_DEFAULT);
    assert_int_equal(chat_messages_page(world->db, &bob, SPAN_LIT("Apple"), &newest, &json, &found),
                     ERR_NOT_A_MEMBER);
    assert_int_equal(json.len, 0);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"Apple\"}"), ERR_OK);
    world_messages(1, bob.user_id, 1);
    pg_exec("insert into user_block (blocker_id, blocked_id) values (2, 1)");
    assert_string_equal(page(world, &bob, &newest), "2 14 15");
    assert_string_equal(page(world, &bob, &(struct chat_page){.limit = 1}), "15 +");
    assert_int_equal(chat_message_get(world->db, &bob, SPAN_LIT("Apple"), 3, &json),
                     ERR_MESSAGE_NOT_FOUND);
    buf_release(&json);
}

static void get_history_answers_a_page(void **state)
{
    struct world *world = *state;
    struct chat_actor alice;
    make_messages(world, &alice);
    struct chat_actor bob = act_user(world, "bob");
    struct chat_command *command =
        act_command(world, CHAT_GET_HISTORY, &alice, "{\"room\":\"apple\",\"limit\":2}");
    assert_body_has(command, "\"room\":\"Apple\",\"messages\":[{\"room\":\"Apple\",\"seq\":11,");
    assert_body_has(command, "\"hasMore\":true}");
    chat_command_free(command);
    command = act_command(world, CHAT_GET_HISTORY, &alice,
                          "{\"room\":\"apple\",\"after\":0,\"limit\":1}");
    assert_body_has(command, "\"messages\":[{\"room\":\"Apple\",\"seq\":2,");
    chat_command_free(command);
    command = act_command(world, CHAT_GET_HISTORY, &alice, "{\"room\":\"apple\",\"before\":0}");
    assert_body_has(command, "\"messages\":[],\"hasMore\":false}");
    chat_command_free(command);
    assert_int_equal(act_do(world, CHAT_GET_HISTORY, &bob, "{\"room\":\"apple\"}"),
                     ERR_NOT_A_MEMBER);
    assert_int_equal(act_do(world, CHAT_GET_HISTORY, &bob, "{\"room\":\"pear\"}"),
                     ERR_ROOM_NOT_FOUND);
}

int main(int argc, char **argv)
{
    (void)argc;
    pg_require(argv);
#define T(test) cmocka_unit_test_setup_teardown(test, act_setup, act_teardown)
    const struct CMUnitTest tests[] = {
        T(channels_are_the_public_ones_and_mine),
        T(channels_come_in_pages),
        T(what_one_may_not_see_is_not_there),
        T(members_and_their_roles),
        T(pages_of_messages),
        T(one_message),
        T(messages_are_for_members_and_without_the_blocked),
        T(get_history_answers_a_page),
    };
    return cmocka_run_group_tests_name("lists", tests, NULL, NULL);
}
