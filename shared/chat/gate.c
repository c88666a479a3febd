/* The hash gate, see gate.h. It computes nothing itself and knows no order among those who wait. */
#include "shared/chat/gate.h"

#include <assert.h>

void gate_init(struct gate *gate, int64_t limit)
{
    *gate = (struct gate){.limit = limit};
    int failed = pthread_mutex_init(&gate->lock, NULL) || pthread_cond_init(&gate->left, NULL);
    assert(!failed);
    (void)failed;
}

void gate_release(struct gate *gate)
{
    assert(!gate->busy && gate->waiting == 0);
    pthread_cond_destroy(&gate->left);
    pthread_mutex_destroy(&gate->lock);
}

void gate_set_limit(struct gate *gate, int64_t limit)
{
    pthread_mutex_lock(&gate->lock);
    gate->limit = limit;
    pthread_mutex_unlock(&gate->lock);
}

bool gate_enter(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    bool admitted = !gate->busy || gate->waiting < gate->limit;
    if (admitted) {
        gate->waiting++;
        while (gate->busy)
            pthread_cond_wait(&gate->left, &gate->lock);
        gate->waiting--;
        gate->busy = true;
    }
    pthread_mutex_unlock(&gate->lock);
    return admitted;
}

void gate_leave(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->busy = false;
    pthread_cond_signal(&gate->left);
    pthread_mutex_unlock(&gate->lock);
}
