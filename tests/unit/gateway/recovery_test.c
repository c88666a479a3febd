/*
 * What a recoverable client has, by its offset: offsets, the ring, live and caught-up and held
 * rows, rooms left, parking, expiry, bounds, and that a session works once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/gateway/world.h"

#include "shared/base/conf.h"

static int setup(void **state)
{
    struct world *world;
    struct conf *conf = NULL;
    struct buf problem;

    world_setup(state);
    world = *state;
    buf_init(&problem, 4096);
    assert_int_equal(conf_load(NULL, &conf, &problem), ERR_OK);
    buf_release(&problem);
    world->gateway.conf = conf;
    now_ms = 1000000;
    world->gateway.recovery = recovery_new(&world->gateway);
    return 0;
}

static int teardown(void **state)
{
    struct conf *conf = (struct conf *)((struct world *)*state)->gateway.conf;

    world_teardown(state);
    conf_free(conf);
    return 0;
}

/* A client that asked for recovery. */
static struct client *recoverable_user(struct world *world, int index, int64_t user)
{
    struct client *client = connect_user(world, index, user);

    recoverable_open(world->gateway.recovery, client);
    recoverable_live(client->session, false);
    return client;
}

/* Where the client comes back to in the room with that offset (NULL: none); -1: not at all. */
static int64_t returns_at(struct world *world, const char *pid, int64_t user, const char *offset)
{
    struct record record = {0};
    int64_t after = -1;

    if (recovery_take(world->gateway.recovery, span_of(pid), user, span_of(offset), &record) !=
        TAKEN_OK)
        return -1;
    for (size_t i = 0; i < record.room_count; i++) {
        if (record.rooms[i].id == ROOM)
            after = record.rooms[i].after;
    }
    record_release(&record);
    return after;
}

static struct {
    char pid[RANDOM_ID_SIZE];
    char offset[OFFSET_SIZE];
} seen;

/* What the client on this socket knows now. */
static void look(struct world *world, int index)
{
    struct client *client = world->sockets[index].data;

    memcpy(seen.pid, client->session->pid, sizeof seen.pid);
    snprintf(seen.offset, sizeof seen.offset, "%s", world->sockets[index].offset);
}

static void lose(struct world *world, int index)
{
    client_gone(world->sockets[index].data, true);
    world->sockets[index].data = NULL;
}

/* ---- offsets ---- */

static void offsets_are_read_as_written(void **state)
{
    static const char *const bad[] = {
        "",     "e",      "e.",   "e.x",  ".1", "e.1.", "e.1.2.3",
        "e.-1", "e.1.+2", "e. 1", "e.1x", "?",  "e..1", "e.1234567890123456789"};
    struct point point;
    struct span epoch;
    char text[OFFSET_SIZE];

    (void)state;
    offset_format("abc", (struct point){12, 0}, text);
    assert_string_equal(text, "abc.12");
    assert_true(offset_parse(span_of(text), &epoch, &point));
    assert_true(span_is(epoch, "abc") && point.n == 12 && point.k == 0);
    offset_format("abc", (struct point){12, 34}, text);
    assert_string_equal(text, "abc.12.34");
    assert_true(offset_parse(span_of(text), &epoch, &point));
    assert_true(point.n == 12 && point.k == 34);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(offset_parse(span_of(bad[i]), &epoch, &point));
}

static void points_order_what_was_sent(void **state)
{
    (void)state;
    assert_true(point_after((struct point){2, 0}, (struct point){1, 9}));
    assert_true(point_after((struct point){1, 1}, (struct point){1, 0}));
    assert_false(point_after((struct point){1, 1}, (struct point){1, 1}));
    assert_false(point_after((struct point){1, 2}, (struct point){2, 0}));
}

