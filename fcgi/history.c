/*
 * /history: everything in the rooms of the user, read and sent in pieces, so that its size does not
 * matter. Once the first piece is out, an error can only cut the connection.
 */
#include "fcgi/resources.h"

#include "shared/base/clock.h"

#define PIECE_BYTES ((size_t)64 << 10)

static enum err next_piece(struct call *call, struct chat_history *history, struct buf *piece)
{
    buf_clear(piece);
    db_set_deadline(call->db, clock_mono_ms() + conf_int(call->app->conf, CONF_PG_TIMEOUT_MS));
    return chat_history_next(call->db, history, PIECE_BYTES, piece);
}

static void stream_rest(struct call *call, struct chat_history *history, struct buf *piece)
{
    struct response *response = call->response;

    if (!response_begin(response)) {
        response->cut = true;
        return;
    }
    if (response->head_only)
        return;
    while (response_piece(response, buf_span(piece))) {
        if (history->done)
            return;
        if (next_piece(call, history, piece) != ERR_OK)
            break;
    }
    response->cut = true;
}

static void send_history(struct call *call, const struct chat_admission *admission)
{
    struct chat_history history = {.admission = admission};
    struct buf piece;

    buf_init(&piece, BUF_MAX_DEFAULT);
    enum err err = next_piece(call, &history, &piece);
    if (err)
        response_error(call->response, err);
    else if (history.done)
        buf_add_span(&call->response->body, buf_span(&piece));
    else
        stream_rest(call, &history, &piece);
    buf_release(&piece);
}

void history_get(struct call *call)
{
    const struct chat_connect_options options = {.history = -1, .since = SPAN_NONE};
    struct chat_admission admission = {0};

    enum err err = chat_admit(call->app->chat, call->db, &call->actor, &options, &admission);
    if (err)
        response_error(call->response, err);
    else
        send_history(call, &admission);
    chat_admission_release(&admission);
}
