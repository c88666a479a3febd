/* Signing up and in, rotating refresh tokens, ending sessions. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "shared/base/json_scan.h"
#include "tests/unit/chat/act.h"

#define ALICE "{\"username\":\"Alice\",\"password\":\"correct horse\"}"

struct outcome {
    enum err err;
    struct chat_login login;
    struct buf problems;
    int64_t retry_ms;
};

static void outcome_release(struct outcome *outcome)
{
    chat_login_release(&outcome->login);
    buf_release(&outcome->problems);
}

static struct outcome sign_up(struct world *world, const char *body, const char *address)
{
    struct outcome out = {.retry_ms = 0};
    buf_init(&out.problems, BUF_MAX_DEFAULT);
    out.err = chat_signup(world->chat, world->db, span_of(body), address, &out.login, &out.problems,
                          &out.retry_ms);
    return out;
}

static struct outcome log_in(struct world *world, const char *body, const char *address)
{
    struct outcome out = {.retry_ms = 0};
    buf_init(&out.problems, BUF_MAX_DEFAULT);
    out.err = chat_login(world->chat, world->db, span_of(body), address, &out.login, &out.problems,
                         &out.retry_ms);
    return out;
}

static struct outcome refresh(struct world *world, struct span token)
{
    struct outcome out = {.retry_ms = 0};
    char body[512];
    snprintf(body, sizeof body, "{\"refreshToken\":\"%.*s\"}", (int)token.len, token.ptr);
    buf_init(&out.problems, BUF_MAX_DEFAULT);
    out.err = chat_refresh(world->chat, world->db, span_of(body), &out.login, &out.problems);
    return out;
}

static enum err sign_up_err(struct world *world, const char *body, const char *problems)
{
    struct outcome out = sign_up(world, body, "192.0.2.9");
    enum err err = out.err;
    if (problems)
        assert_string_equal(out.problems.data, problems);
    outcome_release(&out);
    return err;
}

static enum err log_in_err(struct world *world, const char *body, const char *address)
{
    struct outcome out = log_in(world, body, address);
    enum err err = out.err;
    outcome_release(&out);
    return err;
}

static void assert_logged_in(struct world *world, const struct outcome *out)
{
    struct chat_actor actor;
    assert_int_equal(out->err, ERR_OK);
    assert_int_equal(out->login.expires_in_s, 900);
    assert_true(out->login.created_us > 0);
    assert_int_equal(
        chat_authenticate(world->chat, buf_span(&out->login.access_token), "192.0.2.1", &actor),
        ERR_OK);
    assert_int_equal(actor.user_id, out->login.actor.user_id);
    assert_int_equal(actor.session_id, out->login.actor.session_id);
    assert_string_equal(actor.username, "Alice");
    assert_string_equal(actor.address, "192.0.2.1");
}

static void signing_up_gives_tokens_at_once(void **state)
{
    struct world *world = *state;
    struct buf json;
    struct outcome out = sign_up(world, ALICE, "192.0.2.1");
    assert_logged_in(world, &out);
    buf_init(&json, BUF_MAX_DEFAULT);
    assert_int_equal(chat_user_get(world->db, &out.login.actor, SPAN_NONE, &json), ERR_OK);
    assert_non_null(strstr(json.data, "{\"username\":\"Alice\",\"createdAt\":\"20"));
    buf_clear(&json);
    assert_int_equal(chat_user_get(world->db, &out.login.actor, SPAN_LIT("ALICE"), &json), ERR_OK);
    assert_non_null(strstr(json.data, "\"Alice\""));
    assert_int_equal(chat_user_get(world->db, &out.login.actor, SPAN_LIT("bob"), &json),
                     ERR_USER_NOT_FOUND);
    assert_int_equal(chat_user_get(world->db, &out.login.actor, SPAN_LIT("a\0b"), &json),
                     ERR_USER_NOT_FOUND);
    pg_exec("update session set ended_at = now()");
    assert_int_equal(chat_user_get(world->db, &out.login.actor, SPAN_NONE, &json),
                     ERR_UNAUTHENTICATED);
    buf_release(&json);
    outcome_release(&out);
}

static void bad_signups_name_each_problem(void **state)
{
    struct world *world = *state;
    assert_int_equal(sign_up_err(world, "{}",
                                 "[{\"field\":\"username\",\"problem\":\"is required\"},"
                                 "{\"field\":\"password\",\"problem\":\"is required\"}]"),
                     ERR_VALIDATION_FAILED);
    assert_int_equal(sign_up_err(world, "{\"username\":\"a\",\"password\":\"short\"}",
                                 "[{\"field\":\"username\",\"problem\":\"is too short\"},"
                                 "{\"field\":\"password\",\"problem\":\"is too short\"}]"),
                     ERR_VALIDATION_FAILED);
    assert_int_equal(sign_up_err(world, "{\"username\":1,\"password\":null}",
                                 "[{\"field\":\"username\",\"problem\":\"must be a string\"},"
                                 "{\"field\":\"password\",\"problem\":\"must be a string\"}]"),
                     ERR_VALIDATION_FAILED);
    assert_int_equal(
        sign_up_err(world, "nonsense", "[{\"field\":\"\",\"problem\":\"must be valid JSON\"}]"),
        ERR_VALIDATION_FAILED);
    assert_int_equal(
        sign_up_err(world, "[]", "[{\"field\":\"\",\"problem\":\"must be an object\"}]"),
        ERR_VALIDATION_FAILED);
    assert_int_equal(pg_int("select count(*) from app_user"), 0);
}

static void usernames_are_never_reused(void **state)
{
    struct world *world = *state;
    assert_int_equal(sign_up_err(world, ALICE, NULL), ERR_OK);
    assert_int_equal(sign_up_err(world, ALICE, NULL), ERR_NAME_TAKEN);
    assert_int_equal(
        sign_up_err(world, "{\"username\":\"aLICE\",\"password\":\"something else\"}", NULL),
        ERR_NAME_TAKEN);
    pg_exec("update app_user set deleted_at = now()");
    assert_int_equal(sign_up_err(world, ALICE, NULL), ERR_NAME_TAKEN);
}

static void signups_are_limited_by_address(void **state)
{
    struct world *world = *state;
    act_set(world, "limits.signups_per_hour", "1");
    struct outcome out = sign_up(world, ALICE, "192.0.2.1");
    assert_int_equal(out.err, ERR_OK);
    outcome_release(&out);
    out = sign_up(world, "{\"username\":\"bob\",\"password\":\"something\"}", "192.0.2.1");
    assert_int_equal(out.err, ERR_RATE_LIMITED);
    assert_in_range(out.retry_ms, 3500000, 3600000);
    outcome_release(&out);
    out = sign_up(world, "{\"username\":\"bob\",\"password\":\"something\"}", "192.0.2.2");
    assert_int_equal(out.err, ERR_OK);
    outcome_release(&out);
}

static void logging_in(void **state)
{
    struct world *world = *state;
    assert_int_equal(sign_up_err(world, ALICE, NULL), ERR_OK);
    struct outcome out =
        log_in(world, "{\"username\":\"alice\",\"password\":\"correct horse\"}", "192.0.2.1");
    assert_logged_in(world, &out);
    outcome_release(&out);
    assert_int_equal(log_in_err(world, "{\"username\":\"alice\",\"password\":\"wrong\"}", "a"),
                     ERR_UNAUTHENTICATED);
    assert_int_equal(log_in_err(world, "{\"username\":\"nobody\",\"password\":\"wrong\"}", "a"),
                     ERR_UNAUTHENTICATED);
    assert_int_equal(log_in_err(world, "{\"username\":\"\",\"password\":\"\"}", "a"),
                     ERR_UNAUTHENTICATED);
    assert_int_equal(log_in_err(world, "{\"username\":\"alice\"}", "a"), ERR_VALIDATION_FAILED);
    pg_exec("update app_user set disabled_at = now()");
    assert_int_equal(log_in_err(world, ALICE, "a"), ERR_UNAUTHENTICATED);
    pg_exec("update app_user set disabled_at = null, password_hash = null");
    assert_int_equal(log_in_err(world, ALICE, "a"), ERR_UNAUTHENTICATED);
    assert_int_equal(pg_int("select count(*) from session"), 2);
}

static void login_tries_are_limited_never_by_account_alone(void **state)
{
    struct world *world = *state;
    const char *wrong = "{\"username\":\"alice\",\"password\":\"wrong\"}";
    act_set(world, "limits.password_tries_per_address", "15");
    assert_int_equal(sign_up_err(world, ALICE, NULL), ERR_OK);
    for (int i = 0; i < 7; i++) /* right ones do not count for the account */
        assert_int_equal(log_in_err(world, ALICE, "192.0.2.1"), ERR_OK);
    for (int i = 0; i < 5; i++)
        assert_int_equal(log_in_err(world, wrong, "192.0.2.1"), ERR_UNAUTHENTICATED);
    assert_int_equal(log_in_err(world, ALICE, "192.0.2.1"), ERR_RATE_LIMITED);
    assert_int_equal(log_in_err(world, ALICE, "192.0.2.2"), ERR_OK);
    for (int i = 0; i < 3; i++) { /* other accounts, the same address: 15 in all */
        char body[80];
        snprintf(body, sizeof body, "{\"username\":\"user%d\",\"password\":\"guess\"}", i);
        assert_int_equal(log_in_err(world, body, "192.0.2.1"), ERR_UNAUTHENTICATED);
    }
    struct outcome out =
        log_in(world, "{\"username\":\"user9\",\"password\":\"guess\"}", "192.0.2.1");
    assert_int_equal(out.err, ERR_RATE_LIMITED);
    assert_true(out.retry_ms > 0);
    outcome_release(&out);
}

