/*
 * The plans of the hot statements: whatever the tables' sizes are when a plan is made, it walks
 * indexes and looks up each row by itself.
 */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "shared/chat/expire.h"
#include "shared/chat/own_account.h"
#include "shared/store/listing.h"
#include "tests/unit/chat/world.h"

static void read_history(struct world *world, int64_t user)
{
    struct chat_actor actor = world_actor(user, "x");
    struct chat_connect_options options = {.history = 10, .since = SPAN_LIT("{\"red\":1}")};
    struct chat_admission admission;
    struct chat_history history = {.admission = &admission};
    struct buf out;

    buf_init(&out, BUF_MAX_DEFAULT);
    assert_int_equal(chat_admit(world->chat, world->db, &actor, &options, &admission), ERR_OK);
    admission.rooms[0].after = 0;
    admission.rooms[0].head = 1;
    assert_int_equal(chat_history_next(world->db, &history, 1000, &out), ERR_OK);
    chat_admission_release(&admission);
    buf_release(&out);
}

/* The plan of a statement that db has prepared, executed with literal arguments. */
static char *explain(struct db *db, const char *call)
{
    static struct db_stmt stmts[64];
    static char texts[64][2][256];
    static int used;
    struct db_result rows = {0};
    struct buf plan;

    snprintf(texts[used][0], 256, "explain_%d", used);
    snprintf(texts[used][1], 256, "explain execute %s", call);
    stmts[used] = (struct db_stmt){texts[used][0], texts[used][1], 0};
    assert_int_equal(db_run(db, &stmts[used++], DB_NO_PARAMS, &rows), ERR_OK);
    buf_init(&plan, BUF_MAX_DEFAULT);
    for (int row = 0; row < db_result_rows(&rows); row++) {
        buf_add_span(&plan, db_result_text(&rows, row, 0));
        buf_add_char(&plan, '\n');
    }
    db_result_release(&rows);
    return buf_take(&plan, NULL);
}

static void expect_plan(struct db *db, const char *call, const char *const *needed)
{
    char *plan = explain(db, call);
    bool good = strstr(plan, "Seq Scan") == NULL && strstr(plan, "Hash Join") == NULL;

    for (; *needed; needed++)
        good = good && strstr(plan, *needed);
    if (!good)
        fprintf(stderr, "the plan of %s:\n%s\n", call, plan);
    assert_true(good);
    free(plan);
}

/* What every broker asks once a second, and what moderators read. */
static void read_moderation(struct world *world, int64_t user)
{
    struct chat_actor actor = world_actor(user, "x");
    struct event_list events;
    struct buf out;
    bool more;

    buf_init(&out, BUF_MAX_DEFAULT);
    event_list_init(&events);
    assert_int_equal(chat_expire(world->db, &events, &more), ERR_OK);
    event_list_release(&events);
    assert_int_equal(chat_sanctions_list(world->db, &actor, SPAN_LIT("red"), CHAT_BANS, SPAN_NONE,
                                         9, &out, &out),
                     ERR_FORBIDDEN);
    assert_int_equal(chat_audit_list(world->db, &actor, SPAN_LIT("red"), SPAN_NONE, 9, &out, &out),
                     ERR_FORBIDDEN);
    buf_release(&out);
}

static void send_one(struct world *world, int64_t user, const char *room)
{
    struct chat_command *send = world_send(world, user, room, "x", NULL);
    enum chat_progress progress;

    chat_send_batch(world->db, &send, &progress, 1);
    assert_int_equal(progress, CHAT_DONE);
    chat_command_free(send);
}

static void delete_account(struct world *world, int64_t user)
{
    struct chat_actor actor = world_actor(user, "x");
    struct event_list events;
    bool done = false;

    event_list_init(&events);
    while (!done)
        assert_int_equal(chat_account_deletion_step(world->chat, world->db, &actor, &events, &done),
                         ERR_OK);
    event_list_release(&events);
}

