/* Decoding of DTOs: every problem of a request is named, and nothing invalid gets further. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/chat/act.h"

static struct conf *conf;
static struct chat *chat;
static const struct chat_actor actor = {.user_id = 1, .session_id = 1, .username = "alice"};

static int load(void **state)
{
    struct buf problem;
    (void)state;
    buf_init(&problem, 4096);
    if (conf_load(NULL, &conf, &problem) != ERR_OK)
        return 1;
    buf_release(&problem);
    chat = chat_new(conf);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    chat_free(chat);
    conf_free(conf);
    return 0;
}

struct vector {
    enum chat_verb verb;
    const char *json;
    const char *errors; /* NULL: valid */
};

#define LONG_TEXT                                                                                  \
    "0123456789012345678901234567890123456789012345678901234567890123456789"                       \
    "012345678901234567890123456789012345678901234567890123456789"
#define E1(field, problem) "[{\"field\":\"" field "\",\"problem\":\"" problem "\"}]"
#define E2(f1, p1, f2, p2)                                                                         \
    "[{\"field\":\"" f1 "\",\"problem\":\"" p1 "\"},{\"field\":\"" f2 "\",\"problem\":\"" p2 "\"}" \
    "]"

static const struct vector vectors[] = {
    {CHAT_SEND_MESSAGE, "{\"room\":\"a\",\"text\":\"hi\"}", NULL},
    {CHAT_SEND_MESSAGE, " {\"room\":\"a\",\"text\":\"hi\",\"x\":[1,{}]} ", NULL},
    {CHAT_SEND_MESSAGE, "", E2("room", "is required", "text", "is required")},
    {CHAT_SEND_MESSAGE, "{", E1("", "must be valid JSON")},
    {CHAT_SEND_MESSAGE, "{\"room\":\"\xff\"}", E1("", "must be valid JSON")},
    {CHAT_SEND_MESSAGE, "[]", E1("", "must be an object")},
    {CHAT_SEND_MESSAGE, "null", E1("", "must be an object")},
    {CHAT_SEND_MESSAGE, "{\"room\":1,\"text\":[]}",
     E2("room", "must be a string", "text", "must be a string")},
    {CHAT_SEND_MESSAGE, "{\"room\":null,\"text\":\"x\"}", E1("room", "must be a string")},
    {CHAT_SEND_MESSAGE, "{\"room\":\"\",\"text\":\"x\"}", E1("room", "must not be empty")},
    {CHAT_SEND_MESSAGE, "{\"room\":\"a\",\"text\":\"\"}", E1("text", "must not be empty")},
    {CHAT_SEND_MESSAGE, "{\"room\":\"a\",\"text\":\"" LONG_TEXT "\"}", E1("text", "is too long")},
    {CHAT_SEND_MESSAGE, "{\"room\":\"a\",\"text\":\"a\\u0000\"}",
     E1("text", "must not contain control characters")},
    {CHAT_SEND_MESSAGE, "{\"room\":\"a\",\"text\":\"a\\u0007\"}",
     E1("text", "must not contain control characters")},
    {CHAT_SEND_MESSAGE, "{\"room\":\"a\",\"text\":\"x\",\"nonce\":\"a b\"}",
     E1("nonce", "must be visible ASCII characters, and not too many")},
    {CHAT_SEND_MESSAGE, "{\"room\":\"a\",\"text\":\"x\",\"nonce\":\"~!\"}", NULL},
    {CHAT_SEND_MESSAGE, "{\"room\":\"a\",\"text\":\"x\",\"nonce\":7}",
     E1("nonce", "must be a string")},
    {CHAT_CREATE_CHANNEL, "{\"name\":\"a\",\"status\":\"PUBLIC\"}", NULL},
    {CHAT_CREATE_CHANNEL, "{\"name\":\"a\",\"status\":\"PUBLIC\",\"password\":null}", NULL},
    {CHAT_CREATE_CHANNEL, "{\"name\":\"a\",\"status\":\"PUBLIC\",\"password\":\"\"}", NULL},
    {CHAT_CREATE_CHANNEL, "{\"name\":\"a\",\"status\":\"PUBLIC\",\"password\":\"x\"}",
     E1("password", "is for PRIVATE channels only")},
    {CHAT_CREATE_CHANNEL, "{\"name\":\"bob\",\"status\":\"DIRECT\",\"password\":\"x\"}",
     E1("password", "is for PRIVATE channels only")},
    {CHAT_CREATE_CHANNEL, "{\"name\":\"a\",\"status\":\"PRIVATE\"}",
     E1("password", "is required for a PRIVATE channel")},
    {CHAT_CREATE_CHANNEL, "{\"name\":\"a\",\"status\":\"PRIVATE\",\"password\":\"\"}",
     E1("password", "is required for a PRIVATE channel")},
    {CHAT_CREATE_CHANNEL, "{\"name\":\"a\",\"status\":\"PRIVATE\",\"password\":5}",
     E1("password", "must be a string")},
    {CHAT_CREATE_CHANNEL, "{\"name\":\"a\",\"status\":\"PRIVATE\",\"password\":\"x\"}", NULL},
    {CHAT_CREATE_CHANNEL, "{\"name\":\"a\",\"status\":\"SECRET\"}",
     E1("status", "must be PUBLIC, PRIVATE or DIRECT")},
    {CHAT_CREATE_CHANNEL, "{\"status\":\"PRIVATE\"}",
     E2("name", "is required", "password", "is required for a PRIVATE channel")},
    {CHAT_CREATE_CHANNEL, "{\"name\":\"a@b\",\"status\":\"PUBLIC\"}",
     E1("name", "must not contain @ or /")},
    {CHAT_CREATE_CHANNEL, "{\"name\":\"a\"}", E1("status", "is required")},
    {CHAT_JOIN_CHANNEL, "{\"name\":\"a\",\"password\":null}", NULL},
    {CHAT_JOIN_CHANNEL, "{\"name\":{}}", E1("name", "must be a string")},
    {CHAT_LEAVE_CHANNEL, "{}", E1("name", "is required")},
    {CHAT_UPDATE_CHANNEL, "{\"name\":\"a\",\"newName\":\"b\"}", NULL},
    {CHAT_UPDATE_CHANNEL, "{\"name\":\"a\"}",
     E1("", "must have at least one of status, password, owner and a new name")},
    {CHAT_UPDATE_CHANNEL, "{\"name\":\"a\",\"status\":\"DIRECT\"}",
     E1("status", "must be PUBLIC or PRIVATE")},
    {CHAT_UPDATE_CHANNEL, "{\"name\":\"a\",\"status\":\"PUBLIC\",\"password\":\"x\"}",
     E1("password", "is for PRIVATE channels only")},
    {CHAT_GET_HISTORY, "{\"room\":\"a\",\"limit\":100}", NULL},
    {CHAT_GET_HISTORY, "{\"room\":\"a\",\"limit\":101}", E1("limit", "is out of range")},
    {CHAT_GET_HISTORY, "{\"room\":\"a\",\"limit\":0}", E1("limit", "is out of range")},
    {CHAT_GET_HISTORY, "{\"room\":\"a\",\"before\":1.5}",
     E1("before", "must be a whole number, 0 or more")},
    {CHAT_GET_HISTORY, "{\"room\":\"a\",\"before\":-1}",
     E1("before", "must be a whole number, 0 or more")},
    {CHAT_GET_HISTORY, "{\"room\":\"a\",\"after\":\"3\"}",
     E1("after", "must be a whole number, 0 or more")},
    {CHAT_GET_HISTORY, "{\"room\":\"a\",\"before\":3,\"after\":1}",
     E1("after", "must not come with before")},
};

