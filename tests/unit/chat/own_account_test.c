/* A user's own account: password, sessions, deletion. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>

#include "shared/chat/chat_internal.h"
#include "shared/chat/own_account.h"
#include "tests/unit/chat/act.h"

#define ANN "{\"username\":\"Ann\",\"password\":\"correct horse\"}"
#define ANN_NEW "{\"username\":\"ann\",\"password\":\"battery staple\"}"
#define CHANGE "{\"password\":\"battery staple\",\"currentPassword\":\"correct horse\"}"
#define CURRENT "{\"currentPassword\":\"correct horse\"}"
#define ADDRESS "192.0.2.1"

/* What a call left. */
struct outcome {
    enum err err;
    struct buf problems;
    struct event_list events;
    int64_t retry_ms;
};

static void outcome_init(struct outcome *out)
{
    *out = (struct outcome){.err = ERR_OK};
    buf_init(&out->problems, BUF_MAX_DEFAULT);
    event_list_init(&out->events);
}

static void outcome_release(struct outcome *out)
{
    buf_release(&out->problems);
    event_list_release(&out->events);
}

static enum err log_in(struct world *world, struct db *db, const char *body,
                       struct chat_login *login)
{
    struct buf problems;
    int64_t retry_ms = 0;
    buf_init(&problems, BUF_MAX_DEFAULT);
    enum err err = chat_login(world->chat, db, span_of(body), ADDRESS, login, &problems, &retry_ms);
    buf_release(&problems);
    return err;
}

static enum err log_in_err(struct world *world, const char *body)
{
    struct chat_login login;
    enum err err = log_in(world, world->db, body, &login);
    chat_login_release(&login);
    return err;
}

/* Ann, with the session of her signing up. */
static struct chat_actor ann(struct world *world)
{
    struct chat_login login;
    struct buf problems;
    int64_t retry_ms = 0;
    buf_init(&problems, BUF_MAX_DEFAULT);
    assert_int_equal(
        chat_signup(world->chat, world->db, SPAN_LIT(ANN), ADDRESS, &login, &problems, &retry_ms),
        ERR_OK);
    struct chat_actor actor = login.actor;
    chat_login_release(&login);
    buf_release(&problems);
    return actor;
}

/* One more session. */
static struct chat_actor again(struct world *world)
{
    struct chat_login login;
    assert_int_equal(log_in(world, world->db, ANN, &login), ERR_OK);
    struct chat_actor actor = login.actor;
    chat_login_release(&login);
    return actor;
}

static struct outcome change(struct world *world, const struct chat_actor *actor, const char *body)
{
    struct outcome out;
    outcome_init(&out);
    out.err = chat_password_change(world->chat, world->db, actor, span_of(body), &out.problems,
                                   &out.retry_ms, &out.events);
    return out;
}

static enum err change_err(struct world *world, const struct chat_actor *actor, const char *body,
                           const char *problems)
{
    struct outcome out = change(world, actor, body);
    enum err err = out.err;
    if (problems)
        assert_string_equal(out.problems.data, problems);
    if (err)
        assert_int_equal(out.events.count, 0);
    outcome_release(&out);
    return err;
}

static bool lives(struct world *world, const struct chat_actor *actor)
{
    struct buf json;
    buf_init(&json, BUF_MAX_DEFAULT);
    enum err err = chat_user_get(world->db, actor, SPAN_NONE, &json);
    buf_release(&json);
    assert_true(err == ERR_OK || err == ERR_UNAUTHENTICATED);
    return err == ERR_OK;
}

/* ---- password ---- */

