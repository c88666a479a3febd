/* Creating, joining, leaving, changing and deleting channels: each rule and each error code. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/chat/act.h"

#define PUBLIC_ROOM "{\"name\":\"General\",\"status\":\"PUBLIC\"}"
#define PRIVATE_ROOM "{\"name\":\"Secret\",\"status\":\"PRIVATE\",\"password\":\"open sesame\"}"

static int64_t room_count(void)
{
    return pg_int("select count(*) from room");
}

/* ---- events ---- */

/* The room's rows or a user's, in order, as "kind seq, kind seq". */
static void assert_events(struct chat_command *command, enum log_type log, int64_t id,
                          const char *expected)
{
    const struct event_list *events = chat_command_events(command);
    struct buf got;
    buf_init(&got, BUF_MAX_DEFAULT);
    buf_add_str(&got, "");
    for (size_t i = 0; i < events->count; i++) {
        const struct event *event = &events->items[i];
        if (event->log != log || (id != 0 && event->log_id != id))
            continue;
        buf_addf(&got, "%s%s %lld", got.len ? ", " : "", event_kind_name(event->kind),
                 (long long)event->seq);
    }
    assert_string_equal(got.data, expected);
    buf_release(&got);
}

static const struct event *find_event(struct chat_command *command, enum event_kind kind)
{
    const struct event_list *events = chat_command_events(command);
    for (size_t i = 0; i < events->count; i++)
        if (events->items[i].kind == kind)
            return &events->items[i];
    fail_msg("no event of kind %s", event_kind_name(kind));
    return NULL;
}

static void assert_json_has(const struct event *event, const char *text)
{
    if (!event->json || !strstr(event->json, text))
        fail_msg("no %s in %s", text, event->json ? event->json : "(nothing)");
}

/* ---- createChannel ---- */

static void creating_makes_an_owner_and_two_rows(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    struct chat_command *command = act_command(world, CHAT_CREATE_CHANNEL, &alice, PUBLIC_ROOM);
    const struct chat_room_view *room = chat_command_room(command);
    assert_int_equal(chat_command_error(command), ERR_OK);
    assert_string_equal(room->name, "General");
    assert_string_equal(room->role, "OWNER");
    assert_int_equal(room->members, 1);
    assert_int_equal(room->last_seq, 2);
    assert_body_has(command, "\"room\":\"General\"");
    assert_events(command, LOG_ROOM, room->id, "memberJoined 1, system 2");
    assert_events(command, LOG_INBOX, alice.user_id, "joined 1");
    const struct event *joined = find_event(command, EVENT_MEMBER_JOINED);
    assert_json_has(joined, "\"username\":\"alice\"");
    assert_json_has(joined, "\"role\":\"OWNER\"");
    assert_int_equal(joined->subject, alice.user_id);
    assert_json_has(find_event(command, EVENT_SYSTEM), "alice created the channel");
    const struct event *entered = find_event(command, EVENT_INBOX_JOINED);
    assert_int_equal(entered->room, room->id);
    assert_int_equal(entered->room_seq, 1);
    assert_string_equal(entered->room_name, "General");
    assert_int_equal(pg_int("select last_seq * 10 + members from room"), 21);
    assert_int_equal(pg_int("select inbox_seq from app_user"), 1);
    chat_command_free(command);
}

static void the_channel_resource_follows_the_contract(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    struct chat_command *command = act_command(world, CHAT_CREATE_CHANNEL, &alice, PUBLIC_ROOM);
    struct buf json;
    buf_init(&json, BUF_MAX_DEFAULT);
    chat_command_resource(command, &json);
    assert_non_null(strstr(json.data,
                           "{\"name\":\"General\",\"status\":\"PUBLIC\",\"role\":\"OWNER\","
                           "\"members\":1,\"lastSeq\":2,\"topic\":\"parley/v1/rooms/1\","
                           "\"createdAt\":\"20"));
    buf_release(&json);
    chat_command_free(command);
}

static void names_are_never_reused(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PUBLIC_ROOM), ERR_OK);
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &bob, PUBLIC_ROOM), ERR_NAME_TAKEN);
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &bob,
                            "{\"name\":\"gENERAL\",\"status\":\"PRIVATE\",\"password\":\"x\"}"),
                     ERR_NAME_TAKEN);
    assert_int_equal(
        act_do(world, CHAT_UPDATE_CHANNEL, &alice, "{\"name\":\"general\",\"newName\":\"Lobby\"}"),
        ERR_OK);
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &bob, PUBLIC_ROOM), ERR_NAME_TAKEN);
    assert_int_equal(act_do(world, CHAT_DELETE_CHANNEL, &alice, "{\"name\":\"Lobby\"}"), ERR_OK);
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &bob, PUBLIC_ROOM), ERR_NAME_TAKEN);
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &bob,
                            "{\"name\":\"lobby\",\"status\":\"PRIVATE\",\"password\":\"x\"}"),
                     ERR_NAME_TAKEN);
    assert_int_equal(room_count(), 1);
}

