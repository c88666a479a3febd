/*
 * History at connection, as one JSON object in pieces: Record<roomName, Message[]>. Many small
 * rooms are read with one statement, long ones in pages; what does not fit into a piece any more is
 * read again for the next.
 */
#include "shared/chat/read.h"

#include "shared/base/json_write.h"
#include "shared/base/mem.h"
#include "shared/chat/render.h"
#include "shared/store/history.h"

/* Rows of one statement: as many as fill the piece if they are short, within these. */
#define ROWS_MIN 32
#define ROWS_MAX 512
#define ROW_BYTES 256

/* The rooms one statement reads: from history->room up to `end`. */
struct span_of_rooms {
    size_t end;
    size_t count; /* of those that have anything to read */
    int64_t ids[ROWS_MAX];
    int64_t afters[ROWS_MAX];
    int64_t heads[ROWS_MAX];
    size_t rooms[ROWS_MAX]; /* their index */
    int64_t limit;
};

static int64_t rows_for(size_t max_bytes)
{
    size_t rows = max_bytes / ROW_BYTES;

    return (int64_t)(rows < ROWS_MIN ? ROWS_MIN : rows > ROWS_MAX ? ROWS_MAX : rows);
}

/* Where reading of a room goes on. */
static int64_t start_of(const struct chat_history *history, size_t room)
{
    int64_t after = history->admission->rooms[room].after;

    return room == history->room && history->seq > after ? history->seq : after;
}

static void choose_rooms(const struct chat_history *history, size_t max_bytes,
                         struct span_of_rooms *chosen)
{
    const struct chat_admission *admission = history->admission;
    int64_t expected = 0;

    chosen->limit = rows_for(max_bytes);
    chosen->count = 0;
    chosen->end = history->room;
    while (chosen->end < admission->room_count && expected < chosen->limit &&
           chosen->count < ROWS_MAX) {
        const struct chat_position *room = &admission->rooms[chosen->end];
        int64_t after = start_of(history, chosen->end);

        if (after < room->head) {
            chosen->ids[chosen->count] = room->room_id;
            chosen->afters[chosen->count] = after;
            chosen->heads[chosen->count] = room->head;
            chosen->rooms[chosen->count++] = chosen->end;
            expected += room->head - after;
        }
        chosen->end++;
    }
}

static enum err read_chosen(struct db *db, const struct chat_history *history,
                            const struct span_of_rooms *chosen, struct db_result *rows)
{
    const struct history_ranges ranges = {chosen->ids, chosen->afters, chosen->heads,
                                          chosen->count};

    if (chosen->count == 0)
        return ERR_OK;
    return history_read(db, &ranges, chosen->limit, history->admission->blocked,
                        history->admission->blocked_count, rows);
}

static void open_room(struct chat_history *history, struct buf *out)
{
    if (history->room_open)
        return;
    if (history->any_room)
        buf_add_char(out, ',');
    json_quote(out, span_of(history->admission->rooms[history->room].name));
    buf_add_str(out, ":[");
    history->room_open = true;
    history->any_room = true;
    history->any_message = false;
}

static void close_room(struct chat_history *history, struct buf *out)
{
    open_room(history, out);
    buf_add_char(out, ']');
    history->room_open = false;
    history->room++;
    history->seq = 0;
}

static void write_message(struct chat_history *history, const struct history_message *message,
                          struct buf *out)
{
    const struct message_view view = {
        .seq = message->seq,
        .kind = (enum event_kind)message->kind,
        .sender = message->sender,
        .text = message->text,
        .nonce = message->nonce,
        .at_us = message->at_us,
        .edited_us = message->edited_us,
        .deleted_us = message->deleted_us,
    };
    struct json_writer w;

    if (history->any_message)
        buf_add_char(out, ',');
    history->any_message = true;
    history->seq = message->seq;
    json_begin(&w, out);
    render_message(&w, NULL, span_of(history->admission->rooms[history->room].name), &view);
}

/* Write what was read. False: the piece is full, or the last room goes on. */
static bool write_rows(struct chat_history *history, const struct span_of_rooms *chosen,
                       const struct db_result *rows, size_t full_at, struct buf *out)
{
    int64_t of_room = 0;

    for (int row = 0; row < db_result_rows(rows); row++) {
        struct history_message message;

        if (row > 0 && out->len >= full_at)
            return false;
        history_message_get(rows, row, &message);
        while (history->room < chosen->rooms[message.range]) {
            close_room(history, out);
            of_room = 0;
        }
        open_room(history, out);
        write_message(history, &message, out);
        of_room++;
    }
    return of_room < chosen->limit;
}

static void finish(struct chat_history *history, struct buf *out)
{
    if (history->room < history->admission->room_count && !history->admission->no_history)
        return;
    if (!history->any_room)
        buf_add_char(out, '{');
    buf_add_char(out, '}');
    history->done = true;
}

enum err chat_history_next(struct db *db, struct chat_history *history, size_t max_bytes,
                           struct buf *out)
{
    size_t full_at = out->len + max_bytes;
    struct span_of_rooms chosen = {.end = 0};
    struct db_result rows = {0};
    enum err err = ERR_OK;

    if (!history->admission->no_history) {
        choose_rooms(history, max_bytes, &chosen);
        err = read_chosen(db, history, &chosen, &rows);
    }
    if (err == ERR_OK) {
        if (!history->any_room && chosen.end > 0)
            buf_add_char(out, '{');
        if (write_rows(history, &chosen, &rows, full_at, out)) {
            while (history->room < chosen.end)
                close_room(history, out);
        }
        finish(history, out);
    }
    db_result_release(&rows);
    return err;
}
