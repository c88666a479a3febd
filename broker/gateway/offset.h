/*
 * Where a recoverable client is in what it was sent: a point (n, k), as text the last argument of
 * every event. n counts the room events this broker has fanned out, so that all receivers of one
 * share its frame; k counts what this client alone was sent since. Points order what one client was
 * sent; `epoch` names the broker's process that counted.
 *
 *   "epoch.n"    a room event          "epoch.n.k"  an event of this client alone
 */
#ifndef PARLEY_GATEWAY_OFFSET_H
#define PARLEY_GATEWAY_OFFSET_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/span.h"

struct point {
    int64_t n;
    int64_t k; /* 0: the room event n itself */
};

/* Does `a` come after `b`? */
static inline bool point_after(struct point a, struct point b)
{
    return a.n != b.n ? a.n > b.n : a.k > b.k;
}

#define EPOCH_SIZE 12  /* with its NUL: 11 characters, none of them '.' */
#define OFFSET_SIZE 56 /* with its NUL */

/* Write the offset of a point. */
void offset_format(const char *epoch, struct point point, char out[OFFSET_SIZE]);

/* Read one; false if it is none. `epoch` points into `text`. */
bool offset_parse(struct span text, struct span *epoch, struct point *point);

#endif
