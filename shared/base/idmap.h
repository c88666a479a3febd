/*
 * A hash map from positive 64-bit ids to pointers. Open addressing, grows by doubling; nothing is
 * owned. Not thread-safe.
 */
#ifndef PARLEY_BASE_IDMAP_H
#define PARLEY_BASE_IDMAP_H

#include <stddef.h>
#include <stdint.h>

struct idmap {
    struct idmap_slot *slots;
    size_t cap;  /* a power of two, or 0 */
    size_t used; /* entries */
};

/* Empty, allocating nothing; and back to that. */
void idmap_init(struct idmap *map);
void idmap_release(struct idmap *map);

/* NULL if there is no such id. */
void *idmap_get(const struct idmap *map, int64_t id);

/* Set or replace; `id` > 0, `value` not NULL. */
void idmap_put(struct idmap *map, int64_t id, void *value);

/* Remove; no entry is fine. */
void idmap_remove(struct idmap *map, int64_t id);

/* Walk: start with *cursor = 0; NULL at the end. The map must not change meanwhile. */
void *idmap_next(const struct idmap *map, size_t *cursor);

#endif
