/* Moderating and handing over: what each command writes, whom it reaches, and how it ends. Who may
 * do it is in permission_test.c. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "shared/chat/expire.h"
#include "tests/unit/chat/act.h"

/* The channel "den" of ann, with the admin bob, the user eve, and dan outside. */
struct den {
    struct world *world;
    struct chat_actor ann, bob, eve, dan;
};

static struct den den_of(void **state)
{
    struct den den = {.world = *state};
    den.ann = act_user(den.world, "ann");
    den.bob = act_user(den.world, "bob");
    den.eve = act_user(den.world, "eve");
    den.dan = act_user(den.world, "dan");
    assert_int_equal(act_do(den.world, CHAT_CREATE_CHANNEL, &den.ann,
                            "{\"name\":\"den\",\"status\":\"PUBLIC\"}"),
                     ERR_OK);
    assert_int_equal(act_do(den.world, CHAT_JOIN_CHANNEL, &den.bob, "{\"name\":\"den\"}"), ERR_OK);
    assert_int_equal(act_do(den.world, CHAT_JOIN_CHANNEL, &den.eve, "{\"name\":\"den\"}"), ERR_OK);
    assert_int_equal(
        act_do(den.world, CHAT_ADD_ADMIN, &den.ann, "{\"room\":\"den\",\"username\":\"bob\"}"),
        ERR_OK);
    return den;
}

/* Do it to `username`; `more` are further members of the DTO. */
static struct chat_command *act(struct den *den, enum chat_verb verb,
                                const struct chat_actor *actor, const char *username,
                                const char *more)
{
    char json[512];
    snprintf(json, sizeof json, "{\"room\":\"den\",\"username\":\"%s\"%s}", username, more);
    return act_command(den->world, verb, actor, json);
}

static enum err do_to(struct den *den, enum chat_verb verb, const struct chat_actor *actor,
                      const char *username, const char *more)
{
    struct chat_command *command = act(den, verb, actor, username, more);
    enum err err = chat_command_error(command);
    chat_command_free(command);
    return err;
}

static enum err say(struct den *den, const struct chat_actor *actor)
{
    return act_do(den->world, CHAT_SEND_MESSAGE, actor, "{\"room\":\"den\",\"text\":\"hi\"}");
}

/* The events of a command, "kind, kind", and what the first of the kind `kind` says. */
static void assert_kinds(const struct event_list *events, const char *expected)
{
    char got[256] = "";
    for (size_t i = 0; i < events->count; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", i ? ", " : "",
                 event_kind_name(events->items[i].kind));
    assert_string_equal(got, expected);
}

static void assert_says(const struct event *event, const char *text)
{
    if (!event->json || !strstr(event->json, text))
        fail_msg("no %s in %s", text, event->json ? event->json : "(nothing)");
}

/* ---- roles ---- */

static void an_admin_is_made_and_unmade(void **state)
{
    struct den den = den_of(state);
    struct chat_command *command = act(&den, CHAT_ADD_ADMIN, &den.ann, "EVE", "");
    assert_body_has(command, "\"room\":\"den\",\"username\":\"eve\"");
    assert_kinds(chat_command_events(command), "memberUpdated");
    const struct event *event = &chat_command_events(command)->items[0];
    assert_says(event, "\"username\":\"eve\",\"role\":\"ADMIN\",\"by\":\"ann\"");
    assert_int_equal(event->subject, den.eve.user_id);
    assert_int_equal(event->actor, den.ann.user_id);
    chat_command_free(command);
    command = act(&den, CHAT_ADD_ADMIN, &den.ann, "eve", "");
    assert_int_equal(chat_command_error(command), ERR_OK); /* again: nothing is written */
    assert_int_equal(chat_command_events(command)->count, 0);
    chat_command_free(command);
    assert_int_equal(do_to(&den, CHAT_REMOVE_ADMIN, &den.ann, "eve", ""), ERR_OK);
    assert_int_equal(do_to(&den, CHAT_REMOVE_ADMIN, &den.ann, "eve", ""), ERR_OK);
    assert_int_equal(pg_int("select count(*) from membership where role = 'ADMIN'"), 1);
    assert_int_equal(do_to(&den, CHAT_MUTE_USER, &den.eve, "bob", ""), ERR_FORBIDDEN);
}

