/*
 * Websocket frames: however the bytes are cut, the reader finds the same messages, control frames
 * and failures in them; text is valid, nothing passes the limit.
 */
#include "tests/fuzz/fuzz.h"

#include "broker/eio/ws_reader.h"
#include "shared/base/buf.h"
#include "shared/base/utf8.h"

#define MESSAGE_MAX 300

static void note(struct buf *log, const struct ws_reader *reader, enum ws_read read,
                 struct span data)
{
    buf_addf(log, "%d:", (int)read);
    if (read == WS_READ_FAIL) {
        FUZZ_ASSERT(reader->code == 1002 || reader->code == 1007 || reader->code == 1009);
        buf_addf(log, "%d", reader->code);
        return;
    }
    FUZZ_ASSERT(data.len <= (read == WS_READ_MESSAGE ? MESSAGE_MAX : 125));
    if (read == WS_READ_MESSAGE) {
        buf_add_str(log, reader->binary ? "b" : "t");
        FUZZ_ASSERT(reader->binary || utf8_is_valid(data));
    }
    buf_add_span(log, data);
    buf_add_char(log, '\n');
}

/* Read one piece. False: the connection is over. */
static bool read_piece(struct ws_reader *reader, char *bytes, size_t len, struct buf *log)
{
    for (;;) {
        struct span data = SPAN_NONE;
        enum ws_read read = ws_reader_feed(reader, &bytes, &len, MESSAGE_MAX, &data);

        if (read == WS_READ_MORE) {
            FUZZ_ASSERT(len == 0);
            return true;
        }
        note(log, reader, read, data);
        if (read == WS_READ_CLOSE || read == WS_READ_FAIL)
            return false;
    }
}

/* Everything that is found in the bytes when they come in steps of `step`. */
static void read_all(const uint8_t *data, size_t size, size_t step, struct buf *log)
{
    struct ws_reader reader;

    ws_reader_init(&reader);
    for (size_t used = 0; used < size;) {
        size_t here = size - used < step ? size - used : step;
        char *piece = malloc(here); /* unmasked in place, and gone afterwards */
        bool more;

        memcpy(piece, data + used, here);
        more = read_piece(&reader, piece, here, log);
        free(piece);
        if (!more)
            break;
        used += here;
    }
    ws_reader_release(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = {1, 3, 7};
    struct buf whole;

    buf_init(&whole, BUF_MAX_DEFAULT);
    read_all(data, size, size + 1, &whole);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct buf pieces;

        buf_init(&pieces, BUF_MAX_DEFAULT);
        read_all(data, size, steps[i], &pieces);
        FUZZ_ASSERT(span_equal(buf_span(&whole), buf_span(&pieces)));
        buf_release(&pieces);
    }
    buf_release(&whole);
    return 0;
}
