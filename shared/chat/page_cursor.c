/* Pages of the REST lists, see page_cursor.h. What is in them is in lists.c and sanctions.c. */
#include "shared/chat/page_cursor.h"

#include "shared/base/json_scan.h"
#include "shared/chat/rules.h"

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

void page_cursor_write(const char *name, page_item_fn *item, const struct db_result *rows,
                       int count, int64_t limit, struct buf *out, struct buf *next_cursor)
{
    struct json_writer w;
    char cursor[24];
    int64_t last_id = 0;
    json_begin(&w, out);
    json_object(&w, NULL);
    json_array(&w, name);
    for (int row = 0; row < count && row < limit; row++)
        last_id = item(&w, rows, row);
    json_array_end(&w);
    if (count > limit) {
        snprintf(cursor, sizeof cursor, "%lld", (long long)last_id);
        json_cstr(&w, "nextCursor", cursor);
        buf_add_str(next_cursor, cursor);
    }
    json_object_end(&w);
}

enum err page_list_read(struct db *db, const struct chat_actor *actor, const struct page_list *list,
                        struct span room, struct span cursor, int64_t limit, struct buf *out,
                        struct buf *next_cursor)
{
    const struct room_viewer viewer = {actor->user_id, actor->session_id};
    struct db_result rows = {0};
    struct buf key;
    int64_t from_id;
    int count = 0;
    enum err err = page_cursor_parse(cursor, &from_id);
    if (err)
        return err;
    buf_init(&key, BUF_MAX_DEFAULT);
    rule_room_key(room, &key);
    err = list->read(db, &viewer, buf_span(&key), from_id, limit + 1, &rows, &count);
    if (!err)
        page_cursor_write(list->name, list->item, &rows, count, limit, out, next_cursor);
    buf_release(&key);
    db_result_release(&rows);
    return err_public(err);
}
