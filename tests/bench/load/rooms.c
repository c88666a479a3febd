/*
 * Messages into rooms. Closed loop: `lanes` are always in flight, the next is sent when the last
 * member has the one before. Open loop: `rate` a second, each timed from when it was due, so that a
 * server that pauses is charged for what waited meanwhile (no coordinated omission).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/load/load.h"

#define CONNECTING_AT_ONCE 256

/* A message on its way: its number is its place. */
struct sent {
    int64_t due;
    int lane, missing;
    size_t seen; /* where its bits are, one for each member */
};

static struct sent *messages;
static size_t message_count, message_room;
static uint8_t *seen; /* who has what */
static size_t seen_len, seen_room;
static uint64_t missing, done; /* done: all members have it, in the window */
static long next_lane;

static long members(long room)
{
    return (load.options.clients - room + load.options.rooms - 1) / load.options.rooms;
}

static struct sent *message_add(void)
{
    if (message_count == message_room) {
        message_room = message_room ? 2 * message_room : 4096;
        messages = realloc(messages, message_room * sizeof *messages);
        if (!messages)
            abort();
    }
    return &messages[message_count++];
}

/* Bits for so many members, none set; returns where. */
static size_t seen_add(long count)
{
    size_t at = seen_len;

    seen_len += (size_t)count / 8 + 1;
    if (seen_len > seen_room) {
        seen_room = 2 * seen_len + 4096;
        seen = realloc(seen, seen_room);
        if (!seen)
            abort();
        memset(seen + at, 0, seen_room - at);
    }
    return at;
}

static void send_on(int lane, int64_t due)
{
    long room = lane % load.options.rooms, member = lane / load.options.rooms % members(room);
    struct conn *sender = &load.conns[room + member * load.options.rooms];
    struct sent *message = message_add();
    char text[2048], name[32];
    const char *where = name;
    int len;

    *message = (struct sent){due, lane, (int)members(room), seen_add(members(room))};
    missing += (uint64_t)message->missing;
    load.sent++;
    snprintf(name, sizeof name, "r%ld", room);
    if (load.options.chat && load.line_count > 0)
        where = load.lines[sender->id % load.line_count].field[1];
    len = snprintf(text, sizeof text, "42[\"%s\",{\"room\":\"%s\",\"text\":\"#%zu#%.*s\"}]",
                   load.options.chat ? "sendMessage" : "say", where, message_count - 1,
                   (int)load.options.payload,
                   "................................................................"
                   "................................................................");
    conn_text(sender, text, (size_t)len);
}

static bool over(void)
{
    return (load.until > 0 && now_us() >= load.until) ||
           (load.options.messages > 0 && (long)load.sent >= load.options.messages);
}

/* Whether this is the member's first of a message of its room. */
static bool is_expected(const struct conn *conn, size_t number)
{
    long member = conn->id / load.options.rooms;
    const struct sent *message;
    uint8_t *bits, bit;

    if (number >= message_count)
        return false;
    message = &messages[number];
    if (message->lane % load.options.rooms != conn->id % load.options.rooms)
        return false;
    bits = &seen[message->seen + (size_t)member / 8];
    bit = (uint8_t)(1 << member % 8);
    if (*bits & bit)
        return false;
    *bits |= bit;
    return true;
}

static void delivered(const struct conn *conn, size_t number)
{
    struct sent *message;
    int64_t now = now_us();

    if (!is_expected(conn, number)) {
        load.extra++;
        return;
    }
    message = &messages[number];
    message->missing--;
    missing--;
    if (now >= load.from && now < load.until)
        load.deliveries++;
    if (message->due >= load.from && message->due < load.until)
        hist_add(&load.latency, now - message->due);
    if (message->missing > 0)
        return;
    if (now >= load.from && now < load.until)
        done++;
    if (load.options.rate == 0 && !over())
        send_on(message->lane, now);
}

static void on_text(struct conn *conn, const char *text, size_t len)
{
    const char *mark;

    if (len > 12 &&
        (memcmp(text, "42[\"said\"", 9) == 0 || memcmp(text, "42[\"newMessage\"", 15) == 0)) {
        mark = memchr(text, '#', len);
        if (mark)
            delivered(conn, strtoul(mark + 1, NULL, 10));
    } else if (len > 20 && memcmp(text, "42[\"sendMessageError\"", 21) == 0) {
        load.refused++;
    }
}

