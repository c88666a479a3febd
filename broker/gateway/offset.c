/* The text of an offset; what it means is record.c's. */
#include "broker/gateway/offset.h"

#include <inttypes.h>
#include <stdio.h>

void offset_format(const char *epoch, struct point point, char out[OFFSET_SIZE])
{
    if (point.k == 0)
        snprintf(out, OFFSET_SIZE, "%s.%" PRId64, epoch, point.n);
    else
        snprintf(out, OFFSET_SIZE, "%s.%" PRId64 ".%" PRId64, epoch, point.n, point.k);
}

/* Take the characters up to '.' or the end. */
static struct span next_part(struct span *rest)
{
    const char *dot = rest->len > 0 ? memchr(rest->ptr, '.', rest->len) : NULL;
    struct span part = span_make(rest->ptr, dot ? (size_t)(dot - rest->ptr) : rest->len);

    *rest = dot ? span_make(dot + 1, rest->len - part.len - 1) : SPAN_NONE;
    return part;
}

static bool number(struct span text, int64_t *out)
{
    *out = 0;
    if (text.len < 1 || text.len > 18)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        *out = *out * 10 + (text.ptr[i] - '0');
    }
    return true;
}

bool offset_parse(struct span text, struct span *epoch, struct point *point)
{
    struct span rest = text;

    *epoch = next_part(&rest);
    point->k = 0;
    if (epoch->len == 0 || !span_present(rest) || !number(next_part(&rest), &point->n))
        return false;
    if (!span_present(rest))
        return true;
    return number(next_part(&rest), &point->k) && !span_present(rest);
}
