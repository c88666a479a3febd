/*
 * An Engine.IO v4 server: sessions, both transports, heartbeat, upgrade. It takes bytes and `now`
 * as arguments and owns no socket: who does (broker/net) hands it requests and messages and gets
 * answers and output through a table of operations. Tests and fuzzers drive it the same way.
 *
 * Everything on one thread. Callbacks into the application may call anything here; a session is
 * never freed inside one: it is marked, and swept by eio_server_flush.
 */
#ifndef PARLEY_EIO_EIO_H
#define PARLEY_EIO_EIO_H

#include "broker/eio/frame.h"
#include "broker/eio/queue.h"
#include "broker/eio/timer.h"
#include "shared/base/list.h"

struct eio_server;
struct eio_session;

struct eio_options {
    const char *path; /* "/engine.io/": a prefix of the request's path */
    int64_t ping_interval_ms, ping_timeout_ms, upgrade_timeout_ms;
    size_t max_payload;  /* bytes of a packet, or of the body of a POST */
    const char *origins; /* see eio_origin_allowed; NULL or "": no CORS headers, any origin; else
                            websockets of foreign origins are refused */
    bool check_origins;  /* polling of foreign origins is refused too */
    bool polling, websocket;
    size_t output_bytes, output_packets; /* bounds of one session's queue */
    size_t process_output_bytes;         /* of all queues; past it the fullest is closed */
    size_t max_sessions, max_per_address;
    bool gzip; /* answers to polls of EIO_GZIP_MIN bytes and more, if the client accepts it */
    const char *cookie; /* name of a cookie with the sid for the answer to a polling handshake; NULL
                           or "": none */
    const char *sid_prefix; /* NULL: none; at most EIO_SID_PREFIX_MAX URL-safe characters, by which
                               a front could route polling */
};
#define EIO_SID_PREFIX_MAX 11

enum eio_reason {
    EIO_REASON_CLIENT,    /* the client closed: packet 1, or the websocket's close */
    EIO_REASON_TRANSPORT, /* a transport broke the rules or the connection was lost */
    EIO_REASON_PING_TIMEOUT,
    EIO_REASON_PARSE,       /* what it sent is no packet */
    EIO_REASON_SLOW_READER, /* past output_bytes or output_packets */
    EIO_REASON_FORCED,      /* eio_session_close by the application */
    EIO_REASON_SHUTDOWN,
    EIO_REASON_COUNT
};

/* In snake_case, for logs and metrics. */
const char *eio_reason_name(enum eio_reason reason);

/* ---- requests ---- */

struct eio_request {
    struct span method;     /* "GET" */
    struct span path;       /* as sent */
    struct span query;      /* as sent, without `?` */
    struct span headers;    /* eio_fields, names in lower case */
    const char *address;    /* of the client, as trusted proxies say */
    int64_t content_length; /* -1: chunked */
};

/* One HTTP request that Engine.IO answers. Embedded in the struct of who owns the socket; all zero
 * before eio_request_begin. */
struct eio_exchange {
    struct eio_session *session; /* while held or while its body is read */
    char *lines;                 /* header lines for the answer; NULL: none */
    bool streaming;              /* the answer has begun and is not complete */
    bool head;                   /* HEAD: the answer has no body */
    bool gzip;                   /* the client takes it */
};

struct eio_answer {
    int status;
    const char *content_type; /* NULL: no body */
    struct span headers;      /* further header lines, each with CRLF; may be empty */
    struct span body;
    bool close; /* close the connection after it */
};

/* One websocket. Embedded in the struct of who owns the socket; eio_wire_open fills it. */
struct eio_wire {
    struct eio_session *session; /* NULL: closing, what comes in is ignored */
    struct eio_queue queue;
    struct eio_frame *pong; /* waits to be written; the last ping's */
    struct list dirty;
    bool closing; /* once the queue is written: end the connection */
};