static void it_cannot_be_done_to_just_anybody(void **state)
{
    struct den den = den_of(state);
    struct chat_command *command = act(&den, CHAT_MUTE_USER, &den.bob, "dan", "");
    assert_int_equal(chat_command_error(command), ERR_USER_NOT_FOUND);
    assert_body_has(command, "This user is not a member of this channel.");
    chat_command_free(command);
    command = act(&den, CHAT_REMOVE_ADMIN, &den.ann, "ann", "");
    assert_int_equal(chat_command_error(command), ERR_LAST_OWNER);
    assert_body_has(command, "somebody else the owner first");
    chat_command_free(command);
    command = act(&den, CHAT_BAN_USER, &den.bob, "bob", "");
    assert_int_equal(chat_command_error(command), ERR_FORBIDDEN);
    assert_body_has(command, "to yourself");
    chat_command_free(command);
    assert_int_equal(do_to(&den, CHAT_BAN_USER, &den.bob, "nobody", ""), ERR_USER_NOT_FOUND);
    assert_int_equal(do_to(&den, CHAT_BAN_USER, &den.bob, "\\u00fc", ""), ERR_USER_NOT_FOUND);
    assert_int_equal(do_to(&den, CHAT_BAN_USER, &den.eve, "nobody", ""), ERR_FORBIDDEN);
    assert_int_equal(do_to(&den, CHAT_BAN_USER, &den.dan, "eve", ""), ERR_NOT_A_MEMBER);
    assert_int_equal(
        act_do(den.world, CHAT_BAN_USER, &den.ann, "{\"room\":\"none\",\"username\":\"eve\"}"),
        ERR_ROOM_NOT_FOUND);
    pg_exec("update session set ended_at = now() where user_id = 1");
    assert_int_equal(do_to(&den, CHAT_BAN_USER, &den.ann, "eve", ""), ERR_UNAUTHENTICATED);
    assert_int_equal(pg_int("select count(*) from audit_entry where action <> 'addAdmin'"), 0);
}

static void direct_rooms_have_no_roles(void **state)
{
    struct den den = den_of(state);
    assert_int_equal(act_do(den.world, CHAT_CREATE_CHANNEL, &den.ann,
                            "{\"name\":\"bob\",\"status\":\"DIRECT\"}"),
                     ERR_OK);
    for (int verb = CHAT_ADD_ADMIN; verb <= CHAT_KICK_USER; verb++) {
        const char *json = "{\"room\":\"ann@bob\",\"username\":\"bob\"}";
        assert_int_equal(act_do(den.world, (enum chat_verb)verb, &den.ann, json), ERR_FORBIDDEN);
        assert_int_equal(act_do(den.world, (enum chat_verb)verb, &den.eve, json),
                         ERR_ROOM_NOT_FOUND);
    }
}

/* ---- muting ---- */

