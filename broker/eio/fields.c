/*
 * Name/value pairs in one block: for each pair two 16-bit lengths (host order, unaligned), the
 * name, the value. Not an index: look-up walks the block.
 */
#include "broker/eio/fields.h"

#include <stdint.h>

#define HEAD_SIZE (2 * sizeof(uint16_t))

void eio_fields_add(struct buf *out, struct span name, struct span value)
{
    if (name.len > EIO_FIELD_MAX || value.len > EIO_FIELD_MAX) {
        out->failed = true;
        return;
    }
    size_t size = HEAD_SIZE + name.len + value.len;
    char *at = buf_reserve(out, size);
    if (at == NULL)
        return;
    uint16_t lengths[2] = {(uint16_t)name.len, (uint16_t)value.len};
    memcpy(at, lengths, HEAD_SIZE);
    if (name.len > 0)
        memcpy(at + HEAD_SIZE, name.ptr, name.len);
    if (value.len > 0)
        memcpy(at + HEAD_SIZE + name.len, value.ptr, value.len);
    out->len += size;
    out->data[out->len] = '\0';
}

bool eio_fields_next(struct span fields, size_t *cursor, struct span *name, struct span *value)
{
    if (*cursor >= fields.len)
        return false;
    uint16_t lengths[2];
    const char *at = fields.ptr + *cursor;
    memcpy(lengths, at, HEAD_SIZE);
    *name = span_make(at + HEAD_SIZE, lengths[0]);
    *value = span_make(at + HEAD_SIZE + lengths[0], lengths[1]);
    *cursor += HEAD_SIZE + lengths[0] + lengths[1];
    return true;
}

struct span eio_fields_get(struct span fields, const char *name)
{
    struct span wanted = span_of(name);
    struct span found = SPAN_NONE;
    struct span key;
    struct span value;
    for (size_t cursor = 0; eio_fields_next(fields, &cursor, &key, &value);)
        if (span_equal(key, wanted))
            found = value;
    return found;
}

struct span eio_field_trim(struct span text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = span_make(text.ptr + 1, text.len - 1);
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

bool eio_field_cut(struct span *text, char c, struct span *before)
{
    const char *at = text->len > 0 ? memchr(text->ptr, c, text->len) : NULL;

    if (!at)
        return false;
    *before = span_make(text->ptr, (size_t)(at - text->ptr));
    *text = span_make(at + 1, text->len - before->len - 1);
    return true;
}