static void a_new_password_ends_the_other_sessions(void **state)
{
    struct world *world = *state;
    struct chat_actor here = ann(world);
    struct chat_actor others[] = {again(world), again(world)};
    struct outcome out = change(world, &here, CHANGE);
    assert_int_equal(out.err, ERR_OK);
    assert_int_equal(out.events.count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct event *event = &out.events.items[i];
        assert_int_equal(event->log, LOG_INBOX);
        assert_int_equal(event->log_id, here.user_id);
        assert_int_equal(event->kind, EVENT_INBOX_SESSION_ENDED);
        assert_int_equal(event->seq, i + 1);
        assert_int_equal(event->session, others[i].session_id);
        assert_false(lives(world, &others[i]));
    }
    assert_true(lives(world, &here));
    assert_int_equal(pg_int("select count(*) from inbox_event where kind = 35"), 2);
    assert_int_equal(pg_int("select inbox_seq from app_user"), 2);
    assert_int_equal(log_in_err(world, ANN), ERR_UNAUTHENTICATED);
    assert_int_equal(log_in_err(world, ANN_NEW), ERR_OK);
    outcome_release(&out);
}

static void a_new_password_alone_writes_no_inbox_row(void **state)
{
    struct world *world = *state;
    struct chat_actor here = ann(world);
    assert_int_equal(change_err(world, &here, CHANGE, NULL), ERR_OK);
    assert_int_equal(pg_int("select inbox_seq from app_user"), 0);
    assert_int_equal(pg_int("select count(*) from inbox_event"), 0);
}

static void bad_changes(void **state)
{
    struct world *world = *state;
    struct chat_actor here = ann(world);
    struct chat_actor other = again(world);
    assert_int_equal(change_err(world, &here, "{}",
                                "[{\"field\":\"password\",\"problem\":\"is required\"},"
                                "{\"field\":\"currentPassword\",\"problem\":\"is required\"}]"),
                     ERR_VALIDATION_FAILED);
    assert_int_equal(change_err(world, &here, "{\"password\":\"short\",\"currentPassword\":\"x\"}",
                                "[{\"field\":\"password\",\"problem\":\"is too short\"}]"),
                     ERR_VALIDATION_FAILED);
    assert_int_equal(change_err(world, &here,
                                "{\"password\":\"long enough\",\"currentPassword\":\"wrong\"}",
                                NULL),
                     ERR_WRONG_PASSWORD);
    assert_true(lives(world, &other));
    assert_int_equal(log_in_err(world, ANN), ERR_OK);
    pg_exec("update app_user set password_hash = null");
    assert_int_equal(change_err(world, &here, CHANGE, NULL), ERR_WRONG_PASSWORD);
    pg_exec("update session set ended_at = now()");
    assert_int_equal(change_err(world, &here, CHANGE, NULL), ERR_UNAUTHENTICATED);
}

static void tries_are_limited_with_those_of_logging_in(void **state)
{
    struct world *world = *state;
    act_set(world, "limits.password_tries", "3");
    struct chat_actor here = ann(world);
    snprintf(here.address, sizeof here.address, "%s", ADDRESS);
    const char *wrong = "{\"password\":\"long enough\",\"currentPassword\":\"wrong\"}";
    for (int i = 0; i < 3; i++)
        assert_int_equal(change_err(world, &here, wrong, NULL), ERR_WRONG_PASSWORD);
    struct outcome out = change(world, &here, CHANGE);
    assert_int_equal(out.err, ERR_RATE_LIMITED);
    assert_true(out.retry_ms > 0);
    outcome_release(&out);
    assert_int_equal(log_in_err(world, ANN), ERR_RATE_LIMITED);
    snprintf(here.address, sizeof here.address, "192.0.2.2");
    assert_int_equal(change_err(world, &here, CHANGE, NULL), ERR_OK);
}

/* A call that finds its rows locked by somebody who is about to commit. */
struct late {
    struct world *world;
    struct db *db;
    struct chat_actor actor;
    enum err err;
};

static void *run_late_login(void *arg)
{
    struct late *late = arg;
    struct chat_login login;
    late->err = log_in(late->world, late->db, ANN, &login);
    chat_login_release(&login);
    return NULL;
}

