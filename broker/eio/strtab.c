/* Strings to structs, chained. Knows nothing of what it holds. */
#include "broker/eio/strtab.h"

#include <assert.h>

#include "shared/base/mem.h"

#define CAP_MIN 16

void strtab_init(struct strtab *table)
{
    *table = (struct strtab){.cap = CAP_MIN, .seed = hash_key_new()};
    table->buckets = mem_array(CAP_MIN, sizeof *table->buckets);
}

void strtab_release(struct strtab *table)
{
    mem_free(table->buckets);
    table->cap = table->count = 0;
}

static struct strtab_node **bucket_of(const struct strtab *table, struct span key)
{
    return &table->buckets[hash_bytes(&table->seed, key) & (table->cap - 1)];
}

static void grow(struct strtab *table)
{
    struct strtab_node **old = table->buckets;
    size_t old_cap = table->cap;

    table->cap *= 2;
    table->buckets = mem_array(table->cap, sizeof *table->buckets);
    for (size_t i = 0; i < old_cap; i++) {
        struct strtab_node *node = old[i];

        while (node) {
            struct strtab_node *next = node->next;
            struct strtab_node **bucket = bucket_of(table, span_of(node->key));

            node->next = *bucket;
            *bucket = node;
            node = next;
        }
    }
    mem_free(old);
}

void strtab_add(struct strtab *table, struct strtab_node *node)
{
    struct strtab_node **bucket;

    if (table->count >= table->cap)
        grow(table);
    bucket = bucket_of(table, span_of(node->key));
    node->next = *bucket;
    *bucket = node;
    table->count++;
}

void strtab_remove(struct strtab *table, struct strtab_node *node)
{
    struct strtab_node **link = bucket_of(table, span_of(node->key));

    while (*link != node) {
        assert(*link);
        link = &(*link)->next;
    }
    *link = node->next;
    node->next = NULL;
    table->count--;
}

struct strtab_node *strtab_find(const struct strtab *table, struct span key)
{
    struct strtab_node *node = *bucket_of(table, key);

    while (node && !span_is(key, node->key))
        node = node->next;
    return node;
}

struct strtab_node *strtab_next(const struct strtab *table, size_t *bucket,
                                struct strtab_node *after)
{
    if (after && after->next)
        return after->next;
    while (*bucket < table->cap) {
        struct strtab_node *node = table->buckets[(*bucket)++];

        if (node)
            return node;
    }
    return NULL;
}
