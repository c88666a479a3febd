/*
 * Headers of server websocket frames, RFC 6455 section 5.2. Not a parser, not a writer.
 */
#include "broker/eio/ws_frame.h"

#include <assert.h>

#define FIN 0x80
#define LENGTH_16 126
#define LENGTH_64 127

size_t ws_frame_header_size(uint64_t len)
{
    if (len < LENGTH_16)
        return 2;
    return len <= UINT16_MAX ? 4 : 10;
}

size_t ws_frame_header(unsigned char out[WS_HEADER_MAX], enum ws_opcode opcode, bool fin,
                       uint64_t len)
{
    assert(opcode < WS_CLOSE || (fin && len < LENGTH_16));
    size_t size = ws_frame_header_size(len);
    out[0] = (unsigned char)((fin ? FIN : 0) | opcode);
    if (size == 2) {
        out[1] = (unsigned char)len;
        return size;
    }
    out[1] = size == 4 ? LENGTH_16 : LENGTH_64;
    for (size_t i = size; i > 2; i--) {
        out[i - 1] = (unsigned char)(len & 0xff);
        len >>= 8;
    }
    return size;
}