static void private_creations_are_limited(void **state)
{
    struct world *world = *state;
    act_set(world, "limits.private_creations_per_hour", "1");
    struct chat_actor alice = act_user(world, "alice");
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PRIVATE_ROOM), ERR_OK);
    struct chat_command *command =
        act_command(world, CHAT_CREATE_CHANNEL, &alice,
                    "{\"name\":\"Other\",\"status\":\"PRIVATE\",\"password\":\"x\"}");
    assert_int_equal(chat_command_error(command), ERR_RATE_LIMITED);
    assert_in_range(chat_command_retry_after_ms(command), 3500000, 3600000);
    chat_command_free(command);
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PUBLIC_ROOM), ERR_OK);
}

static void rooms_per_user_are_limited(void **state)
{
    struct world *world = *state;
    act_set(world, "limits.rooms_per_user", "1");
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PUBLIC_ROOM), ERR_OK);
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PRIVATE_ROOM), ERR_FORBIDDEN);
    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &alice, "{\"name\":\"bob\",\"status\":\"DIRECT\"}"),
        ERR_FORBIDDEN);
    assert_int_equal(room_count(), 1);
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &bob, PRIVATE_ROOM), ERR_OK);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"general\"}"),
                     ERR_FORBIDDEN);
}

/* ---- joinChannel ---- */

static void joining_writes_both_logs(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PUBLIC_ROOM), ERR_OK);
    struct chat_command *command =
        act_command(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"general\"}");
    assert_int_equal(chat_command_error(command), ERR_OK);
    assert_int_equal(chat_command_seq(command), 3);
    assert_body_has(command, "\"room\":\"General\",\"seq\":3");
    assert_events(command, LOG_ROOM, 0, "memberJoined 3, system 4");
    assert_events(command, LOG_INBOX, bob.user_id, "joined 1");
    assert_events(command, LOG_INBOX, alice.user_id, "");
    assert_json_has(find_event(command, EVENT_SYSTEM), "bob joined");
    assert_string_equal(chat_command_room(command)->role, "USER");
    assert_int_equal(chat_command_room(command)->members, 2);
    chat_command_free(command);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"general\"}"),
                     ERR_ALREADY_MEMBER);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"nowhere\"}"),
                     ERR_ROOM_NOT_FOUND);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\" \\u0000\"}"),
                     ERR_ROOM_NOT_FOUND);
    assert_int_equal(pg_int("select joined_seq from membership where user_id = 2"), 3);
}

static void a_private_channel_wants_its_password(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PRIVATE_ROOM), ERR_OK);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"Secret\"}"),
                     ERR_WRONG_PASSWORD);
    assert_int_equal(
        act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"Secret\",\"password\":\"\"}"),
        ERR_WRONG_PASSWORD);
    assert_int_equal(
        act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"Secret\",\"password\":\"close\"}"),
        ERR_WRONG_PASSWORD);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob,
                            "{\"name\":\"secret\",\"password\":\"open sesame\"}"),
                     ERR_OK);
    assert_int_equal(
        act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"Secret\",\"password\":\"close\"}"),
        ERR_ALREADY_MEMBER);
}

static void a_password_changed_meanwhile_is_verified_again(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PRIVATE_ROOM), ERR_OK);
    struct chat_command *join =
        chat_command_new(world->chat, chat_command_def(CHAT_JOIN_CHANNEL), &bob);
    assert_int_equal(
        chat_command_decode(join, SPAN_LIT("{\"name\":\"Secret\",\"password\":\"open sesame\"}")),
        ERR_OK);
    assert_int_equal(chat_command_run(join, world->db), CHAT_HASH);
    chat_command_hash(join);
    assert_int_equal(act_do(world, CHAT_UPDATE_CHANNEL, &alice,
                            "{\"name\":\"Secret\",\"password\":\"changed\"}"),
                     ERR_OK);
    assert_int_equal(chat_command_run(join, world->db), CHAT_HASH);
    chat_command_hash(join);
    assert_int_equal(chat_command_run(join, world->db), CHAT_DONE);
    assert_int_equal(chat_command_error(join), ERR_WRONG_PASSWORD);
    chat_command_free(join);
}

