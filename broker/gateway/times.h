/*
 * How long things take, as histograms of the loop's own: /metrics shows them. Each costs one look
 * at the clock at either end; nothing is allocated or locked.
 */
#ifndef PARLEY_GATEWAY_TIMES_H
#define PARLEY_GATEWAY_TIMES_H

#include "shared/base/histogram.h"
#include "shared/chat/chat.h"

struct times {
    struct histogram sends, reads, changes; /* from a command's arrival to its answer */
    struct histogram admissions;            /* from CONNECT to its answer */
    struct histogram deliveries;            /* from a message's date to its fan-out here */
};

/* A command has been answered so many microseconds after it came in. */
void times_command(struct times *times, enum chat_verb verb, int64_t us);

/* A row of a log is handed to this broker's sockets. Only new messages are dated. Takes the date
 * from the row's JSON: between brokers it is as good as their clocks agree. */
void times_row(struct times *times, const struct event *event);

#endif
