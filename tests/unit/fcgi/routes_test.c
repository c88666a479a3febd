/* The table of routes. The resources are stand-ins, so nothing below them is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fcgi/routes.h"
#include "tests/unit/fcgi/stand_ins.h"

static void stand_in(const char *name, struct call *call)
{
    (void)call;
    fail_msg("%s was called", name);
}

static struct request request_for(enum method method, const char *path)
{
    struct request request = {.method = method};

    while (*path == '/') {
        size_t len = strcspn(++path, "/");
        request.path[request.path_count++] = span_make(path, len);
        path += len;
    }
    return request;
}

static void leads_to(enum method method, const char *path, void (*handle)(struct call *))
{
    struct request request = request_for(method, path);
    struct route_match match = route_find(&request);

    assert_non_null(match.route);
    assert_true(match.known);
    assert_ptr_equal(match.route->handle, handle);
}

static void test_each_path_leads_to_its_resource(void **state)
{
    (void)state;
    leads_to(METHOD_POST, "/api/v1/auth/signup", auth_signup);
    leads_to(METHOD_GET, "/api/v1/users/me", users_get_me);
    leads_to(METHOD_HEAD, "/api/v1/users/me", users_get_me);
    leads_to(METHOD_GET, "/api/v1/users/meg", users_get);
    leads_to(METHOD_GET, "/api/v1/channels", channels_list);
    leads_to(METHOD_POST, "/api/v1/channels", channels_create);
    leads_to(METHOD_PATCH, "/api/v1/channels/x", channels_update);
    leads_to(METHOD_PUT, "/api/v1/channels/x/members/me", members_join);
    leads_to(METHOD_DELETE, "/api/v1/channels/x/members/me", members_leave);
    leads_to(METHOD_DELETE, "/api/v1/channels/x/members/meg", members_kick);
    leads_to(METHOD_PUT, "/api/v1/channels/x/admins/me", admins_add);
    leads_to(METHOD_DELETE, "/api/v1/channels/x/admins/bob", admins_remove);
    leads_to(METHOD_GET, "/api/v1/channels/x/mutes", mutes_list);
    leads_to(METHOD_PUT, "/api/v1/channels/x/mutes/bob", mutes_set);
    leads_to(METHOD_DELETE, "/api/v1/channels/x/mutes/bob", mutes_lift);
    leads_to(METHOD_GET, "/api/v1/channels/x/bans", bans_list);
    leads_to(METHOD_PUT, "/api/v1/channels/x/bans/bob", bans_set);
    leads_to(METHOD_DELETE, "/api/v1/channels/x/bans/bob", bans_lift);
    leads_to(METHOD_GET, "/api/v1/channels/x/audit", audit_list);
    leads_to(METHOD_GET, "/api/v1/channels/messages/messages/7", messages_get);
    leads_to(METHOD_GET, "/api/v1/history", history_get);
    leads_to(METHOD_GET, "/healthz", health_live);
}

static void test_arguments_are_taken(void **state)
{
    struct request request = request_for(METHOD_GET, "/api/v1/channels/general/messages/17");

    (void)state;
    assert_non_null(route_find(&request).route);
    assert_true(span_is(request.args[0], "general"));
    assert_true(span_is(request.args[1], "17"));
}

static void test_unknown_paths(void **state)
{
    static const char *const paths[] = {"/",
                                        "/api",
                                        "/api/v1",
                                        "/api/v1/",
                                        "/api/v2/channels",
                                        "/api/v1/channels/",
                                        "/api/v1/channels//members",
                                        "/api/v1/channels/x/messages/",
                                        "/api/v1/channels/x/messages/1/2",
                                        "/api/v1/Channels",
                                        "/api/v1/{name}",
                                        "/healthz/",
                                        "/api/v1/healthz"};

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct request request = request_for(METHOD_GET, paths[i]);
        struct route_match match = route_find(&request);
        assert_null(match.route);
        assert_false(match.known);
    }
}

static void test_wrong_method_says_which_are_right(void **state)
{
    struct request request = request_for(METHOD_PUT, "/api/v1/channels/x");
    struct route_match match = route_find(&request);

    (void)state;
    assert_null(match.route);
    assert_true(match.known);
    assert_true(match.methods[METHOD_GET]);
    assert_true(match.methods[METHOD_HEAD]);
    assert_true(match.methods[METHOD_PATCH]);
    assert_true(match.methods[METHOD_DELETE]);
    assert_false(match.methods[METHOD_PUT]);
    assert_false(match.methods[METHOD_POST]);
    request = request_for(METHOD_OTHER, "/api/v1/auth/login");
    match = route_find(&request);
    assert_null(match.route);
    assert_true(match.methods[METHOD_POST]);
    assert_false(match.methods[METHOD_HEAD]);
}

static void test_the_slow_ones_are_those_that_hash(void **state)
{
    (void)state;
    assert_true(route_is_slow("POST", SPAN_LIT("/api/v1/auth/login")));
    assert_true(route_is_slow("POST", SPAN_LIT("/api/v1/auth/signup")));
    assert_true(route_is_slow("PATCH", SPAN_LIT("/api/v1/users/me")));
    assert_true(route_is_slow("DELETE", SPAN_LIT("/api/v1/users/me")));
    assert_true(route_is_slow("POST", SPAN_LIT("/api/v1/auth/%6cogi%6E")));
    assert_true(route_is_slow("POST", SPAN_LIT("/%61%70%69/v1/auth/signup")));
    assert_false(route_is_slow("POST", SPAN_LIT("/api/v1/auth/logi%6")));
    assert_false(route_is_slow("GET", SPAN_LIT("/api/v1/users/me")));
    assert_false(route_is_slow("GET", SPAN_LIT("/api/v1/auth/login")));
    assert_false(route_is_slow("POST", SPAN_LIT("/api/v1/auth/refresh")));
    assert_false(route_is_slow("POST", SPAN_LIT("/api/v1/auth/login/")));
    assert_false(route_is_slow("POST", SPAN_LIT("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_path_leads_to_its_resource),
        cmocka_unit_test(test_arguments_are_taken),
        cmocka_unit_test(test_unknown_paths),
        cmocka_unit_test(test_wrong_method_says_which_are_right),
        cmocka_unit_test(test_the_slow_ones_are_those_that_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
