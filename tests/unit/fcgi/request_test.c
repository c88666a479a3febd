/* Reading requests: paths, queries, addresses, bodies, and everything that is wrong with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fcgi/request.h"
#include "tests/unit/fcgi/fake.h"

static const struct request_limits limits = {
    .uri_bytes = 1024, .body_bytes = 64, .trusted_proxies = "127.0.0.1  ::1"};

#define PARAMS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- path ---- */

static enum err parse_uri(const char *uri, struct request *request, struct fake *fake)
{
    static const char *params[] = {"REQUEST_METHOD", "GET", "REQUEST_URI", NULL, NULL};

    params[3] = uri;
    fake_init(fake, params, SPAN_NONE);
    request_init(request, &fake->transport);
    return request_parse(request, &limits);
}

static void path_is(const char *uri, int count, const char *first, const char *last)
{
    struct request request;
    struct fake fake;

    assert_int_equal(parse_uri(uri, &request, &fake), ERR_OK);
    assert_int_equal(request.path_count, count);
    assert_true(span_is(request.path[0], first));
    assert_true(span_is(request.path[count - 1], last));
    request_release(&request);
    fake_release(&fake);
}

static void path_fails(const char *uri, enum err want)
{
    struct request request;
    struct fake fake;

    assert_int_equal(parse_uri(uri, &request, &fake), want);
    request_release(&request);
    fake_release(&fake);
}

static void test_path_is_split_before_it_is_decoded(void **state)
{
    (void)state;
    path_is("/", 1, "", "");
    path_is("/api/v1/channels", 3, "api", "channels");
    path_is("/channels/a%2Fb/messages", 3, "channels", "messages");
    path_is("/a%2Fb", 1, "a/b", "a/b");
    path_is("/a/", 2, "a", "");
    path_is("//", 2, "", "");
    path_is("/x?y=/z", 1, "x", "x");
    path_is("/a+b", 1, "a+b", "a+b");
    path_is("/K%C3%A4se%20%F0%9F%A7%80", 1, "Käse 🧀", "Käse 🧀");
    path_is("/a/b/c/d/e/f/g/h/i/j/k/l", 12, "a", "l");
}

static void test_paths_that_lead_nowhere(void **state)
{
    char far[1200] = "/";

    (void)state;
    path_fails("", ERR_ROUTE_NOT_FOUND);
    path_fails("*", ERR_ROUTE_NOT_FOUND);
    path_fails("http://host/path", ERR_ROUTE_NOT_FOUND);
    path_fails("/a/b/c/d/e/f/g/h/i/j/k/l/m", ERR_ROUTE_NOT_FOUND);
    path_fails("/%zz", ERR_VALIDATION_FAILED);
    path_fails("/%", ERR_VALIDATION_FAILED);
    path_fails("/%00", ERR_VALIDATION_FAILED);
    path_fails("/%ff%fe", ERR_VALIDATION_FAILED);
    path_fails("/%C0%AF", ERR_VALIDATION_FAILED);
    path_fails("/ok?q=%00", ERR_VALIDATION_FAILED);
    path_fails("/ok?%ff=1", ERR_VALIDATION_FAILED);
    path_fails("/ok?q=%1", ERR_VALIDATION_FAILED);
    memset(far + 1, 'a', 1100);
    path_fails(far, ERR_PAYLOAD_TOO_LARGE);
}

static void test_missing_meta_variables_are_no_crash(void **state)
{
    struct request request;
    struct fake fake;

    (void)state;
    fake_init(&fake, PARAMS("X", "y"), SPAN_NONE);
    request_init(&request, &fake.transport);
    assert_int_equal(request_parse(&request, &limits), ERR_ROUTE_NOT_FOUND);
    assert_int_equal(request.method, METHOD_OTHER);
    assert_string_equal(request.address, "");
    assert_int_equal(strlen(request.id), RANDOM_ID_SIZE - 1);
    request_release(&request);
}

static void id_is(const char *const *params, const char *expected)
{
    struct request request;
    struct fake fake;

    fake_init(&fake, params, SPAN_NONE);
    request_init(&request, &fake.transport);
    if (expected)
        assert_string_equal(request.id, expected);
    else
        assert_int_equal(strlen(request.id), RANDOM_ID_SIZE - 1);
    request_release(&request);
}

