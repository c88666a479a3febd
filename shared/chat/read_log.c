/* Reading the logs for repair and replay: ranges of them as events, their heads, and the sweep. */
#include "shared/chat/read.h"

#include "shared/base/mem.h"
#include "shared/chat/render.h"
#include "shared/store/log.h"

static void add_event(enum log_type log, int64_t log_id, const struct log_entry *entry,
                      struct event_list *out)
{
    const struct log_row row = {
        .log = log,
        .log_id = log_id,
        .seq = entry->seq,
        .kind = (enum event_kind)entry->kind,
        .actor = entry->actor,
        .author = entry->author,
        .subject = entry->subject,
        .at_us = entry->at_us,
        .room_name = entry->room_name,
        .payload = entry->payload,
        .message = {.seq = entry->message_seq,
                    .kind = (enum event_kind)entry->message_kind,
                    .sender = entry->sender,
                    .text = entry->text,
                    .nonce = entry->nonce,
                    .at_us = entry->message_at_us,
                    .edited_us = entry->edited_us,
                    .deleted_us = entry->deleted_us},
        .room = entry->room,
        .room_seq = entry->room_seq,
        .session = entry->session,
    };

    render_to_event(&row, event_list_add(out));
}

enum err chat_log_read(struct db *db, enum log_type log, int64_t log_id, int64_t after,
                       int64_t upto, int limit, bool non_messages, struct event_list *out)
{
    struct db_result rows = {0};
    int64_t last = upto ? upto : INT64_MAX;
    enum err err = log == LOG_ROOM
                       ? log_read_room(db, log_id, after, last, limit, non_messages, &rows)
                       : log_read_inbox(db, log_id, after, last, limit, &rows);

    for (int row = 0; row < db_result_rows(&rows) && err == ERR_OK; row++) {
        struct log_entry entry;

        if (log == LOG_ROOM)
            log_room_entry(&rows, row, &entry);
        else
            log_inbox_entry(&rows, row, &entry);
        add_event(log, log_id, &entry, out);
    }
    db_result_release(&rows);
    return err;
}

enum err chat_heads(struct db *db, struct chat_head *heads, size_t count)
{
    int64_t *types = mem_array(count + 1, sizeof *types);
    int64_t *ids = mem_array(count + 1, sizeof *ids);
    int64_t *seqs = mem_array(count + 1, sizeof *seqs);
    enum err err;

    for (size_t i = 0; i < count; i++) {
        types[i] = heads[i].log == LOG_ROOM ? LOG_OF_ROOM : LOG_OF_USER;
        ids[i] = heads[i].id;
    }
    err = log_heads(db, types, ids, count, seqs);
    for (size_t i = 0; i < count && err == ERR_OK; i++)
        heads[i].seq = seqs[i];
    mem_free(types);
    mem_free(ids);
    mem_free(seqs);
    return err;
}

/* ---- the sweep ---- */

static enum err sweep_begin(struct db *db, struct chat_sweep *sweep)
{
    int64_t xid = 0;
    enum err err = log_horizon(db, &xid);

    if (err == ERR_OK)
        sweep->next_xid = (uint64_t)xid;
    return err;
}

enum err chat_sweep_run(struct db *db, struct chat_sweep *sweep)
{
    struct db_result rows = {0};
    int64_t next = 0;
    enum err err;

    sweep->heads = NULL;
    sweep->count = 0;
    if (sweep->since_xid == 0)
        return sweep_begin(db, sweep);
    err = log_news(db, (int64_t)sweep->since_xid, &rows, &next);
    if (err == ERR_OK) {
        sweep->next_xid = (uint64_t)next;
        sweep->count = log_news_count(&rows);
        sweep->heads = mem_array(sweep->count + 1, sizeof *sweep->heads);
    }
    for (size_t i = 0; i < sweep->count; i++) {
        int type;

        log_news_get(&rows, i, &type, &sweep->heads[i].id, &sweep->heads[i].seq);
        sweep->heads[i].log = type == LOG_OF_ROOM ? LOG_ROOM : LOG_INBOX;
    }
    db_result_release(&rows);
    return err;
}

void chat_sweep_release(struct chat_sweep *sweep)
{
    mem_free(sweep->heads);
    sweep->count = 0;
}

enum err chat_ping(struct db *db)
{
    return log_ping(db);
}