struct eio_net_ops {
    /* eio_server_flush is wanted at the end of this turn. */
    void (*wake)(void *net);
    /* Answer an exchange, now or later as the socket allows; after this it is not eio's any more.
     * All spans are valid during the call only. */
    void (*answer)(struct eio_exchange *exchange, const struct eio_answer *answer);
    /* The parts of an answer whose length nobody knows (answer->body is the first part). Returns
     * the number of bytes that wait for the socket; call eio_exchange_drained once they are gone.
     * After `last` the exchange is not eio's any more. */
    size_t (*answer_begin)(struct eio_exchange *exchange, const struct eio_answer *answer);
    size_t (*answer_part)(struct eio_exchange *exchange, struct span part, bool last);
    /* The websocket has output (eio_wire_gather), or is closing: write what the socket takes.
     * Called from eio_server_flush only. */
    void (*write)(struct eio_wire *wire);
    /* Drop the connection of an exchange whose session is gone, unanswered. */
    void (*drop)(struct eio_exchange *exchange);
};

struct eio_app_ops {
    /* Admission before anything is made; NULL: let it in, else the text of error 4. May be NULL. */
    const char *(*admit)(void *app, const struct eio_request *request);
    void (*open)(void *app, struct eio_session *session);
    /* A message; `data` is valid during the call. Text is valid UTF-8. */
    void (*message)(struct eio_session *session, struct span data, bool binary);
    /* Once for each session opened; it is freed after this. Called from eio_server_flush. */
    void (*close)(struct eio_session *session, enum eio_reason reason);
};

/* ---- server ---- */

void eio_options_init(struct eio_options *options);

/* Both tables are kept; options and its strings are copied. Owned by the caller. */
struct eio_server *eio_server_new(const struct eio_options *options,
                                  const struct eio_app_ops *app_ops, void *app, int64_t now);
/* Say who owns the sockets. Before the first request. */
void eio_server_bind(struct eio_server *server, const struct eio_net_ops *net_ops, void *net);
/* Mark every session closed (SHUTDOWN); flush sweeps them. */
void eio_server_close_all(struct eio_server *server);
/* All sessions must be swept, all wires and exchanges gone. */
void eio_server_free(struct eio_server *server);

/* New handshakes get 503. */
void eio_server_refuse_new(struct eio_server *server);

/* Heartbeats and other deadlines. Run it at every wake-up once the websockets have been read: the
 * pong that a loop finds when it comes to itself late has not come late. Requests run it. */
void eio_server_tick(struct eio_server *server, int64_t now);
/* When to tick next; INT64_MAX: no deadline. */
int64_t eio_server_next(const struct eio_server *server);
/* The heap that tick runs, for the timers of the layer above. */
struct eio_timers *eio_server_timers(struct eio_server *server);
/* The `now` of the last call that had one. */
int64_t eio_server_now(const struct eio_server *server);

/* The end of a turn: write what waits, answer polls, sweep closed sessions. Returns whether there
 * is more to do at once. */
bool eio_server_flush(struct eio_server *server, int64_t now);

struct eio_stats {
    uint64_t sessions, handshakes, refused, slow_closed, packets_in, packets_out, bytes_queued;
    uint64_t full, address_full;       /* of `refused`: max_sessions, max_per_address */
    uint64_t too_long;                 /* bodies and messages past max_payload */
    uint64_t past_bytes, past_packets; /* of `slow_closed`: output_bytes, output_packets; the rest:
                                          process_output_bytes */
    uint64_t closed[EIO_REASON_COUNT];
};
void eio_server_stats(const struct eio_server *server, struct eio_stats *out);

/* What only a look at every session tells: for an operator who asks now and then. */
struct eio_survey {
    uint64_t websockets;
    uint64_t packets_queued;
    uint64_t longest_bytes; /* what waits for the connection that has most waiting */
};
void eio_server_survey(const struct eio_server *server, struct eio_survey *out);

/* Bounds and origins from now on: origins, check_origins, output_bytes, output_packets,
 * process_output_bytes, max_sessions, max_per_address of `options`. What is open stays open. */
void eio_server_change(struct eio_server *server, const struct eio_options *options);

/* ---- from the network: HTTP ---- */

/* Is this path Engine.IO's? */
bool eio_server_owns(const struct eio_server *server, struct span path);
/* The limit of a request's body. */
size_t eio_server_max_payload(const struct eio_server *server);

enum eio_begin {
    EIO_ANSWERED,  /* ops->answer has been called */
    EIO_WANT_BODY, /* read the body, then eio_request_body; too long: eio_request_too_long */
    EIO_HELD       /* it will be answered later */
};
/* A request whose headers are complete, not an upgrade. */
enum eio_begin eio_request_begin(struct eio_server *server, struct eio_exchange *exchange,
                                 const struct eio_request *request, int64_t now);
