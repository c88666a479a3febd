/*
 * A histogram with a bounded relative error, as HdrHistogram's: a power of two, split in 64. No
 * averages: a mean hides exactly what a latency is measured for.
 */
#include "tests/bench/load/hist.h"

static int index_of(int64_t us)
{
    int shift;

    if (us < HIST_SUB)
        return us < 0 ? 0 : (int)us;
    shift = 57 - __builtin_clzll((uint64_t)us);
    if (shift > 29)
        return HIST_BUCKETS - 1;
    return (shift + 1) * HIST_SUB + (int)((us >> shift) - HIST_SUB);
}

static int64_t top_of(int index)
{
    int shift = index / HIST_SUB - 1;

    if (shift < 0)
        return index;
    return ((int64_t)(index % HIST_SUB + HIST_SUB + 1) << shift) - 1;
}

void hist_add(struct hist *hist, int64_t us)
{
    hist->bucket[index_of(us)]++;
    hist->count++;
    if (us > hist->max)
        hist->max = us;
}

int64_t hist_at(const struct hist *hist, double share)
{
    uint64_t wanted = (uint64_t)((double)hist->count * share), seen = 0;
    int64_t top;

    for (int i = 0; i < HIST_BUCKETS; i++) {
        seen += hist->bucket[i];
        if (seen > wanted || (seen == hist->count && seen > 0)) {
            top = top_of(i);
            return top < hist->max ? top : hist->max;
        }
    }
    return 0;
}