static void test_the_id_is_the_fronts(void **state)
{
    static const char longest[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    (void)state;
    id_is(PARAMS("HTTP_X_REQUEST_ID", "a-b_c.1:2"), "a-b_c.1:2");
    id_is(PARAMS("HTTP_X_REQUEST_ID", "x", "UNIQUE_ID", "y"), "x");
    id_is(PARAMS("UNIQUE_ID", "aMh@-7AAAEAAAGV"), "aMh@-7AAAEAAAGV");
    id_is(PARAMS("HTTP_X_REQUEST_ID", longest), longest);
    id_is(PARAMS("HTTP_X_REQUEST_ID", "0123456789abcdef0123456789abcdef"
                                      "0123456789abcdef0123456789abcdef0"),
          NULL);
    id_is(PARAMS("HTTP_X_REQUEST_ID", "a b"), NULL);
    id_is(PARAMS("HTTP_X_REQUEST_ID", "a\"b"), NULL);
    id_is(PARAMS("HTTP_X_REQUEST_ID", "a\nb"), NULL);
    id_is(PARAMS("HTTP_X_REQUEST_ID", ""), NULL);
}

static void test_methods(void **state)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    struct request request;
    struct fake fake;

    (void)state;
    for (int i = 0; i < METHOD_OTHER; i++) {
        fake_init(&fake, PARAMS("REQUEST_METHOD", names[i], "REQUEST_URI", "/"), SPAN_NONE);
        request_init(&request, &fake.transport);
        assert_int_equal(request_parse(&request, &limits), ERR_OK);
        assert_int_equal(request.method, i);
        assert_string_equal(method_name(request.method), names[i]);
        request_release(&request);
    }
    fake_init(&fake, PARAMS("REQUEST_METHOD", "get", "REQUEST_URI", "/"), SPAN_NONE);
    request_init(&request, &fake.transport);
    assert_int_equal(request_parse(&request, &limits), ERR_OK);
    assert_int_equal(request.method, METHOD_OTHER); /* methods are case-sensitive: RFC 9110, 9.1 */
    request_release(&request);
}

/* ---- query ---- */

static void test_query(void **state)
{
    struct request request;
    struct fake fake;
    int64_t number = -1;

    (void)state;
    assert_int_equal(
        parse_uri("/x?limit=20&q=a+b%26c&empty=&flag&limit=30&&=v&big=999999999999999999", &request,
                  &fake),
        ERR_OK);
    assert_true(span_is(request_query(&request, "q"), "a b&c"));
    assert_true(span_is(request_query(&request, "limit"), "20")); /* the first counts */
    assert_true(span_present(request_query(&request, "empty")));
    assert_true(span_present(request_query(&request, "flag")));
    assert_false(span_present(request_query(&request, "nothing")));
    assert_int_equal(request_query_int(&request, "limit", 1, 100, 50, &number), ERR_OK);
    assert_int_equal(number, 20);
    assert_int_equal(request_query_int(&request, "nothing", 1, 100, 50, &number), ERR_OK);
    assert_int_equal(number, 50);
    assert_int_equal(request_query_int(&request, "big", 1, INT64_MAX, 0, &number), ERR_OK);
    assert_true(number == 999999999999999999);
    assert_int_equal(request_query_int(&request, "limit", 21, 100, 50, &number),
                     ERR_VALIDATION_FAILED);
    assert_int_equal(request_query_int(&request, "limit", 1, 19, 50, &number),
                     ERR_VALIDATION_FAILED);
    assert_int_equal(request_query_int(&request, "empty", 0, 100, 50, &number),
                     ERR_VALIDATION_FAILED);
    assert_int_equal(request_query_int(&request, "q", 0, 100, 50, &number), ERR_VALIDATION_FAILED);
    request_release(&request);
}

static void test_bad_integers(void **state)
{
    static const char *const bad[] = {"-1",   "+1", "%2B1", "1.0", "1e3",
                                      "0x10", " 1", "1 ",   "١",   "9999999999999999999"};
    char uri[128];
    int64_t number;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct request request;
        struct fake fake;
        snprintf(uri, sizeof uri, "/x?n=%s", bad[i]);
        assert_int_equal(parse_uri(uri, &request, &fake), ERR_OK);
        assert_int_equal(request_query_int(&request, "n", 0, INT64_MAX, 0, &number),
                         ERR_VALIDATION_FAILED);
        request_release(&request);
    }
}

static void test_a_flood_of_parameters_is_cut_off(void **state)
{
    char uri[1024] = "/x?";
    struct request request;
    struct fake fake;

    (void)state;
    for (int i = 0; i < 200; i++)
        memcpy(uri + 3 + i * 4, "a=1&", 4);
    assert_int_equal(parse_uri(uri, &request, &fake), ERR_OK);
    assert_int_equal(request.query_count, REQUEST_QUERY_MAX);
    request_release(&request);
}

/* ---- the client's address ---- */

