/* Search: what is found, by whom, in which order; the index behind the logs; both agree. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "shared/base/json_scan.h"
#include "shared/chat/search.h"
#include "tests/unit/chat/act.h"

struct scene {
    struct world *world;
    struct chat_actor ann, bob;
};

static void say(const struct scene *scene, const struct chat_actor *actor, const char *room,
                const char *text)
{
    char json[512];
    snprintf(json, sizeof json, "{\"room\":\"%s\",\"text\":\"%s\"}", room, text);
    assert_int_equal(act_do(scene->world, CHAT_SEND_MESSAGE, actor, json), ERR_OK);
}

/* ann and bob are in red, ann alone in blue, bob alone in secret. */
static struct scene begin(void **state)
{
    struct scene scene = {.world = *state};
    scene.ann = act_user(scene.world, "ann");
    scene.bob = act_user(scene.world, "bob");
    int64_t red = world_room("red"), blue = world_room("blue"), secret = world_room("secret");
    world_member(red, scene.ann.user_id);
    world_member(red, scene.bob.user_id);
    world_member(blue, scene.ann.user_id);
    world_member(secret, scene.bob.user_id);
    return scene;
}

static void index_all(const struct scene *scene)
{
    bool more = true;
    while (more)
        assert_int_equal(chat_search_index(scene->world->db, &more), ERR_OK);
}

static enum err search(const struct scene *scene, const struct chat_search_query *query,
                       struct buf *out, struct buf *next)
{
    struct chat_search_refusal refusal;
    enum err err =
        chat_search(scene->world->chat, scene->world->db, &scene->ann, query, out, next, &refusal);
    assert_int_equal(err == ERR_VALIDATION_FAILED, refusal.problem != NULL);
    assert_int_equal(err == ERR_RATE_LIMITED, refusal.retry_ms > 0);
    return err;
}

/* What ann finds, as "room seq, room seq". */
static void assert_found(const struct scene *scene, const char *text, const char *room,
                         const char *expected)
{
    const struct chat_search_query query = {
        .text = span_of(text), .room = room ? span_of(room) : SPAN_NONE, .limit = 50};
    struct buf out, next, got;
    size_t cursor = 0;
    struct span message;
    buf_init(&out, BUF_MAX_DEFAULT);
    buf_init(&next, BUF_MAX_DEFAULT);
    buf_init(&got, BUF_MAX_DEFAULT);
    buf_add_str(&got, "");
    assert_int_equal(search(scene, &query, &out, &next), ERR_OK);
    struct span list = json_member(buf_span(&out), "messages");
    while (json_next(list, &cursor, NULL, &message)) {
        if (got.len)
            buf_add_str(&got, ", ");
        json_unescape(json_member(message, "room"), &got);
        buf_add_char(&got, ' ');
        buf_add_span(&got, json_member(message, "seq"));
    }
    assert_string_equal(got.data, expected);
    buf_release(&out);
    buf_release(&next);
    buf_release(&got);
}

/* The same before and after the index has caught up. */
static void assert_found_both(const struct scene *scene, const char *text, const char *room,
                              const char *expected)
{
    assert_found(scene, text, room, expected);
    index_all(scene);
    assert_found(scene, text, room, expected);
}

static void all_words_in_any_case_in_my_rooms(void **state)
{
    struct scene scene = begin(state);
    say(&scene, &scene.bob, "red", "The quick brown Fox");
    say(&scene, &scene.ann, "blue", "a fox, and nothing else");
    say(&scene, &scene.bob, "secret", "fox");
    say(&scene, &scene.bob, "red", "firefox");
    assert_found_both(&scene, "FOX", NULL, "blue 1, red 1");
    assert_found_both(&scene, "fox quick", NULL, "red 1");
    assert_found_both(&scene, "fox", "RED", "red 1");
    assert_found_both(&scene, "fox badger", NULL, "");
    assert_found_both(&scene, "fo", NULL, "");
}

