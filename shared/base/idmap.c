/* Open addressing with linear probing; removal shifts the cluster back, so there are no tombstones.
 */
#include "shared/base/idmap.h"

#include <assert.h>

#include "shared/base/mem.h"

struct idmap_slot {
    int64_t id; /* 0: free */
    void *value;
};

static size_t home(const struct idmap *map, int64_t id)
{
    return (size_t)(((uint64_t)id * 0x9E3779B97F4A7C15u) >> 20) & (map->cap - 1);
}

void idmap_init(struct idmap *map)
{
    *map = (struct idmap){NULL, 0, 0};
}

void idmap_release(struct idmap *map)
{
    mem_free(map->slots);
    map->cap = map->used = 0;
}

static struct idmap_slot *find(const struct idmap *map, int64_t id)
{
    size_t i = home(map, id);

    while (map->slots[i].id != 0 && map->slots[i].id != id)
        i = (i + 1) & (map->cap - 1);
    return &map->slots[i];
}

void *idmap_get(const struct idmap *map, int64_t id)
{
    if (map->used == 0 || id <= 0)
        return NULL;
    return find(map, id)->value;
}

static void grow(struct idmap *map)
{
    struct idmap old = *map;

    map->cap = old.cap ? old.cap * 2 : 16;
    map->slots = mem_array(map->cap, sizeof *map->slots);
    for (size_t i = 0; i < old.cap; i++) {
        if (old.slots[i].id != 0)
            *find(map, old.slots[i].id) = old.slots[i];
    }
    mem_free(old.slots);
}

void idmap_put(struct idmap *map, int64_t id, void *value)
{
    struct idmap_slot *slot;

    assert(id > 0 && value);
    if ((map->used + 1) * 4 > map->cap * 3)
        grow(map);
    slot = find(map, id);
    if (slot->id == 0)
        map->used++;
    *slot = (struct idmap_slot){id, value};
}

void idmap_remove(struct idmap *map, int64_t id)
{
    struct idmap_slot *slot;
    size_t hole, i;

    if (map->used == 0 || id <= 0)
        return;
    slot = find(map, id);
    if (slot->id == 0)
        return;
    map->used--;
    hole = (size_t)(slot - map->slots);
    for (i = (hole + 1) & (map->cap - 1); map->slots[i].id != 0; i = (i + 1) & (map->cap - 1)) {
        size_t want = home(map, map->slots[i].id);

        /* May slot i move into the hole? Only if its home is not between the hole and i. */
        if (((i - want) & (map->cap - 1)) >= ((i - hole) & (map->cap - 1))) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole] = (struct idmap_slot){0, NULL};
}

void *idmap_next(const struct idmap *map, size_t *cursor)
{
    while (*cursor < map->cap) {
        struct idmap_slot *slot = &map->slots[(*cursor)++];

        if (slot->id != 0)
            return slot->value;
    }
    return NULL;
}