/* Plans made for tables nearly empty and never analysed, analysed so, and large. */
static void every_read_walks_an_index(void **state)
{
    struct world *world = *state;
    const int64_t ann = world_user("ann"), red = world_room("red");
    const int64_t leavers[] = {world_user("zoe"), world_user("yan"), world_user("xia")};
    struct chat_sweep sweep = {.since_xid = 1};
    struct listing_version version;

    world_member(red, ann);
    for (int round = 0; round < 3; round++) {
        struct event_list events;

        send_one(world, ann, "red");
        event_list_init(&events);
        read_history(world, ann);
        read_moderation(world, ann);
        delete_account(world, leavers[round]);
        assert_int_equal(listing_version(world->db, &(struct room_viewer){ann, ann}, red, &version),
                         ERR_OK);
        assert_int_equal(chat_log_read(world->db, LOG_ROOM, red, 0, 0, 9, false, &events), ERR_OK);
        assert_int_equal(chat_log_read(world->db, LOG_INBOX, ann, 0, 0, 9, false, &events), ERR_OK);
        assert_int_equal(chat_sweep_run(world->db, &sweep), ERR_OK);
        chat_sweep_release(&sweep);
        event_list_release(&events);

        expect_plan(world->db, "history_read('{1}', '{0}', '{9}', 10, '{}')",
                    (const char *[]){"room_event_pkey", "(room_id = x.room_id) AND (seq >", NULL});
        expect_plan(world->db, "log_read_room(1, 0, 9, 10, false)",
                    (const char *[]){"room_event_pkey", "room_id = $1) AND (seq >", NULL});
        expect_plan(world->db, "log_read_inbox(1, 0, 9, 10)",
                    (const char *[]){"inbox_event_pkey", "user_id = $1) AND (seq >", NULL});
        expect_plan(world->db, "log_news(1)",
                    (const char *[]){"room_event_xid", "inbox_event_xid", NULL});
        expect_plan(world->db, "admission_read(1, 1, 10, '{red}', '{1}')",
                    (const char *[]){"membership_of_user", "room_event_pkey", "room_pkey",
                                     "room_name_pkey", NULL});
        expect_plan(
            world->db, "message_write_all('{red}', '{1}', '{1}', '{n}', '{x}', '{\\\\x00}', '{n}')",
            (const char *[]){"room_event_room_id_actor_id_nonce_key", "room_name_pkey", "room_pkey",
                             "membership_pkey", "app_user_pkey", "Tid Scan on room", NULL});
        expect_plan(world->db, "listing_version(1, 1, 1)",
                    (const char *[]){"room_pkey", "membership_pkey", "name_changes_pkey",
                                     "user_block_pkey", NULL});
        expect_plan(world->db, "message_lock_wait('{red}')",
                    (const char *[]){"room_name_pkey", "room_pkey", NULL});

        if (round > 0) /* with none at all, any index of them will do */
            expect_plan(world->db, "moderation_find_due(16)",
                        (const char *[]){"membership_mute_ends", "membership_ban_ends", NULL});
        expect_plan(world->db, "moderation_list_bans(1, 1, 'red', 0, 9)",
                    (const char *[]){"membership_banned", "audit_of_subject", NULL});
        expect_plan(world->db, "moderation_audit(1, 1, 'red', 9, 9)",
                    (const char *[]){"audit_of_room", NULL});

        if (round > 0) /* as above */
            expect_plan(world->db, "account_delete(1, 1)",
                        (const char *[]){"membership_of_user", "membership_of_past_member",
                                         "membership_pkey", "recovery_session_of_user", NULL});

        if (round == 0)
            pg_exec("insert into app_user (username, username_key) select i, i"
                    " from generate_series(1000, 1059) i;"
                    "insert into session (user_id, expires_at) select id, 'infinity' from app_user;"
                    "insert into room (name, status) select i, 'PUBLIC'"
                    " from generate_series(1, 60) i;"
                    "insert into room_name (name_key, room_id) select name, id from room"
                    " where name <> 'red';"
                    "insert into membership (room_id, user_id, is_member, muted_until,"
                    " banned_until) select r.id, u.id, true, 'infinity', 'infinity'"
                    " from room r join app_user u on u.id = r.id + 1");
        if (round == 1) {
            world_messages(red, ann, 5000);
            world_messages(world_room("big"), ann, 20000);
        }
        pg_exec("analyze");
        db_close(world->db);
        world->db = pg_open();
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_read_walks_an_index, world_setup, world_teardown),
    };

    (void)argc;
    pg_require(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