/* `first` is what the other one did: SQL that returns how many rows it changed, which must be 1. */
static enum err run_late(struct world *world, const struct chat_actor *actor, void *(*run)(void *),
                         const char *first)
{
    struct db *changer = pg_open_super();
    struct late late = {.world = world, .db = pg_open(), .actor = *actor};
    pthread_t thread;
    db_begin(changer);
    assert_int_equal(pg_int_on(changer, first), 1);
    assert_int_equal(pthread_create(&thread, NULL, run, &late), 0);
    while (pg_int("select count(*) from pg_locks where not granted") == 0)
        usleep(2000);
    assert_int_equal(db_commit(changer), ERR_OK);
    pthread_join(thread, NULL);
    db_close(late.db);
    db_close(changer);
    return late.err;
}

/* The login has checked the old password and comes to open its session while the change commits. */
static void a_login_with_the_old_password_does_not_outlive_the_change(void **state)
{
    struct world *world = *state;
    struct chat_actor here = ann(world);
    assert_int_equal(run_late(world, &here, run_late_login,
                              "with changed as (update app_user set password_hash = 'x'"
                              " returning 1) select count(*) from changed"),
                     ERR_UNAUTHENTICATED);
    assert_int_equal(pg_int("select count(*) from session"), 1);
}

/* ---- sessions ---- */

static void sessions_are_listed_page_by_page(void **state)
{
    struct world *world = *state;
    struct chat_actor here = ann(world);
    struct buf out, next;
    (void)act_user(world, "bob"); /* has session 2 */
    (void)again(world);
    (void)again(world);
    buf_init(&out, BUF_MAX_DEFAULT);
    buf_init(&next, BUF_MAX_DEFAULT);
    assert_int_equal(chat_sessions_list(world->db, &here, SPAN_NONE, 2, &out, &next), ERR_OK);
    assert_non_null(strstr(out.data, "{\"sessions\":[{\"id\":1,\"createdAt\":\"20"));
    assert_non_null(strstr(out.data, "\"current\":true},{\"id\":3,"));
    assert_non_null(strstr(out.data, "\"current\":false}],\"nextCursor\":\"3\"}"));
    assert_string_equal(next.data, "3");
    buf_clear(&out);
    buf_clear(&next);
    pg_exec("update session set expires_at = now() where id = 3");
    assert_int_equal(chat_sessions_list(world->db, &here, SPAN_LIT("1"), 2, &out, &next), ERR_OK);
    assert_non_null(strstr(out.data, "{\"sessions\":[{\"id\":4,"));
    assert_null(strstr(out.data, "nextCursor"));
    buf_clear(&out);
    assert_int_equal(chat_sessions_list(world->db, &here, SPAN_LIT("4"), 2, &out, &next), ERR_OK);
    assert_string_equal(out.data, "{\"sessions\":[]}");
    assert_int_equal(chat_sessions_list(world->db, &here, SPAN_LIT("x"), 2, &out, &next),
                     ERR_VALIDATION_FAILED);
    buf_release(&out);
    buf_release(&next);
}

static enum err end_session(struct world *world, const struct chat_actor *actor, const char *id)
{
    struct event_list events;
    event_list_init(&events);
    enum err err = chat_session_end(world->db, actor, span_of(id), &events);
    assert_int_equal(events.count, err == ERR_OK);
    event_list_release(&events);
    return err;
}

