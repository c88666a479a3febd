/* The rules about values, against the limits of the contract. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "shared/chat/rules.h"

static struct conf *conf;

static int load(void **state)
{
    struct buf problem;
    (void)state;
    buf_init(&problem, 4096);
    int failed = conf_load(NULL, &conf, &problem) != ERR_OK;
    buf_release(&problem);
    return failed;
}

static int unload(void **state)
{
    (void)state;
    conf_free(conf);
    return 0;
}

/* `count` times `piece`. */
static char *repeat(const char *piece, int count, char *out)
{
    size_t len = strlen(piece);
    for (int i = 0; i < count; i++)
        memcpy(out + (size_t)i * len, piece, len);
    out[(size_t)count * len] = '\0';
    return out;
}

static void texts_are_counted_in_characters(void **state)
{
    char text[1024];
    (void)state;
    assert_null(rule_message_text(conf, SPAN_LIT("x")));
    assert_null(rule_message_text(conf, span_of(repeat("\xf0\x9f\x98\x80", 128, text))));
    assert_non_null(rule_message_text(conf, span_of(repeat("\xf0\x9f\x98\x80", 129, text))));
    assert_null(rule_message_text(conf, span_of(repeat("x", 128, text))));
    assert_non_null(rule_message_text(conf, span_of(repeat("x", 129, text))));
}

static void texts_are_not_blank_and_have_no_controls(void **state)
{
    (void)state;
    assert_non_null(rule_message_text(conf, SPAN_LIT("")));
    assert_non_null(rule_message_text(conf, SPAN_LIT(" \n\t ")));
    assert_non_null(rule_message_text(conf, SPAN_LIT("\xe2\x80\x83\xc2\xa0"))); /* em space, nbsp */
    assert_null(rule_message_text(conf, SPAN_LIT("a\n\tb")));
    assert_non_null(rule_message_text(conf, SPAN_LIT("a\rb")));
    assert_non_null(rule_message_text(conf, SPAN_LIT("a\0b")));
    assert_non_null(rule_message_text(conf, SPAN_LIT("a\x7f")));
    assert_non_null(rule_message_text(conf, SPAN_LIT("a\xc2\x85"))); /* NEL, C1 */
    assert_non_null(rule_message_text(conf, SPAN_LIT("\xc0\xaf")));
    assert_non_null(rule_message_text(conf, SPAN_LIT("\xed\xa0\x80")));
}

static void channel_names(void **state)
{
    char text[1024];
    (void)state;
    assert_null(rule_channel_name(conf, SPAN_LIT("general")));
    assert_null(rule_channel_name(conf, SPAN_LIT("Caf\xc3\xa9 M\xc3\xbcller")));
    assert_null(rule_channel_name(conf, span_of(repeat("\xc3\xa9", 64, text))));
    assert_non_null(rule_channel_name(conf, span_of(repeat("\xc3\xa9", 65, text))));
    static const char *const bad[] = {"",
                                      " a",
                                      "a ",
                                      "a@b",
                                      "a/b",
                                      ".",
                                      "..",
                                      "__proto__",
                                      "constructor",
                                      "a\nb",
                                      "a\xe2\x80\x8b", /* zero width space: Cf */
                                      "a\xe2\x80\xa8"
                                      "b", /* line separator: Zl */
                                      "\xc2\xa0"
                                      "a", /* no-break space in front */
                                      "\xff",
                                      "alice\xef\xbc\xa0"
                                      "bob", /* full-width @ folds to @ */
                                      "a\xef\xbc\x8f"
                                      "b",             /* full-width / */
                                      "\xe2\x80\xa4"}; /* one dot leader folds to . */
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (!rule_channel_name(conf, span_of(bad[i])))
            fail_msg("accepted: %s", bad[i]);
    }
}

static void usernames(void **state)
{
    char text[64];
    (void)state;
    assert_null(rule_username(conf, SPAN_LIT("bob")));
    assert_null(rule_username(conf, SPAN_LIT("0_a.B-c")));
    assert_null(rule_username(conf, SPAN_LIT("deleted")));
    assert_string_equal(rule_username(conf, SPAN_LIT("Deleted.17")), "is reserved");
    assert_null(rule_username(conf, span_of(repeat("x", 32, text))));
    assert_non_null(rule_username(conf, span_of(repeat("x", 33, text))));
    static const char *const bad[] = {"",     "ab",  "_abc", ".abc",
                                      "-abc", "a b", "a@b",  "\xc3\xa9tude"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_non_null(rule_username(conf, span_of(bad[i])));
}

static void passwords(void **state)
{
    char text[1024];
    (void)state;
    assert_non_null(rule_user_password(conf, SPAN_LIT("1234567")));
    assert_null(rule_user_password(conf, SPAN_LIT("12345678")));
    assert_null(rule_user_password(conf, span_of(repeat("\xc3\xa9", 128, text))));
    assert_non_null(rule_user_password(conf, span_of(repeat("\xc3\xa9", 129, text))));
    assert_null(rule_room_password(conf, SPAN_LIT("x")));
    assert_non_null(rule_room_password(conf, SPAN_LIT("")));
    assert_non_null(rule_room_password(conf, SPAN_LIT("a\0b")));
}

static void assert_room_key(struct span name, const char *expected)
{
    struct buf key;
    buf_init(&key, BUF_MAX_DEFAULT);
    rule_room_key(name, &key);
    assert_true(span_is(buf_span(&key), expected));
    buf_release(&key);
}

static void keys_fold(void **state)
{
    struct buf key;
    char text[1024];
    (void)state;
    assert_room_key(SPAN_LIT("Stra\xc3\x9f"
                             "e"),
                    "strasse");
    assert_room_key(SPAN_LIT("Alice@bob"), "alice@bob");
    assert_room_key(SPAN_LIT("a\0b"), "");
    assert_room_key(SPAN_LIT("\xff"), "");
    assert_room_key(span_of(repeat("x", 256, text)), "");
    buf_init(&key, BUF_MAX_DEFAULT);
    rule_username_key(SPAN_LIT("Bob.X"), &key);
    assert_true(span_is(buf_span(&key), "bob.x"));
    buf_clear(&key);
    rule_username_key(SPAN_LIT("b@b"), &key);
    assert_int_equal(key.len, 0);
    buf_release(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_counted_in_characters),
        cmocka_unit_test(texts_are_not_blank_and_have_no_controls),
        cmocka_unit_test(channel_names),
        cmocka_unit_test(usernames),
        cmocka_unit_test(passwords),
        cmocka_unit_test(keys_fold),
    };
    return cmocka_run_group_tests_name("chat rules", tests, load, unload);
}
