/*
 * A growable byte buffer with a maximum given when it is made.
 *
 * Invariants: data[len] is always NUL once anything was written; len <= max. Going over max sets
 * `failed` (the first error is remembered) and later appends do nothing: check buf_ok() once at
 * the end. Allocation failure aborts.
 */
#ifndef PARLEY_BASE_BUF_H
#define PARLEY_BASE_BUF_H

#include "shared/base/err.h"
#include "shared/base/span.h"

struct buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max;
    bool failed;
};

#define BUF_MAX_DEFAULT ((size_t)64 << 20)

/* Make an empty buffer that may grow to `max` bytes. Allocates nothing yet. */
void buf_init(struct buf *buf, size_t max);

/* Free the memory; the buffer is as after buf_init with the same max. Takes NULL. */
void buf_release(struct buf *buf);

/* Forget the content and the error, keep the memory. */
void buf_clear(struct buf *buf);

/* Give the NUL-terminated memory to the caller (free() it); the buffer is empty afterwards.
 * NULL if nothing was ever written. */
char *buf_take(struct buf *buf, size_t *len);

/* Append; all or nothing. The bytes are copied and must not lie in the buffer itself. */
void buf_add(struct buf *buf, const void *bytes, size_t len);
void buf_add_span(struct buf *buf, struct span span);
void buf_add_str(struct buf *buf, const char *string);
void buf_add_char(struct buf *buf, char c);

/* Append a decimal number. */
void buf_add_int(struct buf *buf, long long value);

/* Append what printf would print. */
void buf_addf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Make room for `len` more bytes and return where they go; NULL (and failed) past max.
 * The caller writes them and adds to buf->len itself, keeping data[len] NUL with buf_terminate. */
char *buf_reserve(struct buf *buf, size_t len);

/* Put the NUL behind data[len]. Something must have been reserved. */
void buf_terminate(struct buf *buf);

/* Drop `len` bytes from the front (len <= buf->len). */
void buf_drop(struct buf *buf, size_t len);

/* Did everything fit? */
static inline bool buf_ok(const struct buf *buf)
{
    return !buf->failed;
}

/* The content; valid until the next change. Never absent. */
static inline struct span buf_span(const struct buf *buf)
{
    return (struct span){buf->data ? buf->data : "", buf->len};
}

#endif
