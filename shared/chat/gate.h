/*
 * The hash gate: password hashes are heavy on CPU and memory, so a process computes one at a time,
 * a bounded number wait in line, and the rest are turned away. Thread-safe.
 */
#ifndef PARLEY_CHAT_GATE_H
#define PARLEY_CHAT_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t left;
    bool busy;
    int64_t waiting;
    int64_t limit;
};

/* At most `limit` wait for the one inside. */
void gate_init(struct gate *gate, int64_t limit);
void gate_release(struct gate *gate);

/* The limit from now on; who waits goes on waiting. */
void gate_set_limit(struct gate *gate, int64_t limit);

/* Wait for the gate and go in; false, at once, when the line is full. */
bool gate_enter(struct gate *gate);
void gate_leave(struct gate *gate);

#endif
