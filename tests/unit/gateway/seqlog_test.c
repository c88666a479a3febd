/* One log's order: scripts of what arrives, and a random one against the truth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/gateway/seqlog.h"
#include "shared/base/mem.h"

#define LIMIT 8

struct seen {
    int64_t seqs[4096];
    int count;
};

static void collect(void *owner, struct event *event)
{
    struct seen *seen = owner;

    assert_string_equal(event->json, "x");
    seen->seqs[seen->count++] = event->seq;
}

static void feed(struct seqlog *log, int64_t seq, struct seen *seen)
{
    struct event event = {.seq = seq, .json = mem_strdup("x"), .json_len = 1};

    seqlog_feed(log, &event, LIMIT, collect, seen);
    assert_null(event.json); /* taken over, whatever became of it */
    assert_int_equal(event.seq, 0);
}

static void assert_seen(const struct seen *seen, int count, const int64_t *seqs)
{
    assert_int_equal(seen->count, count);
    for (int i = 0; i < count; i++)
        assert_int_equal(seen->seqs[i], seqs[i]);
}

static void delivers_in_order_and_drops_doubles(void **state)
{
    struct seqlog log;
    struct seen seen = {.count = 0};

    (void)state;
    seqlog_init(&log, 10);
    feed(&log, 11, &seen);
    feed(&log, 11, &seen);
    feed(&log, 10, &seen);
    feed(&log, 12, &seen);
    assert_seen(&seen, 2, (int64_t[]){11, 12});
    assert_int_equal(seqlog_state(&log, LIMIT), SEQLOG_STEADY);
    seqlog_release(&log);
}

static void holds_what_overtook(void **state)
{
    struct seqlog log;
    struct seen seen = {.count = 0};

    (void)state;
    seqlog_init(&log, 0);
    feed(&log, 3, &seen);
    feed(&log, 2, &seen);
    feed(&log, 3, &seen);
    assert_int_equal(seen.count, 0);
    assert_int_equal(seqlog_state(&log, LIMIT), SEQLOG_WAITING);
    feed(&log, 1, &seen);
    assert_seen(&seen, 3, (int64_t[]){1, 2, 3});
    assert_int_equal(seqlog_state(&log, LIMIT), SEQLOG_STEADY);
    seqlog_release(&log);
}

static void fetches_when_too_much_is_held(void **state)
{
    struct seqlog log;
    struct seen seen = {.count = 0};

    (void)state;
    seqlog_init(&log, 0);
    for (int64_t seq = 2; seq < 2 + LIMIT + 5; seq++)
        feed(&log, seq, &seen);
    assert_int_equal(log.held_count, LIMIT);
    assert_int_equal(seqlog_state(&log, LIMIT), SEQLOG_OVERDUE);
    seqlog_fetch_begin(&log);
    assert_int_equal(seqlog_state(&log, LIMIT), SEQLOG_FETCHING);
    for (int64_t seq = 1; seq < 2 + LIMIT + 5; seq++)
        feed(&log, seq, &seen);
    seqlog_fetch_end(&log, true);
    assert_int_equal(seen.count, LIMIT + 6);
    assert_int_equal(seqlog_state(&log, LIMIT), SEQLOG_STEADY);
    seqlog_release(&log);
}

static void never_believes_a_seq(void **state)
{
    struct seqlog log;
    struct seen seen = {.count = 0};

    (void)state;
    seqlog_init(&log, 5);
    feed(&log, 1000000, &seen);
    assert_int_equal(seqlog_state(&log, LIMIT), SEQLOG_WAITING);
    seqlog_fetch_begin(&log);
    feed(&log, 8, &seen); /* after the fetch's snapshot: may be real */
    seqlog_fetch_end(&log, true);
    assert_int_equal(log.held_count, 0); /* 8 <= bound: the fetch would have brought it */
    assert_int_equal(seqlog_state(&log, LIMIT), SEQLOG_STEADY);
    feed(&log, 6, &seen);
    assert_seen(&seen, 1, (int64_t[]){6});
    seqlog_release(&log);
}

static void keeps_what_came_after_the_fetch_began(void **state)
{
    struct seqlog log;
    struct seen seen = {.count = 0};

    (void)state;
    seqlog_init(&log, 5);
    feed(&log, 7, &seen);
    seqlog_fetch_begin(&log);
    feed(&log, 9, &seen);
    seqlog_note(&log, 9);
    feed(&log, 6, &seen);
    seqlog_fetch_end(&log, true);
    assert_seen(&seen, 2, (int64_t[]){6, 7});
    assert_int_equal(seqlog_state(&log, LIMIT), SEQLOG_WAITING); /* 8 is still to come */
    feed(&log, 8, &seen);
    assert_seen(&seen, 4, (int64_t[]){6, 7, 8, 9});
    assert_int_equal(seqlog_state(&log, LIMIT), SEQLOG_STEADY);
    seqlog_release(&log);
}

static void a_note_asks_for_the_tail(void **state)
{
    struct seqlog log;
    struct seen seen = {.count = 0};

    (void)state;
    seqlog_init(&log, 5);
    seqlog_note(&log, 4);
    assert_int_equal(seqlog_state(&log, LIMIT), SEQLOG_STEADY);
    seqlog_note(&log, 6);
    assert_int_equal(seqlog_state(&log, LIMIT), SEQLOG_WAITING);
    feed(&log, 6, &seen);
    assert_int_equal(seqlog_state(&log, LIMIT), SEQLOG_STEADY);
    seqlog_release(&log);
}

static void unknown_position_holds_until_started(void **state)
{
    struct seqlog log;
    struct seen seen = {.count = 0};

    (void)state;
    seqlog_init(&log, SEQLOG_UNKNOWN);
    feed(&log, 4, &seen);
    feed(&log, 5, &seen);
    feed(&log, 6, &seen);
    assert_int_equal(seen.count, 0);
    seqlog_start(&log, 4, collect, &seen);
    assert_seen(&seen, 2, (int64_t[]){5, 6});
    seqlog_release(&log);
}

/* A network that drops, doubles and reorders; fetches as the owner would. */
static void random_network_delivers_exactly_once(void **state)
{
    uint64_t random = 7;
    int64_t head = 0;
    struct seqlog log;
    struct seen *seen = mem_alloc(sizeof *seen);

    (void)state;
    seqlog_init(&log, 0);
    while (head < 4000) {
        head++;
        for (int i = 0; i < 3; i++) {
            int64_t seq;

            random = random * 6364136223846793005u + 1442695040888963407u;
            seq = head - (int64_t)((random >> 33) % 6);
            if ((random >> 50) % 3 && seq > 0)
                feed(&log, seq, seen);
        }
        if (seqlog_state(&log, LIMIT) == SEQLOG_OVERDUE || head % 50 == 0) {
            seqlog_fetch_begin(&log);
            for (int64_t seq = log.last + 1; seq <= head; seq++)
                feed(&log, seq, seen);
            seqlog_fetch_end(&log, true);
        }
    }
    assert_int_equal(seen->count, 4000);
    for (int i = 0; i < seen->count; i++)
        assert_int_equal(seen->seqs[i], i + 1);
    seqlog_release(&log);
    free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivers_in_order_and_drops_doubles),
        cmocka_unit_test(holds_what_overtook),
        cmocka_unit_test(fetches_when_too_much_is_held),
        cmocka_unit_test(never_believes_a_seq),
        cmocka_unit_test(keeps_what_came_after_the_fetch_began),
        cmocka_unit_test(a_note_asks_for_the_tail),
        cmocka_unit_test(unknown_position_holds_until_started),
        cmocka_unit_test(random_network_delivers_exactly_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
