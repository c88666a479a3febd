/* Encoded packets, shared by reference. Not the codec (packet.c) and not the queue (queue.c). */
#include "broker/eio/frame.h"

#include <assert.h>

#include "broker/eio/packet.h"
#include "broker/eio/stream.h"
#include "shared/base/mem.h"

struct eio_frame *eio_frame_new(enum eio_frame_kind kind, enum ws_opcode opcode, bool fin,
                                size_t len)
{
    size_t header = ws_frame_header_size(len);
    struct eio_frame *frame = mem_regrow(NULL, 1, sizeof *frame + header + len);

    frame->refs = 1;
    frame->kind = (uint8_t)kind;
    frame->alone = false;
    frame->header = (uint8_t)header;
    frame->len = header + len;
    frame->stream = NULL;
    ws_frame_header((unsigned char *)frame->bytes, opcode, fin, len);
    return frame;
}

static void copy(char *to, struct span from)
{
    if (from.len > 0)
        memcpy(to, from.ptr, from.len);
}

struct eio_frame *eio_frame_message(struct span a, struct span b)
{
    struct eio_frame *frame = eio_frame_new(EIO_FRAME_TEXT, WS_TEXT, true, 1 + a.len + b.len);
    char *payload = eio_frame_payload(frame);

    payload[0] = '0' + EIO_MESSAGE;
    copy(payload + 1, a);
    copy(payload + 1 + a.len, b);
    return frame;
}

struct eio_frame *eio_frame_binary(struct span bytes)
{
    struct eio_frame *frame = eio_frame_new(EIO_FRAME_BINARY, WS_BINARY, true, bytes.len);

    copy(eio_frame_payload(frame), bytes);
    return frame;
}

struct eio_frame *eio_frame_packet(struct span packet)
{
    struct eio_frame *frame = eio_frame_new(EIO_FRAME_TEXT, WS_TEXT, true, packet.len);

    copy(eio_frame_payload(frame), packet);
    return frame;
}

struct eio_frame *eio_frame_control(enum ws_opcode opcode, struct span payload)
{
    struct eio_frame *frame = eio_frame_new(EIO_FRAME_CONTROL, opcode, true, payload.len);

    assert(payload.len <= 125);
    copy(eio_frame_payload(frame), payload);
    return frame;
}

struct eio_frame *eio_frame_raw(struct span bytes)
{
    struct eio_frame *frame = eio_frame_new(EIO_FRAME_CONTROL, WS_BINARY, true, bytes.len);

    frame->header = 0;
    frame->alone = true;
    frame->len = bytes.len;
    copy(frame->bytes, bytes);
    return frame;
}

struct eio_frame *eio_frame_close(int code)
{
    char bytes[2] = {(char)(code >> 8), (char)code};

    return eio_frame_control(WS_CLOSE, span_make(bytes, code ? 2 : 0));
}

struct eio_frame *eio_frame_ref(struct eio_frame *frame)
{
    frame->refs++;
    return frame;
}

void eio_frame_unref(struct eio_frame *frame)
{
    if (!frame || --frame->refs > 0)
        return;
    if (frame->kind == EIO_FRAME_STREAM)
        eio_stream_dropped(frame->stream);
    mem_free(frame);
}

void eio_frame_to_payload(struct eio_frame *frame, struct buf *payload)
{
    struct span bytes = span_make(eio_frame_payload(frame), eio_frame_payload_len(frame));

    if (frame->kind == EIO_FRAME_BINARY) {
        eio_payload_add(payload, &(struct eio_packet){EIO_MESSAGE, true, bytes});
    } else if (frame->kind == EIO_FRAME_TEXT) {
        if (payload->len > 0)
            buf_add_char(payload, EIO_SEPARATOR);
        buf_add_span(payload, bytes);
    }
}