static void the_ring_forgets_by_age_and_by_number(void **state)
{
    struct ring ring;
    int64_t n = 0;

    (void)state;
    ring_init(&ring, 100, 50);
    for (int i = 0; i < 90; i++)
        n = ring_add(&ring, 7, i + 1, n, i);
    assert_null(ring_get(&ring, 0));
    assert_null(ring_get(&ring, 39)); /* fanned out at 38 */
    assert_int_equal(ring_get(&ring, 40)->seq, 40);
    assert_int_equal(ring_get(&ring, 90)->prev, 89);
    assert_null(ring_get(&ring, 91));
    assert_int_equal(ring.lost_n, 0);
    for (int i = 0; i < 100; i++)
        n = ring_add(&ring, 8, i + 1, n, 90);
    assert_int_equal(ring_get(&ring, 91)->room, 8);
    assert_int_equal(ring.lost_n, 90);
    assert_int_equal(ring.lost_at, 89);
    ring_release(&ring);
}

/* ---- positions ---- */

static void a_client_returns_to_what_it_has(void **state)
{
    struct world *world = *state;

    for (int64_t has = 11; has <= 14; has++) {
        enter(recoverable_user(world, 0, 1), has - 1);
        feed(world, has, has);
        look(world, 0);
        feed(world, has + 1, has + 5);
        lose(world, 0);
        assert_int_equal(returns_at(world, seen.pid, 1, seen.offset), has);
        livelog_sweep_empty(&world->gateway);
    }
}

static void events_after_the_end_are_missed_too(void **state)
{
    struct world *world = *state;

    enter(connect_user(world, 1, 2), 10);
    enter(recoverable_user(world, 0, 1), 10);
    feed(world, 11, 12);
    look(world, 0);
    lose(world, 0);
    feed(world, 13, 20);
    assert_int_equal(returns_at(world, seen.pid, 1, seen.offset), 12);
}

static void others_without_recovery_get_no_offset(void **state)
{
    struct world *world = *state;

    enter(connect_user(world, 1, 2), 10);
    feed(world, 11, 11);
    assert_string_equal(world->sockets[1].offset, "");
    assert_int_equal(recovery_last(&world->gateway), 0);
}

static void caught_up_rows_have_points_of_their_own(void **state)
{
    struct world *world = *state;

    enter(connect_user(world, 1, 2), 10);
    feed(world, 11, 14);
    enter(recoverable_user(world, 0, 1), 10);
    feed(world, 15, 17); /* held */
    log_head = 17;
    run_job();
    assert_string_equal(world->sockets[0].got, "11 12 13 14 15 16 17 ");
    look(world, 0);
    feed(world, 18, 18);
    lose(world, 0);
    assert_int_equal(returns_at(world, seen.pid, 1, seen.offset), 17);
}

static void an_offset_within_what_was_caught_up(void **state)
{
    for (int k = 1; k <= 7; k++) {
        struct world *world = *state;
        struct client *client;
        char offset[OFFSET_SIZE];

        enter(connect_user(world, 1, 2), 10);
        feed(world, 11, 14);
        client = recoverable_user(world, 0, 1);
        enter(client, 10);
        feed(world, 15, 17);
        log_head = 17;
        run_job();
        offset_format(world->gateway.recovery->epoch,
                      (struct point){recovery_last(&world->gateway), k}, offset);
        look(world, 0);
        feed(world, 18, 19);
        lose(world, 0);
        assert_int_equal(returns_at(world, seen.pid, 1, offset), 10 + k);
        lose(world, 1);
        livelog_sweep_empty(&world->gateway);
    }
}

static void lost_while_catching_up(void **state)
{
    struct world *world = *state;

    enter(connect_user(world, 1, 2), 10);
    feed(world, 11, 14);
    client_emit_json(recoverable_user(world, 0, 1), SPAN_LIT("x"));
    enter(world->sockets[0].data, 10);
    feed(world, 15, 17);
    look(world, 0);
    lose(world, 0);
    run_job();
    assert_int_equal(returns_at(world, seen.pid, 1, seen.offset), 10);
}

