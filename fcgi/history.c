/*
 * /history and /sync: everything in the rooms of the user, or what it has missed of them, read and
 * sent in pieces, so that its size does not matter. Once the first piece is out, an error can only
 * cut the connection.
 */
#include "fcgi/resources.h"

#include "shared/base/clock.h"

#define PIECE_BYTES ((size_t)64 << 10)

/* A JSON body that is read in pieces; `next` appends one and says whether it was the last. */
struct pieces {
    enum err (*next)(struct db *db, void *reader, struct buf *out, bool *last);
    void *reader;
    bool last;
};

static enum err next_piece(struct call *call, struct pieces *pieces, struct buf *piece)
{
    buf_clear(piece);
    db_set_deadline(call->db, clock_mono_ms() + conf_int(call->app->conf, CONF_PG_TIMEOUT_MS));
    return pieces->next(call->db, pieces->reader, piece, &pieces->last);
}

static void stream_rest(struct call *call, struct pieces *pieces, struct buf *piece)
{
    struct response *response = call->response;

    if (!response_begin(response)) {
        response->cut = true;
        return;
    }
    if (response->head_only)
        return;
    while (response_piece(response, buf_span(piece))) {
        if (pieces->last)
            return;
        if (next_piece(call, pieces, piece) != ERR_OK)
            break;
    }
    response->cut = true;
}

static void send_pieces(struct call *call, struct pieces *pieces)
{
    struct buf piece;

    buf_init(&piece, BUF_MAX_DEFAULT);
    enum err err = next_piece(call, pieces, &piece);
    if (err)
        response_error(call->response, err);
    else if (pieces->last)
        buf_add_span(&call->response->body, buf_span(&piece));
    else
        stream_rest(call, pieces, &piece);
    buf_release(&piece);
}

/* ---- /history ---- */

static enum err next_of_history(struct db *db, void *reader, struct buf *out, bool *last)
{
    struct chat_history *history = reader;
    enum err err = chat_history_next(db, history, PIECE_BYTES, out);

    *last = history->done;
    return err;
}

void history_get(struct call *call)
{
    const struct chat_connect_options options = {.history = -1, .since = SPAN_NONE};
    struct chat_admission admission = {0};
    struct chat_history history = {.admission = &admission};

    enum err err = chat_admit(call->app->chat, call->db, &call->actor, &options, &admission);
    if (err)
        response_error(call->response, err);
    else
        send_pieces(call, &(struct pieces){.next = next_of_history, .reader = &history});
    chat_admission_release(&admission);
}

/* ---- /sync ---- */

static enum err next_of_sync(struct db *db, void *reader, struct buf *out, bool *last)
{
    struct chat_sync *sync = reader;
    enum err err = chat_sync_next(db, sync, PIECE_BYTES, out);

    *last = sync->done;
    return err;
}

static void send_sync(struct call *call, struct span since)
{
    const struct chat_connect_options options = {.history = -1, .since = since};
    struct chat_admission admission = {0};
    struct chat_sync sync = {.admission = &admission, .since = since};

    enum err err = chat_admit(call->app->chat, call->db, &call->actor, &options, &admission);
    if (err)
        response_error(call->response, err);
    else
        send_pieces(call, &(struct pieces){.next = next_of_sync, .reader = &sync});
    chat_admission_release(&admission);
}

void sync_post(struct call *call)
{
    struct span body = call->request->body.len ? buf_span(&call->request->body) : SPAN_LIT("{}");
    struct span since = SPAN_NONE;
    struct buf problems;

    buf_init(&problems, 1024);
    enum err err = chat_sync_parse(call->app->chat, body, &since, &problems);
    if (err)
        response_problem(call->response,
                         &(struct problem){.err = err, .errors = buf_span(&problems)});
    else
        send_sync(call, since);
    buf_release(&problems);
}
