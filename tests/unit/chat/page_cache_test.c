/* Kept pages: the cache by itself, and that a page shown again is the page that would be read. */
#include "shared/chat/page_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>

#include "shared/base/mem.h"
#include "shared/chat/own_account.h"
#include "tests/unit/chat/act.h"

/* ---- the cache ---- */

static const struct page_version first = {10, 0};

static void note(struct page_cache *cache, const char *name)
{
    assert_null(page_cache_find(cache, 1, span_of(name)));
    page_cache_note(cache, 1, span_of(name), 7);
}

static void keep(struct page_cache *cache, const char *name, struct span body)
{
    struct page_note *noted = page_cache_find(cache, 1, span_of(name));

    assert_non_null(noted);
    page_note_keep(cache, noted, &first, body, &(struct chat_page_found){.room_id = 7, .first = 3});
}

static bool has(struct page_cache *cache, const char *name, const struct page_version *version)
{
    struct chat_page_found found = {0};
    struct buf out;
    struct page_note *noted = page_cache_find(cache, 1, span_of(name));

    buf_init(&out, 1 << 20);
    bool got = noted && page_note_get(noted, version, &out, &found);
    assert_int_equal(out.len > 0, got);
    assert_int_equal(found.was_kept, got);
    buf_release(&out);
    return got;
}

static void a_page_is_found_under_its_version_only(void **state)
{
    struct page_cache *cache = page_cache_new(1 << 16);

    (void)state;
    note(cache, "a");
    assert_int_equal(page_cache_find(cache, 1, SPAN_LIT("a"))->room_id, 7);
    assert_false(has(cache, "a", &first));
    keep(cache, "a", SPAN_LIT("body"));
    assert_true(has(cache, "a", &first));
    assert_false(has(cache, "a", &(struct page_version){11, 0}));
    assert_false(has(cache, "a", &(struct page_version){10, 1}));
    assert_false(has(cache, "aa", &first));
    assert_null(page_cache_find(cache, 2, SPAN_LIT("a")));
    page_cache_note(cache, 2, SPAN_LIT("a"), 8); /* in its place */
    assert_null(page_cache_find(cache, 1, SPAN_LIT("a")));
    assert_int_equal(page_cache_find(cache, 2, SPAN_LIT("a"))->room_id, 8);
    page_cache_free(cache);
    page_cache_free(NULL);
}

static void what_was_not_asked_for_goes_first(void **state)
{
    static char body[3000];
    struct page_cache *cache = page_cache_new(10000);
    const struct span large = span_make(body, sizeof body);
    const char *const names[] = {"a", "b", "c", "d"};

    (void)state;
    memset(body, 'x', sizeof body);
    for (int i = 0; i < 3; i++) {
        note(cache, names[i]);
        keep(cache, names[i], large);
    }
    assert_true(has(cache, "a", &first));
    note(cache, "d");
    keep(cache, "d", large);
    assert_false(has(cache, "b", &first));
    assert_true(has(cache, "a", &first) && has(cache, "c", &first) && has(cache, "d", &first));
    keep(cache, "c", SPAN_LIT("short")); /* in place of the large one: there is room again */
    note(cache, "b");
    keep(cache, "b", large);
    for (int i = 0; i < 4; i++)
        assert_true(has(cache, names[i], &first));
    page_cache_free(cache);
}

static void too_large_a_page_is_not_kept(void **state)
{
    static char body[3000];
    struct page_cache *cache = page_cache_new(2000);

    (void)state;
    memset(body, 'x', sizeof body);
    note(cache, "a");
    keep(cache, "a", SPAN_LIT("short"));
    keep(cache, "a", span_make(body, sizeof body));
    assert_non_null(page_cache_find(cache, 1, SPAN_LIT("a")));
    assert_false(has(cache, "a", &first));
    page_cache_note(cache, 1, span_make(body, sizeof body), 1); /* nor such a name */
    assert_null(page_cache_find(cache, 1, span_make(body, sizeof body)));
    page_cache_free(cache);
}

/* A hundred thousand names, a tenth of them kept: the cache takes what it was given. */
static void its_memory_is_bounded(void **state)
{
    static char body[1000];
    const size_t bytes = 1 << 20;
    size_t before = mallinfo2().uordblks;
    struct page_cache *cache = page_cache_new(bytes);

    (void)state;
    memset(body, 'x', sizeof body);
    for (int i = 0; i < 100000; i++) {
        char name[32];

        snprintf(name, sizeof name, "0 0 0 50 room-%d", i);
        note(cache, name);
        if (i % 10 == 0)
            keep(cache, name, span_make(body, sizeof body));
    }
    size_t taken = mallinfo2().uordblks - before;
    if (taken > 0) /* a sanitizer's malloc does not tell */
        assert_in_range(taken, bytes / 2, bytes * 5 / 4);
    page_cache_free(cache);
    assert_true(mallinfo2().uordblks <= before + (64 << 10)); /* what malloc holds ready */
}

