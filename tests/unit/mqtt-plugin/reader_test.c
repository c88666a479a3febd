/* What a user may read: snapshots, rows of inboxes and of rooms in and out of order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/mqtt-plugin/reader.h"

#define ANN 7
#define ROOM 40
#define OTHER 41

/* A snapshot with ROOM at `head`, joined at 2; head 0: in no room. */
static bool load(struct reader *reader, int64_t inbox_seq, int64_t head)
{
    struct chat_position room = {.room_id = ROOM, .head = head, .joined_seq = 2};
    struct chat_admission admission = {
        .inbox_seq = inbox_seq, .rooms = &room, .room_count = head > 0};

    return reader_load(reader, &admission);
}

static void inbox(struct reader *reader, int64_t seq, enum event_kind kind, int64_t room_seq)
{
    const struct event event = {.log = LOG_INBOX,
                                .log_id = ANN,
                                .seq = seq,
                                .kind = kind,
                                .room = ROOM,
                                .room_seq = room_seq};

    reader_on_inbox(reader, &event);
}

static void room_row(struct reader *reader, int64_t seq, enum event_kind kind)
{
    const struct event event = {
        .log = LOG_ROOM, .log_id = ROOM, .seq = seq, .kind = kind, .subject = ANN};

    reader_on_room(reader, &event);
}

static void before_the_first_snapshot_nothing_is_decided(void **state)
{
    struct reader reader;

    (void)state;
    reader_init(&reader, ANN);
    assert_true(reader_wants_load(&reader));
    assert_int_equal(reader_membership(&reader, ROOM), VERDICT_ASK);
    assert_int_equal(reader_judge(&reader, ROOM, 5), VERDICT_ASK);
    inbox(&reader, 3, EVENT_INBOX_JOINED, 2);
    assert_int_equal(reader_judge(&reader, ROOM, 5), VERDICT_ASK);
    assert_true(load(&reader, 3, 4));
    assert_false(reader_wants_load(&reader));
    assert_int_equal(reader_membership(&reader, ROOM), VERDICT_YES);
    assert_int_equal(reader_membership(&reader, OTHER), VERDICT_NO);
    assert_int_equal(reader_judge(&reader, ROOM, 5), VERDICT_YES);
    assert_int_equal(reader_judge(&reader, OTHER, 5), VERDICT_NO);
    reader_release(&reader);
}

static void a_snapshot_older_than_a_row_that_was_told_is_not_enough(void **state)
{
    struct reader reader;

    (void)state;
    reader_init(&reader, ANN);
    inbox(&reader, 4, EVENT_INBOX_LEFT, 9);
    assert_true(load(&reader, 3, 8));
    assert_true(reader_wants_load(&reader));
    assert_int_equal(reader_judge(&reader, ROOM, 9), VERDICT_ASK);
    assert_int_equal(reader_membership(&reader, ROOM), VERDICT_ASK);
    assert_true(load(&reader, 4, 0));
    assert_false(reader_wants_load(&reader));
    assert_int_equal(reader_judge(&reader, ROOM, 10), VERDICT_NO);
    reader_release(&reader);
}

static void reading_ends_at_the_row_of_the_leave(void **state)
{
    struct reader reader;

    (void)state;
    reader_init(&reader, ANN);
    assert_true(load(&reader, 1, 10));
    assert_int_equal(reader_judge(&reader, ROOM, 11), VERDICT_YES);
    inbox(&reader, 2, EVENT_INBOX_LEFT, 12);
    assert_int_equal(reader_membership(&reader, ROOM), VERDICT_NO);
    assert_int_equal(reader_judge(&reader, ROOM, 13), VERDICT_NO);
    assert_int_equal(reader_judge(&reader, ROOM, 12), VERDICT_YES);
    assert_int_equal(reader_judge(&reader, ROOM, 0), VERDICT_NO);
    inbox(&reader, 3, EVENT_INBOX_JOINED, 15);
    assert_int_equal(reader_membership(&reader, ROOM), VERDICT_YES);
    assert_int_equal(reader_judge(&reader, ROOM, 15), VERDICT_YES);
    assert_int_equal(reader_judge(&reader, ROOM, 16), VERDICT_YES);
    reader_release(&reader);
}

