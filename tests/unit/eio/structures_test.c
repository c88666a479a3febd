/* The heap of timers, the table of strings, the queue of frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/eio/queue.h"
#include "broker/eio/strtab.h"
#include "broker/eio/timer.h"
#include "shared/base/list.h"

/* ---- timers ---- */

struct tick {
    struct eio_timer timer;
    int number;
};

static int fired[64];
static int fired_count;
static struct eio_timers timers;

static void on_tick(struct eio_timer *timer, int64_t now)
{
    (void)now;
    fired[fired_count++] = list_entry(timer, struct tick, timer)->number;
}

static void test_timers_fire_in_order(void **state)
{
    static const int at[] = {50, 10, 40, 10, 30, 20, 60, 5};
    struct tick ticks[8];

    (void)state;
    eio_timers_init(&timers);
    fired_count = 0;
    for (int i = 0; i < 8; i++) {
        ticks[i] = (struct tick){.timer.fn = on_tick, .number = at[i]};
        eio_timer_set(&timers, &ticks[i].timer, at[i]);
    }
    assert_int_equal(eio_timers_next(&timers), 5);
    eio_timer_cancel(&timers, &ticks[2].timer);  /* 40 */
    eio_timer_cancel(&timers, &ticks[2].timer);  /* twice is harmless */
    eio_timer_set(&timers, &ticks[0].timer, 15); /* 50 becomes earlier */
    eio_timers_run(&timers, 4);
    assert_int_equal(fired_count, 0);
    eio_timers_run(&timers, 30);
    assert_int_equal(fired_count, 6);
    for (int i = 0; i < 6; i++)
        assert_int_equal(fired[i], ((int[]){5, 10, 10, 50, 20, 30})[i]);
    assert_int_equal(eio_timers_next(&timers), 60);
    assert_false(eio_timer_running(&ticks[0].timer));
    eio_timer_cancel(&timers, &ticks[6].timer);
    assert_true(eio_timers_next(&timers) == INT64_MAX);
    eio_timers_release(&timers);
}

/* ---- strings ---- */

struct named {
    struct strtab_node node;
    char name[16];
};

static void test_strtab(void **state)
{
    struct named all[200];
    struct strtab table;
    struct strtab_node *node = NULL;
    size_t bucket = 0;
    int walked = 0;

    (void)state;
    strtab_init(&table);
    for (int i = 0; i < 200; i++) {
        snprintf(all[i].name, sizeof all[i].name, "key%d", i);
        all[i].node.key = all[i].name;
        strtab_add(&table, &all[i].node);
    }
    for (int i = 0; i < 200; i += 2)
        strtab_remove(&table, &all[i].node);
    for (int i = 0; i < 200; i++)
        assert_ptr_equal(strtab_find(&table, span_of(all[i].name)), i % 2 ? &all[i].node : NULL);
    while ((node = strtab_next(&table, &bucket, node)))
        walked++;
    assert_int_equal(walked, 100);
    assert_null(strtab_find(&table, SPAN_LIT("")));
    strtab_release(&table);
}

/* ---- queue ---- */

static void push(struct eio_queue *queue, const char *text)
{
    struct eio_frame *frame = eio_frame_packet(span_of(text));

    eio_queue_push(queue, frame);
    eio_frame_unref(frame);
}

static void test_queue_gathers_and_drops_what_is_written(void **state)
{
    struct eio_queue queue;
    struct iovec pieces[8];

    (void)state;
    eio_queue_init(&queue);
    assert_int_equal(eio_queue_gather(&queue, true, pieces, 8), 0);
    push(&queue, "4aa"); /* five bytes each */
    push(&queue, "4bb");
    push(&queue, "4cc");
    assert_int_equal(queue.bytes, 15);
    assert_int_equal(eio_queue_gather(&queue, true, pieces, 2), 2);
    assert_int_equal(eio_queue_gather(&queue, true, pieces, 8), 3);
    assert_int_equal(eio_queue_written(&queue, 7), 1);
    assert_true(eio_queue_in_frame(&queue));
    assert_int_equal(eio_queue_gather(&queue, true, pieces, 8), 2);
    assert_int_equal(pieces[0].iov_len, 3);
    assert_memory_equal(pieces[0].iov_base, "4bb", 3);
    assert_int_equal(eio_queue_written(&queue, 8), 2);
    assert_int_equal(queue.bytes, 0);
    assert_int_equal(queue.cap, 0); /* nothing is held while idle */
}