static void password_tries_are_limited_but_not_right_ones(void **state)
{
    struct world *world = *state;
    act_set(world, "limits.password_tries", "2");
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    const char *right = "{\"name\":\"Secret\",\"password\":\"open sesame\"}";
    const char *wrong = "{\"name\":\"Secret\",\"password\":\"no\"}";
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PRIVATE_ROOM), ERR_OK);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, right), ERR_OK);
        assert_int_equal(act_do(world, CHAT_LEAVE_CHANNEL, &bob, "{\"name\":\"Secret\"}"), ERR_OK);
    }
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, wrong), ERR_WRONG_PASSWORD);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, wrong), ERR_WRONG_PASSWORD);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, right), ERR_RATE_LIMITED);
    struct chat_actor carol = act_user(world, "carol"); /* the same address: not locked out */
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &carol, right), ERR_OK);
}

static void the_banned_cannot_join(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PUBLIC_ROOM), ERR_OK);
    pg_exec("insert into membership (room_id, user_id, is_member, banned_until)"
            " values (1, 2, false, '2100-01-01T00:00:00Z')");
    struct chat_command *command =
        act_command(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"General\"}");
    assert_int_equal(chat_command_error(command), ERR_BANNED);
    assert_body_has(command, "\"code\":\"banned\",\"until\":\"2100-01-01T00:00:00.000Z\"");
    chat_command_free(command);
    pg_exec("update membership set banned_until = 'infinity' where user_id = 2");
    command = act_command(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"General\"}");
    assert_body_has(command, "\"code\":\"banned\",\"until\":null");
    chat_command_free(command);
    pg_exec("update membership set banned_until = now() - interval '1 second' where user_id = 2");
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"General\"}"), ERR_OK);
}

/* ---- leaveChannel ---- */

static void leaving_and_coming_back(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PUBLIC_ROOM), ERR_OK);
    assert_int_equal(act_do(world, CHAT_LEAVE_CHANNEL, &bob, "{\"name\":\"General\"}"),
                     ERR_NOT_A_MEMBER);
    assert_int_equal(act_do(world, CHAT_LEAVE_CHANNEL, &bob, "{\"name\":\"nowhere\"}"),
                     ERR_ROOM_NOT_FOUND);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"General\"}"), ERR_OK);
    struct chat_command *command =
        act_command(world, CHAT_LEAVE_CHANNEL, &bob, "{\"name\":\"General\"}");
    assert_int_equal(chat_command_error(command), ERR_OK);
    assert_events(command, LOG_ROOM, 0, "memberLeft 5, system 6");
    assert_events(command, LOG_INBOX, bob.user_id, "left 2");
    assert_int_equal(find_event(command, EVENT_INBOX_LEFT)->room_seq, 5);
    assert_json_has(find_event(command, EVENT_SYSTEM), "bob left");
    chat_command_free(command);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"General\"}"), ERR_OK);
    assert_int_equal(pg_int("select members from room"), 2);
    assert_int_equal(pg_int("select inbox_seq from app_user where id = 2"), 3);
}

static void ownership_passes_to_the_longest_serving(void **state)
{
    struct world *world = *state;
    struct chat_actor users[4] = {act_user(world, "alice"), act_user(world, "bob"),
                                  act_user(world, "carol"), act_user(world, "dave")};
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &users[0], PUBLIC_ROOM), ERR_OK);
    for (int i = 1; i < 4; i++)
        assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &users[i], "{\"name\":\"General\"}"),
                         ERR_OK);
    pg_exec("update membership set role = 'ADMIN' where user_id = 4");
    struct chat_command *command =
        act_command(world, CHAT_LEAVE_CHANNEL, &users[0], "{\"name\":\"General\"}");
    assert_events(command, LOG_ROOM, 0, "memberLeft 9, memberUpdated 10, system 11");
    assert_json_has(find_event(command, EVENT_MEMBER_UPDATED), "\"username\":\"dave\"");
    assert_json_has(find_event(command, EVENT_MEMBER_UPDATED), "\"role\":\"OWNER\"");
    assert_int_equal(find_event(command, EVENT_MEMBER_UPDATED)->subject, users[3].user_id);
    chat_command_free(command);
    command = act_command(world, CHAT_LEAVE_CHANNEL, &users[3], "{\"name\":\"General\"}");
    assert_json_has(find_event(command, EVENT_MEMBER_UPDATED), "\"username\":\"bob\"");
    chat_command_free(command);
    assert_int_equal(pg_int("select user_id from membership where role = 'OWNER'"), 2);
    command = act_command(world, CHAT_LEAVE_CHANNEL, &users[2], "{\"name\":\"General\"}");
    assert_events(command, LOG_ROOM, 0, "memberLeft 15, system 16");
    chat_command_free(command);
}

