/* REST lists of channels, members and blocks. Messages are in messages.c. */
#include "shared/chat/read.h"

#include "shared/base/json_write.h"
#include "shared/base/mem.h"
#include "shared/base/utf8.h"
#include "shared/chat/channel.h"
#include "shared/chat/page_cursor.h"
#include "shared/chat/rules.h"
#include "shared/store/block.h"
#include "shared/store/listing.h"
#include "shared/store/marker.h"

static int64_t write_channel(struct json_writer *w, const struct db_result *rows, int row)
{
    struct listing_channel channel;
    listing_channel(rows, row, &channel);
    struct chat_room_view view = {
        .id = channel.id,
        .name = mem_span_dup(channel.name),
        .status = room_status_name(channel.status),
        .role = room_role_name(channel.role),
        .members = channel.members,
        .last_seq = channel.last_seq,
        .created_us = channel.created_us,
        .counted = channel.is_member,
        .last_read_seq = channel.last_read_seq,
        .unread = channel.unread,
    };
    channel_render(w, NULL, &view);
    mem_free(view.name);
    return channel.id;
}

enum err chat_channels_list(struct db *db, const struct chat_actor *actor,
                            const struct chat_channel_query *query, struct buf *out,
                            struct buf *next_cursor)
{
    const struct room_viewer viewer = {actor->user_id, actor->session_id};
    struct listing_channels wanted = {.mine = query->mine, .limit = query->limit + 1};
    struct db_result rows = {0};
    struct buf search;
    int count = 0;
    enum err err = page_cursor_parse(query->cursor, &wanted.after_id);
    if (err || (span_present(query->search) && !utf8_is_valid(query->search)))
        return ERR_VALIDATION_FAILED;
    buf_init(&search, BUF_MAX_DEFAULT);
    if (query->search.len > 0) {
        utf8_fold(query->search, &search);
        wanted.search = buf_span(&search);
    }
    err = listing_channels(db, &viewer, &wanted, &rows, &count);
    if (!err)
        page_cursor_write("channels", write_channel, &rows, count, query->limit, out, next_cursor);
    buf_release(&search);
    db_result_release(&rows);
    return err_public(err);
}

enum err chat_channel_get(struct db *db, const struct chat_actor *actor, struct span room,
                          struct buf *out)
{
    const struct room_viewer viewer = {actor->user_id, actor->session_id};
    struct room_state state;
    struct json_writer w;
    struct buf key;
    buf_init(&key, BUF_MAX_DEFAULT);
    rule_room_key(room, &key);
    enum err err = room_look(db, buf_span(&key), &viewer, &state);
    buf_release(&key);
    if (err)
        return err_public(err);
    if (!state.alive)
        return ERR_UNAUTHENTICATED;
    if (state.id == 0 || (state.status != ROOM_PUBLIC && !state.is_member))
        return ERR_ROOM_NOT_FOUND;
    struct chat_room_view view = {
        .id = state.id,
        .name = state.name,
        .status = room_status_name(state.status),
        .role = room_role_name(state.role),
        .members = state.members,
        .last_seq = state.last_seq,
        .created_us = state.created_us,
        .counted = state.is_member,
    };
    if (view.counted)
        err = marker_read(db, state.id, viewer.user_id, &view.last_read_seq, &view.unread);
    if (err)
        return err_public(err);
    json_begin(&w, out);
    channel_render(&w, NULL, &view);
    return ERR_OK;
}

static int64_t write_member(struct json_writer *w, const struct db_result *rows, int row)
{
    struct listing_member member;
    listing_member(rows, row, &member);
    json_object(w, NULL);
    json_string(w, "username", member.username);
    if (member.role != ROLE_NONE)
        json_cstr(w, "role", room_role_name(member.role));
    json_bool(w, "online", member.online);
    if (member.muted_until_us == INT64_MAX)
        json_null(w, "mutedUntil");
    else if (member.muted_until_us != 0)
        json_date(w, "mutedUntil", member.muted_until_us);
    json_object_end(w);
    return member.user_id;
}

enum err chat_members_list(struct db *db, const struct chat_actor *actor, struct span room,
                           struct span cursor, int64_t limit, struct buf *out,
                           struct buf *next_cursor)
{
    static const struct page_list list = {"members", listing_members, write_member};
    return page_list_read(db, actor, &list, room, cursor, limit, out, next_cursor);
}

static int64_t write_block(struct json_writer *w, const struct db_result *rows, int row)
{
    struct block_row block;
    block_row_get(rows, row, &block);
    json_object(w, NULL);
    json_string(w, "username", block.username);
    json_date(w, "blockedAt", block.at_us);
    json_object_end(w);
    return block.user_id;
}

enum err chat_blocks_list(struct db *db, const struct chat_actor *actor, struct span cursor,
                          int64_t limit, struct buf *out, struct buf *next_cursor)
{
    const struct room_viewer viewer = {actor->user_id, actor->session_id};
    struct db_result rows = {0};
    int64_t after_id;
    int count = 0;
    enum err err = page_cursor_parse(cursor, &after_id);
    if (err)
        return err;
    err = block_list(db, &viewer, after_id, limit + 1, &rows, &count);
    if (!err)
        page_cursor_write("blocks", write_block, &rows, count, limit, out, next_cursor);
    db_result_release(&rows);
    return err_public(err);
}