/* ---- pages ---- */

struct shown {
    char *json;
    enum err err;
    bool was_kept;
};

static struct shown show(struct world *world, const struct chat_actor *actor,
                         struct page_cache *cache, const struct chat_page *page)
{
    struct chat_page wanted = *page;
    struct chat_page_found found = {0};
    struct buf out;

    wanted.cache = cache;
    buf_init(&out, BUF_MAX_DEFAULT);
    enum err err = chat_messages_page(world->db, actor, SPAN_LIT("Hall"), &wanted, &out, &found);
    char *json = mem_span_dup(buf_span(&out));
    buf_release(&out);
    return (struct shown){json, err, found.was_kept};
}

/* With the cache and without: the same. */
static bool expect_same(struct world *world, const struct chat_actor *actor,
                        struct page_cache *cache, const struct chat_page *page)
{
    struct shown with = show(world, actor, cache, page);
    struct shown without = show(world, actor, NULL, page);

    assert_int_equal(with.err, without.err);
    assert_string_equal(with.json, without.json);
    assert_false(without.was_kept);
    mem_free(with.json);
    mem_free(without.json);
    return with.was_kept;
}

static const struct chat_page newest = {.limit = 50};

/* Asked for until it is kept. */
static void warm_up(struct world *world, const struct chat_actor *actor, struct page_cache *cache)
{
    expect_same(world, actor, cache, &newest);
    expect_same(world, actor, cache, &newest);
    assert_true(expect_same(world, actor, cache, &newest));
}

static void a_page_is_kept_from_the_second_time_on(void **state)
{
    struct world *world = *state;
    struct chat_actor ann = act_user(world, "ann");
    struct chat_actor bob = act_user(world, "bob");
    struct page_cache *cache = page_cache_new(1 << 16);

    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &ann, "{\"name\":\"Hall\",\"status\":\"PUBLIC\"}"),
        ERR_OK);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"Hall\"}"), ERR_OK);
    assert_false(expect_same(world, &ann, cache, &newest));
    assert_false(expect_same(world, &ann, cache, &newest));
    assert_true(expect_same(world, &ann, cache, &newest));
    assert_true(expect_same(world, &bob, cache, &newest)); /* the same page for all members */
    assert_false(expect_same(world, &ann, cache, &(struct chat_page){.limit = 49}));
    page_cache_free(cache);
}

static void send(struct world *world, const struct chat_actor *actor, const char *json)
{
    assert_int_equal(act_do(world, CHAT_SEND_MESSAGE, actor, json), ERR_OK);
}

static void delete_account(struct world *world, const struct chat_actor *actor)
{
    struct event_list events;
    bool done = false;

    event_list_init(&events);
    while (!done)
        assert_int_equal(chat_account_deletion_step(world->chat, world->db, actor, &events, &done),
                         ERR_OK);
    event_list_release(&events);
}

/* One thing at a time, each after the page was kept. */
static void whatever_happens_is_seen(void **state)
{
    struct world *world = *state;
    struct chat_actor ann = act_user(world, "ann");
    struct chat_actor bob = act_user(world, "bob");
    struct chat_actor carl = act_user(world, "carl");
    struct page_cache *cache = page_cache_new(1 << 16);
    const struct step {
        enum chat_verb verb;
        const struct chat_actor *actor;
        const char *json;
    } steps[] = {
        {CHAT_SEND_MESSAGE, &bob, "{\"room\":\"Hall\",\"text\":\"two\"}"},
        {CHAT_EDIT_MESSAGE, &ann, "{\"room\":\"Hall\",\"seq\":7,\"text\":\"changed\"}"},
        {CHAT_DELETE_MESSAGE, &ann, "{\"room\":\"Hall\",\"seq\":7}"},
        {CHAT_UPDATE_CHANNEL, &ann, "{\"name\":\"Hall\",\"newName\":\"Room\"}"},
        {CHAT_LEAVE_CHANNEL, &carl, "{\"name\":\"Hall\"}"},
    };

    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &ann, "{\"name\":\"Hall\",\"status\":\"PUBLIC\"}"),
        ERR_OK);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"Hall\"}"), ERR_OK);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &carl, "{\"name\":\"Hall\"}"), ERR_OK);
    send(world, &ann, "{\"room\":\"Hall\",\"text\":\"one\"}"); /* seq 7 */
    send(world, &carl, "{\"room\":\"Hall\",\"text\":\"of carl\"}");
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        warm_up(world, &ann, cache);
        assert_int_equal(act_do(world, steps[i].verb, steps[i].actor, steps[i].json), ERR_OK);
        assert_false(expect_same(world, &ann, cache, &newest));
    }

    warm_up(world, &ann, cache); /* an author who is a member no more changes his name */
    delete_account(world, &carl);
    assert_false(expect_same(world, &ann, cache, &newest));

    warm_up(world, &ann, cache); /* who hides somebody has pages of his own */
    assert_int_equal(act_do(world, CHAT_BLOCK_USER, &ann, "{\"username\":\"bob\"}"), ERR_OK);
    assert_false(expect_same(world, &ann, cache, &newest));
    assert_false(expect_same(world, &ann, cache, &newest));
    assert_true(expect_same(world, &bob, cache, &newest));
    assert_int_equal(act_do(world, CHAT_UNBLOCK_USER, &ann, "{\"username\":\"bob\"}"), ERR_OK);
    assert_true(expect_same(world, &ann, cache, &newest));
    page_cache_free(cache);
}

