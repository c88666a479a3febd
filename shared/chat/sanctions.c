/* REST lists for owners and admins: mutes, bans, and the audit of a channel. */
#include "shared/chat/read.h"

#include "shared/base/json_write.h"
#include "shared/chat/page_cursor.h"
#include "shared/chat/rules.h"
#include "shared/store/moderation.h"

/* A time, null for good; nothing if there is none. */
static void write_until(struct json_writer *w, const char *key, int64_t until_us)
{
    if (until_us == INT64_MAX)
        json_null(w, key);
    else if (until_us != 0)
        json_date(w, key, until_us);
}

static void write_text(struct json_writer *w, const char *key, struct span text)
{
    if (span_present(text))
        json_string(w, key, text);
}

static void write_sanction(struct json_writer *w, const struct moderation_listed *row,
                           const char *until_name)
{
    json_object(w, NULL);
    json_string(w, "username", row->username);
    write_until(w, until_name, row->until_us);
    write_text(w, "reason", row->reason);
    write_text(w, "by", row->by);
    if (row->at_us)
        json_date(w, "date", row->at_us);
    json_object_end(w);
}

static const struct {
    enum moderation_sanction sanction;
    const char *list_name;
    const char *until_name;
} lists[] = {
    [CHAT_MUTES] = {MODERATION_MUTES, "mutes", "mutedUntil"},
    [CHAT_BANS] = {MODERATION_BANS, "bans", "bannedUntil"},
};

static void write_sanctions(const struct db_result *rows, int count, bool has_more,
                            enum chat_sanction which, struct buf *out, struct buf *next_cursor)
{
    struct moderation_listed row = {.user_id = 0};
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w, NULL);
    json_array(&w, lists[which].list_name);
    for (int i = 0; i < count; i++) {
        moderation_listed(rows, i, &row);
        write_sanction(&w, &row, lists[which].until_name);
    }
    page_cursor_end(&w, has_more, row.user_id, next_cursor);
}

enum err chat_sanctions_list(struct db *db, const struct chat_actor *actor, struct span room,
                             enum chat_sanction which, struct span cursor, int64_t limit,
                             struct buf *out, struct buf *next_cursor)
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
    err = moderation_list(db, &viewer, buf_span(&key), lists[which].sanction, after_id, limit + 1,
                          &rows, &count);
    if (!err) {
        bool has_more = count > limit;
        write_sanctions(&rows, has_more ? count - 1 : count, has_more, which, out, next_cursor);
    }
    buf_release(&key);
    db_result_release(&rows);
    return err_public(err);
}

/* ---- the audit ---- */

/* What leaveChannel and updateChannel did has no `until`, and muteUser always has one. */
static void write_entry(struct json_writer *w, const struct moderation_entry *entry)
{
    json_object(w, NULL);
    json_date(w, "date", entry->at_us);
    write_text(w, "actor", entry->actor);
    write_text(w, "action", entry->action);
    write_text(w, "username", entry->subject);
    write_until(w, "until", entry->until_us);
    write_text(w, "reason", entry->reason);
    if (span_present(entry->details))
        json_raw(w, "details", entry->details);
    json_object_end(w);
}

static void write_audit(const struct db_result *rows, int count, bool has_more, struct buf *out,
                        struct buf *next_cursor)
{
    struct moderation_entry entry = {.id = 0};
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w, NULL);
    json_array(&w, "entries");
    for (int i = 0; i < count; i++) {
        moderation_entry(rows, i, &entry);
        write_entry(&w, &entry);
    }
    page_cursor_end(&w, has_more, entry.id, next_cursor);
}

enum err chat_audit_list(struct db *db, const struct chat_actor *actor, struct span room,
                         struct span cursor, int64_t limit, struct buf *out,
                         struct buf *next_cursor)
{
    const struct room_viewer viewer = {actor->user_id, actor->session_id};
    struct db_result rows = {0};
    struct buf key;
    int64_t before_id;
    int count = 0;
    enum err err = page_cursor_parse(cursor, &before_id);
    if (err)
        return err;
    buf_init(&key, BUF_MAX_DEFAULT);
    rule_room_key(room, &key);
    err = moderation_audit(db, &viewer, buf_span(&key), before_id, limit + 1, &rows, &count);
    if (!err) {
        bool has_more = count > limit;
        write_audit(&rows, has_more ? count - 1 : count, has_more, out, next_cursor);
    }
    buf_release(&key);
    db_result_release(&rows);
    return err_public(err);
}
