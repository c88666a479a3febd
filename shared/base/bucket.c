/*
 * Token buckets. Memory is fixed when the table is made: an array of sets of up to eight slots; a
 * key belongs to the set its hash names. Not exact about "nearest to full": the choice of who gives
 * way is made within the set. The hash is keyed, so a client cannot aim at somebody's set.
 *
 * Credit is counted in units of 1 / period_ms token, so that any rate is exact in integers: a
 * millisecond earns tokens_per_period units, a token costs period_ms of them.
 */
#include "shared/base/bucket.h"

#include <assert.h>
#include <pthread.h>

#include "shared/base/hash.h"
#include "shared/base/mem.h"

#define WAYS 8

struct slot {
    uint64_t key; /* hash of the key; 0: free */
    int64_t credit;
    int64_t at_ms; /* when credit was right */
};

struct bucket_table {
    pthread_mutex_t lock;
    struct hash_key hash_key;
    int64_t earn;  /* units per millisecond; 0: no limit; also read without the lock */
    int64_t price; /* units per token */
    int64_t full;  /* units of a full bucket */
    int burst;
    size_t sets;
    size_t ways;
    struct slot *slots;
};

struct bucket_table *bucket_table_new(int tokens_per_period, int64_t period_ms, int burst,
                                      size_t max_keys)
{
    assert(tokens_per_period >= 0 && period_ms > 0 && burst > 0 && max_keys > 0);
    struct bucket_table *table = mem_alloc(sizeof *table);
    pthread_mutex_init(&table->lock, NULL);
    table->hash_key = hash_key_new();
    table->earn = tokens_per_period;
    table->price = period_ms;
    table->full = (int64_t)burst * period_ms;
    table->burst = burst;
    table->ways = max_keys < WAYS ? max_keys : WAYS;
    table->sets = max_keys / table->ways;
    if (tokens_per_period > 0)
        table->slots = mem_array(table->sets * table->ways, sizeof *table->slots);
    return table;
}

void bucket_table_change(struct bucket_table *table, int tokens_per_period, int burst)
{
    assert(tokens_per_period >= 0 && burst > 0);
    pthread_mutex_lock(&table->lock);
    table->full = (int64_t)burst * table->price;
    table->burst = burst;
    if (tokens_per_period > 0 && !table->slots)
        table->slots = mem_array(table->sets * table->ways, sizeof *table->slots);
    __atomic_store_n(&table->earn, tokens_per_period, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&table->lock);
}

static bool is_unlimited(const struct bucket_table *table)
{
    return __atomic_load_n(&table->earn, __ATOMIC_RELAXED) == 0;
}

static int64_t price_of(const struct bucket_table *table, int cost)
{
    return (int64_t)(cost < table->burst ? cost : table->burst) * table->price;
}

void bucket_table_free(struct bucket_table *table)
{
    if (!table)
        return;
    pthread_mutex_destroy(&table->lock);
    mem_free(table->slots);
    free(table);
}

/* What the bucket holds at `now_ms`. A clock that went back earns nothing. */
static int64_t slot_credit(const struct bucket_table *table, const struct slot *slot,
                           int64_t now_ms)
{
    int64_t elapsed = now_ms > slot->at_ms ? now_ms - slot->at_ms : 0;
    int64_t missing = table->full - slot->credit;
    if (missing <= 0 || elapsed > missing / table->earn)
        return table->full;
    return slot->credit + elapsed * table->earn;
}

/* The key's slot: its own, else a free one, else the fullest bucket of the set, made new. */
static struct slot *slot_find(struct bucket_table *table, uint64_t key, int64_t now_ms)
{
    struct slot *set = table->slots + key % table->sets * table->ways;
    struct slot *victim = set;
    int64_t most = -1;
    for (struct slot *slot = set; slot < set + table->ways; slot++) {
        if (slot->key == key)
            return slot;
        int64_t credit = slot->key ? slot_credit(table, slot, now_ms) : INT64_MAX;
        if (credit > most) {
            most = credit;
            victim = slot;
        }
    }
    *victim = (struct slot){.key = key, .credit = table->full, .at_ms = now_ms};
    return victim;
}

static int64_t slot_take(const struct bucket_table *table, struct slot *slot, int64_t price,
                         int64_t now_ms)
{
    slot->credit = slot_credit(table, slot, now_ms);
    if (now_ms > slot->at_ms)
        slot->at_ms = now_ms;
    if (slot->credit < price)
        return (price - slot->credit + table->earn - 1) / table->earn;
    slot->credit -= price;
    return 0;
}

int64_t bucket_take(struct bucket_table *table, struct span key, int cost, int64_t now_ms)
{
    assert(cost >= 0);
    if (is_unlimited(table))
        return 0;
    uint64_t hash = hash_bytes(&table->hash_key, key);
    int64_t wait_ms = 0;
    pthread_mutex_lock(&table->lock);
    if (table->earn > 0) {
        struct slot *slot = slot_find(table, hash ? hash : 1, now_ms);
        wait_ms = slot_take(table, slot, price_of(table, cost), now_ms);
    }
    pthread_mutex_unlock(&table->lock);
    return wait_ms;
}

void bucket_give(struct bucket_table *table, struct span key, int cost, int64_t now_ms)
{
    assert(cost >= 0);
    if (is_unlimited(table))
        return;
    uint64_t hash = hash_bytes(&table->hash_key, key);
    pthread_mutex_lock(&table->lock);
    if (table->earn > 0) {
        struct slot *slot = slot_find(table, hash ? hash : 1, now_ms);
        int64_t missing = table->full - slot->credit, price = price_of(table, cost);
        slot->credit += price < missing ? price : missing;
    }
    pthread_mutex_unlock(&table->lock);
}
