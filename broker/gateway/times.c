/* Taking times, see times.h. What is done with them is metrics.c's business. */
#include "broker/gateway/times.h"

#include "shared/base/clock.h"

void times_command(struct times *times, enum chat_verb verb, int64_t us)
{
    struct histogram *histogram = &times->changes;

    if (verb == CHAT_SEND_MESSAGE)
        histogram = &times->sends;
    else if (verb == CHAT_GET_HISTORY)
        histogram = &times->reads;
    histogram_add_us(histogram, us);
}

/* Within a JSON string a quote is escaped, so no text of a client's can hold these bytes. */
static const char date_member[] = "\"date\":\"";

void times_row(struct times *times, const struct event *event)
{
    const char *member;
    size_t left;
    int64_t at_us;

    if (event->log != LOG_ROOM || !event_kind_is_message(event->kind) || !event->json)
        return;
    member = memmem(event->json, event->json_len, date_member, sizeof date_member - 1);
    if (!member)
        return;
    member += sizeof date_member - 1;
    left = event->json_len - (size_t)(member - event->json);
    if (left >= CLOCK_ISO_SIZE - 1 &&
        clock_iso_parse(span_make(member, CLOCK_ISO_SIZE - 1), &at_us))
        histogram_add_us(&times->deliveries, clock_wall_us() - at_us);
}