static void an_empty_room_is_archived(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PUBLIC_ROOM), ERR_OK);
    assert_int_equal(act_do(world, CHAT_LEAVE_CHANNEL, &alice, "{\"name\":\"General\"}"), ERR_OK);
    assert_int_equal(pg_int("select count(*) from room where archived_at is not null"), 1);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &alice, "{\"name\":\"General\"}"),
                     ERR_ROOM_NOT_FOUND);
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PUBLIC_ROOM), ERR_NAME_TAKEN);
    assert_int_equal(pg_int("select count(*) from room_event"), 4);
}

/* ---- updateChannel, deleteChannel ---- */

static void only_the_owner_changes_a_channel(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    const char *rename = "{\"name\":\"General\",\"newName\":\"Lobby\"}";
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PUBLIC_ROOM), ERR_OK);
    assert_int_equal(act_do(world, CHAT_UPDATE_CHANNEL, &bob, rename), ERR_NOT_A_MEMBER);
    assert_int_equal(act_do(world, CHAT_DELETE_CHANNEL, &bob, "{\"name\":\"General\"}"),
                     ERR_NOT_A_MEMBER);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"General\"}"), ERR_OK);
    assert_int_equal(act_do(world, CHAT_UPDATE_CHANNEL, &bob, rename), ERR_FORBIDDEN);
    assert_int_equal(act_do(world, CHAT_DELETE_CHANNEL, &bob, "{\"name\":\"General\"}"),
                     ERR_FORBIDDEN);
}

static void renaming_keeps_the_old_name(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PUBLIC_ROOM), ERR_OK);
    assert_int_equal(
        act_do(world, CHAT_CREATE_CHANNEL, &alice, "{\"name\":\"Other\",\"status\":\"PUBLIC\"}"),
        ERR_OK);
    struct chat_command *command = act_command(world, CHAT_UPDATE_CHANNEL, &alice,
                                               "{\"name\":\"General\",\"newName\":\"Lobby\"}");
    assert_int_equal(chat_command_error(command), ERR_OK);
    assert_string_equal(chat_command_room(command)->name, "Lobby");
    assert_events(command, LOG_ROOM, 0, "channelUpdated 3");
    assert_json_has(find_event(command, EVENT_CHANNEL_UPDATED), "\"previousName\":\"General\"");
    chat_command_free(command);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"general\"}"), ERR_OK);
    assert_int_equal(
        act_do(world, CHAT_UPDATE_CHANNEL, &alice, "{\"name\":\"Lobby\",\"newName\":\"other\"}"),
        ERR_NAME_TAKEN);
    assert_int_equal(
        act_do(world, CHAT_UPDATE_CHANNEL, &alice, "{\"name\":\"Lobby\",\"newName\":\"GENERAL\"}"),
        ERR_OK);
    assert_int_equal(pg_int("select count(*) from room where name = 'GENERAL'"), 1);
    int64_t rows = pg_int("select count(*) from room_event");
    assert_int_equal(
        act_do(world, CHAT_UPDATE_CHANNEL, &alice, "{\"name\":\"Lobby\",\"newName\":\"GENERAL\"}"),
        ERR_OK); /* nothing changes, nothing is written */
    assert_int_equal(pg_int("select count(*) from room_event"), rows);
}

static void a_name_in_the_path_leaves_name_for_the_new_one(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PUBLIC_ROOM), ERR_OK);
    struct chat_command *command =
        chat_command_new(world->chat, chat_command_def(CHAT_UPDATE_CHANNEL), &alice);
    chat_command_preset(command, CHAT_FIELD_NAME, SPAN_LIT("General"));
    assert_int_equal(chat_command_decode(command, SPAN_LIT("{\"name\":\"Lobby\"}")), ERR_OK);
    act_finish(command, world->db);
    assert_int_equal(chat_command_error(command), ERR_OK);
    assert_string_equal(chat_command_room(command)->name, "Lobby");
    chat_command_free(command);
}

