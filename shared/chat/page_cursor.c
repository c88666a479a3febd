/* Cursors of the REST lists, see page_cursor.h. */
#include "shared/chat/page_cursor.h"

#include "shared/base/json_scan.h"

enum err page_cursor_parse(struct span cursor, int64_t *id)
{
    long long number = 0;
    *id = 0;
    if (!span_present(cursor))
        return ERR_OK;
    if (json_scan(cursor, 1) || json_type_of(cursor) != JSON_NUMBER ||
        !json_to_int(cursor, &number) || number < 0)
        return ERR_VALIDATION_FAILED;
    *id = number;
    return ERR_OK;
}

void page_cursor_end(struct json_writer *w, bool has_more, int64_t last_id, struct buf *next_cursor)
{
    char text[24];
    json_array_end(w);
    if (has_more) {
        snprintf(text, sizeof text, "%lld", (long long)last_id);
        json_cstr(w, "nextCursor", text);
        buf_add_str(next_cursor, text);
    }
    json_object_end(w);
}
