/* The receiving half of RFC 6455 without extensions. Not the handshake, not the sending half. */
#include "broker/eio/ws_reader.h"

#include "shared/base/mem.h"
#include "shared/base/utf8.h"

#define CONTROL_MAX 125
#define FIN 0x80
#define RSV 0x70
#define MASKED 0x80

enum { PROTOCOL_ERROR = 1002, INVALID_TEXT = 1007, TOO_BIG = 1009 };

void ws_reader_init(struct ws_reader *reader)
{
    *reader = (struct ws_reader){0};
}

void ws_reader_release(struct ws_reader *reader)
{
    mem_free(reader->data);
    mem_free(reader->control);
    ws_reader_init(reader);
}

static enum ws_read fail_with(struct ws_reader *reader, int code)
{
    reader->code = (uint16_t)code;
    return WS_READ_FAIL;
}

static bool is_control(const struct ws_reader *reader)
{
    return (reader->header[0] & 0x8) != 0;
}

static bool is_final(const struct ws_reader *reader)
{
    return (reader->header[0] & FIN) != 0;
}

/* The rules of section 5.2 that the first two bytes can break. */
static bool header_start_ok(const struct ws_reader *reader)
{
    int opcode = reader->header[0] & 0xF;
    bool begun = reader->opcode != 0;

    if ((reader->header[0] & RSV) || !(reader->header[1] & MASKED))
        return false;
    if (is_control(reader))
        return opcode <= WS_PONG && is_final(reader) && (reader->header[1] & 0x7F) <= CONTROL_MAX;
    if (opcode == WS_CONTINUATION)
        return begun;
    return (opcode == WS_TEXT || opcode == WS_BINARY) && !begun;
}

static uint64_t payload_len(const struct ws_reader *reader)
{
    int short_len = reader->header[1] & 0x7F;
    int bytes = short_len == 126 ? 2 : short_len == 127 ? 8 : 0;
    uint64_t len = 0;

    if (bytes == 0)
        return (uint64_t)short_len;
    for (int i = 0; i < bytes; i++)
        len = len << 8 | reader->header[2 + i];
    return len;
}

/* Collect the header. True once it is complete and fine; else *result says. */
static bool read_header(struct ws_reader *reader, char **input, size_t *input_len,
                        enum ws_read *result)
{
    *result = WS_READ_MORE;
    while (*input_len > 0) {
        reader->header[reader->header_len++] = (unsigned char)*(*input)++;
        (*input_len)--;
        if (reader->header_len == 2) {
            int short_len = reader->header[1] & 0x7F;

            if (!header_start_ok(reader)) {
                *result = fail_with(reader, PROTOCOL_ERROR);
                return false;
            }
            reader->header_size = (uint8_t)(6 + (short_len == 126 ? 2 : short_len == 127 ? 8 : 0));
        }
        if (reader->header_size && reader->header_len == reader->header_size)
            return true;
    }
    return false;
}

/* The header is complete: what frame begins? False: none may. */
static bool begin_frame(struct ws_reader *reader, size_t max, enum ws_read *result)
{
    reader->left = reader->frame_len = payload_len(reader);
    if (reader->frame_len >> 63) {
        *result = fail_with(reader, PROTOCOL_ERROR);
        return false;
    }
    if (is_control(reader)) {
        reader->control_len = 0;
        return true;
    }
    if (reader->frame_len > max || reader->len + reader->frame_len > max) {
        *result = fail_with(reader, TOO_BIG);
        return false;
    }
    if ((reader->header[0] & 0xF) != WS_CONTINUATION)
        reader->opcode = reader->header[0] & 0xF;
    return true;
}

static void unmask(const struct ws_reader *reader, char *bytes, size_t len)
{
    const unsigned char *mask = reader->header + reader->header_size - 4;
    uint64_t position = reader->frame_len - reader->left;

    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(bytes[i] ^ mask[(position + i) & 3]);
}