static void refresh_tokens_rotate(void **state)
{
    struct world *world = *state;
    struct outcome first = sign_up(world, ALICE, "192.0.2.1");
    struct outcome second = refresh(world, buf_span(&first.login.refresh_token));
    assert_logged_in(world, &second);
    assert_string_not_equal(first.login.refresh_token.data, second.login.refresh_token.data);
    struct outcome again = refresh(world, buf_span(&first.login.refresh_token));
    assert_logged_in(world, &again);
    assert_string_equal(again.login.refresh_token.data, second.login.refresh_token.data);
    struct outcome third = refresh(world, buf_span(&second.login.refresh_token));
    assert_logged_in(world, &third);
    assert_int_equal(pg_int("select generation from session"), 3);
    outcome_release(&first);
    outcome_release(&second);
    outcome_release(&again);
    outcome_release(&third);
}

static void assert_family_ended(struct world *world, struct span stolen)
{
    struct outcome out = refresh(world, stolen);
    assert_int_equal(out.err, ERR_UNAUTHENTICATED);
    assert_int_equal(out.login.events.count, 1);
    const struct event *event = &out.login.events.items[0];
    assert_int_equal(event->log, LOG_INBOX);
    assert_int_equal(event->kind, EVENT_INBOX_SESSION_ENDED);
    assert_int_equal(event->session, 1);
    assert_int_equal(event->seq, 1);
    assert_int_equal(pg_int("select count(*) from session where ended_at is not null"), 1);
    assert_int_equal(pg_int("select count(*) from inbox_event where kind = 35"), 1);
    outcome_release(&out);
}

