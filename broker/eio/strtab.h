/*
 * A hash table from short strings to the structs that hold them: sessions by sid, clients by
 * address. Chained, keyed with a secret (hash.h), grows by doubling. Nothing is owned.
 */
#ifndef PARLEY_EIO_STRTAB_H
#define PARLEY_EIO_STRTAB_H

#include "shared/base/hash.h"
#include "shared/base/span.h"

struct strtab_node {
    struct strtab_node *next;
    const char *key; /* NUL-terminated, in the struct that holds this node */
};

struct strtab {
    struct strtab_node **buckets;
    size_t cap, count;
    struct hash_key seed;
};

void strtab_init(struct strtab *table);
void strtab_release(struct strtab *table);

/* node->key must be set and not be in the table yet. */
void strtab_add(struct strtab *table, struct strtab_node *node);
/* The node must be in the table. */
void strtab_remove(struct strtab *table, struct strtab_node *node);
/* NULL if there is none. */
struct strtab_node *strtab_find(const struct strtab *table, struct span key);

/* Walk: start with *bucket = 0 and `after` NULL, then give the node that the last call returned.
 * The table must not change meanwhile. NULL at the end. */
struct strtab_node *strtab_next(const struct strtab *table, size_t *bucket,
                                struct strtab_node *after);

#endif
