/*
 * A network without sockets for tests of the Engine.IO server: requests and messages are function
 * calls, answers and output are kept to be looked at. Time is a number.
 */
#ifndef PARLEY_TESTS_UNIT_EIO_FAKE_NET_H
#define PARLEY_TESTS_UNIT_EIO_FAKE_NET_H

#include "broker/eio/eio.h"

/* One HTTP request and what became of it. */
struct fake_http {
    struct eio_exchange exchange; /* first: ops find the rest by it */
    bool held;                    /* eio has it */
    bool wants_body;
    bool streaming;
    bool dropped;
    int status; /* 0: not answered */
    struct buf body;
    struct buf headers;
};

/* One websocket. */
struct fake_ws {
    struct eio_wire wire; /* first */
    const char *refused;  /* before 101; NULL: accepted */
    bool open;
    bool blocked;    /* the peer does not read: nothing is taken */
    struct buf sent; /* raw: greeting and frames */
};

struct fake_net {
    struct eio_server *server;
    int64_t now;
    size_t answer_waiting; /* what answer_begin and answer_part say is unsent */
};

/* Binds itself to the server. */
void fake_net_init(struct fake_net *net, struct eio_server *server, int64_t now);

/* `target` is path?query. Headers: NULL or "name: value\n..." lines. */
void fake_request(struct fake_net *net, struct fake_http *http, const char *method,
                  const char *target, const char *headers, int64_t content_length);
/* The body of a request that wants one. */
void fake_body(struct fake_net *net, struct fake_http *http, struct span body);
/* A whole POST. */
void fake_post(struct fake_net *net, struct fake_http *http, const char *target, const char *body);
void fake_abort(struct fake_net *net, struct fake_http *http);
/* Forget it; aborts if it is still held. */
void fake_http_release(struct fake_net *net, struct fake_http *http);

/* A websocket handshake. */
void fake_ws_open(struct fake_net *net, struct fake_ws *ws, const char *target);
void fake_ws_send(struct fake_net *net, struct fake_ws *ws, struct span data, bool binary);
void fake_ws_gone(struct fake_net *net, struct fake_ws *ws);
/* Take at most `max` bytes of what waits for it. */
void fake_ws_write(struct fake_net *net, struct fake_ws *ws, size_t max);
/* The text or payload of the next whole frame in `sent`, removed; "" and *opcode -1: none. The span
 * is valid until the next call. The greeting is skipped. */
struct span fake_ws_frame(struct fake_ws *ws, int *opcode);

/* Time passes: tick, then the end of the turn. */
void fake_pass(struct fake_net *net, int64_t ms);
/* The end of the turn, until there is nothing to do. */
void fake_flush(struct fake_net *net);

#endif
