/* Pages of a room's messages, for getHistory and REST. History at connection is streamed elsewhere.
 */
#include "shared/chat/messages.h"

#include <inttypes.h>

#include "shared/base/json_write.h"
#include "shared/base/mem.h"
#include "shared/chat/command_internal.h"
#include "shared/chat/page_cache.h"
#include "shared/chat/render.h"
#include "shared/chat/rules.h"
#include "shared/store/listing.h"

/* A part of a page: a range of the log, read with one row more than wanted. */
struct part {
    struct listing_range range;
    struct db_result rows;
    int first; /* of the rows that belong to the page ... */
    int end;   /* ... and after the last */
    bool has_more;
};

static int64_t seq_or_start(int64_t seq)
{
    return seq < 0 ? 0 : seq;
}

/* Rows with from <= seq < to, the last `limit` or, ascending, the first. */
static enum err read_part(struct db *db, const struct chat_actor *actor, struct span key,
                          int64_t limit, struct part *part)
{
    const struct room_viewer viewer = {actor->user_id, actor->session_id};
    int count = 0;
    part->range.limit = limit + 1;
    enum err err = listing_messages(db, &viewer, key, &part->range, &part->rows, &count);
    part->has_more = count > limit;
    part->first = part->has_more && !part->range.ascending ? 1 : 0;
    part->end = part->has_more && part->range.ascending ? count - 1 : count;
    return err;
}

/* In the order of seq; `found` has the ends of what was written before, and gets the new ones. */
static void write_rows(const struct part *part, struct json_writer *w,
                       struct chat_page_found *found)
{
    struct listing_message message;
    for (int row = part->first; row < part->end; row++) {
        listing_message(&part->rows, row, &message);
        if (found->first == 0)
            found->first = message.seq;
        found->last = message.seq;
        struct message_view view = {
            .seq = message.seq,
            .kind = (enum event_kind)message.kind,
            .sender = message.sender,
            .text = message.text,
            .nonce = message.nonce,
            .at_us = message.at_us,
            .edited_us = message.edited_us,
            .deleted_us = message.deleted_us,
        };
        render_message(w, NULL, message.room, &view);
    }
}

/* One part, or two around a seq. */
static size_t plan(const struct chat_page *page, struct part parts[2], int64_t limits[2])
{
    parts[0] = (struct part){.range = {.from = 0, .to = INT64_MAX}};
    limits[0] = page->limit;
    if (page->around != 0) {
        limits[0] = page->limit / 2;
        limits[1] = page->limit - limits[0];
        parts[0].range.to = seq_or_start(page->around);
        parts[1] = (struct part){
            .range = {.from = seq_or_start(page->around), .to = INT64_MAX, .ascending = true}};
        return 2;
    }
    if (page->after != 0) {
        parts[0].range.from = seq_or_start(page->after) + 1;
        parts[0].range.ascending = true;
    } else if (page->before != 0) {
        parts[0].range.to = seq_or_start(page->before);
    }
    return 1;
}

/* Nothing at `around` or after it, and room for one only: the one before. */
static enum err read_nearest(struct db *db, const struct chat_actor *actor, struct span key,
                             const int64_t limits[2], struct part parts[2])
{
    if (limits[0] > 0 || parts[1].end > 0)
        return ERR_OK;
    db_result_release(&parts[0].rows);
    return read_part(db, actor, key, limits[1], &parts[0]);
}

enum err messages_read(struct db *db, const struct chat_actor *actor, struct span room_key,
                       const struct chat_page *page, struct buf *out, struct chat_page_found *found,
                       struct buf *room_name)
{
    struct part parts[2] = {{.first = 0}};
    int64_t limits[2];
    struct json_writer w;
    enum err err = ERR_OK;
    size_t count = plan(page, parts, limits);
    for (size_t i = 0; i < count && !err; i++)
        err = read_part(db, actor, room_key, limits[i], &parts[i]);
    if (!err && count == 2)
        err = read_nearest(db, actor, room_key, limits, parts);
    if (!err) {
        *found = (struct chat_page_found){.room_id = listing_room_id(&parts[0].rows),
                                          .has_more = parts[0].has_more || parts[1].has_more};
        for (size_t i = 0; i < count; i++)
            found->hides_others |= listing_hides_others(&parts[i].rows);
        json_begin(&w, out);
        json_array(&w, NULL);
        for (size_t i = 0; i < count; i++)
            write_rows(&parts[i], &w, found);
        json_array_end(&w);
        if (room_name)
            buf_add_span(room_name, listing_room_name(&parts[0].rows));
    }
    db_result_release(&parts[0].rows);
    db_result_release(&parts[1].rows);
    return err;
}

/* ---- REST ---- */

