/*
 * When a member is out of a room, as far as that is known ahead of the position in the room's log:
 * the inbox may tell of several stays before the log has come to the end of the first. In seq
 * order; a pure structure.
 */
#ifndef PARLEY_GATEWAY_ABSENCE_H
#define PARLEY_GATEWAY_ABSENCE_H

#include <stdbool.h>
#include <stdint.h>

struct absence {
    int64_t from;  /* seq of the row it leaves with, the last one for it */
    int64_t until; /* seq of the row it comes back with; 0: not known of */
};

/* Zeroed: none. As many as the inbox is ahead by; a row of the log takes one away. */
struct absences {
    struct absence *items;
    int count, cap;
};

/* Frees what it holds. */
void absences_release(struct absences *absences);

/* It leaves with the row at `seq`. Nothing changes if it is known to be away then. */
void absences_leave(struct absences *absences, int64_t seq);

/* It comes back with the row at `seq`. Nothing changes if it is not known to be away then. */
void absences_return(struct absences *absences, int64_t seq);

/* Is it away at `seq`? */
bool absences_cover(const struct absences *absences, int64_t seq);

/* Is it away at `seq`, and no return known? */
bool absences_is_gone(const struct absences *absences, int64_t seq);

/* Where the first begins, and the last; 0: there is none. */
int64_t absences_first(const struct absences *absences);
int64_t absences_last(const struct absences *absences);

/* The log has come to the first: forget it. Returns where it ends, 0: not known of. */
int64_t absences_take(struct absences *absences);

#endif
