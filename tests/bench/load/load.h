/* What the parts of the load generator share. One thread, one epoll. */
#ifndef PARLEY_TESTS_BENCH_LOAD_H
#define PARLEY_TESTS_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/load/hist.h"

/* The command line; see main.c. */
struct load_options {
    const char *mode, *file, *path;
    bool chat; /* parley's events, else join and say */
    long port, clients, rooms, lanes, rate, seconds, warmup, messages, parallel, payload, history;
    long drain, hold;
};

enum state { CLOSED, OPENING, UPGRADING, HELLO, CONNECTING, JOINING, READY };

struct conn {
    int fd, id;
    enum state state;
    bool welcome; /* a fragmented updateChatHistory is coming in */
    char *rest;   /* what is not yet a whole frame */
    size_t rest_len;
    int64_t begun;
    long serial; /* counts the connections made in this place */
};

/* A line of --file: a user's token and room, or a request. Tab-separated. */
struct line {
    const char *field[4];
};

struct load {
    struct load_options options;
    int epoll;
    struct conn *conns;
    struct line *lines;
    long line_count, next_line, ready, failed, opened;
    int64_t from, until; /* the window that counts */
    int64_t idle;        /* time in which there was nothing to do, us */
    uint64_t deliveries, extra, refused, sent, errors;
    struct hist latency, setup;
    void (*on_ready)(struct conn *conn);
    void (*on_text)(struct conn *conn, const char *text, size_t len);
    void (*on_bytes)(struct conn *conn, const char *bytes, size_t len);
};

extern struct load load;

int64_t now_us(void);
/* The bytes to the server, all of them; ends the program if it takes none for ten seconds. */
void conn_write(struct conn *conn, const char *bytes, size_t len);
/* A masked text frame. */
void conn_text(struct conn *conn, const char *text, size_t len);
void conn_open(struct conn *conn);
void conn_close(struct conn *conn);
/* Handle what the server has sent, or sends within `us`. Takes the whole core. */
void load_turn(int64_t us);
/* The share 0..1 of the time since `start` in which there was something to do; `idle`: load.idle
 * then. */
double busy_since(int64_t start, int64_t idle);

/* The modes: each prints one JSON object. */
void run_rooms(void);
void run_handshakes(void);
void run_rest(void);

#endif
