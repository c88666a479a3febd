/*
 * Pages of messages as a thread has shown them, to be shown again while they are the same
 * (docs/decisions/0016-pages-that-are-asked-for-again.md). The first time a page is asked for
 * leaves a note of its name; from the second time on the page is kept with it, so a walk through a
 * room's history costs no more than notes. What was not asked for the longest goes first.
 *
 * Room ids and versions are what one connection to the database told (db_connections). Over another
 * one the database may be an older one, so nothing is found that was noted over another one.
 *
 * Not thread-safe.
 */
#ifndef PARLEY_CHAT_PAGE_CACHE_H
#define PARLEY_CHAT_PAGE_CACHE_H

#include "shared/chat/read.h"

struct page_cache;

/* What a page was made of: pages of one name and of equal versions are equal. */
struct page_version {
    int64_t last_seq; /* of the room's log */
    int64_t names;    /* how often a user's name was changed */
};

/* Holds about `max_bytes`, its own overhead included; allocates as it fills. */
struct page_cache *page_cache_new(size_t max_bytes);
/* Takes NULL. */
void page_cache_free(struct page_cache *cache);

/* That the page of that name, any bytes, was asked for. Belongs to the cache; valid until its next
 * call that is not page_note_get. */
struct page_note {
    int64_t room_id;
};

/* NULL: it was not, or so long ago that it was forgotten. */
struct page_note *page_cache_find(struct page_cache *cache, uint64_t connection, struct span name);

/* Note that it was; after page_cache_find found nothing. */
void page_cache_note(struct page_cache *cache, uint64_t connection, struct span name,
                     int64_t room_id);

/* Append the page if it is kept under that version, and say what it is; else false. */
bool page_note_get(const struct page_note *note, const struct page_version *version,
                   struct buf *out, struct chat_page_found *found);

/* Keep the page, a copy, in place of what was kept; nothing if it is too large. */
void page_note_keep(struct page_cache *cache, struct page_note *note,
                    const struct page_version *version, struct span body,
                    const struct chat_page_found *found);

#endif
