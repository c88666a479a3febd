/*
 * A span: bytes that somebody else owns. Not NUL-terminated, may hold any byte.
 * A span is valid as long as the bytes it points into; each function that keeps one says so.
 */
#ifndef PARLEY_BASE_SPAN_H
#define PARLEY_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
    const char *ptr;
    size_t len;
};

#define SPAN_NONE ((struct span){NULL, 0})
#define SPAN_LIT(literal) ((struct span){(literal), sizeof(literal) - 1})

/* The bytes of a string, without its NUL; SPAN_NONE for NULL. */
static inline struct span span_of(const char *string)
{
    return (struct span){string, string ? strlen(string) : 0};
}

/* `len` bytes from `ptr`. */
static inline struct span span_make(const char *ptr, size_t len)
{
    return (struct span){ptr, len};
}

/* The same bytes? Absent equals empty. */
static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* The same bytes as a string? */
static inline bool span_is(struct span a, const char *string)
{
    return span_equal(a, span_of(string));
}

/* NULL is "absent", which differs from present and empty. */
static inline bool span_present(struct span a)
{
    return a.ptr != NULL;
}

#endif
