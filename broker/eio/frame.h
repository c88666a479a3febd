/*
 * An encoded packet that many connections share: the websocket frame, header included, built once.
 * A websocket sends the bytes as they are; a polling payload takes what follows the header (and
 * codes binary as base64). Reference-counted, immutable once shared.
 */
#ifndef PARLEY_EIO_FRAME_H
#define PARLEY_EIO_FRAME_H

#include "broker/eio/ws_frame.h"
#include "shared/base/buf.h"

enum eio_frame_kind {
    EIO_FRAME_TEXT,    /* one Engine.IO packet as text */
    EIO_FRAME_BINARY,  /* one Engine.IO message, binary */
    EIO_FRAME_CONTROL, /* a websocket control frame: never in a polling payload */
    EIO_FRAME_STREAM   /* stands for a stream (stream.h); has no bytes of its own */
};

struct eio_stream;

struct eio_frame {
    uint32_t refs;
    uint8_t kind;
    bool alone;                /* better read by the peer before more is sent (websocket) */
    uint8_t header;            /* size of the websocket header */
    size_t len;                /* of bytes: header and payload */
    struct eio_stream *stream; /* EIO_FRAME_STREAM only */
    char bytes[];
};

/* A frame with one reference and room for `len` bytes of payload, which the caller fills
 * (eio_frame_payload) before it shares the frame. */
struct eio_frame *eio_frame_new(enum eio_frame_kind kind, enum ws_opcode opcode, bool fin,
                                size_t len);

/* An Engine.IO message packet: text `4` + a + b, either may be empty. */
struct eio_frame *eio_frame_message(struct span a, struct span b);
/* A binary Engine.IO message. */
struct eio_frame *eio_frame_binary(struct span bytes);
/* Any other packet, its type digit first ("2", "3probe"). */
struct eio_frame *eio_frame_packet(struct span packet);
/* A websocket control frame (RFC 6455 section 5.5): a pong's payload is at most 125 bytes. */
struct eio_frame *eio_frame_control(enum ws_opcode opcode, struct span payload);
/* Bytes that are no websocket frame: the answer to the handshake. */
struct eio_frame *eio_frame_raw(struct span bytes);
/* A close frame; code 0: without one. */
struct eio_frame *eio_frame_close(int code);

struct eio_frame *eio_frame_ref(struct eio_frame *frame);
/* Takes NULL. */
void eio_frame_unref(struct eio_frame *frame);

static inline char *eio_frame_payload(struct eio_frame *frame)
{
    return frame->bytes + frame->header;
}

static inline size_t eio_frame_payload_len(const struct eio_frame *frame)
{
    return frame->len - frame->header;
}

/* Append the frame as one packet of a polling payload, separator included if `payload` is not
 * empty. Control and stream frames append nothing. */
void eio_frame_to_payload(struct eio_frame *frame, struct buf *payload);

#endif