static void lost_while_catching_up_beyond_its_leave(void **state)
{
    struct world *world = *state;
    int64_t position;

    enter(connect_user(world, 1, 2), 0);
    for (int64_t seq = 1; seq <= 450; seq++) {
        feed(world, seq, seq);
        world->sockets[1].got[0] = '\0';
    }
    enter(recoverable_user(world, 0, 1), 0);
    inbox(world, 1, 1, EVENT_INBOX_LEFT, 10);
    inbox(world, 1, 2, EVENT_INBOX_JOINED, 440);
    log_head = 450;
    run_job(); /* 1 to 200 */
    look(world, 0);
    lose(world, 0);
    run_job();
    position = returns_at(world, seen.pid, 1, seen.offset);
    assert_int_equal(position, 10);
}

static void a_room_left_after_the_offset_is_still_owed(void **state)
{
    struct world *world = *state;

    enter(recoverable_user(world, 0, 1), 10);
    feed(world, 11, 11);
    look(world, 0);
    feed(world, 12, 12);
    feed_kind(world, 13, EVENT_MEMBER_LEFT, 1);
    lose(world, 0);
    assert_int_equal(returns_at(world, seen.pid, 1, seen.offset), 11);
}

static void a_room_left_before_the_offset_is_not(void **state)
{
    struct world *world = *state;

    enter(recoverable_user(world, 0, 1), 10);
    feed(world, 11, 11);
    feed_kind(world, 12, EVENT_MEMBER_LEFT, 1);
    look(world, 0);
    lose(world, 0);
    assert_int_equal(returns_at(world, seen.pid, 1, seen.offset), -1);
}

static void left_and_back_before_it_was_lost(void **state)
{
    struct world *world = *state;

    enter(recoverable_user(world, 0, 1), 10);
    feed(world, 11, 11);
    look(world, 0);
    inbox(world, 1, 1, EVENT_INBOX_LEFT, 13);
    inbox(world, 1, 2, EVENT_INBOX_JOINED, 15);
    feed(world, 12, 16);
    assert_string_equal(world->sockets[0].got, "11 12 13 15 16 ");
    lose(world, 0);
    assert_int_equal(returns_at(world, seen.pid, 1, seen.offset), 11);
}

static void nothing_received_needs_no_position(void **state)
{
    struct world *world = *state;
    struct client *client = connect_user(world, 0, 1);
    struct record record;

    recoverable_open(world->gateway.recovery, client);
    look(world, 0);
    lose(world, 0);
    assert_int_equal(
        recovery_take(world->gateway.recovery, span_of(seen.pid), 1, SPAN_NONE, &record), TAKEN_OK);
    assert_true(record.unsent);
    assert_string_equal(record.sid, "the-sid");
    record_release(&record);
}

/* ---- sessions ---- */

static void a_session_works_once_and_for_its_user(void **state)
{
    struct world *world = *state;

    enter(recoverable_user(world, 0, 1), 10);
    feed(world, 11, 11);
    look(world, 0);
    lose(world, 0);
    assert_int_equal(returns_at(world, seen.pid, 2, seen.offset), -1);
    assert_int_equal(returns_at(world, seen.pid, 1, seen.offset), 11);
    assert_int_equal(returns_at(world, seen.pid, 1, seen.offset), -1);
}

static void a_connected_one_is_taken_away(void **state)
{
    struct world *world = *state;

    enter(recoverable_user(world, 0, 1), 10);
    feed(world, 11, 11);
    look(world, 0);
    feed(world, 12, 12);
    assert_int_equal(returns_at(world, seen.pid, 1, seen.offset), 11);
    assert_true(world->sockets[0].closed);
    feed(world, 13, 13);
    assert_string_equal(world->sockets[0].got, "11 12 ");
    lose(world, 0);
    assert_int_equal(returns_at(world, seen.pid, 1, seen.offset), -1);
}

