/*
 * Reads websocket frames as a server gets them (RFC 6455 section 5) and puts messages together.
 * Bytes in, messages out; owns no socket. Holds memory only while a message is incomplete.
 */
#ifndef PARLEY_EIO_WS_READER_H
#define PARLEY_EIO_WS_READER_H

#include "broker/eio/ws_frame.h"
#include "shared/base/span.h"

enum ws_read {
    WS_READ_MORE,    /* all input is used, nothing is complete */
    WS_READ_MESSAGE, /* a whole text or binary message */
    WS_READ_PING,    /* answer with a pong of the same data */
    WS_READ_PONG,
    WS_READ_CLOSE, /* data: the close frame's payload, checked */
    WS_READ_FAIL   /* close with ws_reader.code: 1002, 1007 or 1009 */
};

struct ws_reader {
    unsigned char header[14];
    uint8_t header_len;  /* bytes of it that are here */
    uint8_t header_size; /* what it takes; 0: not known yet */
    uint8_t opcode;      /* of the message: WS_TEXT or WS_BINARY; 0: none begun */
    uint8_t control_len;
    uint16_t code;
    bool binary;   /* of the message given out */
    uint64_t left; /* payload bytes of this frame that are to come */
    uint64_t frame_len;
    char *data; /* the message so far */
    size_t len, cap;
    char *control; /* payload of a control frame that came in parts */
};

void ws_reader_init(struct ws_reader *reader);
void ws_reader_release(struct ws_reader *reader);

/* Use up input (its bytes are unmasked in place) until something is complete; input moves on.
 * `data` gets the payload, valid until the next call. `max` bounds a message (1009). After
 * WS_READ_CLOSE or WS_READ_FAIL do not call again. */
enum ws_read ws_reader_feed(struct ws_reader *reader, char **input, size_t *input_len, size_t max,
                            struct span *data);

#endif
