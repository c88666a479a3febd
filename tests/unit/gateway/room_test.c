/*
 * Who gets which event of a room: joining and leaving by the logs, the seam, blocks. The real
 * livelog, room, user, client and catchup; the network, MQTT and PostgreSQL are scripts (world.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/gateway/timeline.h"
#include "tests/unit/gateway/world.h"

/* ---- tests ---- */

static void every_member_gets_every_event_once(void **state)
{
    struct world *world = *state;

    enter(connect_user(world, 0, 1), 10);
    enter(connect_user(world, 1, 2), 10);
    feed(world, 11, 13);
    feed(world, 12, 13);
    assert_string_equal(world->sockets[0].got, "11 12 13 ");
    assert_string_equal(world->sockets[1].got, "11 12 13 ");
    assert_int_equal(subscribed, 3); /* two inboxes, one room */
}

static void a_snapshot_ahead_of_the_room_skips(void **state)
{
    struct world *world = *state;

    enter(connect_user(world, 0, 1), 10);
    enter(connect_user(world, 1, 2), 12);
    assert_int_equal(waited, 1); /* the room has learnt that 11 and 12 exist */
    feed(world, 11, 13);
    assert_string_equal(world->sockets[0].got, "11 12 13 ");
    assert_string_equal(world->sockets[1].got, "13 ");
}

static void a_snapshot_behind_the_room_reads_what_is_between(void **state)
{
    struct world *world = *state;

    enter(connect_user(world, 0, 1), 10);
    feed(world, 11, 14);
    enter(connect_user(world, 1, 2), 11);
    feed(world, 15, 16); /* live events wait for the read */
    assert_string_equal(world->sockets[1].got, "");
    log_head = 16;
    run_job();
    feed(world, 17, 17);
    assert_string_equal(world->sockets[1].got, "12 13 14 15 16 17 ");
    assert_string_equal(world->sockets[0].got, "11 12 13 14 15 16 17 ");
}

static void a_long_way_behind_is_read_in_pages(void **state)
{
    struct world *world = *state;

    enter(connect_user(world, 0, 1), 0);
    world->sockets[0].closed = false;
    log_head = 450;
    for (int64_t seq = 1; seq <= 450; seq++) {
        feed(world, seq, seq);
        world->sockets[0].got[0] = '\0';
    }
    enter(connect_user(world, 1, 2), 0);
    run_job();
    world->sockets[1].got[0] = '\0';
    run_job();
    world->sockets[1].got[0] = '\0';
    log_head = 450;
    run_job();
    assert_memory_equal(world->sockets[1].got, "401 402 ", 8);
    assert_null(waiting_job);
}

static void leaves_after_the_seq_of_its_leave(void **state)
{
    struct world *world = *state;

    enter(connect_user(world, 0, 1), 10);
    enter(connect_user(world, 1, 2), 10);
    inbox(world, 1, 1, EVENT_INBOX_LEFT, 12); /* the inbox is ahead of the room */
    feed(world, 11, 14);
    assert_string_equal(world->sockets[0].got, "11 12 ");
    assert_string_equal(world->sockets[1].got, "11 12 13 14 ");
}

static void leaves_by_the_rooms_own_row_when_the_inbox_is_late(void **state)
{
    struct world *world = *state;

    enter(connect_user(world, 0, 1), 10);
    enter(connect_user(world, 1, 2), 10);
    feed(world, 11, 11);
    feed_kind(world, 12, EVENT_MEMBER_LEFT, 1);
    feed(world, 13, 13);
    inbox(world, 1, 1, EVENT_INBOX_LEFT, 12);
    assert_string_equal(world->sockets[0].got, "11 12 ");
    assert_string_equal(world->sockets[1].got, "11 12 13 ");
}

static void comes_back_deaf_for_what_was_between(void **state)
{
    struct world *world = *state;

    enter(connect_user(world, 0, 1), 10);
    inbox(world, 1, 1, EVENT_INBOX_LEFT, 12);
    inbox(world, 1, 2, EVENT_INBOX_JOINED, 15);
    feed(world, 11, 16);
    assert_string_equal(world->sockets[0].got, "11 12 15 16 ");
}