static void a_foreign_offset_loses_it(void **state)
{
    struct world *world = *state;

    enter(recoverable_user(world, 0, 1), 10);
    feed(world, 11, 11);
    look(world, 0);
    lose(world, 0);
    assert_int_equal(returns_at(world, seen.pid, 1, "other.1"), -1);
    assert_int_equal(returns_at(world, seen.pid, 1, seen.offset), -1);
}

static void a_session_expires(void **state)
{
    struct world *world = *state;

    enter(recoverable_user(world, 0, 1), 10);
    feed(world, 11, 11);
    look(world, 0);
    lose(world, 0);
    now_ms += world->gateway.recovery->window_ms + 1;
    assert_int_equal(returns_at(world, seen.pid, 1, seen.offset), -1);
    assert_int_equal(world->gateway.recovery->parked_count, 0);
    assert_int_equal(world->gateway.recovery->parked_bytes, 0);
}

static void a_disconnect_on_purpose_ends_it(void **state)
{
    struct world *world = *state;

    enter(recoverable_user(world, 0, 1), 10);
    feed(world, 11, 11);
    look(world, 0);
    client_gone(world->sockets[0].data, false);
    world->sockets[0].data = NULL;
    assert_int_equal(returns_at(world, seen.pid, 1, seen.offset), -1);
}

static void an_old_offset_of_a_quiet_room_is_good(void **state)
{
    struct world *world = *state;

    enter(recoverable_user(world, 0, 1), 10);
    feed(world, 11, 11);
    look(world, 0);
    now_ms += 100 * world->gateway.recovery->window_ms;
    ring_add(&world->gateway.recovery->ring, 8, 1, 0, now_ms);
    assert_null(ring_get(&world->gateway.recovery->ring, 1));
    lose(world, 0);
    assert_int_equal(returns_at(world, seen.pid, 1, seen.offset), 11);
}

/* Came from another broker with `offset`, and has room 7 up to `after`. */
static struct client *reopened(struct world *world, int index, const char *offset, int64_t after)
{
    struct client *client = connect_user(world, index, 1);
    struct record record = {.sid = "old", .user_id = 1};

    record_room(&record, ROOM, after);
    recoverable_reopen(world->gateway.recovery, client, SPAN_LIT("pid-pid"), span_of(offset),
                       &record);
    return client;
}

static void a_restored_one_is_lost_again_before_it_is_admitted(void **state)
{
    struct world *world = *state;

    reopened(world, 0, "elsewhere.5", 10);
    lose(world, 0);
    assert_int_equal(returns_at(world, "pid-pid", 1, "elsewhere.5"), 10);
}

static void a_restored_one_that_got_nothing_since_has_its_old_offset(void **state)
{
    struct world *world = *state;
    struct client *client = reopened(world, 0, "elsewhere.5", 10);

    recoverable_forget_record(client->session);
    enter(client, 12);
    client_emit_row(client, ROOM, 11, SPAN_LIT("11"));
    client_emit_row(client, ROOM, 12, SPAN_LIT("12"));
    feed(world, 13, 13);
    lose(world, 0);
    assert_int_equal(returns_at(world, "pid-pid", 1, "elsewhere.5"), 10);
}

static void passing_news_say_nothing_of_what_it_has(void **state)
{
    struct world *world = *state;

    enter(recoverable_user(world, 0, 1), 10);
    look(world, 0);
    feed(world, 11, 12);
    lose(world, 0);
    assert_int_equal(returns_at(world, seen.pid, 1, SIO_NO_OFFSET), 10);
    reopened(world, 0, "elsewhere.5", 10);
    lose(world, 0);
    assert_int_equal(returns_at(world, "pid-pid", 1, SIO_NO_OFFSET), 10);
}

