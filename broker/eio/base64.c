/*
 * Base64 (RFC 4648 sections 4 and 5) for binary messages in polling payloads. Not for secrets: the
 * tables make its time depend on the data.
 */
#include "broker/eio/packet.h"

static const char encode_table[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value of one character of either alphabet; -1 if it is none. */
static int sextet(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

/* Clients that encode as MIME does (the Java one) break lines and end with a line feed. */
static bool is_line_break(char c)
{
    return c == '\n' || c == '\r';
}

/* The number of characters that stand for data; -1 if the padding is wrong. Whether they are of the
 * alphabet is seen when they are decoded. */
static long data_length(struct span text)
{
    long data = 0;
    long padding = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (is_line_break(text.ptr[i]))
            continue;
        if (text.ptr[i] == '=')
            padding++;
        else if (padding > 0)
            return -1;
        else
            data++;
    }
    if (padding > 2 || (padding > 0 && (data + padding) % 4 != 0))
        return -1;
    return data % 4 == 1 ? -1 : data;
}

enum err eio_base64_decode(struct span text, struct buf *out)
{
    long len = data_length(text);
    if (len < 0)
        return ERR_SYNTAX;
    /* 6 bits a character, rounded down to bytes. */
    char *at = buf_reserve(out, (size_t)len / 4 * 3 + (size_t)len % 4 * 6 / 8);
    if (at == NULL)
        return ERR_FULL;
    uint32_t bits = 0;
    size_t written = 0;
    const char *from = text.ptr;
    for (long i = 0; i < len; from++) {
        if (is_line_break(*from))
            continue;
        int value = sextet((unsigned char)*from);
        if (value < 0)
            return ERR_SYNTAX;
        bits = bits << 6 | (uint32_t)value;
        /* After 2, 3 and 4 characters of a group there are 4, 2 and 0 bits over. */
        if (i % 4 != 0)
            at[written++] = (char)(bits >> (6 - 2 * (i % 4)));
        i++;
    }
    out->len += written;
    out->data[out->len] = '\0';
    return ERR_OK;
}

void eio_base64_encode(struct buf *out, struct span bytes)
{
    size_t size = (bytes.len + 2) / 3 * 4;
    char *at = buf_reserve(out, size);
    if (at == NULL)
        return;
    const unsigned char *in = (const unsigned char *)bytes.ptr;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t bits = (uint32_t)in[i] << 16;
        bits |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        bits |= left > 2 ? in[i + 2] : 0;
        *at++ = encode_table[bits >> 18];
        *at++ = encode_table[bits >> 12 & 63];
        *at++ = left > 1 ? encode_table[bits >> 6 & 63] : '=';
        *at++ = left > 2 ? encode_table[bits & 63] : '=';
    }
    out->len += size;
    out->data[out->len] = '\0';
}