static void status_and_password_go_together(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PUBLIC_ROOM), ERR_OK);
    struct chat_command *command = act_command(world, CHAT_UPDATE_CHANNEL, &alice,
                                               "{\"name\":\"General\",\"status\":\"PRIVATE\"}");
    assert_int_equal(chat_command_error(command), ERR_VALIDATION_FAILED);
    assert_body_has(command, "\"errors\":[{\"field\":\"password\"");
    chat_command_free(command);
    command = act_command(world, CHAT_UPDATE_CHANNEL, &alice,
                          "{\"name\":\"General\",\"password\":\"x\"}");
    assert_int_equal(chat_command_error(command), ERR_VALIDATION_FAILED);
    chat_command_free(command);
    command = act_command(world, CHAT_UPDATE_CHANNEL, &alice,
                          "{\"name\":\"General\",\"status\":\"PRIVATE\",\"password\":\"first\"}");
    assert_int_equal(chat_command_error(command), ERR_OK);
    assert_string_equal(chat_command_room(command)->status, "PRIVATE");
    chat_command_free(command);
    assert_int_equal(
        act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"General\",\"password\":\"second\"}"),
        ERR_WRONG_PASSWORD);
    assert_int_equal(act_do(world, CHAT_UPDATE_CHANNEL, &alice,
                            "{\"name\":\"General\",\"password\":\"second\"}"),
                     ERR_OK);
    assert_int_equal(
        act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"General\",\"password\":\"second\"}"),
        ERR_OK);
    assert_int_equal(
        act_do(world, CHAT_UPDATE_CHANNEL, &alice, "{\"name\":\"General\",\"status\":\"PUBLIC\"}"),
        ERR_OK);
    assert_int_equal(pg_int("select count(*) from room where password_hash is null"), 1);
}

static void new_passwords_are_limited(void **state)
{
    struct world *world = *state;
    act_set(world, "limits.password_tries", "2");
    struct chat_actor alice = act_user(world, "alice");
    const char *change = "{\"name\":\"Secret\",\"password\":\"another\"}";
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PRIVATE_ROOM), ERR_OK);
    assert_int_equal(act_do(world, CHAT_UPDATE_CHANNEL, &alice, change), ERR_OK);
    assert_int_equal(act_do(world, CHAT_UPDATE_CHANNEL, &alice, change), ERR_OK);
    assert_int_equal(act_do(world, CHAT_UPDATE_CHANNEL, &alice, change), ERR_RATE_LIMITED);
    assert_int_equal(
        act_do(world, CHAT_UPDATE_CHANNEL, &alice, "{\"name\":\"Secret\",\"newName\":\"Open\"}"),
        ERR_OK);
}

static void deleting_takes_everyone_out(void **state)
{
    struct world *world = *state;
    struct chat_actor alice = act_user(world, "alice");
    struct chat_actor bob = act_user(world, "bob");
    assert_int_equal(act_do(world, CHAT_CREATE_CHANNEL, &alice, PUBLIC_ROOM), ERR_OK);
    assert_int_equal(act_do(world, CHAT_JOIN_CHANNEL, &bob, "{\"name\":\"General\"}"), ERR_OK);
    struct chat_command *command =
        act_command(world, CHAT_DELETE_CHANNEL, &alice, "{\"name\":\"General\"}");
    assert_int_equal(chat_command_error(command), ERR_OK);
    assert_events(command, LOG_ROOM, 0, "channelDeleted 5");
    assert_events(command, LOG_INBOX, alice.user_id, "left 2");
    assert_events(command, LOG_INBOX, bob.user_id, "left 2");
    assert_int_equal(find_event(command, EVENT_INBOX_LEFT)->room_seq, 5);
    chat_command_free(command);
    assert_int_equal(pg_int("select count(*) from membership where is_member"), 0);
    assert_int_equal(pg_int("select members from room"), 0);
    assert_int_equal(act_do(world, CHAT_LEAVE_CHANNEL, &bob, "{\"name\":\"General\"}"),
                     ERR_ROOM_NOT_FOUND);
}

int main(int argc, char **argv)
{
    (void)argc;
    pg_require(argv);
#define T(test) cmocka_unit_test_setup_teardown(test, act_setup, act_teardown)
    const struct CMUnitTest tests[] = {
        T(creating_makes_an_owner_and_two_rows),
        T(the_channel_resource_follows_the_contract),
        T(names_are_never_reused),
        T(private_creations_are_limited),
        T(rooms_per_user_are_limited),
        T(joining_writes_both_logs),
        T(a_private_channel_wants_its_password),
        T(a_password_changed_meanwhile_is_verified_again),
        T(password_tries_are_limited_but_not_right_ones),
        T(the_banned_cannot_join),
        T(leaving_and_coming_back),
        T(ownership_passes_to_the_longest_serving),
        T(an_empty_room_is_archived),
        T(only_the_owner_changes_a_channel),
        T(renaming_keeps_the_old_name),
        T(a_name_in_the_path_leaves_name_for_the_new_one),
        T(status_and_password_go_together),
        T(new_passwords_are_limited),
        T(deleting_takes_everyone_out),
    };
    return cmocka_run_group_tests_name("channels", tests, NULL, NULL);
}