static void the_rooms_own_row_is_enough(void **state)
{
    struct reader reader;

    (void)state;
    reader_init(&reader, ANN);
    assert_true(load(&reader, 1, 10));
    room_row(&reader, 11, EVENT_MEMBER_LEFT);
    assert_int_equal(reader_judge(&reader, ROOM, 11), VERDICT_YES);
    assert_int_equal(reader_judge(&reader, ROOM, 12), VERDICT_NO);
    room_row(&reader, 14, EVENT_MEMBER_JOINED);
    assert_int_equal(reader_judge(&reader, ROOM, 15), VERDICT_YES);
    room_row(&reader, 11, EVENT_MEMBER_LEFT); /* again, late */
    assert_int_equal(reader_judge(&reader, ROOM, 16), VERDICT_YES);
    reader_release(&reader);
}

static void a_row_that_overtook_is_asked_about(void **state)
{
    struct reader reader;

    (void)state;
    reader_init(&reader, ANN);
    assert_true(load(&reader, 1, 10));
    assert_int_equal(reader_judge(&reader, ROOM, 12), VERDICT_ASK); /* 11 may be her ban */
    assert_true(reader_wants_load(&reader));
    assert_int_equal(reader_judge(&reader, ROOM, 0), VERDICT_YES);
    assert_true(load(&reader, 1, 12));
    assert_false(reader_wants_load(&reader));
    assert_int_equal(reader_judge(&reader, ROOM, 12), VERDICT_YES);
    assert_int_equal(reader_judge(&reader, ROOM, 11), VERDICT_YES);
    assert_int_equal(reader_judge(&reader, ROOM, 14), VERDICT_ASK);
    assert_true(load(&reader, 2, 0)); /* it was */
    assert_int_equal(reader_judge(&reader, ROOM, 14), VERDICT_NO);
    reader_release(&reader);
}

static void a_lost_row_of_the_inbox_is_asked_about(void **state)
{
    struct reader reader;

    (void)state;
    reader_init(&reader, ANN);
    assert_true(load(&reader, 1, 10));
    inbox(&reader, 3, EVENT_INBOX_JOINED, 15);
    assert_true(reader_wants_load(&reader));
    assert_int_equal(reader_judge(&reader, ROOM, 11), VERDICT_ASK);
    assert_true(load(&reader, 3, 15));
    assert_int_equal(reader_judge(&reader, ROOM, 16), VERDICT_YES);
    reader_note(&reader, 4);
    assert_true(reader_wants_load(&reader));
    reader_note(&reader, 2);
    assert_true(load(&reader, 4, 16));
    assert_false(reader_wants_load(&reader));
    reader_release(&reader);
}

static void a_row_that_was_never_written_is_not_waited_for(void **state)
{
    struct reader reader;

    (void)state;
    reader_init(&reader, ANN);
    assert_true(load(&reader, 1, 10));
    reader_note(&reader, 1000000);
    for (int i = 0; i < READER_PATIENCE; i++) {
        assert_true(reader_wants_load(&reader));
        assert_int_equal(reader_judge(&reader, ROOM, 11), VERDICT_ASK);
        assert_true(load(&reader, 1, 10));
    }
    assert_false(reader_wants_load(&reader));
    assert_int_equal(reader_judge(&reader, ROOM, 11), VERDICT_YES);
    assert_int_equal(reader.snapshots, 1 + READER_PATIENCE);
    reader_release(&reader);
}

