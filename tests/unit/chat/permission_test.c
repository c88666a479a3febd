/* Every cell of the table of permissions, written out once more by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/chat/permission.h"

/* What each actor gets: the letters are for an outsider, a user, an admin, the owner, himself.
 * +: may; f: forbidden; u: user_not_found; l: last_owner. An owner is the only one of his kind, so
 * the owner's letter for "the owner" is never asked for by himself. */
static const struct cell_row {
    enum chat_verb verb;
    enum room_role actor;
    const char *answers;
} table[] = {
    {CHAT_ADD_ADMIN, ROLE_OWNER, "u++fl"},      {CHAT_ADD_ADMIN, ROLE_ADMIN, "fffff"},
    {CHAT_ADD_ADMIN, ROLE_USER, "fffff"},       {CHAT_REMOVE_ADMIN, ROLE_OWNER, "u++fl"},
    {CHAT_REMOVE_ADMIN, ROLE_ADMIN, "fffff"},   {CHAT_REMOVE_ADMIN, ROLE_USER, "fffff"},
    {CHAT_MUTE_USER, ROLE_OWNER, "u++ff"},      {CHAT_MUTE_USER, ROLE_ADMIN, "u+fff"},
    {CHAT_MUTE_USER, ROLE_USER, "fffff"},       {CHAT_UNMUTE_USER, ROLE_OWNER, "+++ff"},
    {CHAT_UNMUTE_USER, ROLE_ADMIN, "++fff"},    {CHAT_UNMUTE_USER, ROLE_USER, "fffff"},
    {CHAT_BAN_USER, ROLE_OWNER, "+++ff"},       {CHAT_BAN_USER, ROLE_ADMIN, "++fff"},
    {CHAT_BAN_USER, ROLE_USER, "fffff"},        {CHAT_UNBAN_USER, ROLE_OWNER, "+++ff"},
    {CHAT_UNBAN_USER, ROLE_ADMIN, "++fff"},     {CHAT_UNBAN_USER, ROLE_USER, "fffff"},
    {CHAT_KICK_USER, ROLE_OWNER, "u++ff"},      {CHAT_KICK_USER, ROLE_ADMIN, "u+fff"},
    {CHAT_KICK_USER, ROLE_USER, "fffff"},       {CHAT_UPDATE_CHANNEL, ROLE_OWNER, "u++f+"},
    {CHAT_DELETE_MESSAGE, ROLE_OWNER, "+++f+"}, {CHAT_DELETE_MESSAGE, ROLE_ADMIN, "++fff"},
    {CHAT_DELETE_MESSAGE, ROLE_USER, "fffff"},  {CHAT_DELETE_MESSAGE, ROLE_NONE, "fffff"},
    {CHAT_UPDATE_CHANNEL, ROLE_ADMIN, "fffff"}, {CHAT_UPDATE_CHANNEL, ROLE_USER, "fffff"},
};

static char letter(enum err err)
{
    switch (err) {
    case ERR_OK:
        return '+';
    case ERR_FORBIDDEN:
        return 'f';
    case ERR_USER_NOT_FOUND:
        return 'u';
    case ERR_LAST_OWNER:
        return 'l';
    default:
        return '?';
    }
}

static void each_cell_answers_as_it_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct cell_row *row = &table[i];
        const struct permission_target targets[] = {
            {.is_member = false},
            {.is_member = true, .role = ROLE_USER},
            {.is_member = true, .role = ROLE_ADMIN},
            {.is_member = true, .role = ROLE_OWNER},
            {.is_member = true, .role = row->actor, .is_self = true},
        };
        char answers[6] = "";
        for (int t = 0; t < 5; t++)
            answers[t] = letter(permission_check(row->verb, row->actor, &targets[t]));
        if (strcmp(answers, row->answers) != 0)
            print_error("verb %d, actor %d\n", (int)row->verb, (int)row->actor);
        assert_string_equal(answers, row->answers);
    }
}

static void a_role_that_may_nothing_is_told_so_first(void **state)
{
    (void)state;
    assert_int_equal(permission_check_role(CHAT_BAN_USER, ROLE_USER), ERR_FORBIDDEN);
    assert_int_equal(permission_check_role(CHAT_BAN_USER, ROLE_NONE), ERR_FORBIDDEN);
    assert_int_equal(permission_check_role(CHAT_BAN_USER, ROLE_ADMIN), ERR_OK);
    assert_int_equal(permission_check_role(CHAT_ADD_ADMIN, ROLE_ADMIN), ERR_FORBIDDEN);
    assert_int_equal(permission_check_role(CHAT_ADD_ADMIN, ROLE_OWNER), ERR_OK);
}

static void what_is_not_in_the_table_is_forbidden(void **state)
{
    const struct permission_target target = {.is_member = true, .role = ROLE_USER};
    (void)state;
    assert_int_equal(permission_check_role(CHAT_SEND_MESSAGE, ROLE_OWNER), ERR_FORBIDDEN);
    assert_int_equal(permission_check(CHAT_SEND_MESSAGE, ROLE_OWNER, &target), ERR_FORBIDDEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_cell_answers_as_it_should),
        cmocka_unit_test(a_role_that_may_nothing_is_told_so_first),
        cmocka_unit_test(what_is_not_in_the_table_is_forbidden),
    };
    return cmocka_run_group_tests_name("permission", tests, NULL, NULL);
}