static void better_ones_first_then_newer_ones(void **state)
{
    struct scene scene = begin(state);
    say(&scene, &scene.ann, "red", "tea in a long message about many other things as well");
    say(&scene, &scene.ann, "red", "tea");
    say(&scene, &scene.ann, "red", "tea");
    say(&scene, &scene.ann, "blue", "tea tea tea");
    assert_found_both(&scene, "tea", NULL, "blue 1, red 3, red 2, red 1");
}

static void other_languages(void **state)
{
    struct scene scene = begin(state);
    say(&scene, &scene.ann, "red", "Gr\u00fc\u00dfe aus K\u00f6ln");
    say(&scene, &scene.ann, "red", "\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440");
    say(&scene, &scene.ann, "red", "it's 100% o'clock \\\\ ' \\\" :* & | !");
    assert_found_both(&scene, "k\u00f6ln", NULL, "red 1");
    assert_found_both(&scene, "\u043c\u0438\u0440", NULL, "red 2");
    assert_found_both(&scene, "o'clock & ! | :*", NULL, "red 3");
}

static void edits_count_as_they_are_now_and_deleted_ones_never(void **state)
{
    struct scene scene = begin(state);
    say(&scene, &scene.ann, "red", "apple");
    say(&scene, &scene.ann, "red", "apple pie");
    index_all(&scene);
    assert_int_equal(act_do(scene.world, CHAT_EDIT_MESSAGE, &scene.ann,
                            "{\"room\":\"red\",\"seq\":1,\"text\":\"pear\"}"),
                     ERR_OK);
    assert_int_equal(
        act_do(scene.world, CHAT_DELETE_MESSAGE, &scene.ann, "{\"room\":\"red\",\"seq\":2}"),
        ERR_OK);
    assert_found_both(&scene, "apple", NULL, "");
    assert_found_both(&scene, "pear", NULL, "red 1");
    assert_int_equal(pg_int("select count(*) from message_search"), 1);
}

static void written_and_deleted_before_it_was_indexed(void **state)
{
    struct scene scene = begin(state);
    say(&scene, &scene.ann, "red", "oops");
    assert_int_equal(
        act_do(scene.world, CHAT_DELETE_MESSAGE, &scene.ann, "{\"room\":\"red\",\"seq\":1}"),
        ERR_OK);
    assert_found_both(&scene, "oops", NULL, "");
    assert_int_equal(pg_int("select count(*) from message_search"), 0);
}

static void not_system_messages_nor_the_blocked_nor_rooms_left(void **state)
{
    struct scene scene = begin(state);
    say(&scene, &scene.bob, "red", "fox");
    say(&scene, &scene.ann, "blue", "fox");
    assert_int_equal(act_do(scene.world, CHAT_BLOCK_USER, &scene.ann, "{\"username\":\"bob\"}"),
                     ERR_OK);
    assert_found_both(&scene, "fox", NULL, "blue 1");
    assert_int_equal(act_do(scene.world, CHAT_UNBLOCK_USER, &scene.ann, "{\"username\":\"bob\"}"),
                     ERR_OK);
    assert_found_both(&scene, "fox", NULL, "blue 1, red 1");
    assert_int_equal(act_do(scene.world, CHAT_LEAVE_CHANNEL, &scene.bob, "{\"name\":\"red\"}"),
                     ERR_OK);
    assert_found_both(&scene, "left", NULL, "");
    assert_int_equal(act_do(scene.world, CHAT_LEAVE_CHANNEL, &scene.ann, "{\"name\":\"red\"}"),
                     ERR_OK);
    assert_found_both(&scene, "fox", NULL, "blue 1");
}

static void pages_lead_through_all(void **state)
{
    struct scene scene = begin(state);
    struct chat_search_query query = {.text = SPAN_LIT("tea"), .limit = 3};
    struct buf out, next, cursor;
    char text[64];
    int pages = 0;
    buf_init(&out, BUF_MAX_DEFAULT);
    buf_init(&next, BUF_MAX_DEFAULT);
    buf_init(&cursor, BUF_MAX_DEFAULT);
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof text, "tea %d", i % 3);
        say(&scene, &scene.ann, i % 2 ? "red" : "blue", text);
    }
    do {
        buf_clear(&next);
        query.cursor = cursor.len ? buf_span(&cursor) : SPAN_NONE;
        assert_int_equal(search(&scene, &query, &out, &next), ERR_OK);
        buf_clear(&cursor);
        buf_add_span(&cursor, buf_span(&next));
        pages++;
    } while (next.len > 0);
    assert_int_equal(pages, 4);
    int found = 0;
    for (const char *at = out.data; (at = strstr(at, "\"text\":\"tea")); at++)
        found++;
    assert_int_equal(found, 10);
    buf_release(&out);
    buf_release(&next);
    buf_release(&cursor);
}

