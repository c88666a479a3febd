/* The hash gate: one inside, a bounded line, nobody lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

#include "shared/chat/gate.h"

#define THREADS 8
#define ROUNDS 2000

struct shared {
    struct gate gate;
    atomic_int inside;
    atomic_int most;
    atomic_int refused;
    long passed; /* guarded by the gate itself */
};

static void *go_round(void *arg)
{
    struct shared *shared = arg;
    for (int i = 0; i < ROUNDS; i++) {
        if (!gate_enter(&shared->gate)) {
            atomic_fetch_add(&shared->refused, 1);
            continue;
        }
        int now = atomic_fetch_add(&shared->inside, 1) + 1;
        if (now > atomic_load(&shared->most))
            atomic_store(&shared->most, now);
        shared->passed++;
        atomic_fetch_sub(&shared->inside, 1);
        gate_leave(&shared->gate);
    }
    return NULL;
}

static void run_threads(struct shared *shared, int64_t limit)
{
    pthread_t threads[THREADS];
    gate_init(&shared->gate, limit);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, go_round, shared), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    gate_release(&shared->gate);
}

static void one_at_a_time_and_nobody_lost(void **state)
{
    struct shared shared = {.passed = 0};
    (void)state;
    run_threads(&shared, THREADS);
    assert_int_equal(shared.most, 1);
    assert_int_equal(shared.refused, 0);
    assert_int_equal(shared.passed, THREADS * ROUNDS);
}

static void *enter_and_leave(void *arg)
{
    struct gate *gate = arg;
    bool admitted = gate_enter(gate);
    if (admitted)
        gate_leave(gate);
    return admitted ? arg : NULL;
}

static bool has_waiting(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    bool waiting = gate->waiting > 0;
    pthread_mutex_unlock(&gate->lock);
    return waiting;
}

static void a_full_line_turns_away_at_once(void **state)
{
    struct gate gate;
    pthread_t waiter;
    void *admitted;
    (void)state;
    gate_init(&gate, 1);
    assert_true(gate_enter(&gate));
    assert_int_equal(pthread_create(&waiter, NULL, enter_and_leave, &gate), 0);
    while (!has_waiting(&gate))
        ;
    assert_false(gate_enter(&gate));
    gate_leave(&gate);
    pthread_join(waiter, &admitted);
    assert_non_null(admitted);
    gate_release(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_at_a_time_and_nobody_lost),
        cmocka_unit_test(a_full_line_turns_away_at_once),
    };
    return cmocka_run_group_tests_name("hash gate", tests, NULL, NULL);
}