static void one_ends_ones_own_sessions_only(void **state)
{
    struct world *world = *state;
    struct chat_actor here = ann(world);
    struct chat_actor bob = act_user(world, "bob");
    struct chat_actor other = again(world);
    char bobs[24];
    snprintf(bobs, sizeof bobs, "%lld", (long long)bob.session_id);
    assert_int_equal(end_session(world, &here, bobs), ERR_ROUTE_NOT_FOUND);
    assert_int_equal(end_session(world, &here, "0"), ERR_ROUTE_NOT_FOUND);
    assert_int_equal(end_session(world, &here, "x"), ERR_ROUTE_NOT_FOUND);
    assert_int_equal(end_session(world, &here, "-1"), ERR_ROUTE_NOT_FOUND);
    assert_int_equal(end_session(world, &here, "99999999999999999999"), ERR_ROUTE_NOT_FOUND);
    assert_true(lives(world, &bob));
    assert_int_equal(end_session(world, &here, "3"), ERR_OK);
    assert_false(lives(world, &other));
    assert_int_equal(end_session(world, &here, "3"), ERR_ROUTE_NOT_FOUND);
    assert_int_equal(end_session(world, &here, "1"), ERR_OK);
    assert_int_equal(end_session(world, &here, "1"), ERR_UNAUTHENTICATED);
    assert_int_equal(pg_int("select inbox_seq from app_user where id = 1"), 2);
}

static void *run_late_end(void *arg)
{
    struct late *late = arg;
    struct event_list events;
    event_list_init(&events);
    late->err = chat_session_end(late->db, &late->actor, SPAN_LIT("1"), &events);
    event_list_release(&events);
    return NULL;
}

/* The owner has just ended the session of a thief, who comes to end the owner's. */
static void a_session_that_was_ended_ends_no_other(void **state)
{
    struct world *world = *state;
    struct chat_actor owner = ann(world);
    struct chat_actor thief = again(world);
    assert_int_equal(
        run_late(world, &thief, run_late_end,
                 "with locked as (select id from session where ended_at is null for update),"
                 " ended as (update session set ended_at = now() where id = 2 returning 1)"
                 " select count(*) from ended where (select count(*) from locked) = 2"),
        ERR_UNAUTHENTICATED);
    assert_true(lives(world, &owner));
    assert_int_equal(pg_int("select inbox_seq from app_user"), 0);
}

/* ---- deletion ---- */

static struct outcome check(struct world *world, const struct chat_actor *actor, const char *body)
{
    struct outcome out;
    outcome_init(&out);
    out.err = chat_account_check_deletion(world->chat, world->db, actor, span_of(body),
                                          &out.problems, &out.retry_ms);
    return out;
}

static enum err check_err(struct world *world, const struct chat_actor *actor, const char *body)
{
    struct outcome out = check(world, actor, body);
    outcome_release(&out);
    return out.err;
}

/* Steps until it is done or goes wrong; how many. */
static int delete_account(struct world *world, const struct chat_actor *actor, struct outcome *out)
{
    int steps = 0;
    bool done = false;
    outcome_init(out);
    while (!done && out->err == ERR_OK) {
        out->err = chat_account_deletion_step(world->chat, world->db, actor, &out->events, &done);
        steps++;
    }
    return steps;
}

static void a_password_that_is_given_must_be_right(void **state)
{
    struct world *world = *state;
    struct chat_actor here = ann(world);
    assert_int_equal(check_err(world, &here, "{}"), ERR_OK); /* whoever wants to be asked asks */
    assert_int_equal(check_err(world, &here, "[]"), ERR_VALIDATION_FAILED);
    assert_int_equal(check_err(world, &here, "{\"currentPassword\":7}"), ERR_VALIDATION_FAILED);
    assert_int_equal(check_err(world, &here, "{\"currentPassword\":\"wrong\"}"),
                     ERR_WRONG_PASSWORD);
    assert_int_equal(check_err(world, &here, CURRENT), ERR_OK);
    struct chat_actor foreign = act_user(world, "foreign"); /* it has none */
    assert_int_equal(check_err(world, &foreign, "{}"), ERR_OK);
    pg_exec("update session set ended_at = now()");
    assert_int_equal(check_err(world, &here, CURRENT), ERR_UNAUTHENTICATED);
    assert_int_equal(check_err(world, &foreign, "{}"), ERR_UNAUTHENTICATED);
}

