/* The loop: defers before sleep, tasks from threads in order, timers on time. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/net/loop.h"
#include "shared/base/clock.h"

#define TASKS 100

struct posting {
    struct loop_task task;
    struct world *world;
    int index;
};

struct world {
    struct loop *loop;
    struct loop_timer *timer;
    struct loop_defer defer;
    struct posting postings[TASKS];
    int next_task, ticks, defers;
    int64_t started, fired;
};

static int world_setup(void **state)
{
    static struct world world;

    world = (struct world){.loop = loop_new()};
    *state = &world;
    return 0;
}

static int world_teardown(void **state)
{
    struct world *world = *state;

    loop_timer_free(world->timer);
    loop_free(world->loop);
    return 0;
}

static void stop_in_defer(void *arg)
{
    struct world *world = arg;

    world->defers++;
    loop_stop(world->loop);
}

static void on_first_timer(void *arg)
{
    struct world *world = arg;

    world->fired = clock_mono_ms();
    world->defer = (struct loop_defer){.fn = stop_in_defer, .arg = world};
    loop_defer(world->loop, &world->defer);
    loop_defer(world->loop, &world->defer); /* already waiting: once only */
}

static void test_timer_is_on_time_and_defer_runs_before_sleep(void **state)
{
    struct world *world = *state;

    world->timer = loop_timer_new(world->loop, on_first_timer, world);
    assert_false(loop_timer_active(world->timer));
    usleep(30000); /* the loop's clock must not be stale when the timer starts */
    world->started = clock_mono_ms();
    loop_timer_start(world->timer, 50, 0);
    assert_true(loop_timer_active(world->timer));
    loop_run(world->loop);
    assert_int_equal(world->defers, 1);
    assert_in_range(world->fired - world->started, 49, 1000);
    assert_false(loop_timer_active(world->timer));
    assert_in_range(loop_now(world->loop), world->fired - 10, world->fired + 10);
}

static void on_tick(void *arg)
{
    struct world *world = arg;

    if (++world->ticks == 5)
        loop_stop(world->loop);
}

static void test_timer_repeats(void **state)
{
    struct world *world = *state;

    world->timer = loop_timer_new(world->loop, on_tick, world);
    loop_timer_start(world->timer, 1, 2);
    loop_run(world->loop);
    assert_true(world->ticks >= 5); /* loop_stop takes effect in a later turn */
    assert_true(loop_timer_active(world->timer));
}

static void task_fn(void *arg)
{
    struct posting *posting = arg;
    struct world *world = posting->world;

    assert_int_equal(posting->index, world->next_task); /* in the order posted */
    if (++world->next_task == TASKS)
        loop_stop(world->loop);
}

static void *post_all(void *arg)
{
    struct world *world = arg;

    for (int i = 0; i < TASKS; i++) {
        struct posting *posting = &world->postings[i];

        posting->world = world;
        posting->index = i;
        posting->task = (struct loop_task){.fn = task_fn, .arg = posting};
        loop_post(world->loop, &posting->task);
    }
    return NULL;
}

static void test_tasks_from_a_thread(void **state)
{
    struct world *world = *state;
    pthread_t thread;

    pthread_create(&thread, NULL, post_all, world);
    loop_run(world->loop);
    pthread_join(thread, NULL);
    assert_int_equal(world->next_task, TASKS);
}

static void on_readable(void *arg, int events)
{
    struct world *world = arg;

    assert_int_equal(events, LOOP_READ);
    loop_stop(world->loop);
}

static void test_watch(void **state)
{
    struct world *world = *state;
    struct loop_watch *watch;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    watch = loop_watch_new(world->loop, fds[0], LOOP_READ, on_readable, world);
    assert_int_equal(write(fds[1], "x", 1), 1);
    loop_run(world->loop);
    loop_watch_free(watch);
    close(fds[0]);
    close(fds[1]);
}

static void cancelled(void *arg)
{
    (void)arg;
    fail();
}

static void test_defer_cancel(void **state)
{
    struct world *world = *state;
    struct loop_defer no = {.fn = cancelled};

    world->defer = (struct loop_defer){.fn = stop_in_defer, .arg = world};
    loop_defer(world->loop, &no);
    loop_defer_cancel(world->loop, &no);
    loop_defer(world->loop, &world->defer);
    loop_run(world->loop);
    assert_int_equal(world->defers, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_timer_is_on_time_and_defer_runs_before_sleep,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_timer_repeats, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_tasks_from_a_thread, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_watch, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_defer_cancel, world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
