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

static void write_channel(struct json_writer *w, const struct listing_channel *channel)
{
    struct chat_room_view view = {
        .id = channel->id,
        .name = mem_span_dup(channel->name),
        .status = room_status_name(channel->status),
        .role = room_role_name(channel->role),
        .members = channel->members,
        .last_seq = channel->last_seq,
        .created_us = channel->created_us,
        .counted = channel->is_member,
        .last_read_seq = channel->last_read_seq,
        .unread = channel->unread,
    };
    channel_render(w, NULL, &view);
    mem_free(view.name);
}

static void write_channels(const struct db_result *rows, int count, bool has_more, struct buf *out,
                           struct buf *next_cursor)
{
    struct listing_channel channel = {.id = 0};
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w, NULL);
    json_array(&w, "channels");
    for (int row = 0; row < count; row++) {
        listing_channel(rows, row, &channel);
        write_channel(&w, &channel);
    }
    page_cursor_end(&w, has_more, channel.id, next_cursor);
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
    if (!err) {
        bool has_more = count > query->limit;
        write_channels(&rows, has_more ? count - 1 : count, has_more, out, next_cursor);
    }
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

static void write_members(const struct db_result *rows, int count, bool has_more, struct buf *out,
                          struct buf *next_cursor)
{
    struct listing_member member = {.user_id = 0};
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w, NULL);
    json_array(&w, "members");
    for (int row = 0; row < count; row++) {
        listing_member(rows, row, &member);
        json_object(&w, NULL);
        json_string(&w, "username", member.username);
        if (member.role != ROLE_NONE)
            json_cstr(&w, "role", room_role_name(member.role));
        json_bool(&w, "online", member.online);
        if (member.muted_until_us == INT64_MAX)
            json_null(&w, "mutedUntil");
        else if (member.muted_until_us != 0)
            json_date(&w, "mutedUntil", member.muted_until_us);
        json_object_end(&w);
    }
    page_cursor_end(&w, has_more, member.user_id, next_cursor);
}

enum err chat_members_list(struct db *db, const struct chat_actor *actor, struct span room,
                           struct span cursor, int64_t limit, struct buf *out,
                           struct buf *next_cursor)
{
    const struct room_viewer viewer = {actor->user_id, actor->session_id};
    struct db_result rows = {0};
    struct buf key;
    int64_t after_id;
    int count = 0;
    enum err err = page_cursor_parse(cursor, &after_id);
    if (err)
        return err;
    buf_init(&key, BUF_MAX_DEFAULT);
    rule_room_key(room, &key);
    err = listing_members(db, &viewer, buf_span(&key), after_id, limit + 1, &rows, &count);
    if (!err) {
        bool has_more = count > limit;
        write_members(&rows, has_more ? count - 1 : count, has_more, out, next_cursor);
    }
    buf_release(&key);
    db_result_release(&rows);
    return err_public(err);
}

enum err chat_blocks_list(struct db *db, const struct chat_actor *actor, struct span cursor,
                          int64_t limit, struct buf *out, struct buf *next_cursor)
{
    const struct room_viewer viewer = {actor->user_id, actor->session_id};
    struct db_result rows = {0};
    struct block_row block = {.user_id = 0};
    struct json_writer w;
    int64_t after_id;
    int count = 0;
    enum err err = page_cursor_parse(cursor, &after_id);
    if (err)
        return err;
    err = block_list(db, &viewer, after_id, limit + 1, &rows, &count);
    if (!err) {
        bool has_more = count > limit;
        json_begin(&w, out);
        json_object(&w, NULL);
        json_array(&w, "blocks");
        for (int row = 0; row < count - has_more; row++) {
            block_row_get(&rows, row, &block);
            json_object(&w, NULL);
            json_string(&w, "username", block.username);
            json_date(&w, "blockedAt", block.at_us);
            json_object_end(&w);
        }
        page_cursor_end(&w, has_more, block.user_id, next_cursor);
    }
    db_result_release(&rows);
    return err_public(err);
}
