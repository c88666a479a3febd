/*
 * Cursors of the REST lists: the id where the next page begins, as a decimal number that clients
 * take as it is. Inside shared/chat.
 */
#ifndef PARLEY_CHAT_PAGE_CURSOR_H
#define PARLEY_CHAT_PAGE_CURSOR_H

#include "shared/base/json_write.h"

/* SPAN_NONE is 0, the beginning. ERR_VALIDATION_FAILED: not one of ours. */
enum err page_cursor_parse(struct span cursor, int64_t *id) MUST_CHECK;

/* End `{"...":[...`, with nextCursor, which `next_cursor` gets too, if there is a next page. */
void page_cursor_end(struct json_writer *w, bool has_more, int64_t last_id,
                     struct buf *next_cursor);

#endif
