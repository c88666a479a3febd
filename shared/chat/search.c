/* Search results as JSON, and their cursor. What is found is shared/store/search.c's business. */
#include "shared/chat/search.h"

#include <inttypes.h>

#include "shared/base/json_write.h"
#include "shared/chat/chat_internal.h"
#include "shared/chat/render.h"
#include "shared/chat/rules.h"
#include "shared/store/search.h"

/* A cursor is the place of a page's last message: four numbers, separated by dots. */
static void write_cursor(const struct search_place *place, struct buf *out)
{
    buf_addf(out, "%" PRId64 ".%" PRId64 ".%" PRId64 ".%" PRId64, place->rank, place->at_us,
             place->room_id, place->seq);
}

/* Up to 18 digits, moved past. */
static bool take_number(struct span *text, int64_t *out)
{
    size_t digits = 0;
    int64_t value = 0;
    while (digits < text->len && text->ptr[digits] >= '0' && text->ptr[digits] <= '9')
        if (digits < 18)
            value = value * 10 + (text->ptr[digits++] - '0');
        else
            return false;
    *text = span_make(text->ptr + digits, text->len - digits);
    *out = value;
    return digits > 0;
}

static bool read_cursor(struct span text, struct search_place *place)
{
    int64_t numbers[4] = {0};
    for (int i = 0; i < 4; i++) {
        if (i > 0) {
            if (text.len == 0 || text.ptr[0] != '.')
                return false;
            text = span_make(text.ptr + 1, text.len - 1);
        }
        if (!take_number(&text, &numbers[i]))
            return false;
    }
    *place = (struct search_place){
        .rank = numbers[0], .at_us = numbers[1], .room_id = numbers[2], .seq = numbers[3]};
    return text.len == 0 && place->at_us > 0;
}

static void write_hits(const struct db_result *rows, int count, bool has_more, struct buf *out,
                       struct buf *next_cursor)
{
    struct search_hit hit = {.room_name = SPAN_NONE};
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w, NULL);
    json_array(&w, "messages");
    for (int row = 0; row < count; row++) {
        search_hit_get(rows, row, &hit);
        const struct message_view view = {
            .seq = hit.place.seq,
            .kind = EVENT_TEXT,
            .sender = hit.sender,
            .text = hit.text,
            .nonce = hit.nonce,
            .at_us = hit.place.at_us,
            .edited_us = hit.edited_us,
        };
        render_message(&w, NULL, hit.room_name, &view);
    }
    json_array_end(&w);
    if (has_more) {
        write_cursor(&hit.place, next_cursor);
        json_string(&w, "nextCursor", buf_span(next_cursor));
    }
    json_object_end(&w);
}

static enum err find(struct db *db, const struct chat_actor *actor,
                     const struct search_query *query, struct buf *out, struct buf *next_cursor)
{
    const struct room_viewer viewer = {actor->user_id, actor->session_id};
    struct search_query wanted = *query;
    struct db_result rows = {0};
    int count = 0;
    wanted.limit++;
    enum err err = search_find(db, &viewer, &wanted, &rows, &count);
    if (!err) {
        bool has_more = count > query->limit;
        write_hits(&rows, has_more ? count - 1 : count, has_more, out, next_cursor);
    }
    db_result_release(&rows);
    return err;
}

static const char *problem_of(const struct chat *chat, const struct chat_search_query *query,
                              struct search_place *place, const char **field)
{
    *field = "q";
    if (!span_present(query->text))
        return "is required";
    const char *problem = rule_message_text(chat->conf, query->text);
    if (problem)
        return problem;
    *field = "cursor";
    if (span_present(query->cursor) && !read_cursor(query->cursor, place))
        return "is none of ours";
    return NULL;
}

static enum err admit(struct chat *chat, const struct chat_actor *actor,
                      const struct chat_search_query *query, struct search_place *place,
                      struct chat_search_refusal *refusal)
{
    *refusal = (struct chat_search_refusal){.retry_ms = 0};
    refusal->problem = problem_of(chat, query, place, &refusal->field);
    if (refusal->problem)
        return ERR_VALIDATION_FAILED;
    refusal->retry_ms = chat_limit_search(chat, actor->user_id);
    return refusal->retry_ms > 0 ? ERR_RATE_LIMITED : ERR_OK;
}

enum err chat_search(struct chat *chat, struct db *db, const struct chat_actor *actor,
                     const struct chat_search_query *query, struct buf *out,
                     struct buf *next_cursor, struct chat_search_refusal *refusal)
{
    struct search_place place;
    struct buf key;
    enum err err = admit(chat, actor, query, &place, refusal);
    if (err)
        return err;
    buf_init(&key, BUF_MAX_DEFAULT);
    if (span_present(query->room))
        rule_room_key(query->room, &key);
    err = find(db, actor,
               &(struct search_query){
                   .text = query->text,
                   .room_key = span_present(query->room) ? buf_span(&key) : SPAN_NONE,
                   .from = span_present(query->cursor) ? &place : NULL,
                   .limit = query->limit,
               },
               out, next_cursor);
    buf_release(&key);
    if (err != ERR_SYNTAX)
        return err_public(err);
    refusal->field = "q";
    refusal->problem = "has no word in it";
    return ERR_VALIDATION_FAILED;
}

enum err chat_search_index(struct db *db, bool *more)
{
    return search_index(db, more);
}