/* The whole body of a request that wanted it. Answers. */
void eio_request_body(struct eio_server *server, struct eio_exchange *exchange, struct span body,
                      int64_t now);
/* The body passes eio_server_max_payload (as it turned out on the way): answers 413. */
void eio_request_too_long(struct eio_server *server, struct eio_exchange *exchange, int64_t now);
/* The connection of an exchange that is not answered yet is gone. */
void eio_exchange_aborted(struct eio_server *server, struct eio_exchange *exchange, int64_t now);
/* What answer_begin or answer_part left waiting is written. */
void eio_exchange_drained(struct eio_server *server, struct eio_exchange *exchange, int64_t now);

/* ---- from the network: websockets ---- */

/* May this websocket handshake be answered with 101? NULL: yes; else the text to send with status
 * *status instead. */
const char *eio_upgrade_check(struct eio_server *server, const struct eio_request *request,
                              int64_t now, int *status);
/* The handshake is accepted. `greeting` is its answer (101), to be written before all else;
 * `request` is the one that was checked, in the same turn. */
void eio_wire_open(struct eio_server *server, struct eio_wire *wire, struct span greeting,
                   const struct eio_request *request, int64_t now);
/* A whole message; text must be valid UTF-8. */
void eio_wire_message(struct eio_server *server, struct eio_wire *wire, struct span data,
                      bool binary, int64_t now);
/* An RFC 6455 ping: the pong goes out with the next write. */
void eio_wire_ping(struct eio_server *server, struct eio_wire *wire, struct span payload);
/* The peer broke RFC 6455 (1002, 1007, 1009): close with that code. */
void eio_wire_fail(struct eio_server *server, struct eio_wire *wire, int code, int64_t now);
/* It sent a close frame; the answer carries its code (0: none). */
void eio_wire_peer_closed(struct eio_server *server, struct eio_wire *wire, int code, int64_t now);
/* The connection is gone. The wire is not eio's any more. */
void eio_wire_gone(struct eio_server *server, struct eio_wire *wire, int64_t now);

/* See to it at the end of the turn: ops->write. */
void eio_wire_dirty(struct eio_server *server, struct eio_wire *wire);
/* What to write: as eio_queue_gather, a waiting pong first where a frame may begin. */
int eio_wire_gather(struct eio_server *server, struct eio_wire *wire, bool alone,
                    struct iovec *pieces, int max);
/* The first `bytes` of it are written. True: they end with a frame that is better read alone, so
 * whoever wants to (net_options.pace_ms) lets some time pass before the next write. */
bool eio_wire_written(struct eio_server *server, struct eio_wire *wire, size_t bytes);

/* ---- sessions ---- */

void eio_session_set_user(struct eio_session *session, void *user);
void *eio_session_user(const struct eio_session *session);
const char *eio_session_sid(const struct eio_session *session);
/* 1, 2, 3, ... : its name in logs, which must not have the sid. */
uint64_t eio_session_number(const struct eio_session *session);
const char *eio_session_address(const struct eio_session *session);
/* A header (lower-case name) or query parameter of the handshake; SPAN_NONE if absent. */
struct span eio_session_header(const struct eio_session *session, const char *name);
struct span eio_session_query(const struct eio_session *session, const char *name);
/* All query parameters, as eio_fields. */
struct span eio_session_query_fields(const struct eio_session *session);

/* Begin to fetch into the cache what eio_session_send will touch: first the session, and a little
 * later what the session points to. For who is about to send to many; changes nothing. */
void eio_session_fetch(const struct eio_session *session);
void eio_session_fetch_output(const struct eio_session *session);

/* Queue a packet; takes a reference of its own. False: the session is closed, or is now because of
 * its bounds. */
bool eio_session_send(struct eio_session *session, struct eio_frame *frame);
/* Would the transport take a packet at once (polling: a parked GET; websocket: nothing waits)? */
bool eio_session_writable(const struct eio_session *session);
/* Is a quarter of what may wait for it waiting? */
bool eio_session_lags(const struct eio_session *session);
bool eio_session_is_open(const struct eio_session *session);
/* End it, after what is queued was written. */
void eio_session_close(struct eio_session *session, enum eio_reason reason);

#endif
