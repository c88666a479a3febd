/* A member's absences, a small ordered array. Who tells of them is room.c's and client.c's. */
#include "broker/gateway/absence.h"

#include <assert.h>
#include <string.h>

#include "shared/base/mem.h"

void absences_release(struct absences *absences)
{
    mem_free(absences->items);
    absences->count = absences->cap = 0;
}

static struct absence *last_of(const struct absences *absences)
{
    return absences->count > 0 ? &absences->items[absences->count - 1] : NULL;
}

void absences_leave(struct absences *absences, int64_t seq)
{
    const struct absence *last = last_of(absences);

    if (last && (last->until == 0 || seq < last->until))
        return;
    if (absences->count == absences->cap) {
        absences->cap = absences->cap ? absences->cap * 2 : 1;
        absences->items =
            mem_regrow(absences->items, (size_t)absences->cap, sizeof *absences->items);
    }
    assert(absences->items);
    absences->items[absences->count++] = (struct absence){.from = seq};
}

void absences_return(struct absences *absences, int64_t seq)
{
    struct absence *last = last_of(absences);

    if (last && last->until == 0 && seq > last->from)
        last->until = seq;
}

bool absences_cover(const struct absences *absences, int64_t seq)
{
    for (int i = 0; i < absences->count; i++) {
        const struct absence *absence = &absences->items[i];

        if (seq <= absence->from)
            return false;
        if (absence->until == 0 || seq < absence->until)
            return true;
    }
    return false;
}

bool absences_is_gone(const struct absences *absences, int64_t seq)
{
    const struct absence *last = last_of(absences);

    return last && last->until == 0 && seq >= last->from;
}

int64_t absences_first(const struct absences *absences)
{
    return absences->count > 0 ? absences->items[0].from : 0;
}

int64_t absences_last(const struct absences *absences)
{
    const struct absence *last = last_of(absences);

    return last ? last->from : 0;
}

int64_t absences_take(struct absences *absences)
{
    int64_t until;

    assert(absences->count > 0);
    until = absences->items[0].until;
    absences->count--;
    memmove(absences->items, absences->items + 1,
            (size_t)absences->count * sizeof *absences->items);
    return until;
}