static void the_muted_read_but_do_not_write(void **state)
{
    struct den den = den_of(state);
    struct chat_command *command =
        act(&den, CHAT_MUTE_USER, &den.bob, "eve", ",\"seconds\":3600,\"reason\":\"too loud\"");
    assert_int_equal(chat_command_error(command), ERR_OK);
    assert_body_has(command, "\"username\":\"eve\",\"until\":\"20");
    assert_kinds(chat_command_events(command), "memberUpdated");
    assert_says(&chat_command_events(command)->items[0], "\"muted\":true,\"mutedUntil\":\"20");
    assert_says(&chat_command_events(command)->items[0],
                "\"reason\":\"too loud\",\"by\":\"bob\",\"date\":");
    chat_command_free(command);
    assert_int_equal(say(&den, &den.eve), ERR_MUTED);
    assert_in_range(pg_int("select extract(epoch from muted_until - now())::int from membership"
                           " where user_id = 3"),
                    3590, 3600);
    assert_int_equal(do_to(&den, CHAT_MUTE_USER, &den.ann, "eve", ""), ERR_OK); /* for good */
    assert_int_equal(pg_int("select count(*) from membership where muted_until = 'infinity'"), 1);
    assert_int_equal(act_do(den.world, CHAT_LEAVE_CHANNEL, &den.eve, "{\"name\":\"den\"}"), ERR_OK);
    assert_int_equal(act_do(den.world, CHAT_JOIN_CHANNEL, &den.eve, "{\"name\":\"den\"}"), ERR_OK);
    assert_int_equal(say(&den, &den.eve), ERR_MUTED); /* leaving does not help */
    command = act(&den, CHAT_UNMUTE_USER, &den.bob, "eve", "");
    assert_says(&chat_command_events(command)->items[0], "\"muted\":false,\"by\":\"bob\"");
    chat_command_free(command);
    assert_int_equal(say(&den, &den.eve), ERR_OK);
    command = act(&den, CHAT_UNMUTE_USER, &den.bob, "eve", "");
    assert_int_equal(chat_command_error(command), ERR_OK);
    assert_int_equal(chat_command_events(command)->count, 0);
    chat_command_free(command);
}