static void what_cannot_be_searched(void **state)
{
    struct scene scene = begin(state);
    struct buf out, next;
    const struct {
        struct chat_search_query query;
        enum err err;
    } tries[] = {
        {{.text = SPAN_NONE}, ERR_VALIDATION_FAILED},
        {{.text = SPAN_LIT("")}, ERR_VALIDATION_FAILED},
        {{.text = SPAN_LIT("\xff")}, ERR_VALIDATION_FAILED},
        {{.text = SPAN_LIT("?!")}, ERR_VALIDATION_FAILED},
        {{.text = SPAN_LIT("x"), .cursor = SPAN_LIT("1.2.3")}, ERR_VALIDATION_FAILED},
        {{.text = SPAN_LIT("x"), .cursor = SPAN_LIT("1.2.3.x")}, ERR_VALIDATION_FAILED},
        {{.text = SPAN_LIT("x"), .cursor = SPAN_LIT("1.0.3.4")}, ERR_VALIDATION_FAILED},
        {{.text = SPAN_LIT("x"), .cursor = SPAN_LIT("1.2.3.4.")}, ERR_VALIDATION_FAILED},
        {{.text = SPAN_LIT("x"), .cursor = SPAN_LIT("1.9999999999999999999.3.4")},
         ERR_VALIDATION_FAILED},
        {{.text = SPAN_LIT("x"), .room = SPAN_LIT("secret")}, ERR_ROOM_NOT_FOUND},
        {{.text = SPAN_LIT("x"), .room = SPAN_LIT("nowhere")}, ERR_ROOM_NOT_FOUND},
        {{.text = SPAN_LIT("x"), .room = SPAN_LIT("")}, ERR_ROOM_NOT_FOUND},
    };
    buf_init(&out, BUF_MAX_DEFAULT);
    buf_init(&next, BUF_MAX_DEFAULT);
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        struct chat_search_query query = tries[i].query;
        query.limit = 5;
        assert_int_equal(search(&scene, &query, &out, &next), tries[i].err);
    }
    assert_int_equal(out.len, 0);
    world_sql("update session set ended_at = now()");
    assert_int_equal(search(&scene, &tries[9].query, &out, &next), ERR_UNAUTHENTICATED);
    buf_release(&out);
    buf_release(&next);
}

/* A step never divides a transaction, and waits for nobody. */
static void the_index_is_made_in_steps(void **state)
{
    struct scene scene = begin(state);
    bool more;
    world_messages(1, scene.ann.user_id, 2500);
    world_messages(1, scene.ann.user_id, 10);
    struct db *other = pg_open();
    db_begin(other);
    assert_int_equal(pg_int_on(other, "insert into search_state (xid) values ('0')"
                                      " on conflict (only_one) do update set xid = '0'"
                                      " returning 1"),
                     1);
    assert_int_equal(db_commit(other), ERR_OK);
    db_begin(other);
    assert_int_equal(pg_int_on(other, "select 1 from search_state for update"), 1);
    assert_int_equal(chat_search_index(scene.world->db, &more), ERR_OK);
    assert_false(more);
    assert_int_equal(pg_int("select count(*) from message_search"), 0);
    db_rollback(other);
    assert_int_equal(chat_search_index(scene.world->db, &more), ERR_OK);
    assert_true(more);
    assert_int_equal(pg_int("select count(*) from message_search"), 2500);
    index_all(&scene);
    assert_int_equal(pg_int("select count(*) from message_search"), 2510);
    assert_found(&scene, "m2507", NULL, "red 2507");
    db_close(other);
}