static void a_token_reused_late_ends_the_family(void **state)
{
    struct world *world = *state;
    struct outcome first = sign_up(world, ALICE, "192.0.2.1");
    struct outcome second = refresh(world, buf_span(&first.login.refresh_token));
    pg_exec("update session set rotated_at = now() - interval '11 seconds'");
    assert_family_ended(world, buf_span(&first.login.refresh_token));
    struct outcome third = refresh(world, buf_span(&second.login.refresh_token));
    assert_int_equal(third.err, ERR_UNAUTHENTICATED);
    assert_int_equal(third.login.events.count, 0);
    outcome_release(&first);
    outcome_release(&second);
    outcome_release(&third);
}

static void a_token_two_generations_old_ends_the_family(void **state)
{
    struct world *world = *state;
    struct outcome first = sign_up(world, ALICE, "192.0.2.1");
    struct outcome second = refresh(world, buf_span(&first.login.refresh_token));
    struct outcome third = refresh(world, buf_span(&second.login.refresh_token));
    assert_family_ended(world, buf_span(&first.login.refresh_token));
    outcome_release(&first);
    outcome_release(&second);
    outcome_release(&third);
}

static void bad_refresh_tokens(void **state)
{
    struct world *world = *state;
    struct outcome out = refresh(world, SPAN_LIT("nonsense"));
    assert_int_equal(out.err, ERR_UNAUTHENTICATED);
    outcome_release(&out);
    buf_init(&out.problems, BUF_MAX_DEFAULT);
    assert_int_equal(
        chat_refresh(world->chat, world->db, SPAN_LIT("{}"), &out.login, &out.problems),
        ERR_VALIDATION_FAILED);
    assert_string_equal(out.problems.data,
                        "[{\"field\":\"refreshToken\",\"problem\":\"is required\"}]");
    outcome_release(&out);
    struct outcome first = sign_up(world, ALICE, "192.0.2.1");
    pg_exec("update session set expires_at = now() - interval '1 second'");
    out = refresh(world, buf_span(&first.login.refresh_token));
    assert_int_equal(out.err, ERR_UNAUTHENTICATED);
    outcome_release(&out);
    outcome_release(&first);
}