static void address_is(const char *peer, const char *forwarded, const char *want)
{
    struct request request;
    struct fake fake;

    fake_init(&fake,
              PARAMS("REQUEST_METHOD", "GET", "REQUEST_URI", "/", "REMOTE_ADDR", peer,
                     "HTTP_X_FORWARDED_FOR", forwarded),
              SPAN_NONE);
    request_init(&request, &fake.transport);
    assert_int_equal(request_parse(&request, &limits), ERR_OK);
    assert_string_equal(request.address, want);
    request_release(&request);
}

static void test_forwarded_for_counts_from_trusted_proxies_only(void **state)
{
    (void)state;
    address_is("203.0.113.9", "", "203.0.113.9");
    address_is("203.0.113.9", "198.51.100.1", "203.0.113.9");
    address_is("127.0.0.1", "198.51.100.1", "198.51.100.1");
    address_is("::1", "10.0.0.1, 2001:db8::7", "2001:db8::7");
    address_is("127.0.0.1", "evil, 198.51.100.1 ", "198.51.100.1");
    address_is("127.0.0.1", "198.51.100.1, evil", "127.0.0.1");
    address_is("127.0.0.1", ",", "127.0.0.1");
    address_is("127.0.0.1", "", "127.0.0.1");
    address_is("not an address", "198.51.100.1", "");
    address_is("127.0.0.1",
               "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001",
               "127.0.0.1");
}

/* ---- body ---- */

struct body_case {
    const char *length; /* "": CONTENT_LENGTH is missing */
    const char *type;
    size_t sent; /* bytes that arrive */
    enum err want;
};

static void test_bodies(void **state)
{
    static const struct body_case cases[] = {
        {"0", "", 0, ERR_OK},
        {"", "", 0, ERR_OK},
        {"10", "application/json", 10, ERR_OK},
        {"10", "application/json; charset=utf-8", 10, ERR_OK},
        {"10", "Application/JSON", 10, ERR_OK},
        {"10", "application/json ;x", 10, ERR_OK},
        {"64", "application/json", 64, ERR_OK},
        {"65", "application/json", 65, ERR_PAYLOAD_TOO_LARGE},
        {"99999999999999999999999999", "application/json", 9, ERR_PAYLOAD_TOO_LARGE},
        {"", "application/json", 64, ERR_OK},
        {"", "application/json", 65, ERR_PAYLOAD_TOO_LARGE},
        {"", "application/json", 5000, ERR_PAYLOAD_TOO_LARGE},
        {"10", "", 10, ERR_UNSUPPORTED_MEDIA_TYPE},
        {"10", "text/plain", 10, ERR_UNSUPPORTED_MEDIA_TYPE},
        {"10", "application/jsonp", 10, ERR_UNSUPPORTED_MEDIA_TYPE},
        {"10", "application/x-www-form-urlencoded", 10, ERR_UNSUPPORTED_MEDIA_TYPE},
        {"", "text/plain", 10, ERR_UNSUPPORTED_MEDIA_TYPE},
        {"10", "application/json", 9, ERR_VALIDATION_FAILED}, /* the client went away */
        {"-1", "application/json", 9, ERR_VALIDATION_FAILED},
        {"1x", "application/json", 9, ERR_VALIDATION_FAILED},
    };
    static char bytes[5000];

    (void)state;
    memset(bytes, '7', sizeof bytes);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct body_case *each = &cases[i];
        struct request request;
        struct fake fake;
        fake_init(&fake, PARAMS("CONTENT_LENGTH", each->length, "CONTENT_TYPE", each->type),
                  span_make(bytes, each->sent));
        fake.piece = 7;
        request_init(&request, &fake.transport);
        assert_int_equal(request_read_body(&request, &limits), each->want);
        if (each->want == ERR_OK)
            assert_int_equal(request.body.len, each->sent);
        assert_true(fake.body_read <= 65); /* never the whole of what is too much */
        request_release(&request);
    }
}

static void test_a_body_that_breaks(void **state)
{
    struct request request;
    struct fake fake;

    (void)state;
    fake_init(&fake, PARAMS("CONTENT_TYPE", "application/json"), SPAN_LIT("{}"));
    fake.read_fails = true;
    request_init(&request, &fake.transport);
    assert_int_equal(request_read_body(&request, &limits), ERR_VALIDATION_FAILED);
    request_release(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_is_split_before_it_is_decoded),
        cmocka_unit_test(test_paths_that_lead_nowhere),
        cmocka_unit_test(test_missing_meta_variables_are_no_crash),
        cmocka_unit_test(test_the_id_is_the_fronts),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_bad_integers),
        cmocka_unit_test(test_a_flood_of_parameters_is_cut_off),
        cmocka_unit_test(test_forwarded_for_counts_from_trusted_proxies_only),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_a_body_that_breaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
