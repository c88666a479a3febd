/*
 * The header of a websocket frame as a server sends it (RFC 6455 section 5.2: never masked, no
 * extension bits). Reading frames is ws_reader.h's business.
 */
#ifndef PARLEY_EIO_WS_FRAME_H
#define PARLEY_EIO_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The values are the opcodes on the wire. */
enum ws_opcode {
    WS_CONTINUATION = 0x0,
    WS_TEXT = 0x1,
    WS_BINARY = 0x2,
    WS_CLOSE = 0x8,
    WS_PING = 0x9,
    WS_PONG = 0xA
};

#define WS_HEADER_MAX 10

/* Write the header of a frame with `len` bytes of payload; returns its size: 2, 4 or 10. `fin`: the
 * last (or only) frame of its message. Control frames must have fin and at most 125 bytes. */
size_t ws_frame_header(unsigned char out[WS_HEADER_MAX], enum ws_opcode opcode, bool fin,
                       uint64_t len);

/* The size ws_frame_header would return. */
size_t ws_frame_header_size(uint64_t len);

#endif
