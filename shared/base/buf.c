/*
 * The growable byte buffer. Grows by doubling, never past max; not for sharing between threads.
 */
#include "shared/base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "shared/base/mem.h"

#define BUF_FIRST_CAP 64

void buf_init(struct buf *buf, size_t max)
{
    /* One byte more than max must be countable: the NUL. */
    *buf = (struct buf){.max = max < SIZE_MAX ? max : SIZE_MAX - 1};
}

void buf_release(struct buf *buf)
{
    if (!buf)
        return;
    free(buf->data);
    buf_init(buf, buf->max);
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->data)
        buf->data[0] = '\0';
}

char *buf_take(struct buf *buf, size_t *len)
{
    char *data = buf->data;
    if (len)
        *len = buf->len;
    buf_init(buf, buf->max);
    return data;
}

static void buf_grow(struct buf *buf, size_t need)
{
    size_t cap = buf->cap ? buf->cap : BUF_FIRST_CAP;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap > buf->max + 1)
        cap = buf->max + 1;
    buf->data = mem_regrow(buf->data, cap, 1);
    buf->cap = cap;
}

char *buf_reserve(struct buf *buf, size_t len)
{
    if (buf->failed || len > buf->max - buf->len) {
        buf->failed = true;
        return NULL;
    }
    if (buf->len + len >= buf->cap)
        buf_grow(buf, buf->len + len + 1);
    return buf->data + buf->len;
}

void buf_terminate(struct buf *buf)
{
    buf->data[buf->len] = '\0';
}

void buf_add(struct buf *buf, const void *bytes, size_t len)
{
    char *to = buf_reserve(buf, len);
    if (!to)
        return;
    if (len)
        memcpy(to, bytes, len);
    buf->len += len;
    buf_terminate(buf);
}

void buf_add_span(struct buf *buf, struct span span)
{
    buf_add(buf, span.ptr, span.len);
}

void buf_add_str(struct buf *buf, const char *string)
{
    buf_add(buf, string, strlen(string));
}

void buf_add_char(struct buf *buf, char c)
{
    char *to = buf_reserve(buf, 1);
    if (!to)
        return;
    to[0] = c;
    to[1] = '\0';
    buf->len++;
}

void buf_add_int(struct buf *buf, long long value)
{
    char digits[24];
    char *at = digits + sizeof digits;
    unsigned long long rest =
        value < 0 ? 0ULL - (unsigned long long)value : (unsigned long long)value;
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        *--at = '-';
    buf_add(buf, at, (size_t)(digits + sizeof digits - at));
}

void buf_addf(struct buf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *to = len < 0 ? NULL : buf_reserve(buf, (size_t)len);
    if (to) {
        vsnprintf(to, (size_t)len + 1, fmt, again);
        buf->len += (size_t)len;
    } else {
        buf->failed = true;
    }
    va_end(again);
}

void buf_drop(struct buf *buf, size_t len)
{
    if (len == 0)
        return;
    buf->len -= len;
    memmove(buf->data, buf->data + len, buf->len + 1);
}
