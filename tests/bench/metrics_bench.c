/*
 * What taking times costs a send, without the send: the clock, the histograms and the date of its
 * row, as broker/gateway does it for each. Built and run by hand:
 *
 *   make tests/bench/metrics_bench && tests/bench/metrics_bench
 */
#include "broker/gateway/times.h"
#include "shared/base/clock.h"

#define ROUNDS 5000000
#define BATCH 16 /* sends in a batch, as under load */

static const char row[] =
    "[\"newMessage\",{\"room\":\"general\",\"seq\":123456,\"kind\":\"text\",\"sender\":\"alice\","
    "\"text\":\"a message of a usual length, not too short\","
    "\"date\":\"2026-11-23T01:02:03.456Z\",\"nonce\":\"0123456789abcdef\"}]";

static struct times times;
static struct histogram sizes, commits;

static void one_clock(int64_t *sum)
{
    *sum += clock_mono_us();
}

static void one_histogram(int64_t *sum)
{
    histogram_add_us(&commits, (*sum)++ & 4095);
}

static void one_row(int64_t *sum)
{
    const struct event event = {
        .log = LOG_ROOM, .kind = EVENT_TEXT, .json = (char *)row, .json_len = sizeof row - 1};

    times_row(&times, &event);
    (*sum)++;
}

/* All that a send has more than before: arrival and answer, its row's delivery, its share of the
 * batch and of a turn of the loop. */
static void one_send(int64_t *sum)
{
    int64_t began_us = clock_mono_us();

    times_command(&times, CHAT_SEND_MESSAGE, clock_mono_us() - began_us);
    one_row(sum);
    if (*sum % BATCH == 0) {
        began_us = clock_mono_us();
        histogram_add(&sizes, HISTOGRAM_SIZE, BATCH);
        histogram_add_us(&commits, clock_mono_us() - began_us);
        one_clock(sum);
    }
}

static void measure(const char *what, void (*run)(int64_t *sum))
{
    int64_t sum = 0, began_us = clock_mono_us();

    for (int i = 0; i < ROUNDS; i++)
        run(&sum);
    printf("%-40s %6.1f ns\n", what, (double)(clock_mono_us() - began_us) * 1000 / ROUNDS);
}

int main(void)
{
    measure("a look at the clock", one_clock);
    measure("an addition to a histogram", one_histogram);
    measure("a row's date, and its histogram", one_row);
    measure("all that a send has of it", one_send);
    return 0;
}
