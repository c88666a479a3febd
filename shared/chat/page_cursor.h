/*
 * Pages of the REST lists: `{"NAME": [ITEM...], nextCursor?}`. A cursor is the id where the next
 * page begins, as a decimal number that clients take as it is. Inside shared/chat.
 */
#ifndef PARLEY_CHAT_PAGE_CURSOR_H
#define PARLEY_CHAT_PAGE_CURSOR_H

#include "shared/base/json_write.h"
#include "shared/chat/chat.h"
#include "shared/store/room.h"

/* SPAN_NONE is 0, the beginning. ERR_VALIDATION_FAILED: not one of ours. */
enum err page_cursor_parse(struct span cursor, int64_t *id) MUST_CHECK;

/* Write a row as an item; its id. */
typedef int64_t page_item_fn(struct json_writer *w, const struct db_result *rows, int row);

/* Append the page to `out`: of `count` rows, `limit` at most. If there are more rows there is a
 * next page, whose cursor `next_cursor` gets too: ask for one more than the limit. */
void page_cursor_write(const char *name, page_item_fn *item, const struct db_result *rows,
                       int count, int64_t limit, struct buf *out, struct buf *next_cursor);

/* A list of a room: what store function reads its rows from an id on, and how they are written. */
struct page_list {
    const char *name;
    enum err (*read)(struct db *db, const struct room_viewer *viewer, struct span key,
                     int64_t from_id, int64_t limit, struct db_result *rows, int *count);
    page_item_fn *item;
};

/* The page of the room named `room` that begins at `cursor`; errors are public ones. */
enum err page_list_read(struct db *db, const struct chat_actor *actor, const struct page_list *list,
                        struct span room, struct span cursor, int64_t limit, struct buf *out,
                        struct buf *next_cursor) MUST_CHECK;

#endif