/* What is pushed at either end and taken, in every order of eight steps: as a list has it. */
static void test_queue_is_a_list_whatever_its_size(void **state)
{
    (void)state;
    for (int steps = 0; steps < 6561; steps++) { /* three choices, eight times */
        struct eio_frame *model[16], *frame;
        struct eio_queue queue;
        int from = 8, to = 8;

        eio_queue_init(&queue);
        for (int i = 0, rest = steps; i < 8; i++, rest /= 3) {
            if (rest % 3 == 2) {
                assert_ptr_equal(eio_queue_first(&queue), from < to ? model[from] : NULL);
                frame = eio_queue_take(&queue);
                assert_ptr_equal(frame, from < to ? model[from++] : NULL);
                eio_frame_unref(frame);
                continue;
            }
            frame = eio_frame_packet(SPAN_LIT("4a"));
            if (rest % 3 == 0) {
                eio_queue_push(&queue, frame);
                model[to++] = frame;
            } else {
                eio_queue_push_front(&queue, frame);
                model[--from] = frame;
            }
            eio_frame_unref(frame);
            assert_int_equal(queue.count, to - from);
            assert_int_equal(queue.bytes, 4 * (to - from));
        }
        while ((frame = eio_queue_take(&queue))) {
            assert_ptr_equal(frame, model[from++]);
            eio_frame_unref(frame);
        }
        assert_int_equal(from, to);
        assert_int_equal(queue.cap, 0);
    }
}

static void test_queue_stops_behind_a_frame_alone_if_asked_to(void **state)
{
    struct eio_queue queue;
    struct iovec pieces[8];
    struct eio_frame *first = eio_frame_raw(SPAN_LIT("101"));

    (void)state;
    eio_queue_init(&queue);
    eio_queue_push(&queue, first);
    push(&queue, "0aa");
    eio_frame_unref(first);
    assert_int_equal(eio_queue_gather(&queue, true, pieces, 8), 1);
    assert_int_equal(eio_queue_gather(&queue, false, pieces, 8), 2);
    assert_int_equal(eio_queue_written(&queue, 3), 1);
    assert_true(queue.held);
    assert_int_equal(eio_queue_written(&queue, 5), 1);
    assert_false(queue.held);
}

static void test_queue_truncate_keeps_a_frame_that_was_begun(void **state)
{
    struct eio_queue queue;

    (void)state;
    eio_queue_init(&queue);
    push(&queue, "4aa");
    push(&queue, "4bb");
    eio_queue_written(&queue, 2);
    eio_queue_truncate(&queue, true);
    assert_int_equal(queue.count, 1);
    assert_int_equal(queue.sent, 2);
    assert_int_equal(eio_queue_written(&queue, 3), 1);
    push(&queue, "4cc");
    eio_queue_truncate(&queue, true);
    assert_int_equal(queue.count, 0);
    push(&queue, "4dd");
    eio_queue_truncate(&queue, false); /* no stream: nothing to cut */
    assert_int_equal(queue.count, 1);
    eio_queue_clear(&queue);
}

static void test_queue_grows_in_order(void **state)
{
    struct eio_queue queue, other;
    char text[16];

    (void)state;
    eio_queue_init(&queue);
    eio_queue_init(&other);
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "4%03d", i);
        push(&queue, text);
        if (i % 3 == 0)
            eio_frame_unref(eio_queue_take(&queue));
    }
    eio_queue_move(&queue, &other);
    for (int i = 34; i < 100; i++) {
        struct eio_frame *frame = eio_queue_take(&other);

        snprintf(text, sizeof text, "4%03d", i);
        assert_memory_equal(eio_frame_payload(frame), text, 4);
        eio_frame_unref(frame);
    }
    assert_null(eio_queue_take(&other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_fire_in_order),
        cmocka_unit_test(test_strtab),
        cmocka_unit_test(test_queue_gathers_and_drops_what_is_written),
        cmocka_unit_test(test_queue_is_a_list_whatever_its_size),
        cmocka_unit_test(test_queue_stops_behind_a_frame_alone_if_asked_to),
        cmocka_unit_test(test_queue_truncate_keeps_a_frame_that_was_begun),
        cmocka_unit_test(test_queue_grows_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