/* The body of the page's answer. */
static enum err read_body(struct db *db, const struct chat_actor *actor, struct span key,
                          const struct chat_page *page, struct buf *out,
                          struct chat_page_found *found)
{
    buf_add_str(out, "{\"messages\":");
    enum err err = messages_read(db, actor, key, page, out, found, NULL);
    if (!err)
        buf_addf(out, ",\"hasMore\":%s}", found->has_more ? "true" : "false");
    return err;
}

/* The page as it was shown before, if nothing has happened since. Else it is read after the version
 * that it is kept under: should it be newer than that, the version is one that never comes back.
 * Whether it hides anything is told by what read it: a block changes no version. */
static enum err read_again(struct db *db, const struct chat_actor *actor, struct span key,
                           const struct chat_page *page, uint64_t connection,
                           struct page_note *note, struct buf *out, struct chat_page_found *found)
{
    const struct room_viewer viewer = {actor->user_id, actor->session_id};
    size_t start = out->len;
    struct listing_version now;
    enum err err = listing_version(db, &viewer, note->room_id, &now);
    const struct page_version version = {now.last_seq, now.names};
    bool usual = now.may_read && !now.hides_others && db_connections(db) == connection;

    if (err)
        return err;
    if (usual && page_note_get(note, &version, out, found))
        return ERR_OK;
    err = read_body(db, actor, key, page, out, found);
    usual = usual && !found->hides_others && db_connections(db) == connection;
    if (!err && usual && buf_ok(out))
        page_note_keep(page->cache, note, &version, span_make(out->data + start, out->len - start),
                       found);
    return err;
}

static enum err read_noting(struct db *db, const struct chat_actor *actor, struct span key,
                            const struct chat_page *page, struct buf *out,
                            struct chat_page_found *found)
{
    uint64_t connection = db_connections(db);
    struct buf name;
    enum err err;

    buf_init(&name, BUF_MAX_DEFAULT);
    buf_addf(&name, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " ", page->before, page->after,
             page->around, page->limit);
    buf_add_span(&name, key);
    struct page_note *note = page_cache_find(page->cache, connection, buf_span(&name));
    if (note) {
        err = read_again(db, actor, key, page, connection, note, out, found);
    } else {
        err = read_body(db, actor, key, page, out, found);
        if (!err && db_connections(db) == connection)
            page_cache_note(page->cache, connection, buf_span(&name), found->room_id);
    }
    buf_release(&name);
    return err;
}

enum err chat_messages_page(struct db *db, const struct chat_actor *actor, struct span room,
                            const struct chat_page *page, struct buf *out,
                            struct chat_page_found *found)
{
    struct buf key;
    buf_init(&key, BUF_MAX_DEFAULT);
    rule_room_key(room, &key);
    size_t start = out->len;
    enum err err = page->cache ? read_noting(db, actor, buf_span(&key), page, out, found)
                               : read_body(db, actor, buf_span(&key), page, out, found);
    buf_release(&key);
    if (err)
        out->len = start;
    return err_public(err);
}

enum err chat_message_get(struct db *db, const struct chat_actor *actor, struct span room,
                          int64_t seq, struct buf *out)
{
    struct part part = {.range = {.from = seq, .to = seq + 1}};
    struct chat_page_found found = {0};
    struct buf key;
    struct json_writer w;
    buf_init(&key, BUF_MAX_DEFAULT);
    rule_room_key(room, &key);
    enum err err = read_part(db, actor, buf_span(&key), 1, &part);
    if (!err && part.end == 0)
        err = ERR_MESSAGE_NOT_FOUND;
    if (!err) {
        json_begin(&w, out);
        write_rows(&part, &w, &found);
    }
    buf_release(&key);
    db_result_release(&part.rows);
    return err_public(err);
}

/* ---- getHistory ---- */

/* In a DTO 0 is a seq like any other; in struct chat_page it is "absent". */
static int64_t given_seq(const struct chat_command *command, enum chat_field field)
{
    const struct chat_value *value = &command->values[field];
    if (!value->given)
        return 0;
    return value->number > 0 ? value->number : -1;
}

enum chat_progress get_history_run(struct chat_command *command, struct db *db)
{
    const struct chat_page page = {.before = given_seq(command, CHAT_FIELD_BEFORE),
                                   .after = given_seq(command, CHAT_FIELD_AFTER),
                                   .limit = command->values[CHAT_FIELD_LIMIT].number};
    struct chat_page_found found = {0};
    struct buf name;
    buf_init(&name, BUF_MAX_DEFAULT);
    enum err err = messages_read(db, &command->actor, buf_span(&command->room_key), &page,
                                 &command->page, &found, &name);
    command->has_more = found.has_more;
    command->room.name = buf_take(&name, NULL);
    return command_finish(command, err);
}