static void owners_are_succeeded(void **state)
{
    struct world *world = *state;
    struct chat_actor here = ann(world);
    struct chat_actor bob = act_user(world, "bob");
    struct outcome out;
    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &here, "{\"name\":\"one\",\"status\":\"PUBLIC\"}"),
        ERR_OK);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"one\"}"), ERR_OK);
    assert_int_equal(check_err(world, &here, CURRENT), ERR_OK);
    assert_int_equal(delete_account(world, &here, &out), 2);
    assert_int_equal(out.err, ERR_OK);
    outcome_release(&out);
    assert_int_equal(pg_int("select user_id from membership where is_member and role = 'OWNER'"),
                     bob.user_id);
}

static void assert_gone(struct world *world, const struct chat_actor *actor)
{
    struct chat_actor bob = act_user(world, "onlooker");
    struct buf json;
    assert_false(lives(world, actor));
    assert_int_equal(log_in_err(world, ANN), ERR_UNAUTHENTICATED);
    buf_init(&json, BUF_MAX_DEFAULT);
    assert_int_equal(chat_user_get(world->db, &bob, SPAN_LIT("ann"), &json), ERR_USER_NOT_FOUND);
    assert_int_equal(chat_user_get(world->db, &bob, SPAN_LIT("deleted.1"), &json),
                     ERR_USER_NOT_FOUND);
    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &bob, "{\"name\":\"ann\",\"status\":\"DIRECT\"}"),
        ERR_USER_NOT_FOUND);
    buf_release(&json);
}

static void deletion_leaves_channels_then_ends_the_account(void **state)
{
    struct world *world = *state;
    struct chat_actor here = ann(world);
    struct chat_actor bob = act_user(world, "bob");
    struct outcome out;
    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &bob, "{\"name\":\"bobs\",\"status\":\"PUBLIC\"}"),
        ERR_OK);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &here, "{\"name\":\"bobs\"}"), ERR_OK);
    assert_int_equal(
        act_do(world, CHAT_SEND_MESSAGE, &here, "{\"room\":\"bobs\",\"text\":\"hello\"}"), ERR_OK);
    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &here, "{\"name\":\"hers\",\"status\":\"PUBLIC\"}"),
        ERR_OK);
    pg_exec("insert into user_block (blocker_id, blocked_id) values (1, 2), (2, 1)");
    pg_exec("update membership set last_read_seq = 2");
    pg_exec("insert into recovery_session values ('pid', 1, '', now())");
    assert_int_equal(delete_account(world, &here, &out), 3);
    assert_int_equal(out.err, ERR_OK);
    const struct event *last = &out.events.items[out.events.count - 1];
    assert_int_equal(last->kind, EVENT_INBOX_SESSION_ENDED);
    assert_int_equal(last->session, 0);
    assert_int_equal(last->seq, pg_int("select inbox_seq from app_user where id = 1"));
    outcome_release(&out);
    assert_gone(world, &here);
    assert_int_equal(pg_int("select count(*) from membership where user_id = 1 and is_member"), 0);
    assert_int_equal(pg_int("select members from room where name = 'bobs'"), 1);
    assert_int_equal(pg_int("select count(*) from room_event e join room r on r.id = e.room_id"
                            " where r.name = 'bobs' and e.kind = 4 and e.subject_id = 1"),
                     1);
    assert_int_equal(
        pg_int("select count(*) from room where name = 'hers' and archived_at is null"), 0);
    assert_int_equal(pg_int("select count(*) from user_block where blocker_id = 1"), 0);
    assert_int_equal(pg_int("select count(*) from user_block where blocked_id = 1"), 1);
    assert_int_equal(pg_int("select sum(last_read_seq) from membership where user_id = 1"), 0);
    assert_int_equal(pg_int("select count(*) from recovery_session"), 0);
}

