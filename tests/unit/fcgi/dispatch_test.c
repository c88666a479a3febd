/* The order in which a request is refused or served: route, method, token, body, resource. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "tests/unit/fcgi/fake.h"
#include "tests/unit/fcgi/stand_ins.h"

static char called[64];
static char body_seen[64];
static int64_t user_seen;
static bool breaks_off;

static void stand_in(const char *name, struct call *call)
{
    snprintf(called, sizeof called, "%s", name);
    snprintf(body_seen, sizeof body_seen, "%s",
             call->request->body.data ? call->request->body.data : "");
    user_seen = call->actor.user_id;
    buf_add_str(&call->response->body, "{\"fine\":true}");
    if (breaks_off) {
        assert_true(response_begin(call->response));
        call->response->cut = true;
    }
}

/* ---- a process without PostgreSQL and MQTT ---- */

struct world {
    struct conf *conf;
    struct app app;
    struct db *db;
    char token[512];
    char expired[512];
};

static void make_token(const struct chat *chat, int64_t expires_s, char *out, size_t size)
{
    struct token_claims claims = {.user_id = 7, .session_id = 3, .username = "ann"};
    struct buf token;

    claims.issued_s = clock_wall_us() / 1000000 - 1000;
    claims.expires_s = expires_s;
    buf_init(&token, TOKEN_MAX_BYTES);
    token_issue(chat_token_key(chat), &claims, &token);
    snprintf(out, size, "Bearer %s", token.data);
    buf_release(&token);
}

static void set(struct conf *conf, const char *name, const char *value)
{
    struct buf problem;

    buf_init(&problem, 1024);
    assert_int_equal(conf_set(conf, name, value, &problem), ERR_OK);
    buf_release(&problem);
}

static int make_world(void **state)
{
    static struct world world;
    struct buf problem;

    setenv("PARLEY_AUTH_SECRET", "0123456789abcdef0123456789abcdef", 1);
    buf_init(&problem, 1024);
    assert_int_equal(conf_load(NULL, &world.conf, &problem), ERR_OK);
    buf_release(&problem);
    set(world.conf, "limits.body_bytes", "1024");
    set(world.conf, "socketio.origins", "http://localhost:*");
    set(world.conf, "pg.conninfo", "host=/nowhere");
    world.app = (struct app){.conf = world.conf, .chat = chat_new(world.conf)};
    world.db = app_open_db(&world.app);
    int64_t now_s = clock_wall_us() / 1000000;
    make_token(world.app.chat, now_s + 100, world.token, sizeof world.token);
    make_token(world.app.chat, now_s - 100, world.expired, sizeof world.expired);
    log_open("dispatch_test", LOG_ERROR, false);
    *state = &world;
    return 0;
}

static int unmake_world(void **state)
{
    struct world *world = *state;

    db_close(world->db);
    chat_free(world->app.chat);
    conf_free(world->conf);
    return 0;
}

/* ---- one request ---- */

struct exchange {
    struct fake fake;
    bool complete;
};

static void ask(struct world *world, const char *const *params, struct span body,
                struct exchange *out)
{
    called[0] = body_seen[0] = '\0';
    user_seen = 0;
    fake_init(&out->fake, params, body);
    out->complete = app_dispatch(&world->app, world->db, &out->fake.transport);
}

static void answered(const struct exchange *exchange, int status, const char *resource)
{
    char line[32];

    snprintf(line, sizeof line, "Status: %d ", status);
    assert_non_null(exchange->fake.out.data);
    assert_memory_equal(exchange->fake.out.data, line, strlen(line));
    assert_string_equal(called, resource);
}

static bool says(const struct exchange *exchange, const char *text)
{
    return strstr(exchange->fake.out.data, text) != NULL;
}

#define ASK(world, exchange, body, ...)                                                            \
    ask(world, ((const char *const[]){__VA_ARGS__, NULL}), body, exchange)

static void test_routes_come_before_tokens(void **state)
{
    struct exchange exchange;

    ASK(*state, &exchange, SPAN_NONE, "REQUEST_METHOD", "GET", "REQUEST_URI", "/api/v1/nowhere");
    answered(&exchange, 404, "");
    assert_true(says(&exchange, "\"code\":\"route_not_found\""));
    fake_release(&exchange.fake);
    ASK(*state, &exchange, SPAN_NONE, "REQUEST_METHOD", "PUT", "REQUEST_URI", "/api/v1/channels");
    answered(&exchange, 405, "");
    assert_true(says(&exchange, "\r\nAllow: GET, HEAD, POST, OPTIONS\r\n"));
    fake_release(&exchange.fake);
    ASK(*state, &exchange, SPAN_NONE, "REQUEST_METHOD", "BREW", "REQUEST_URI", "/api/v1/channels");
    answered(&exchange, 405, "");
    fake_release(&exchange.fake);
    ASK(*state, &exchange, SPAN_NONE, "REQUEST_METHOD", "GET", "REQUEST_URI", "/api/v1/%zz");
    answered(&exchange, 400, "");
    fake_release(&exchange.fake);
}