static void searches_are_limited_per_user(void **state)
{
    struct scene scene = begin(state);
    const struct chat_search_query bad = {.text = SPAN_LIT(""), .limit = 3},
                                   good = {.text = SPAN_LIT("x"), .limit = 3};
    struct buf out, next;
    buf_init(&out, BUF_MAX_DEFAULT);
    buf_init(&next, BUF_MAX_DEFAULT);
    act_set(scene.world, "limits.searches_per_s", "1");
    for (int i = 0; i < 9; i++)
        assert_int_equal(search(&scene, &bad, &out, &next), ERR_VALIDATION_FAILED);
    for (int i = 0; i < 3; i++)
        assert_int_equal(search(&scene, &good, &out, &next), ERR_OK);
    assert_int_equal(search(&scene, &good, &out, &next), ERR_RATE_LIMITED);
    scene.ann = scene.bob;
    assert_int_equal(search(&scene, &good, &out, &next), ERR_OK);
    buf_release(&out);
    buf_release(&next);
}

/* The most rows that a step of a search's plan handed on, looking up the index itself aside. */
static long most_rows_read(const struct scene *scene)
{
    static const struct db_stmt explain = {
        .name = "explain_search",
        .sql = "explain (analyze, costs off, timing off, summary off) execute search_find(1, 1,"
               " 'tea', null, 200, 0, 0, now(), 0, 0, 10)",
    };
    struct db_result rows = {0};
    long most = 0;
    assert_int_equal(db_run(scene->world->db, &explain, DB_NO_PARAMS, &rows), ERR_OK);
    for (int row = 0; row < db_result_rows(&rows); row++) {
        const char *line = db_result_text(&rows, row, 0).ptr;
        const char *count = strstr(line, "actual rows=");
        if (!count || strstr(line, "Bitmap Index Scan"))
            continue;
        long handed = strtol(count + strlen("actual rows="), NULL, 10);
        most = handed > most ? handed : most;
    }
    db_result_release(&rows);
    return most;
}

static void a_common_word_costs_no_more_than_its_newest_matches(void **state)
{
    struct scene scene = begin(state);
    world_messages(1, scene.ann.user_id, 9000);
    world_messages(2, scene.ann.user_id, 9000);
    pg_exec("update room_event set text = 'tea'"
            " where room_id = 1 or (room_id = 2 and seq <= 5000)");
    index_all(&scene);
    pg_exec("analyze");
    struct chat_search_query query = {.text = SPAN_LIT("tea"), .limit = 3};
    struct buf out, next;
    buf_init(&out, BUF_MAX_DEFAULT);
    buf_init(&next, BUF_MAX_DEFAULT);
    assert_int_equal(search(&scene, &query, &out, &next), ERR_OK);
    assert_non_null(strstr(out.data, "{\"messages\":[{\"room\":\"red\",\"seq\":9000,"));
    assert_true(most_rows_read(&scene) <= 4000);
    buf_clear(&out);
    query.room = SPAN_LIT("blue"); /* none of its newest, and yet it is found */
    assert_int_equal(search(&scene, &query, &out, &next), ERR_OK);
    assert_non_null(strstr(out.data, "\"room\":\"blue\",\"seq\":"));
    buf_release(&out);
    buf_release(&next);
}

int main(int argc, char **argv)
{
    (void)argc;
    pg_require(argv);
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, act_setup, act_teardown)
        TEST(all_words_in_any_case_in_my_rooms),
        TEST(better_ones_first_then_newer_ones),
        TEST(other_languages),
        TEST(edits_count_as_they_are_now_and_deleted_ones_never),
        TEST(written_and_deleted_before_it_was_indexed),
        TEST(not_system_messages_nor_the_blocked_nor_rooms_left),
        TEST(pages_lead_through_all),
        TEST(what_cannot_be_searched),
        TEST(the_index_is_made_in_steps),
        TEST(searches_are_limited_per_user),
        TEST(a_common_word_costs_no_more_than_its_newest_matches),
    };
    return cmocka_run_group_tests_name("search", tests, NULL, NULL);
}
