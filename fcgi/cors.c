/* Matches origins against the configured list. Headers are written by dispatch.c. */
#include "fcgi/cors.h"

#include <strings.h>

static bool is_port(struct span text)
{
    if (text.len == 0 || text.len > 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    }
    return true;
}

static bool same(struct span a, struct span b)
{
    return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

static bool matches(struct span item, struct span origin)
{
    if (span_is(item, "*"))
        return true;
    if (item.len < 3 || memcmp(item.ptr + item.len - 2, ":*", 2) != 0)
        return same(item, origin);
    struct span stem = span_make(item.ptr, item.len - 2);
    if (origin.len < stem.len || !same(stem, span_make(origin.ptr, stem.len)))
        return false;
    if (origin.len == stem.len)
        return true;
    return origin.ptr[stem.len] == ':' &&
           is_port(span_make(origin.ptr + stem.len + 1, origin.len - stem.len - 1));
}

bool cors_is_allowed(const char *list, struct span origin)
{
    while (*list) {
        size_t len = strcspn(list, " \t");
        if (len && matches(span_make(list, len), origin))
            return true;
        list += len;
        list += strspn(list, " \t");
    }
    return false;
}
