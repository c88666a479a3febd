/* The slow lane, see lane.h. It does not know what a request is. */
#include "fcgi/lane.h"

#include <assert.h>
#include <pthread.h>

#include "shared/base/mem.h"

struct lane {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct list waiting;
    int count, limit;
    bool closed;
};

struct lane *lane_new(int limit)
{
    struct lane *lane = mem_alloc(sizeof *lane);

    lane->limit = limit;
    list_init(&lane->waiting);
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->changed, NULL);
    return lane;
}

void lane_free(struct lane *lane)
{
    assert(list_is_empty(&lane->waiting));
    pthread_cond_destroy(&lane->changed);
    pthread_mutex_destroy(&lane->lock);
    mem_free(lane);
}

bool lane_put(struct lane *lane, struct list *node)
{
    pthread_mutex_lock(&lane->lock);
    bool taken = !lane->closed && lane->count < lane->limit;
    if (taken) {
        list_append(&lane->waiting, node);
        lane->count++;
        pthread_cond_signal(&lane->changed);
    }
    pthread_mutex_unlock(&lane->lock);
    return taken;
}

void lane_set_limit(struct lane *lane, int limit)
{
    pthread_mutex_lock(&lane->lock);
    lane->limit = limit;
    pthread_mutex_unlock(&lane->lock);
}

int lane_waiting(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    int count = lane->count;
    pthread_mutex_unlock(&lane->lock);
    return count;
}

struct list *lane_take(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    while (lane->count == 0 && !lane->closed)
        pthread_cond_wait(&lane->changed, &lane->lock);
    struct list *node = list_take_first(&lane->waiting);
    if (node)
        lane->count--;
    pthread_mutex_unlock(&lane->lock);
    return node;
}

void lane_close(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->closed = true;
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
}