static void on_ready(struct conn *conn)
{
    (void)conn;
}

/* All in, or as many as come within two minutes. `parallel` 0: all at once. */
static void connect_all(void)
{
    int64_t end = now_us() + 120 * 1000000LL;
    long next = 0, most = load.options.parallel ? load.options.parallel : load.options.clients;

    while (load.ready + load.failed < load.options.clients && now_us() < end) {
        while (next < load.options.clients && next - load.ready - load.failed < most)
            conn_open(&load.conns[next++]);
        load_turn(100000);
    }
}

/* Send what is due; returns how long nothing is. */
static int64_t send_due(int64_t start)
{
    int64_t due = start + next_lane * 1000000 / load.options.rate;

    while (due <= now_us() && !over()) {
        send_on((int)(next_lane++ % load.options.lanes), due);
        due = start + next_lane * 1000000 / load.options.rate;
    }
    return due > now_us() ? due - now_us() : 0;
}

static void send_all(int64_t start)
{
    int64_t wait = 10000;

    if (load.options.rate == 0)
        for (int lane = 0; lane < load.options.lanes; lane++)
            send_on(lane, now_us());
    while (!over()) {
        if (load.options.rate > 0)
            wait = send_due(start);
        load_turn(wait < 10000 ? wait : 10000);
    }
}

static void drain(void)
{
    int64_t end = now_us() + load.options.drain * 1000000;

    while (missing > 0 && now_us() < end)
        load_turn(10000);
}

/* How busy this program was. */
struct busy {
    double connecting, sending;
};

static void report(double seconds, struct busy busy, double connecting)
{
    printf("{\"clients\":%ld,\"ready\":%ld,\"failed\":%ld,\"connecting_ms\":%.1f,"
           "\"connecting_busy\":%.3f,"
           "\"setup_us\":{\"p50\":%ld,\"p99\":%ld,\"max\":%ld},\"seconds\":%.3f,\"sent\":%lu,"
           "\"deliveries\":%lu,\"per_s\":%.1f,\"lost\":%lu,\"extra\":%lu,\"refused\":%lu,",
           load.options.clients, load.ready, load.failed, connecting, busy.connecting,
           (long)hist_at(&load.setup, 0.5), (long)hist_at(&load.setup, 0.99), (long)load.setup.max,
           seconds, load.sent, load.deliveries, (double)load.deliveries / seconds, missing,
           load.extra, load.refused);
    /* By the clock that all processes share: others look at the server meanwhile. */
    printf("\"window\":{\"from_us\":%ld,\"until_us\":%ld,\"sends\":%lu},", (long)load.from,
           (long)load.until, done);
    printf("\"latency_us\":{\"count\":%lu,\"p50\":%ld,\"p99\":%ld,\"p999\":%ld,\"max\":%ld},"
           "\"busy\":%.3f,\"lower_bound\":%s}\n",
           load.latency.count, (long)hist_at(&load.latency, 0.5),
           (long)hist_at(&load.latency, 0.99), (long)hist_at(&load.latency, 0.999),
           (long)load.latency.max, busy.sending, busy.sending > 0.9 ? "true" : "false");
    fflush(stdout);
}

/* What is counted and not timed is sent when it has arrived. */
static void send_and_drain(int64_t start, struct busy *busy)
{
    int64_t idle = load.idle;

    send_all(start);
    if (load.options.messages > 0)
        drain();
    busy->sending = busy_since(start, idle);
    if (load.options.messages == 0)
        drain();
}

void run_rooms(void)
{
    int64_t start = now_us(), idle = load.idle;
    struct busy busy = {0};
    double connecting;

    load.on_ready = on_ready;
    load.on_text = on_text;
    if (load.options.parallel < 0)
        load.options.parallel = CONNECTING_AT_ONCE;
    connect_all();
    connecting = (double)(now_us() - start) / 1000;
    busy.connecting = busy_since(start, idle);
    start = now_us();
    load.from = start + load.options.warmup * 1000000;
    load.until = load.from + load.options.seconds * 1000000;
    if (load.options.hold == 0 && load.ready == load.options.clients)
        send_and_drain(start, &busy);
    if (load.options.messages > 0)
        load.until = now_us();
    report((double)(load.until - load.from) / 1e6, busy, connecting);
    /* Idle, until whoever started this has looked at the server and kills it. */
    while (load.options.hold > 0 && load.ready > 0)
        load_turn(100000);
}