static void messages_stay_with_a_tombstone_for_a_sender(void **state)
{
    struct world *world = *state;
    struct chat_actor here = ann(world);
    struct chat_actor bob = act_user(world, "bob");
    struct outcome gone;
    struct buf json;
    struct chat_page_found found = {0};
    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &bob, "{\"name\":\"ann\",\"status\":\"DIRECT\"}"),
        ERR_OK);
    assert_int_equal(
        act_do(world, CHAT_SEND_MESSAGE, &here, "{\"room\":\"Ann@bob\",\"text\":\"hi\"}"), ERR_OK);
    (void)delete_account(world, &here, &gone);
    assert_int_equal(gone.err, ERR_OK);
    outcome_release(&gone);
    buf_init(&json, BUF_MAX_DEFAULT);
    const struct chat_page page = {.limit = 10};
    assert_int_equal(chat_messages_page(world->db, &bob, SPAN_LIT("Ann@bob"), &page, &json, &found),
                     ERR_OK);
    assert_non_null(strstr(json.data, "\"sender\":\"deleted.1\",\"text\":\"hi\""));
    assert_int_equal(
        act_do(world, CHAT_SEND_MESSAGE, &bob, "{\"room\":\"Ann@bob\",\"text\":\"?\"}"),
        ERR_USER_NOT_FOUND);
    buf_release(&json);
}

static void create_three(struct world *world, const struct chat_actor *actor)
{
    for (int i = 0; i < 3; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"name\":\"r%d\",\"status\":\"PUBLIC\"}", i);
        assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, actor, json), ERR_OK);
    }
}

static void deletion_goes_on_where_it_broke_off(void **state)
{
    struct world *world = *state;
    struct chat_actor here = ann(world);
    struct event_list events;
    struct outcome out;
    bool done = true;
    create_three(world, &here);
    event_list_init(&events);
    assert_int_equal(chat_account_deletion_step(world->chat, world->db, &here, &events, &done),
                     ERR_OK);
    assert_false(done);
    event_list_release(&events);
    assert_true(lives(world, &here));
    assert_int_equal(pg_int("select count(*) from membership where is_member"), 2);
    assert_int_equal(check_err(world, &here, CURRENT), ERR_OK);
    assert_int_equal(delete_account(world, &here, &out), 3);
    outcome_release(&out);
    assert_false(lives(world, &here));
    assert_int_equal(delete_account(world, &here, &out), 1);
    assert_int_equal(out.err, ERR_UNAUTHENTICATED);
    outcome_release(&out);
}

/* The steps of one deletion are one command, whatever the number of channels. */
static void deletion_is_not_refused_halfway_by_the_rate_of_commands(void **state)
{
    struct world *world = *state;
    struct chat_actor here = ann(world);
    struct outcome out;
    create_three(world, &here);
    while (chat_limit_command(world->chat, here.user_id) == 0)
        continue;
    assert_int_equal(delete_account(world, &here, &out), 4);
    assert_int_equal(out.err, ERR_OK);
    outcome_release(&out);
    assert_false(lives(world, &here));
}

int main(int argc, char **argv)
{
    (void)argc;
    pg_require(argv);
#define T(test) cmocka_unit_test_setup_teardown(test, act_setup, act_teardown)
    const struct CMUnitTest tests[] = {
        T(a_new_password_ends_the_other_sessions),
        T(a_new_password_alone_writes_no_inbox_row),
        T(bad_changes),
        T(tries_are_limited_with_those_of_logging_in),
        T(a_login_with_the_old_password_does_not_outlive_the_change),
        T(sessions_are_listed_page_by_page),
        T(one_ends_ones_own_sessions_only),
        T(a_session_that_was_ended_ends_no_other),
        T(a_password_that_is_given_must_be_right),
        T(owners_are_succeeded),
        T(deletion_leaves_channels_then_ends_the_account),
        T(messages_stay_with_a_tombstone_for_a_sender),
        T(deletion_goes_on_where_it_broke_off),
        T(deletion_is_not_refused_halfway_by_the_rate_of_commands),
    };
    return cmocka_run_group_tests_name("own account", tests, NULL, NULL);
}
