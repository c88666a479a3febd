/* The insides of the network, for broker/net only. */
#ifndef PARLEY_NET_IMPL_H
#define PARLEY_NET_IMPL_H

#include "broker/eio/ws_reader.h"
#include "broker/net/http_parse.h"
#include "broker/net/listener.h"
#include "shared/base/list.h"

struct lws;
struct lws_context;
struct lws_vhost;

#define NET_ADDRESS_MAX 46

struct net_page_entry {
    struct net_page_entry *next;
    char *path;
    net_page_fn answer;
    void *app;
};

struct net_listener {
    struct loop *loop;
    struct eio_server *eio;
    struct lws_context *lws;
    struct lws_vhost *vhost;
    char *trusted_proxies;
    size_t header_bytes;
    int64_t pace_ms;
    size_t max_sockets, sockets;
    int fd; /* listening; -1: not yet */
    struct loop_watch *accept_watch;
    struct loop_timer *accept_again; /* after running out of descriptors */
    struct loop_timer *tick_timer;   /* the next deadline of the Engine.IO server */
    struct loop_timer *sweep_timer;  /* looks at `timed` */
    struct loop_defer turn;
    struct list conns;   /* all: net_conn.link */
    struct list timed;   /* those with a deadline, soonest not first: net_conn.timed */
    struct list arrived; /* HTTP connections that got bytes this turn: net_conn.queued */
    struct list ready;   /* HTTP connections with input to look at: net_conn.queued */
    struct list dead;    /* to be closed: net_conn.queued */
    struct list paced;   /* websockets that are given time to read: net_conn.queued */
    struct loop_timer *pace_timer;
    struct net_page_entry *pages;
    struct buf fields; /* header fields of the request being handled */
    uint64_t writes;
};

enum net_state {
    NET_HTTP,
    NET_WEBSOCKET,
    NET_LINGER, /* our side is shut down; what comes is dropped until the peer's end */
    NET_DEAD    /* waits for the sweep */
};

/* The body of a request that is answered without it is read off up to here, to keep the
 * connection. */
#define HTTP_DISCARD_MAX 65536

/* What an HTTP connection needs and a websocket does not. */
struct http {
    struct net_conn *conn;
    struct buf in;   /* what came and is not handled yet */
    struct buf out;  /* an answer that the socket has not taken yet ... */
    size_t out_sent; /* ... but for so much */
    struct buf body; /* of the request */
    struct eio_exchange exchange;
    struct http_chunks chunks;
    uint64_t body_left;
    bool busy;        /* a request is being handled: those behind it wait */
    bool reading;     /* its body is */
    bool chunked;     /* that body is in chunks */
    bool discarding;  /* that body is read to be dropped */
    bool held;        /* exchange is eio's to answer */
    bool answered;    /* the answer is in `out` or sent */
    bool answer_open; /* parts of it are to come */
    bool keep_alive;
    bool http10;
    bool begun; /* some of the next request's header is here */
    char peer[NET_ADDRESS_MAX];
};

struct net_conn {
    struct net_listener *listener;
    struct lws *wsi;
    struct list link, timed, queued;
    int64_t deadline;
    int64_t paced_until; /* the peer is given time to read; 0: nothing to wait for */
    int fd;
    uint8_t state;
    bool blocked;            /* the socket took no more: on when writable */
    bool peer_closed;        /* the peer sent its close frame, or broke the protocol */
    struct http *http;       /* NET_HTTP only */
    struct ws_reader reader; /* NET_WEBSOCKET only, as `wire` */
    struct eio_wire wire;
};

/* ---- conn.c ---- */
struct net_conn *net_conn_new(struct net_listener *listener, int fd, const char *peer);
/* The socket is gone (or never came to be): tell eio, free everything. */
void net_conn_gone(struct net_conn *conn);
/* Bytes came in; they may be changed. */
void net_conn_input(struct net_conn *conn, char *bytes, size_t len);
void net_conn_writable(struct net_conn *conn);
/* Close at the end of the turn. The one function that ends a connection from our side at once. */
void net_conn_kill(struct net_conn *conn);
/* Shut our side down and wait a little for the peer's end, so that what we sent is not lost. */
void net_conn_linger(struct net_conn *conn);
/* Kill it after that time (0: never). */
void net_conn_deadline(struct net_conn *conn, int64_t ms);
/* Its turn comes at the end of this turn. */
void net_conn_ready(struct net_conn *conn);
/* The same for bytes that came from the network, before those that are merely ready. */
void net_conn_arrived(struct net_conn *conn);
/* Call net_conn_writable once the socket takes more. */
void net_conn_want_writable(struct net_conn *conn);

/* ---- http.c ---- */
struct http *http_new(struct net_conn *conn, const char *peer);
void http_free(struct http *http);
void http_input(struct net_conn *conn, const char *bytes, size_t len);
/* Handle the requests that are here. */
void http_run(struct net_conn *conn);

/* ---- http_answer.c ---- */
/* Write what waits; the next request once all of it is. */
void http_flush(struct net_conn *conn);
/* The answer is complete. */
void http_answered(struct net_conn *conn);
/* An answer of the server's own; `close`: and close. */
void http_answer_status(struct net_conn *conn, int status, const char *more_headers,
                        const char *content_type, struct span body, bool close);
void net_answer(struct eio_exchange *exchange, const struct eio_answer *answer);
size_t net_answer_begin(struct eio_exchange *exchange, const struct eio_answer *answer);
size_t net_answer_part(struct eio_exchange *exchange, struct span part, bool last);
void net_drop(struct eio_exchange *exchange);

/* ---- ws.c ---- */
/* A request with `Upgrade: websocket`: answered with 101 or refused. */
void ws_handshake(struct net_conn *conn, const struct http_request *request,
                  const struct eio_request *eio_request);
void ws_input(struct net_conn *conn, char *bytes, size_t len);

/* ---- writer.c ---- */
void net_write(struct eio_wire *wire);
/* The time of those that were given time is over. */
void net_write_paced(struct net_listener *listener);
/* As send(2) without blocking or signals: bytes sent, 0 if the socket takes none now, -1: broken.
 */
ssize_t net_send(struct net_conn *conn, const char *bytes, size_t len);

/* ---- page.c ---- */
bool page_answer(struct net_conn *conn, const struct http_request *request);

/* ---- address.c ---- */
/* The client's address: the last X-Forwarded-For entry if `peer` is a trusted proxy. */
void net_client_address(const struct net_listener *listener, const char *peer,
                        struct span forwarded, char out[NET_ADDRESS_MAX]);

#endif