static void what_is_given_has_bounds(void **state)
{
    struct den den = den_of(state);
    static const char *const bad[] = {
        ",\"seconds\":0",   ",\"seconds\":315360001",   ",\"seconds\":-1", ",\"seconds\":\"9\"",
        ",\"reason\":\"\"", ",\"reason\":\"a\\u0007\"", ",\"reason\":9",   ",\"seconds\":1.5",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(do_to(&den, CHAT_MUTE_USER, &den.ann, "eve", bad[i]),
                         ERR_VALIDATION_FAILED);
    assert_int_equal(do_to(&den, CHAT_MUTE_USER, &den.ann, "", ""), ERR_VALIDATION_FAILED);
    assert_int_equal(act_do(den.world, CHAT_MUTE_USER, &den.ann, "{\"room\":\"den\"}"),
                     ERR_VALIDATION_FAILED);
    act_set(den.world, "limits.reason_chars", "3");
    assert_int_equal(do_to(&den, CHAT_MUTE_USER, &den.ann, "eve", ",\"reason\":\"abcd\""),
                     ERR_VALIDATION_FAILED);
    assert_int_equal(do_to(&den, CHAT_MUTE_USER, &den.ann, "eve",
                           ",\"reason\":\"a\\u00fcc\",\"seconds\":315360000"),
                     ERR_OK);
}

static void moderating_is_limited_as_sending_is(void **state)
{
    struct den den = den_of(state);
    act_set(den.world, "limits.sends_per_s", "1");
    act_set(den.world, "limits.send_burst", "2");
    assert_int_equal(do_to(&den, CHAT_MUTE_USER, &den.bob, "eve", ""), ERR_OK);
    assert_int_equal(say(&den, &den.bob), ERR_OK);
    struct chat_command *command = act(&den, CHAT_UNMUTE_USER, &den.bob, "eve", "");
    assert_int_equal(chat_command_error(command), ERR_RATE_LIMITED);
    assert_in_range(chat_command_retry_after_ms(command), 1, 1000);
    chat_command_free(command);
    assert_int_equal(do_to(&den, CHAT_UNMUTE_USER, &den.ann, "eve", ""), ERR_OK);
}

/* ---- banning and kicking ---- */

static void the_banned_are_out_and_stay_out(void **state)
{
    struct den den = den_of(state);
    struct chat_command *command =
        act(&den, CHAT_BAN_USER, &den.bob, "eve", ",\"reason\":\"spam\"");
    assert_int_equal(chat_command_error(command), ERR_OK);
    assert_body_has(command, "\"username\":\"eve\",\"until\":null");
    const struct event_list *events = chat_command_events(command);
    assert_kinds(events, "memberUpdated, memberLeft, system, left");
    assert_says(&events->items[0], "\"banned\":true,\"bannedUntil\":null,\"reason\":\"spam\"");
    assert_says(&events->items[1], "\"username\":\"eve\",\"reason\":\"spam\",\"by\":\"bob\"");
    assert_int_equal(events->items[1].subject, den.eve.user_id);
    assert_says(&events->items[2], "eve was banned by bob");
    assert_int_equal(events->items[3].log_id, den.eve.user_id);
    assert_int_equal(events->items[3].room_seq, events->items[1].seq);
    assert_int_equal(chat_command_room(command)->members, 2);
    chat_command_free(command);
    assert_int_equal(say(&den, &den.eve), ERR_BANNED);
    assert_int_equal(act_do(den.world, CHAT_JOIN_CHANNEL, &den.eve, "{\"name\":\"den\"}"),
                     ERR_BANNED);
    assert_int_equal(act_do(den.world, CHAT_GET_HISTORY, &den.eve, "{\"room\":\"den\"}"),
                     ERR_NOT_A_MEMBER);
    command = act(&den, CHAT_UNBAN_USER, &den.ann, "eve", "");
    assert_kinds(chat_command_events(command), "memberUpdated");
    assert_says(&chat_command_events(command)->items[0], "\"banned\":false");
    chat_command_free(command);
    assert_int_equal(do_to(&den, CHAT_UNBAN_USER, &den.ann, "eve", ""), ERR_OK);
    assert_int_equal(act_do(den.world, CHAT_JOIN_CHANNEL, &den.eve, "{\"name\":\"den\"}"), ERR_OK);
}

static void outsiders_can_be_banned(void **state)
{
    struct den den = den_of(state);
    struct chat_command *command = act(&den, CHAT_BAN_USER, &den.bob, "dan", ",\"seconds\":60");
    assert_int_equal(chat_command_error(command), ERR_OK);
    assert_kinds(chat_command_events(command), "memberUpdated");
    assert_int_equal(chat_command_room(command)->members, 3);
    chat_command_free(command);
    command = act_command(den.world, CHAT_JOIN_CHANNEL, &den.dan, "{\"name\":\"den\"}");
    assert_int_equal(chat_command_error(command), ERR_BANNED);
    assert_body_has(command, "\"until\":\"20");
    chat_command_free(command);
    assert_int_equal(pg_int("select count(*) from membership where user_id = 4 and not is_member"
                            " and role is null"),
                     1);
}

static void a_banned_admin_comes_back_as_a_user(void **state)
{
    struct den den = den_of(state);
    assert_int_equal(do_to(&den, CHAT_BAN_USER, &den.ann, "bob", ""), ERR_OK);
    assert_int_equal(do_to(&den, CHAT_UNBAN_USER, &den.ann, "bob", ""), ERR_OK);
    assert_int_equal(act_do(den.world, CHAT_JOIN_CHANNEL, &den.bob, "{\"name\":\"den\"}"), ERR_OK);
    assert_int_equal(do_to(&den, CHAT_KICK_USER, &den.bob, "eve", ""), ERR_FORBIDDEN);
}

static void the_kicked_may_come_back(void **state)
{
    struct den den = den_of(state);
    struct chat_command *command = act(&den, CHAT_KICK_USER, &den.bob, "eve", "");
    assert_kinds(chat_command_events(command), "memberLeft, system, left");
    assert_says(&chat_command_events(command)->items[1], "eve was removed by bob");
    chat_command_free(command);
    assert_int_equal(do_to(&den, CHAT_KICK_USER, &den.bob, "eve", ""), ERR_USER_NOT_FOUND);
    assert_int_equal(say(&den, &den.eve), ERR_NOT_A_MEMBER);
    assert_int_equal(act_do(den.world, CHAT_JOIN_CHANNEL, &den.eve, "{\"name\":\"den\"}"), ERR_OK);
    assert_int_equal(pg_int("select last_seq - (select count(*) from room_event) from room"), 0);
    assert_int_equal(pg_int("select members from room"), 3);
}

/* ---- running out ---- */

static size_t expire(struct den *den, const char *expected)
{
    struct event_list events;
    bool more;
    event_list_init(&events);
    assert_int_equal(chat_expire(den->world->db, &events, &more), ERR_OK);
    assert_kinds(&events, expected);
    for (size_t i = 0; i < events.count; i++)
        assert_true(events.items[i].actor == 0 && !strstr(events.items[i].json, "\"by\""));
    size_t count = events.count;
    event_list_release(&events);
    return count;
}

static void what_has_run_out_is_told_once(void **state)
{
    struct den den = den_of(state);
    assert_int_equal(do_to(&den, CHAT_MUTE_USER, &den.ann, "eve", ",\"seconds\":60"), ERR_OK);
    assert_int_equal(do_to(&den, CHAT_BAN_USER, &den.ann, "dan", ",\"seconds\":60"), ERR_OK);
    expire(&den, "");
    pg_exec("update membership set muted_until = now() where user_id = 3");
    assert_int_equal(say(&den, &den.eve), ERR_OK); /* without waiting for anybody */
    expire(&den, "memberUpdated");
    expire(&den, "");
    pg_exec("update membership set banned_until = now(), muted_until = now() where user_id = 4");
    expire(&den, "memberUpdated, memberUpdated");
    expire(&den, "");
    assert_int_equal(pg_int("select count(*) from membership where muted_until is not null"
                            " or banned_until is not null"),
                     0);
    assert_int_equal(pg_int("select last_seq - (select count(*) from room_event) from room"), 0);
}

static void an_archived_room_is_cleared_without_a_word(void **state)
{
    struct den den = den_of(state);
    assert_int_equal(do_to(&den, CHAT_BAN_USER, &den.ann, "dan", ",\"seconds\":60"), ERR_OK);
    assert_int_equal(act_do(den.world, CHAT_DELETE_CHANNEL, &den.ann, "{\"name\":\"den\"}"),
                     ERR_OK);
    int64_t rows = pg_int("select count(*) from room_event");
    pg_exec("update membership set banned_until = now() where user_id = 4");
    expire(&den, "");
    assert_int_equal(pg_int("select count(*) from membership where banned_until is not null"), 0);
    assert_int_equal(pg_int("select count(*) from room_event"), rows);
}

static void more_than_a_handful_take_several_turns(void **state)
{
    struct den den = den_of(state);
    size_t ended = 0;
    bool more = true;
    pg_exec("insert into app_user (username, username_key) select 'u' || i, 'u' || i"
            " from generate_series(1, 100) i;"
            "insert into membership (room_id, user_id, is_member, muted_until)"
            " select 1, id, false, now() - interval '1 second' from app_user where id > 4");
    for (int turn = 0; more; turn++) {
        struct event_list events;
        event_list_init(&events);
        assert_int_equal(chat_expire(den.world->db, &events, &more), ERR_OK);
        ended += events.count;
        event_list_release(&events);
        assert_true(turn < 20);
    }
    assert_int_equal(ended, 100);
}

/* ---- handing over ---- */

static void a_channel_is_handed_over(void **state)
{
    struct den den = den_of(state);
    struct chat_command *command = act_command(den.world, CHAT_UPDATE_CHANNEL, &den.ann,
                                               "{\"name\":\"den\",\"owner\":\"Eve\"}");
    assert_int_equal(chat_command_error(command), ERR_OK);
    const struct event_list *events = chat_command_events(command);
    assert_kinds(events, "memberUpdated, memberUpdated, system");
    assert_says(&events->items[0], "\"username\":\"eve\",\"role\":\"OWNER\",\"by\":\"ann\"");
    assert_says(&events->items[1], "\"username\":\"ann\",\"role\":\"ADMIN\"");
    assert_says(&events->items[2], "eve");
    assert_string_equal(chat_command_room(command)->role, "ADMIN");
    chat_command_free(command);
    assert_int_equal(pg_int("select user_id from membership where role = 'OWNER'"), 3);
    assert_int_equal(
        act_do(den.world, CHAT_UPDATE_CHANNEL, &den.ann, "{\"name\":\"den\",\"owner\":\"ann\"}"),
        ERR_FORBIDDEN);
    command = act_command(den.world, CHAT_UPDATE_CHANNEL, &den.eve,
                          "{\"name\":\"den\",\"owner\":\"bob\",\"newName\":\"lair\"}");
    assert_kinds(chat_command_events(command),
                 "channelUpdated, memberUpdated, memberUpdated, system");
    assert_string_equal(chat_command_room(command)->name, "lair");
    chat_command_free(command);
    assert_int_equal(pg_int("select count(*) from membership where role = 'OWNER'"), 1);
}

static void a_channel_goes_to_members_only(void **state)
{
    struct den den = den_of(state);
    const struct {
        const char *owner;
        enum err err;
    } cases[] = {{"dan", ERR_USER_NOT_FOUND},
                 {"nobody", ERR_USER_NOT_FOUND},
                 {"ann", ERR_OK},
                 {"eve", ERR_FORBIDDEN}};
    char json[128];
    pg_exec("update app_user set disabled_at = now() where username = 'eve'");
    int64_t rows = pg_int("select count(*) from room_event");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(json, sizeof json, "{\"name\":\"den\",\"owner\":\"%s\"}", cases[i].owner);
        assert_int_equal(act_do(den.world, CHAT_UPDATE_CHANNEL, &den.ann, json), cases[i].err);
    }
    assert_int_equal(pg_int("select count(*) from room_event"), rows);
}

