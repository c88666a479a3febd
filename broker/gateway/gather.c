/* Whether to wait for more, see gather.h. */
#include "broker/gateway/gather.h"

#define WAIT_MAX_US 1000
#define WAIT_PART 2 /* of the last batch's time: half */
#define SKIP_MAX 64

int64_t gather_wait_us(struct gather *gather, int have)
{
    if (have >= gather->expected || gather->wait_us == 0)
        return 0;
    if (gather->skip > 0) {
        gather->skip--;
        return 0;
    }
    return gather->wait_us;
}

void gather_waited(struct gather *gather, int before, int after)
{
    if (after > before) {
        gather->skip_next = 0;
        return;
    }
    gather->skip_next = gather->skip_next == 0 ? 1 : gather->skip_next * 2;
    if (gather->skip_next > SKIP_MAX)
        gather->skip_next = SKIP_MAX;
    gather->skip = gather->skip_next;
}

void gather_written(struct gather *gather, int unanswered, int64_t took_us)
{
    gather->expected = unanswered;
    gather->wait_us = took_us / WAIT_PART < WAIT_MAX_US ? took_us / WAIT_PART : WAIT_MAX_US;
}
