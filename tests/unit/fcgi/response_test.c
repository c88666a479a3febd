/* Answers in CGI form: headers, problem documents (RFC 9457), HEAD, streaming, a client that left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fcgi/response.h"
#include "shared/base/json_scan.h"
#include "tests/unit/fcgi/fake.h"

static const char *const no_params[] = {NULL};

struct setup {
    struct fake fake;
    struct response response;
};

static void begin(struct setup *setup)
{
    fake_init(&setup->fake, no_params, SPAN_NONE);
    response_init(&setup->response, &setup->fake.transport, "ID");
}

static void end(struct setup *setup)
{
    response_release(&setup->response);
    fake_release(&setup->fake);
}

static bool has_line(const struct setup *setup, const char *line)
{
    char wanted[256];

    snprintf(wanted, sizeof wanted, "%s\r\n", line);
    const char *at = strstr(setup->fake.out.data, wanted);
    const char *empty = strstr(setup->fake.out.data, "\r\n\r\n");
    return at && empty && at < empty + 2 && (at == setup->fake.out.data || at[-1] == '\n');
}

static struct span sent_body(const struct setup *setup)
{
    const char *empty = strstr(setup->fake.out.data, "\r\n\r\n");

    assert_non_null(empty);
    return span_of(empty + 4);
}

static void test_a_whole_answer(void **state)
{
    struct setup setup;

    (void)state;
    begin(&setup);
    setup.response.status = 201;
    buf_add_str(&setup.response.body, "{\"a\":1}");
    response_header(&setup.response, "Location", "/x/%d", 7);
    response_send(&setup.response);
    assert_true(has_line(&setup, "Status: 201 Created"));
    assert_true(has_line(&setup, "Content-Type: application/json"));
    assert_true(has_line(&setup, "Content-Length: 7"));
    assert_true(has_line(&setup, "Location: /x/7"));
    assert_true(has_line(&setup, "X-Request-Id: ID"));
    assert_true(has_line(&setup, "Cache-Control: no-store"));
    assert_true(has_line(&setup, "X-Content-Type-Options: nosniff"));
    assert_true(span_is(sent_body(&setup), "{\"a\":1}"));
    end(&setup);
}

static void test_head_has_the_length_and_no_body(void **state)
{
    struct setup setup;

    (void)state;
    begin(&setup);
    setup.response.head_only = true;
    buf_add_str(&setup.response.body, "{\"a\":1}");
    response_send(&setup.response);
    assert_true(has_line(&setup, "Content-Length: 7"));
    assert_int_equal(sent_body(&setup).len, 0);
    end(&setup);
}

static void test_204_has_neither_type_nor_length(void **state)
{
    struct setup setup;

    (void)state;
    begin(&setup);
    buf_add_str(&setup.response.body, "dropped");
    response_empty(&setup.response, 204);
    response_send(&setup.response);
    assert_true(has_line(&setup, "Status: 204 No Content"));
    assert_null(strstr(setup.fake.out.data, "\nContent-Type"));
    assert_null(strstr(setup.fake.out.data, "Content-Length"));
    assert_int_equal(sent_body(&setup).len, 0);
    end(&setup);
}

static void test_a_header_cannot_be_split(void **state)
{
    struct setup setup;
    char huge[4000];

    (void)state;
    begin(&setup);
    memset(huge, 'x', sizeof huge);
    response_header(&setup.response, "X-Bad", "a\r\nSet-Cookie: b=c");
    response_header(&setup.response, "X-Nul", "a\x01");
    response_header(&setup.response, "X-Huge", "%.*s", (int)sizeof huge, huge);
    response_send(&setup.response);
    assert_null(strstr(setup.fake.out.data, "Set-Cookie"));
    assert_null(strstr(setup.fake.out.data, "X-Nul"));
    assert_null(strstr(setup.fake.out.data, "X-Huge"));
    end(&setup);
}

static void problem_has(const struct setup *setup, const char *name, const char *json)
{
    struct span body = sent_body(setup);

    assert_int_equal(json_scan(body, 32), ERR_OK);
    struct span value = json_member(body, name);
    if (!json)
        assert_false(span_present(value));
    else
        assert_true(span_is(value, json));
}

static void test_a_problem(void **state)
{
    struct setup setup;

    (void)state;
    begin(&setup);
    buf_add_str(&setup.response.body, "half an answ");
    response_problem(
        &setup.response,
        &(struct problem){.err = ERR_MUTED, .detail = "Say \"no\"", .until = SPAN_LIT("\"2026\"")});
    response_send(&setup.response);
    assert_true(has_line(&setup, "Status: 403 Forbidden"));
    assert_true(has_line(&setup, "Content-Type: application/problem+json"));
    problem_has(&setup, "type", "\"about:blank\"");
    problem_has(&setup, "title", "\"Forbidden\"");
    problem_has(&setup, "status", "403");
    problem_has(&setup, "code", "\"muted\"");
    problem_has(&setup, "detail", "\"Say \\\"no\\\"\"");
    problem_has(&setup, "until", "\"2026\"");
    problem_has(&setup, "requestId", "\"ID\"");
    problem_has(&setup, "errors", NULL);
    problem_has(&setup, "retryAfter", NULL);
    end(&setup);
}

static void test_field_errors(void **state)
{
    struct setup setup;

    (void)state;
    begin(&setup);
    response_invalid(&setup.response, "limit", "too much");
    response_send(&setup.response);
    problem_has(&setup, "errors", "[{\"field\":\"limit\",\"problem\":\"too much\"}]");
    end(&setup);
    begin(&setup);
    response_error(&setup.response, ERR_VALIDATION_FAILED);
    response_send(&setup.response);
    problem_has(&setup, "errors", "[]"); /* clients may count on it */
    end(&setup);
}