/* Ann blocks bob when somebody has begun to wait for the messages' table. */
static void *block_meanwhile(void *arg)
{
    (void)arg;
    pg_exec("lock table room_event in access exclusive mode;"
            " do $$ begin while not exists (select 1 from pg_locks where not granted"
            "   and relation = 'room_event'::regclass) loop perform pg_sleep(0.005); end loop;"
            " end $$;"
            " insert into user_block (blocker_id, blocked_id) select a.id, b.id"
            "  from app_user a, app_user b where a.username = 'ann' and b.username = 'bob'");
    return NULL;
}

static void a_block_while_it_is_read_hides_nothing_from_others(void **state)
{
    struct world *world = *state;
    struct chat_actor ann = act_user(world, "ann");
    struct chat_actor bob = act_user(world, "bob");
    struct page_cache *cache = page_cache_new(1 << 16);
    pthread_t thread;

    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &ann, "{\"name\":\"Hall\",\"status\":\"PUBLIC\"}"),
        ERR_OK);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"Hall\"}"), ERR_OK);
    send(world, &bob, "{\"room\":\"Hall\",\"text\":\"of bob\"}");
    expect_same(world, &ann, cache, &newest);
    assert_int_equal(pthread_create(&thread, NULL, block_meanwhile, NULL), 0);
    while (pg_int("select count(*) from pg_locks where granted and mode = 'AccessExclusiveLock'"
                  " and relation = 'room_event'::regclass") == 0)
        continue;
    struct shown hers = show(world, &ann, cache, &newest); /* its version is from before */
    pthread_join(thread, NULL);
    assert_int_equal(hers.err, ERR_OK);
    assert_null(strstr(hers.json, "of bob"));
    assert_false(expect_same(world, &bob, cache, &newest));
    assert_true(expect_same(world, &bob, cache, &newest));
    mem_free(hers.json);
    page_cache_free(cache);
}

static void expect_refusal(struct world *world, const struct chat_actor *actor,
                           struct page_cache *cache, enum err err)
{
    struct shown shown = show(world, actor, cache, &newest);

    assert_int_equal(shown.err, err);
    assert_string_equal(shown.json, "");
    mem_free(shown.json);
}

static void only_members_see_a_kept_page(void **state)
{
    struct world *world = *state;
    struct chat_actor ann = act_user(world, "ann");
    struct chat_actor bob = act_user(world, "bob");
    struct chat_actor eve = act_user(world, "eve");
    struct page_cache *cache = page_cache_new(1 << 16);

    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &ann, "{\"name\":\"Hall\",\"status\":\"PUBLIC\"}"),
        ERR_OK);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"Hall\"}"), ERR_OK);
    warm_up(world, &bob, cache);
    expect_refusal(world, &eve, cache, ERR_NOT_A_MEMBER);
    assert_int_equal(act_do(world, CHAT_LEAVE_CHANNEL, &bob, "{\"name\":\"Hall\"}"), ERR_OK);
    expect_refusal(world, &bob, cache, ERR_NOT_A_MEMBER);
    warm_up(world, &ann, cache);
    world_sql("update app_user set disabled_at = now() where id = %d", (int)ann.user_id);
    expect_refusal(world, &ann, cache, ERR_UNAUTHENTICATED);
    world_sql("update app_user set disabled_at = null");
    warm_up(world, &ann, cache);
    world_sql("update session set ended_at = now() where user_id = %d", (int)ann.user_id);
    expect_refusal(world, &ann, cache, ERR_UNAUTHENTICATED);
    world_sql("update session set ended_at = null");
    warm_up(world, &ann, cache);
    world_sql("update room set archived_at = now()");
    expect_refusal(world, &ann, cache, ERR_ROOM_NOT_FOUND);
    page_cache_free(cache);
}