/* ---- lists ---- */

static void assert_page(enum err err, struct buf *out, const char *text)
{
    assert_int_equal(err, ERR_OK);
    if (!strstr(out->data, text))
        fail_msg("no %s in %s", text, out->data);
    buf_clear(out);
}

static void what_is_in_force_is_listed(void **state)
{
    struct den den = den_of(state);
    struct db *db = den.world->db;
    struct span room = SPAN_LIT("DEN");
    struct buf out, next;
    buf_init(&out, BUF_MAX_DEFAULT);
    buf_init(&next, BUF_MAX_DEFAULT);
    assert_page(chat_sanctions_list(db, &den.bob, room, CHAT_BANS, SPAN_NONE, 9, &out, &next), &out,
                "{\"bans\":[]}");
    assert_int_equal(do_to(&den, CHAT_BAN_USER, &den.bob, "dan", ",\"reason\":\"first\""), ERR_OK);
    assert_int_equal(do_to(&den, CHAT_BAN_USER, &den.ann, "dan", ",\"reason\":\"again\""), ERR_OK);
    assert_int_equal(do_to(&den, CHAT_BAN_USER, &den.ann, "eve", ""), ERR_OK);
    assert_int_equal(do_to(&den, CHAT_MUTE_USER, &den.ann, "bob", ",\"seconds\":60"), ERR_OK);
    assert_page(chat_sanctions_list(db, &den.bob, room, CHAT_BANS, SPAN_NONE, 1, &out, &next), &out,
                "{\"bans\":[{\"username\":\"eve\",\"bannedUntil\":null,\"by\":\"ann\",\"date\"");
    assert_string_equal(next.data, "3");
    assert_page(chat_sanctions_list(db, &den.bob, room, CHAT_BANS, buf_span(&next), 1, &out, &next),
                &out,
                "[{\"username\":\"dan\",\"bannedUntil\":null,\"reason\":\"again\",\"by\":\"ann\"");
    assert_page(chat_sanctions_list(db, &den.ann, room, CHAT_MUTES, SPAN_NONE, 9, &out, &next),
                &out, "{\"mutes\":[{\"username\":\"bob\",\"mutedUntil\":\"20");
    assert_int_equal(
        chat_sanctions_list(db, &den.ann, room, CHAT_MUTES, SPAN_LIT("x"), 9, &out, &next),
        ERR_VALIDATION_FAILED);
    assert_int_equal(chat_sanctions_list(db, &den.dan, room, CHAT_MUTES, SPAN_NONE, 9, &out, &next),
                     ERR_NOT_A_MEMBER);
    buf_release(&out);
    buf_release(&next);
}

