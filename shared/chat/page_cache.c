/* Kept pages, see page_cache.h. What makes a page another one is known to who asks, not here. */
#include "shared/chat/page_cache.h"

#include "shared/base/hash.h"
#include "shared/base/idmap.h"
#include "shared/base/list.h"
#include "shared/base/mem.h"

#define SLOT_BYTES 64 /* for each entry: the map's share, and what malloc adds */

struct entry {
    struct page_note note; /* first: what callers have */
    struct list by_age;
    int64_t id;
    uint64_t connection;
    struct page_version version;
    struct chat_page_found found;
    char *body; /* owned; NULL: only noted */
    size_t body_len;
    size_t name_len;
    char name[];
};

struct page_cache {
    struct hash_key key;
    struct idmap entries;
    struct list by_age; /* the last asked for at the end */
    size_t bytes, max_bytes;
};

struct page_cache *page_cache_new(size_t max_bytes)
{
    struct page_cache *cache = mem_alloc(sizeof *cache);

    cache->key = hash_key_new();
    idmap_init(&cache->entries);
    list_init(&cache->by_age);
    cache->max_bytes = max_bytes;
    return cache;
}

static size_t size_of(size_t name_len, size_t body_len)
{
    return sizeof(struct entry) + SLOT_BYTES + name_len + body_len;
}

static struct entry *oldest(const struct page_cache *cache)
{
    return list_entry(cache->by_age.next, struct entry, by_age);
}

static void drop(struct page_cache *cache, struct entry *entry)
{
    cache->bytes -= size_of(entry->name_len, entry->body_len);
    list_remove(&entry->by_age);
    idmap_remove(&cache->entries, entry->id);
    mem_free(entry->body);
    free(entry);
}

void page_cache_free(struct page_cache *cache)
{
    if (!cache)
        return;
    while (!list_is_empty(&cache->by_age))
        drop(cache, oldest(cache));
    idmap_release(&cache->entries);
    free(cache);
}

/* The entry at hand was asked for last: it goes only if it is too large by itself. */
static void make_room(struct page_cache *cache)
{
    while (cache->bytes > cache->max_bytes)
        drop(cache, oldest(cache));
}

static int64_t id_of(const struct page_cache *cache, struct span name)
{
    return (int64_t)(hash_bytes(&cache->key, name) >> 1) | 1;
}

struct page_note *page_cache_find(struct page_cache *cache, uint64_t connection, struct span name)
{
    struct entry *entry = idmap_get(&cache->entries, id_of(cache, name));

    if (!entry || entry->connection != connection ||
        !span_equal(span_make(entry->name, entry->name_len), name))
        return NULL;
    list_remove(&entry->by_age);
    list_append(&cache->by_age, &entry->by_age);
    return &entry->note;
}

void page_cache_note(struct page_cache *cache, uint64_t connection, struct span name,
                     int64_t room_id)
{
    int64_t id = id_of(cache, name);
    struct entry *former = idmap_get(&cache->entries, id);
    struct entry *entry = mem_alloc(sizeof *entry + name.len);

    if (former) /* over another connection; or another name, by a chance of one in 2^62 */
        drop(cache, former);
    entry->note.room_id = room_id;
    entry->id = id;
    entry->connection = connection;
    entry->name_len = name.len;
    memcpy(entry->name, name.ptr, name.len);
    idmap_put(&cache->entries, id, entry);
    list_append(&cache->by_age, &entry->by_age);
    cache->bytes += size_of(name.len, 0);
    make_room(cache);
}

static bool is_same(const struct page_version *a, const struct page_version *b)
{
    return a->last_seq == b->last_seq && a->names == b->names;
}

bool page_note_get(const struct page_note *note, const struct page_version *version,
                   struct buf *out, struct chat_page_found *found)
{
    const struct entry *entry = (const struct entry *)note;

    if (!entry->body || !is_same(&entry->version, version))
        return false;
    buf_add_span(out, span_make(entry->body, entry->body_len));
    *found = entry->found;
    found->was_kept = true;
    return true;
}

void page_note_keep(struct page_cache *cache, struct page_note *note,
                    const struct page_version *version, struct span body,
                    const struct chat_page_found *found)
{
    struct entry *entry = (struct entry *)note;

    cache->bytes -= entry->body_len;
    mem_free(entry->body);
    entry->body_len = 0;
    if (size_of(entry->name_len, body.len) > cache->max_bytes)
        return;
    entry->body = mem_span_dup(body);
    entry->body_len = body.len;
    entry->version = *version;
    entry->found = *found;
    cache->bytes += body.len;
    make_room(cache);
}