static void several_stays_told_ahead_are_kept_apart(void **state)
{
    struct world *world = *state;

    enter(connect_user(world, 0, 1), 10);
    inbox(world, 1, 1, EVENT_INBOX_LEFT, 12);
    inbox(world, 1, 2, EVENT_INBOX_JOINED, 15);
    inbox(world, 1, 3, EVENT_INBOX_LEFT, 17);
    inbox(world, 1, 4, EVENT_INBOX_JOINED, 20);
    feed(world, 11, 21);
    assert_string_equal(world->sockets[0].got, "11 12 15 16 17 20 21 ");
    inbox(world, 1, 5, EVENT_INBOX_LEFT, 22);
    feed(world, 22, 23);
    assert_string_equal(world->sockets[0].got, "11 12 15 16 17 20 21 22 ");
}

static void several_stays_are_kept_apart_while_catching_up(void **state)
{
    struct world *world = *state;

    enter(connect_user(world, 0, 2), 0);
    feed(world, 1, 30);
    enter(connect_user(world, 1, 1), 10);
    inbox(world, 1, 1, EVENT_INBOX_LEFT, 12);
    inbox(world, 1, 2, EVENT_INBOX_JOINED, 15);
    inbox(world, 1, 3, EVENT_INBOX_LEFT, 17);
    log_head = 30;
    run_job();
    feed(world, 31, 31);
    assert_string_equal(world->sockets[1].got, "11 12 15 16 17 ");
    inbox(world, 1, 4, EVENT_INBOX_JOINED, 29);
    log_head = 31;
    run_job();
    assert_string_equal(world->sockets[1].got, "11 12 15 16 17 29 30 31 ");
}

static void a_join_enters_at_its_own_row(void **state)
{
    struct world *world = *state;

    connect_user(world, 0, 1);
    inbox(world, 1, 1, EVENT_INBOX_JOINED, 5);
    feed(world, 5, 6);
    assert_string_equal(world->sockets[0].got, "5 6 ");
}

static void leaving_while_catching_up_gets_only_its_stay(void **state)
{
    struct world *world = *state;

    enter(connect_user(world, 1, 2), 0);
    feed(world, 1, 6);
    enter(connect_user(world, 0, 1), 2);
    inbox(world, 1, 1, EVENT_INBOX_LEFT, 4);
    feed(world, 7, 7);
    log_head = 7;
    run_job();
    feed(world, 8, 8);
    assert_string_equal(world->sockets[0].got, "3 4 ");
    assert_int_equal(((struct client *)world->sockets[0].data)->room_count, 0);
}

static void catching_up_learns_of_its_leave_from_the_log(void **state)
{
    struct world *world = *state;

    enter(connect_user(world, 1, 2), 0);
    feed(world, 1, 3);
    feed_kind(world, 4, EVENT_MEMBER_LEFT, 1);
    feed(world, 5, 6);
    enter(connect_user(world, 0, 1), 2);
    log_head = 6;
    left_seq = 4;
    run_job();
    assert_string_equal(world->sockets[0].got, "3 4 ");
}

/* The room's rows of a leave and a return come before the inbox says so. */
static void coming_back_while_catching_up_misses_nothing(void **state)
{
    struct world *world = *state;

    enter(connect_user(world, 1, 2), 0);
    feed(world, 1, 6);
    enter(connect_user(world, 0, 1), 2);
    feed(world, 7, 7);
    feed_kind(world, 8, EVENT_MEMBER_LEFT, 1);
    feed(world, 9, 10);
    inbox(world, 1, 1, EVENT_INBOX_LEFT, 8);
    inbox(world, 1, 2, EVENT_INBOX_JOINED, 10);
    feed(world, 11, 11);
    log_head = 11;
    run_job();
    feed(world, 12, 12);
    assert_string_equal(world->sockets[0].got, "3 4 5 6 7 8 10 11 12 ");
}

static void catching_up_ends_where_the_member_left(void **state)
{
    struct world *world = *state;

    enter(connect_user(world, 1, 2), 0);
    feed(world, 1, 450);
    enter(connect_user(world, 0, 1), 2);
    log_head = 450;
    left_seq = 4;
    run_job();
    assert_null(waiting_job); /* what it would skip may be of its next stay */
    assert_string_equal(world->sockets[0].got, "3 4 ");
    assert_int_equal(((struct client *)world->sockets[0].data)->room_count, 0);
}

static void a_client_that_goes_while_catching_up_is_forgotten(void **state)
{
    struct world *world = *state;

    enter(connect_user(world, 1, 2), 0);
    feed(world, 1, 6);
    enter(connect_user(world, 0, 1), 2);
    feed(world, 7, 7);
    client_gone(world->sockets[0].data, false);
    world->sockets[0].data = NULL;
    run_job();
    assert_string_equal(world->sockets[0].got, "");
}