static void logging_out_ends_the_session_once(void **state)
{
    struct world *world = *state;
    struct event_list events;
    struct outcome out = sign_up(world, ALICE, "192.0.2.1");
    event_list_init(&events);
    assert_int_equal(chat_logout(world->chat, world->db, &out.login.actor, &events), ERR_OK);
    assert_int_equal(events.count, 1);
    assert_int_equal(events.items[0].kind, EVENT_INBOX_SESSION_ENDED);
    assert_int_equal(events.items[0].session, out.login.actor.session_id);
    assert_int_equal(chat_logout(world->chat, world->db, &out.login.actor, &events),
                     ERR_UNAUTHENTICATED);
    assert_int_equal(events.count, 1);
    struct outcome late = refresh(world, buf_span(&out.login.refresh_token));
    assert_int_equal(late.err, ERR_UNAUTHENTICATED);
    outcome_release(&late);
    event_list_release(&events);
    outcome_release(&out);
}

static void access_tokens_are_verified_without_a_database(void **state)
{
    struct world *world = *state;
    struct chat_actor actor;
    struct outcome out = sign_up(world, ALICE, "192.0.2.1");
    struct span token = buf_span(&out.login.access_token);
    assert_int_equal(chat_authenticate(world->chat, SPAN_NONE, "a", &actor), ERR_UNAUTHENTICATED);
    assert_int_equal(
        chat_authenticate(world->chat, span_make(token.ptr, token.len - 1), "a", &actor),
        ERR_UNAUTHENTICATED);
    act_set(world, "auth.secret", "another secret of at least 32 bytes");
    assert_int_equal(chat_authenticate(world->chat, token, "a", &actor), ERR_UNAUTHENTICATED);
    outcome_release(&out);
}

int main(int argc, char **argv)
{
    (void)argc;
    pg_require(argv);
#define T(test) cmocka_unit_test_setup_teardown(test, act_setup, act_teardown)
    const struct CMUnitTest tests[] = {
        T(signing_up_gives_tokens_at_once),
        T(bad_signups_name_each_problem),
        T(usernames_are_never_reused),
        T(signups_are_limited_by_address),
        T(logging_in),
        T(login_tries_are_limited_never_by_account_alone),
        T(refresh_tokens_rotate),
        T(a_token_reused_late_ends_the_family),
        T(a_token_two_generations_old_ends_the_family),
        T(bad_refresh_tokens),
        T(logging_out_ends_the_session_once),
        T(access_tokens_are_verified_without_a_database),
    };
    return cmocka_run_group_tests_name("accounts", tests, NULL, NULL);
}