static void a_restored_one_in_the_middle_of_its_replay(void **state)
{
    struct world *world = *state;
    struct client *client = reopened(world, 0, "elsewhere.5", 10);

    recoverable_forget_record(client->session);
    enter(client, 13);
    client_emit_row(client, ROOM, 11, SPAN_LIT("11"));
    client_emit_row(client, ROOM, 12, SPAN_LIT("12"));
    look(world, 0);
    client_emit_row(client, ROOM, 13, SPAN_LIT("13"));
    lose(world, 0);
    assert_int_equal(returns_at(world, "pid-pid", 1, seen.offset), 12);
}

static void at_most_so_many_are_kept(void **state)
{
    struct world *world = *state;
    struct recovery *recovery = world->gateway.recovery;
    int64_t limit = conf_int(world->gateway.conf, CONF_LIMIT_RECOVERY_SESSIONS);

    for (int64_t i = 0; i < limit + 10; i++) {
        recoverable_user(world, 0, 1);
        look(world, 0);
        lose(world, 0);
        livelog_sweep_empty(&world->gateway);
    }
    assert_int_equal(recovery->parked_count, limit);
    assert_int_equal(recovery->by_pid.used, limit);
    assert_int_equal(recovery->connected, 0);
}

static void a_stopping_broker_hands_over_what_may_not_have_arrived(void **state)
{
    struct world *world = *state;
    struct record record;

    enter(recoverable_user(world, 0, 1), 10);
    feed(world, 11, 12);
    look(world, 0);
    feed(world, 13, 15);
    lose(world, 0);
    assert_false(recovery_hand_over(world->gateway.recovery));
    assert_int_equal(world->gateway.recovery->parked_count, 0);
    run_job();
    assert_true(recovery_hand_over(world->gateway.recovery));
    assert_int_equal(record_decode(span_of(handed_over), &record), ERR_OK);
    assert_int_equal(record.run_count, 5);
    assert_true(record_rewind(&record, span_of(seen.offset)));
    assert_int_equal(record.room_count, 1);
    assert_int_equal(record.rooms[0].after, 12);
    assert_int_equal(record.user_id, 1);
    record_release(&record);
    assert_int_equal(record_decode(SPAN_LIT("{\"sid\":7}"), &record), ERR_SYNTAX);
    assert_int_equal(record_decode(SPAN_LIT("["), &record), ERR_SYNTAX);
    assert_int_equal(record_decode(SPAN_NONE, &record), ERR_SYNTAX);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_read_as_written),
        cmocka_unit_test(points_order_what_was_sent),
        cmocka_unit_test(the_ring_forgets_by_age_and_by_number),
        CASE(a_client_returns_to_what_it_has),
        CASE(events_after_the_end_are_missed_too),
        CASE(others_without_recovery_get_no_offset),
        CASE(caught_up_rows_have_points_of_their_own),
        CASE(an_offset_within_what_was_caught_up),
        CASE(lost_while_catching_up),
        CASE(lost_while_catching_up_beyond_its_leave),
        CASE(a_room_left_after_the_offset_is_still_owed),
        CASE(a_room_left_before_the_offset_is_not),
        CASE(left_and_back_before_it_was_lost),
        CASE(nothing_received_needs_no_position),
        CASE(a_session_works_once_and_for_its_user),
        CASE(a_connected_one_is_taken_away),
        CASE(a_foreign_offset_loses_it),
        CASE(a_session_expires),
        CASE(a_disconnect_on_purpose_ends_it),
        CASE(an_old_offset_of_a_quiet_room_is_good),
        CASE(a_restored_one_is_lost_again_before_it_is_admitted),
        CASE(a_restored_one_that_got_nothing_since_has_its_old_offset),
        CASE(passing_news_say_nothing_of_what_it_has),
        CASE(a_restored_one_in_the_middle_of_its_replay),
        CASE(at_most_so_many_are_kept),
        CASE(a_stopping_broker_hands_over_what_may_not_have_arrived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