static void test_tokens_come_before_bodies(void **state)
{
    struct world *world = *state;
    struct exchange exchange;

    ASK(world, &exchange, SPAN_LIT("{}"), "REQUEST_METHOD", "POST", "REQUEST_URI",
        "/api/v1/channels", "CONTENT_LENGTH", "2");
    answered(&exchange, 401, "");
    assert_int_equal(exchange.fake.body_read, 0);
    assert_true(says(&exchange, "\"code\":\"unauthenticated\""));
    fake_release(&exchange.fake);
    ASK(world, &exchange, SPAN_LIT("{}"), "REQUEST_METHOD", "POST", "REQUEST_URI",
        "/api/v1/channels", "HTTP_AUTHORIZATION", world->expired);
    answered(&exchange, 401, "");
    assert_true(says(&exchange, "\"code\":\"token_expired\""));
    fake_release(&exchange.fake);
    ASK(world, &exchange, SPAN_LIT("{}"), "REQUEST_METHOD", "POST", "REQUEST_URI",
        "/api/v1/channels", "HTTP_AUTHORIZATION", world->token, "CONTENT_LENGTH", "2",
        "CONTENT_TYPE", "text/plain");
    answered(&exchange, 415, "");
    fake_release(&exchange.fake);
    ASK(world, &exchange, SPAN_LIT("{}"), "REQUEST_METHOD", "POST", "REQUEST_URI",
        "/api/v1/channels", "HTTP_AUTHORIZATION", world->token, "CONTENT_LENGTH", "1025",
        "CONTENT_TYPE", "application/json");
    answered(&exchange, 413, "");
    fake_release(&exchange.fake);
}

static void test_a_good_request_reaches_its_resource(void **state)
{
    struct world *world = *state;
    struct exchange exchange;

    ASK(world, &exchange, SPAN_LIT("{\"a\":1}"), "REQUEST_METHOD", "POST", "REQUEST_URI",
        "/api/v1/channels", "HTTP_AUTHORIZATION", world->token, "CONTENT_LENGTH", "7",
        "CONTENT_TYPE", "application/json");
    answered(&exchange, 200, "channels_create");
    assert_string_equal(body_seen, "{\"a\":1}");
    assert_int_equal(user_seen, 7);
    assert_true(exchange.complete);
    assert_true(says(&exchange, "{\"fine\":true}"));
    fake_release(&exchange.fake);
    ASK(world, &exchange, SPAN_NONE, "REQUEST_METHOD", "HEAD", "REQUEST_URI", "/api/v1/users/me",
        "HTTP_AUTHORIZATION", world->token);
    answered(&exchange, 200, "users_get_me");
    assert_false(says(&exchange, "fine"));
    fake_release(&exchange.fake);
    ASK(world, &exchange, SPAN_NONE, "REQUEST_METHOD", "GET", "REQUEST_URI", "/healthz");
    answered(&exchange, 200, "health_live");
    assert_int_equal(user_seen, 0);
    fake_release(&exchange.fake);
}

static void test_logout_ignores_its_body(void **state)
{
    struct world *world = *state;
    struct exchange exchange;

    ASK(world, &exchange, SPAN_LIT("not { json"), "REQUEST_METHOD", "POST", "REQUEST_URI",
        "/api/v1/auth/logout", "HTTP_AUTHORIZATION", world->token, "CONTENT_LENGTH", "10",
        "CONTENT_TYPE", "text/plain");
    answered(&exchange, 200, "auth_logout");
    fake_release(&exchange.fake);
}

static void test_cross_origin(void **state)
{
    struct exchange exchange;

    ASK(*state, &exchange, SPAN_NONE, "REQUEST_METHOD", "OPTIONS", "REQUEST_URI",
        "/api/v1/channels/x", "HTTP_ORIGIN", "http://localhost:5173");
    answered(&exchange, 204, "");
    assert_true(says(&exchange, "Access-Control-Allow-Origin: http://localhost:5173\r\n"));
    assert_true(says(&exchange, "Access-Control-Allow-Methods: GET, HEAD, PATCH, DELETE, OPTIONS"));
    assert_true(says(&exchange, "Vary: Origin\r\n"));
    fake_release(&exchange.fake);
    ASK(*state, &exchange, SPAN_NONE, "REQUEST_METHOD", "OPTIONS", "REQUEST_URI",
        "/api/v1/channels/x", "HTTP_ORIGIN", "https://evil.example");
    answered(&exchange, 204, "");
    assert_false(says(&exchange, "Access-Control"));
    fake_release(&exchange.fake);
    ASK(*state, &exchange, SPAN_NONE, "REQUEST_METHOD", "GET", "REQUEST_URI", "/api/v1/nowhere",
        "HTTP_ORIGIN", "http://localhost");
    answered(&exchange, 404, "");
    assert_true(says(&exchange, "Access-Control-Allow-Origin: http://localhost\r\n"));
    fake_release(&exchange.fake);
}

static void test_a_broken_stream_is_reported(void **state)
{
    struct exchange exchange;

    breaks_off = true;
    ASK(*state, &exchange, SPAN_NONE, "REQUEST_METHOD", "GET", "REQUEST_URI", "/healthz");
    breaks_off = false;
    assert_false(exchange.complete);
    answered(&exchange, 200, "health_live");
    assert_false(says(&exchange, "Content-Length"));
    fake_release(&exchange.fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes_come_before_tokens),
        cmocka_unit_test(test_tokens_come_before_bodies),
        cmocka_unit_test(test_a_good_request_reaches_its_resource),
        cmocka_unit_test(test_logout_ignores_its_body),
        cmocka_unit_test(test_cross_origin),
        cmocka_unit_test(test_a_broken_stream_is_reported),
    };

    return cmocka_run_group_tests(tests, make_world, unmake_world);
}