static void test_retry_after_is_rounded_up(void **state)
{
    struct setup setup;

    (void)state;
    begin(&setup);
    response_problem(&setup.response,
                     &(struct problem){.err = ERR_RATE_LIMITED, .retry_after_ms = 1001});
    response_send(&setup.response);
    assert_true(has_line(&setup, "Retry-After: 2"));
    problem_has(&setup, "retryAfter", "2");
    end(&setup);
    begin(&setup);
    response_error(&setup.response, ERR_DB_LOST); /* never shown as such */
    response_send(&setup.response);
    assert_true(has_line(&setup, "Status: 503 Service Unavailable"));
    assert_true(has_line(&setup, "Retry-After: 1"));
    problem_has(&setup, "code", "\"unavailable\"");
    end(&setup);
}

static void test_401_says_how_to_authenticate(void **state)
{
    struct setup setup;

    (void)state;
    begin(&setup);
    response_error(&setup.response, ERR_TOKEN_EXPIRED);
    response_send(&setup.response);
    assert_true(has_line(&setup, "WWW-Authenticate: Bearer realm=\"parley\""));
    end(&setup);
}

static void test_an_answer_over_its_limit_is_an_error_not_a_part(void **state)
{
    struct setup setup;

    (void)state;
    begin(&setup);
    setup.response.body.max = 2048;
    for (int i = 0; i < 100; i++)
        buf_addf(&setup.response.body, "%0100d", i);
    response_send(&setup.response);
    assert_true(has_line(&setup, "Status: 500 Internal Server Error"));
    problem_has(&setup, "code", "\"internal\"");
    end(&setup);
}

static void test_streaming(void **state)
{
    struct setup setup;

    (void)state;
    begin(&setup);
    assert_true(response_begin(&setup.response));
    assert_true(setup.response.started);
    assert_true(response_piece(&setup.response, SPAN_LIT("{")));
    assert_true(response_piece(&setup.response, SPAN_LIT("}")));
    assert_null(strstr(setup.fake.out.data, "Content-Length"));
    assert_true(span_is(sent_body(&setup), "{}"));
    setup.fake.writes_left = 0;
    assert_false(response_piece(&setup.response, SPAN_LIT("gone")));
    end(&setup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_answer),
        cmocka_unit_test(test_head_has_the_length_and_no_body),
        cmocka_unit_test(test_204_has_neither_type_nor_length),
        cmocka_unit_test(test_a_header_cannot_be_split),
        cmocka_unit_test(test_a_problem),
        cmocka_unit_test(test_field_errors),
        cmocka_unit_test(test_retry_after_is_rounded_up),
        cmocka_unit_test(test_401_says_how_to_authenticate),
        cmocka_unit_test(test_an_answer_over_its_limit_is_an_error_not_a_part),
        cmocka_unit_test(test_streaming),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