static void check_vector(const struct vector *vector)
{
    struct chat_command *command = chat_command_new(chat, chat_command_def(vector->verb), &actor);
    struct buf errors;
    buf_init(&errors, BUF_MAX_DEFAULT);
    enum err err = chat_command_decode(command, span_of(vector->json));
    chat_command_errors(command, &errors);
    const char *expected = vector->errors ? vector->errors : "[]";
    if (strcmp(errors.data, expected) != 0)
        fail_msg("%s: %s, expected %s", vector->json, errors.data, expected);
    assert_int_equal(err, vector->errors ? ERR_VALIDATION_FAILED : ERR_OK);
    assert_int_equal(chat_command_error(command), err);
    buf_release(&errors);
    chat_command_free(command);
}

static void every_problem_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        check_vector(&vectors[i]);
}

static void nesting_is_bounded(void **state)
{
    char json[256] = "{\"a\":";
    struct vector vector = {CHAT_SEND_MESSAGE, json, E1("", "must be valid JSON")};
    (void)state;
    memset(json + 5, '[', 40);
    memset(json + 45, ']', 40);
    json[85] = '}';
    check_vector(&vector);
}

static void presets_win_over_the_body(void **state)
{
    struct chat_command *command =
        chat_command_new(chat, chat_command_def(CHAT_SEND_MESSAGE), &actor);
    (void)state;
    chat_command_preset(command, CHAT_FIELD_ROOM, SPAN_LIT("Path"));
    assert_int_equal(chat_command_decode(command, SPAN_LIT("{\"room\":\"body\",\"text\":\"x\"}")),
                     ERR_OK);
    assert_true(span_is(chat_command_room_key(command), "path"));
    chat_command_free(command);
    command = chat_command_new(chat, chat_command_def(CHAT_LEAVE_CHANNEL), &actor);
    chat_command_preset(command, CHAT_FIELD_NAME, SPAN_LIT("\xff"));
    assert_int_equal(chat_command_decode(command, SPAN_NONE), ERR_VALIDATION_FAILED);
    chat_command_free(command);
}

static void sends_are_limited_per_user(void **state)
{
    const struct chat_actor other = {.user_id = 99, .username = "flood"};
    struct chat_command *command = NULL;
    (void)state;
    enum err err = ERR_OK;
    for (int i = 0; i < 21; i++) { /* burst 20 */
        chat_command_free(command);
        command = chat_command_new(chat, chat_command_def(CHAT_SEND_MESSAGE), &other);
        err = chat_command_decode(command, SPAN_LIT("{\"room\":\"a\",\"text\":\"x\"}"));
    }
    assert_int_equal(err, ERR_RATE_LIMITED);
    assert_in_range(chat_command_retry_after_ms(command), 1, 200);
    assert_body_has(command, "\"retryAfter\":1");
    chat_command_free(command);
}

static void verbs_are_found_by_event(void **state)
{
    (void)state;
    assert_ptr_equal(chat_command_find(SPAN_LIT("joinChannel")),
                     chat_command_def(CHAT_JOIN_CHANNEL));
    assert_string_equal(chat_command_def(CHAT_JOIN_CHANNEL)->success_event, "joinChannelSuccess");
    assert_string_equal(chat_command_def(CHAT_JOIN_CHANNEL)->error_event, "joinChannelError");
    assert_null(chat_command_find(SPAN_LIT("nonsense")));
    assert_null(chat_command_find(SPAN_LIT("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_problem_is_named),    cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(presets_win_over_the_body), cmocka_unit_test(sends_are_limited_per_user),
        cmocka_unit_test(verbs_are_found_by_event),
    };
    return cmocka_run_group_tests_name("decode", tests, load, unload);
}