static void the_audit_tells_who_did_what(void **state)
{
    struct den den = den_of(state);
    struct db *db = den.world->db;
    struct span room = SPAN_LIT("den");
    struct buf out, next;
    buf_init(&out, BUF_MAX_DEFAULT);
    buf_init(&next, BUF_MAX_DEFAULT);
    assert_int_equal(do_to(&den, CHAT_KICK_USER, &den.bob, "eve", ",\"reason\":\"bye\""), ERR_OK);
    assert_int_equal(do_to(&den, CHAT_UNBAN_USER, &den.bob, "eve", ""), ERR_OK); /* no entry */
    assert_int_equal(
        act_do(den.world, CHAT_UPDATE_CHANNEL, &den.ann,
               "{\"name\":\"den\",\"status\":\"PRIVATE\",\"password\":\"hush\",\"owner\":\"bob\"}"),
        ERR_OK);
    assert_page(chat_audit_list(db, &den.ann, room, SPAN_NONE, 1, &out, &next), &out,
                "\"actor\":\"ann\",\"action\":\"updateChannel\",\"username\":\"bob\",\"details\":");
    assert_int_equal(pg_int("select count(*) from audit_entry where details::text like '%hush%'"),
                     0);
    assert_int_equal(
        pg_int("select count(*) from audit_entry where details @> "
               "'{\"owner\": \"bob\", \"status\": \"PRIVATE\", \"passwordChanged\": true}'"),
        1);
    assert_page(chat_audit_list(db, &den.ann, room, buf_span(&next), 1, &out, &next), &out,
                "\"actor\":\"bob\",\"action\":\"kickUser\",\"username\":\"eve\","
                "\"reason\":\"bye\"}],\"nextCursor\":");
    assert_int_equal(chat_audit_list(db, &den.dan, room, SPAN_NONE, 9, &out, &next),
                     ERR_ROOM_NOT_FOUND); /* it is PRIVATE now */
    assert_int_equal(
        act_do(den.world, CHAT_JOIN_CHANNEL, &den.eve, "{\"name\":\"den\",\"password\":\"hush\"}"),
        ERR_OK);
    assert_int_equal(chat_audit_list(db, &den.eve, room, SPAN_NONE, 9, &out, &next), ERR_FORBIDDEN);
    assert_int_equal(act_do(den.world, CHAT_LEAVE_CHANNEL, &den.bob, "{\"name\":\"den\"}"), ERR_OK);
    assert_int_equal(pg_int("select count(*) from audit_entry where action = 'leaveChannel'"
                            " and subject_id = 1"),
                     1);
    buf_release(&out);
    buf_release(&next);
}

int main(int argc, char **argv)
{
    (void)argc;
    pg_require(argv);
#define T(test) cmocka_unit_test_setup_teardown(test, act_setup, act_teardown)
    const struct CMUnitTest tests[] = {
        T(an_admin_is_made_and_unmade),
        T(it_cannot_be_done_to_just_anybody),
        T(direct_rooms_have_no_roles),
        T(the_muted_read_but_do_not_write),
        T(what_is_given_has_bounds),
        T(moderating_is_limited_as_sending_is),
        T(the_banned_are_out_and_stay_out),
        T(outsiders_can_be_banned),
        T(a_banned_admin_comes_back_as_a_user),
        T(the_kicked_may_come_back),
        T(what_has_run_out_is_told_once),
        T(an_archived_room_is_cleared_without_a_word),
        T(more_than_a_handful_take_several_turns),
        T(a_channel_is_handed_over),
        T(a_channel_goes_to_members_only),
        T(what_is_in_force_is_listed),
        T(the_audit_tells_who_did_what),
    };
    return cmocka_run_group_tests_name("moderation", tests, NULL, NULL);
}
