/*
 * What is done over and over on a few connections: Socket.IO handshakes (a new connection each),
 * REST requests (kept alive, one at a time on each).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/load/load.h"

/* An answer that is coming in, by connection. */
static struct answer {
    char head[4096];
    size_t len, missing; /* bytes of the body */
    bool in_body, chunked;
    int64_t asked;
} * answers;

static uint64_t done;

static void count(int64_t took)
{
    int64_t now = now_us();

    if (now < load.from || now >= load.until)
        return;
    done++;
    hist_add(&load.latency, took);
}

static void measure(void)
{
    int64_t start = now_us(), idle = load.idle;
    double busy;

    load.from = start + load.options.warmup * 1000000;
    load.until = load.from + load.options.seconds * 1000000;
    for (long i = 0; i < load.options.clients; i++)
        conn_open(&load.conns[i]);
    while (now_us() < load.until)
        load_turn(10000);
    busy = busy_since(start, idle);
    printf("{\"clients\":%ld,\"seconds\":%ld,\"done\":%lu,\"per_s\":%.1f,\"failed\":%ld,"
           "\"errors\":%lu,\"latency_us\":{\"count\":%lu,\"p50\":%ld,\"p99\":%ld,\"p999\":%ld,"
           "\"max\":%ld},\"busy\":%.3f,\"lower_bound\":%s}\n",
           load.options.clients, load.options.seconds, done,
           (double)done / (double)load.options.seconds, load.failed, load.errors,
           load.latency.count, (long)hist_at(&load.latency, 0.5),
           (long)hist_at(&load.latency, 0.99), (long)hist_at(&load.latency, 0.999),
           (long)load.latency.max, busy, busy > 0.9 ? "true" : "false");
    fflush(stdout);
}

/* ---- handshakes ---- */

static void on_connected(struct conn *conn)
{
    count(now_us() - conn->begun);
    load.ready--;
    conn_close(conn);
    conn_open(conn);
}

static void ignore(struct conn *conn, const char *text, size_t len)
{
    (void)conn;
    (void)text;
    (void)len;
}

void run_handshakes(void)
{
    load.options.rooms = 0;
    load.on_ready = on_connected;
    load.on_text = ignore;
    measure();
}

/* ---- REST ---- */

static void ask(struct conn *conn)
{
    const struct line *line = &load.lines[load.next_line++ % load.line_count];
    char request[4096];
    int len = snprintf(request, sizeof request,
                       "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%ld\r\n%s%s%s"
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                       line->field[0], line->field[1], load.options.port,
                       *line->field[2] ? "Authorization: Bearer " : "", line->field[2],
                       *line->field[2] ? "\r\n" : "", strlen(line->field[3]), line->field[3]);

    answers[conn->id].asked = now_us();
    answers[conn->id].len = 0;
    answers[conn->id].in_body = false;
    conn_write(conn, request, (size_t)len);
}

static void answered(struct conn *conn, const struct answer *answer)
{
    if (answer->head[9] != '2')
        load.errors++;
    count(now_us() - answer->asked);
    ask(conn);
}

/* Bytes of a chunked body: whole when they end with the last chunk's. */
static bool chunks_end(struct answer *answer, const char *bytes, size_t len)
{
    static const char last[] = "\r\n0\r\n\r\n";
    size_t keep = sizeof last - 1;

    /* head[] is free past the status: its end holds the last bytes seen. */
    char *tail = answer->head + sizeof answer->head - keep;

    for (size_t i = len > keep ? len - keep : 0; i < len; i++) {
        memmove(tail, tail + 1, keep - 1);
        tail[keep - 1] = bytes[i];
    }
    return memcmp(tail, last, keep) == 0;
}

static void head_ends(struct answer *answer, const char *end)
{
    const char *length = strcasestr(answer->head, "\r\ncontent-length:");
    const char *chunked = strcasestr(answer->head, "\r\ntransfer-encoding: chunked");

    answer->in_body = true;
    answer->chunked = chunked && chunked < end;
    answer->missing = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
}

static void on_bytes(struct conn *conn, const char *bytes, size_t len)
{
    struct answer *answer = &answers[conn->id];
    size_t room = sizeof answer->head - 1 - answer->len, head;
    const char *end;

    if (!answer->in_body) {
        memcpy(answer->head + answer->len, bytes, len < room ? len : room);
        answer->len += len < room ? len : room;
        answer->head[answer->len] = '\0';
        end = strstr(answer->head, "\r\n\r\n");
        if (!end)
            return;
        head = (size_t)(end - answer->head) + 4;
        head_ends(answer, end);
        /* What came before this read was all head. */
        head -= answer->len - (len < room ? len : room);
        bytes += head;
        len -= head;
    }
    if (answer->chunked) {
        if (chunks_end(answer, bytes, len))
            answered(conn, answer);
        return;
    }
    answer->missing -= len < answer->missing ? len : answer->missing;
    if (answer->missing == 0)
        answered(conn, answer);
}

void run_rest(void)
{
    answers = calloc((size_t)load.options.clients, sizeof *answers);
    load.on_ready = ask;
    load.on_bytes = on_bytes;
    if (answers && load.line_count > 0)
        measure();
    free(answers);
}