static void append(struct ws_reader *reader, const char *bytes, size_t len)
{
    if (reader->len + len > reader->cap) {
        /* What is announced, but never more at once than a little above what came. */
        size_t wanted = reader->len + len + (reader->left < 65536 ? (size_t)reader->left : 65536);

        reader->cap = wanted > 2 * reader->cap ? wanted : 2 * reader->cap;
        reader->data = mem_regrow(reader->data, reader->cap, 1);
    }
    if (len > 0)
        memcpy(reader->data + reader->len, bytes, len);
    reader->len += len;
}

/* RFC 6455 section 7.4: which codes may be on the wire. */
static bool close_code_ok(int code)
{
    if (code >= 3000 && code <= 4999)
        return true;
    return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

static enum ws_read control_frame(struct ws_reader *reader, struct span data)
{
    int opcode = reader->header[0] & 0xF;

    if (opcode == WS_PING)
        return WS_READ_PING;
    if (opcode == WS_PONG)
        return WS_READ_PONG;
    reader->code = 0;
    if (data.len == 0)
        return WS_READ_CLOSE;
    if (data.len == 1)
        return fail_with(reader, PROTOCOL_ERROR);
    reader->code = (uint16_t)((unsigned char)data.ptr[0] << 8 | (unsigned char)data.ptr[1]);
    if (!close_code_ok(reader->code))
        return fail_with(reader, PROTOCOL_ERROR);
    if (!utf8_is_valid(span_make(data.ptr + 2, data.len - 2)))
        return fail_with(reader, INVALID_TEXT);
    return WS_READ_CLOSE;
}

static enum ws_read read_control(struct ws_reader *reader, char *bytes, size_t len,
                                 struct span *data)
{
    if (reader->left > 0 || reader->control_len > 0) {
        if (!reader->control)
            reader->control = mem_regrow(NULL, CONTROL_MAX, 1);
        if (len > 0)
            memcpy(reader->control + reader->control_len, bytes, len);
        reader->control_len = (uint8_t)(reader->control_len + len);
        if (reader->left > 0)
            return WS_READ_MORE;
        *data = span_make(reader->control, reader->control_len);
    } else {
        *data = span_make(bytes, len);
    }
    return control_frame(reader, *data);
}

static enum ws_read message_done(struct ws_reader *reader, struct span data)
{
    reader->binary = reader->opcode == WS_BINARY;
    reader->opcode = 0;
    if (!reader->binary && !utf8_is_valid(data))
        return fail_with(reader, INVALID_TEXT);
    return WS_READ_MESSAGE;
}

static enum ws_read read_data(struct ws_reader *reader, char *bytes, size_t len, struct span *data)
{
    if (reader->left == 0 && is_final(reader) && reader->len == 0) {
        *data = span_make(bytes, len); /* all of it is in the input */
        return message_done(reader, *data);
    }
    append(reader, bytes, len);
    if (reader->left > 0 || !is_final(reader))
        return WS_READ_MORE;
    *data = span_make(reader->data, reader->len);
    reader->len = 0;
    return message_done(reader, *data);
}

/* What the last call gave out is done with. */
static void forget(struct ws_reader *reader)
{
    if (reader->cap > 0 && reader->opcode == 0) {
        mem_free(reader->data);
        reader->cap = reader->len = 0;
    }
    if (reader->header_size == 0)
        mem_free(reader->control);
}

enum ws_read ws_reader_feed(struct ws_reader *reader, char **input, size_t *input_len, size_t max,
                            struct span *data)
{
    enum ws_read result = WS_READ_MORE;

    forget(reader);
    while (result == WS_READ_MORE) {
        bool in_payload = reader->header_size && reader->header_len == reader->header_size;
        size_t len;
        char *bytes;

        if (!in_payload) {
            if (!read_header(reader, input, input_len, &result))
                return result;
            if (!begin_frame(reader, max, &result))
                return result;
        }
        len = *input_len < reader->left ? *input_len : (size_t)reader->left;
        if (len == 0 && reader->left > 0)
            return WS_READ_MORE;
        bytes = *input;
        unmask(reader, bytes, len);
        *input += len;
        *input_len -= len;
        reader->left -= len;
        result = is_control(reader) ? read_control(reader, bytes, len, data)
                                    : read_data(reader, bytes, len, data);
        if (reader->left == 0)
            reader->header_len = reader->header_size = 0;
    }
    return result;
}