static void a_database_that_was_restored_is_believed(void **state)
{
    struct reader reader;

    (void)state;
    reader_init(&reader, ANN);
    assert_true(load(&reader, 5, 10));
    inbox(&reader, 6, EVENT_INBOX_LEFT, 11);
    reader.loads = 2; /* that may all be from before the row */
    for (int i = 0; i < 2 * READER_PATIENCE; i++)
        assert_false(load(&reader, 5, 10));
    reader.loads = 0;
    for (int i = 1; i < READER_PATIENCE; i++)
        assert_false(load(&reader, 2, 7));
    reader_note(&reader, 9);
    assert_true(load(&reader, 2, 7));
    assert_false(reader_wants_load(&reader));
    assert_int_equal(reader_judge(&reader, ROOM, 8), VERDICT_YES);
    inbox(&reader, 3, EVENT_INBOX_LEFT, 9);
    assert_int_equal(reader_judge(&reader, ROOM, 10), VERDICT_NO);
    reader_release(&reader);
}

/* Only those in a row count. */
static void late_snapshots_now_and_then_are_not_believed(void **state)
{
    struct reader reader;

    (void)state;
    reader_init(&reader, ANN);
    for (int i = 0; i < 3 * READER_PATIENCE; i++) {
        assert_true(load(&reader, 5 + i, 10 + i));
        assert_false(load(&reader, 4 + i, 9 + i));
    }
    reader_release(&reader);
}

static void late_news_change_nothing(void **state)
{
    struct reader reader;

    (void)state;
    reader_init(&reader, ANN);
    assert_true(load(&reader, 5, 10));
    inbox(&reader, 4, EVENT_INBOX_LEFT, 8);
    inbox(&reader, 5, EVENT_INBOX_JOINED, 9);
    assert_int_equal(reader_judge(&reader, ROOM, 11), VERDICT_YES);
    inbox(&reader, 6, EVENT_INBOX_LEFT, 12);
    assert_false(load(&reader, 5, 11)); /* a snapshot that was taken before */
    assert_int_equal(reader_judge(&reader, ROOM, 13), VERDICT_NO);
    reader_release(&reader);
}

/* The log's row of the leave comes first, then a snapshot from before it, then the inbox's row. */
static void a_snapshot_does_not_undo_a_newer_row(void **state)
{
    struct reader reader;

    (void)state;
    reader_init(&reader, ANN);
    assert_true(load(&reader, 1, 10));
    room_row(&reader, 12, EVENT_MEMBER_LEFT);
    assert_true(load(&reader, 1, 11));
    assert_int_equal(reader_judge(&reader, ROOM, 12), VERDICT_YES);
    assert_int_equal(reader_judge(&reader, ROOM, 13), VERDICT_NO);
    assert_true(load(&reader, 3, 14)); /* left and joined again */
    assert_int_equal(reader_judge(&reader, ROOM, 15), VERDICT_YES);
    reader_release(&reader);
}

static void stays_that_ended_are_forgotten(void **state)
{
    struct reader reader;

    (void)state;
    reader_init(&reader, ANN);
    assert_true(load(&reader, 1, 10));
    inbox(&reader, 2, EVENT_INBOX_LEFT, 12);
    assert_true(load(&reader, 2, 0));
    assert_int_equal(reader_judge(&reader, ROOM, 12), VERDICT_YES); /* late, but hers */
    assert_int_equal(reader.stays.used, 1);
    assert_true(load(&reader, 2, 0));
    assert_int_equal(reader.stays.used, 0);
    reader_release(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_first_snapshot_nothing_is_decided),
        cmocka_unit_test(a_snapshot_older_than_a_row_that_was_told_is_not_enough),
        cmocka_unit_test(reading_ends_at_the_row_of_the_leave),
        cmocka_unit_test(the_rooms_own_row_is_enough),
        cmocka_unit_test(a_row_that_overtook_is_asked_about),
        cmocka_unit_test(a_lost_row_of_the_inbox_is_asked_about),
        cmocka_unit_test(a_row_that_was_never_written_is_not_waited_for),
        cmocka_unit_test(late_news_change_nothing),
        cmocka_unit_test(a_database_that_was_restored_is_believed),
        cmocka_unit_test(late_snapshots_now_and_then_are_not_believed),
        cmocka_unit_test(a_snapshot_does_not_undo_a_newer_row),
        cmocka_unit_test(stays_that_ended_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