/* Over a new connection the database may be another one: nothing that was kept is shown. */
static void another_connection_begins_anew(void **state)
{
    struct world *world = *state;
    struct chat_actor ann = act_user(world, "ann");
    struct page_cache *cache = page_cache_new(1 << 16);

    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &ann, "{\"name\":\"Hall\",\"status\":\"PUBLIC\"}"),
        ERR_OK);
    warm_up(world, &ann, cache);
    uint64_t before = db_connections(world->db);
    pg_exec("update room_event set text = 'of an older backup' where kind = 2");
    pg_exec("select pg_terminate_backend(pid) from pg_stat_activity"
            " where usename = 'parley_app' and pid <> pg_backend_pid()");
    struct shown lost = show(world, &ann, cache, &newest); /* it may have been noticed, or not */
    mem_free(lost.json);
    assert_false(expect_same(world, &ann, cache, &newest));
    assert_int_equal(db_connections(world->db), before + 1);
    warm_up(world, &ann, cache);
    page_cache_free(cache);
}

/* The same each time the test is run. */
static unsigned chance(unsigned below)
{
    static unsigned state = 20261123;

    state = state * 1103515245 + 12345;
    return (state >> 16 & 0x7fff) % below;
}

/* One of the things that change a page; not all of it may be done. */
static void act_by_chance(struct world *world, const struct chat_actor *who)
{
    static const char *const names[] = {"ann", "bob", "carl"};
    char json[64];

    switch (chance(4)) {
    case 0:
        send(world, who, "{\"room\":\"Hall\",\"text\":\"again\"}");
        break;
    case 1:
        snprintf(json, sizeof json, "{\"room\":\"Hall\",\"seq\":%u,\"text\":\"new\"}", chance(30));
        (void)act_do(world, CHAT_EDIT_MESSAGE, who, json);
        break;
    case 2:
        snprintf(json, sizeof json, "{\"room\":\"Hall\",\"seq\":%u}", chance(30));
        (void)act_do(world, CHAT_DELETE_MESSAGE, who, json);
        break;
    default:
        snprintf(json, sizeof json, "{\"username\":\"%s\"}", names[chance(3)]);
        (void)act_do(world, chance(3) ? CHAT_UNBLOCK_USER : CHAT_BLOCK_USER, who, json);
    }
}

static void pages_are_the_same_by_chance(void **state)
{
    struct world *world = *state;
    const struct chat_actor users[3] = {act_user(world, "ann"), act_user(world, "bob"),
                                        act_user(world, "carl")};
    struct page_cache *cache = page_cache_new(1 << 14); /* pages come and go */
    int kept = 0;

    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &users[0], "{\"name\":\"Hall\",\"status\":\"PUBLIC\"}"),
        ERR_OK);
    for (int i = 1; i < 3; i++)
        assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &users[i], "{\"name\":\"Hall\"}"),
                         ERR_OK);
    for (int i = 0; i < 1500; i++) {
        const struct chat_actor *who = &users[chance(3)];
        const int64_t place = chance(8) * 4;
        const struct chat_page pages[] = {newest,
                                          {.before = place + 1, .limit = 5},
                                          {.after = place + 1, .limit = 5},
                                          {.around = place + 1, .limit = 5}};

        kept += expect_same(world, who, cache, &pages[chance(4)]);
        if (chance(20) == 0)
            act_by_chance(world, who);
    }
    assert_in_range(kept, 50, 1400);
    page_cache_free(cache);
}

int main(int argc, char **argv)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, act_setup, act_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_found_under_its_version_only),
        cmocka_unit_test(what_was_not_asked_for_goes_first),
        cmocka_unit_test(too_large_a_page_is_not_kept),
        cmocka_unit_test(its_memory_is_bounded),
        CASE(a_page_is_kept_from_the_second_time_on),
        CASE(whatever_happens_is_seen),
        CASE(a_block_while_it_is_read_hides_nothing_from_others),
        CASE(only_members_see_a_kept_page),
        CASE(another_connection_begins_anew),
        CASE(pages_are_the_same_by_chance),
    };

    (void)argc;
    pg_require(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