static void a_room_without_members_is_unsubscribed(void **state)
{
    struct world *world = *state;

    connect_user(world, 0, 1);
    enter(world->sockets[0].data, 3);
    inbox(world, 1, 1, EVENT_INBOX_LEFT, 3); /* of an earlier stay: ignored */
    assert_non_null(livelog_find(&world->gateway, LOG_ROOM, ROOM));
    inbox(world, 1, 2, EVENT_INBOX_LEFT, 4);
    feed_kind(world, 4, EVENT_MEMBER_LEFT, 1);
    livelog_sweep_empty(&world->gateway);
    assert_null(livelog_find(&world->gateway, LOG_ROOM, ROOM));
    assert_int_equal(unsubscribed, 1);
}

static void blocked_authors_are_not_heard(void **state)
{
    struct world *world = *state;
    int64_t blocked[] = {50, 99};

    enter(connect_user(world, 0, 1), 0);
    enter(connect_user(world, 1, 2), 0);
    user_set_blocked(((struct client *)world->sockets[0].data)->user, blocked, 2);
    feed_kind(world, 1, EVENT_TEXT, 99);
    feed_kind(world, 2, EVENT_TEXT, 3);
    assert_string_equal(world->sockets[0].got, "2 ");
    assert_string_equal(world->sockets[1].got, "1 2 ");
}

static void an_ended_session_is_told_and_only_it(void **state)
{
    struct world *world = *state;
    struct event event = {
        .log = LOG_INBOX, .log_id = 1, .seq = 1, .kind = EVENT_INBOX_SESSION_ENDED, .session = 1};

    connect_user(world, 0, 1);
    connect_user(world, 1, 1)->actor.session_id = 8;
    livelog_feed(livelog_find(&world->gateway, LOG_INBOX, 1), &event);
    assert_true(world->sockets[0].closed);
    assert_false(world->sockets[1].closed);
}

static void a_new_timeline_begins_everything_anew(void **state)
{
    struct world *world = *state;

    timeline_seen(&world->gateway, 1);
    enter(connect_user(world, 0, 1), 10);
    feed(world, 11, 14);
    timeline_seen(&world->gateway, 1);
    assert_false(world->sockets[0].closed);
    timeline_seen(&world->gateway, 2); /* 13 and 14 are gone, and given out again */
    assert_true(world->sockets[0].closed);
    assert_int_equal(world->gateway.stats.timeline_changes, 1);
    feed(world, 13, 13);
    enter(connect_user(world, 1, 2), 12); /* while the other is still on its way out */
    feed(world, 14, 14);
    assert_string_equal(world->sockets[0].got, "11 12 13 14 ");
    assert_string_equal(world->sockets[1].got, "13 14 ");
}

static void what_is_of_another_timeline_does_not_fit(void **state)
{
    struct world *world = *state;

    assert_true(timeline_fits(&world->gateway, 3)); /* nothing is known here yet */
    timeline_seen(&world->gateway, 1);
    assert_true(timeline_fits(&world->gateway, 0)); /* the first is not named */
    assert_true(timeline_fits(&world->gateway, 1));
    assert_false(timeline_fits(&world->gateway, 2));
    timeline_seen(&world->gateway, 2);
    assert_false(timeline_fits(&world->gateway, 0));
    assert_false(timeline_fits(&world->gateway, 1));
    timeline_seen(&world->gateway, 1); /* never back */
    assert_true(timeline_fits(&world->gateway, 2));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(every_member_gets_every_event_once),
        CASE(a_snapshot_ahead_of_the_room_skips),
        CASE(a_snapshot_behind_the_room_reads_what_is_between),
        CASE(a_long_way_behind_is_read_in_pages),
        CASE(leaves_after_the_seq_of_its_leave),
        CASE(leaves_by_the_rooms_own_row_when_the_inbox_is_late),
        CASE(comes_back_deaf_for_what_was_between),
        CASE(several_stays_told_ahead_are_kept_apart),
        CASE(several_stays_are_kept_apart_while_catching_up),
        CASE(a_join_enters_at_its_own_row),
        CASE(leaving_while_catching_up_gets_only_its_stay),
        CASE(catching_up_learns_of_its_leave_from_the_log),
        CASE(coming_back_while_catching_up_misses_nothing),
        CASE(catching_up_ends_where_the_member_left),
        CASE(a_client_that_goes_while_catching_up_is_forgotten),
        CASE(a_room_without_members_is_unsubscribed),
        CASE(blocked_authors_are_not_heard),
        CASE(an_ended_session_is_told_and_only_it),
        CASE(a_new_timeline_begins_everything_anew),
        CASE(what_is_of_another_timeline_does_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
