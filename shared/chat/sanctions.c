/* REST lists for owners and admins: mutes, bans, and the audit of a channel. */
#include "shared/chat/read.h"

#include "shared/chat/page_cursor.h"
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

static int64_t write_sanction(struct json_writer *w, const struct db_result *rows, int row,
                              const char *until_name)
{
    struct moderation_listed listed;
    moderation_listed(rows, row, &listed);
    json_object(w, NULL);
    json_string(w, "username", listed.username);
    write_until(w, until_name, listed.until_us);
    write_text(w, "reason", listed.reason);
    write_text(w, "by", listed.by);
    if (listed.at_us)
        json_date(w, "date", listed.at_us);
    json_object_end(w);
    return listed.user_id;
}

static int64_t write_mute(struct json_writer *w, const struct db_result *rows, int row)
{
    return write_sanction(w, rows, row, "mutedUntil");
}

static int64_t write_ban(struct json_writer *w, const struct db_result *rows, int row)
{
    return write_sanction(w, rows, row, "bannedUntil");
}

enum err chat_sanctions_list(struct db *db, const struct chat_actor *actor, struct span room,
                             enum chat_sanction which, struct span cursor, int64_t limit,
                             struct buf *out, struct buf *next_cursor)
{
    static const struct page_list lists[] = {
        [CHAT_MUTES] = {"mutes", moderation_mutes, write_mute},
        [CHAT_BANS] = {"bans", moderation_bans, write_ban},
    };
    return page_list_read(db, actor, &lists[which], room, cursor, limit, out, next_cursor);
}

/* ---- the audit ---- */

/* What leaveChannel and updateChannel did has no `until`, and muteUser always has one. */
static int64_t write_entry(struct json_writer *w, const struct db_result *rows, int row)
{
    struct moderation_entry entry;
    moderation_entry(rows, row, &entry);
    json_object(w, NULL);
    json_date(w, "date", entry.at_us);
    write_text(w, "actor", entry.actor);
    write_text(w, "action", entry.action);
    write_text(w, "username", entry.subject);
    write_until(w, "until", entry.until_us);
    write_text(w, "reason", entry.reason);
    if (span_present(entry.details))
        json_raw(w, "details", entry.details);
    json_object_end(w);
    return entry.id;
}

enum err chat_audit_list(struct db *db, const struct chat_actor *actor, struct span room,
                         struct span cursor, int64_t limit, struct buf *out,
                         struct buf *next_cursor)
{
    static const struct page_list list = {"entries", moderation_audit, write_entry};
    return page_list_read(db, actor, &list, room, cursor, limit, out, next_cursor);
}
