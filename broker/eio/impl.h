/* The insides of the Engine.IO server, for broker/eio only. */
#ifndef PARLEY_EIO_IMPL_H
#define PARLEY_EIO_IMPL_H

#include "broker/eio/eio.h"
#include "broker/eio/packet.h"
#include "broker/eio/stream.h"
#include "broker/eio/strtab.h"
#include "shared/base/random.h"

/* How long a closed polling session waits for the GET that takes its last packets. */
#define EIO_PARK_MS 30000

struct eio_server {
    struct eio_options options; /* strings owned */
    const struct eio_app_ops *app_ops;
    void *app;
    const struct eio_net_ops *net_ops;
    void *net;
    int64_t now;
    struct strtab sessions;  /* by sid */
    struct strtab addresses; /* struct eio_address */
    struct eio_timers timers;
    struct list dirty_wires;    /* eio_wire.dirty: to be written */
    struct list dirty_sessions; /* eio_session.dirty: polls to be answered */
    struct list wanting;        /* streams to be asked for more */
    struct list dead;           /* eio_session.dead: to be swept */
    size_t bytes_queued;        /* of all sessions' and wires' queues */
    bool refuse_new;
    bool ending; /* eio_server_close_all: nobody is waited for */
    struct eio_stats stats;
};

/* Clients by address, to bound their sessions. */
struct eio_address {
    struct strtab_node node;
    size_t sessions;
    char text[];
};

/* What is kept of the handshake request. */
struct eio_handshake {
    size_t query_len, headers_len;
    char fields[]; /* the query, then the headers: eio_fields both */
};

enum eio_state {
    EIO_STATE_OPEN,
    EIO_STATE_PARKED, /* closed, but the client's next GET is awaited to tell it */
    EIO_STATE_CLOSED
};

struct eio_session {
    struct eio_server *server;
    struct strtab_node node;
    struct eio_address *address;
    struct eio_handshake *handshake;
    void *user;
    struct eio_wire *wire;     /* its transport, if that is websocket */
    struct eio_wire *probe;    /* a websocket that wants to become it */
    struct eio_exchange *get;  /* the parked poll */
    struct eio_exchange *post; /* whose body is being read or handled */
    struct eio_queue queue;    /* for polling */
    struct eio_timer timer;    /* heartbeat; parked: the end of the wait */
    struct eio_timer upgrade_timer;
    struct list dirty, dead, streams;
    uint8_t state, reason;
    bool websocket; /* the transport */
    bool awaiting_pong;
    bool extended;   /* the pong's deadline was moved by other traffic, once */
    bool probed;     /* the probe was answered: polls are to be flushed */
    bool told;       /* the application knows that it is closed */
    uint64_t number; /* of the server's sessions: for logs, where a sid must not be */
    char sid[RANDOM_ID_SIZE + EIO_SID_PREFIX_MAX];
};

/* ---- server.c ---- */
void eio_server_wake(struct eio_server *server);
struct eio_session *eio_server_find(const struct eio_server *server, struct span sid);

/* ---- session.c ---- */
struct eio_session *eio_session_new(struct eio_server *server, const struct eio_request *request,
                                    struct span query_fields, bool websocket);
/* The open packet, queued; then the application hears of it. */
void eio_session_start(struct eio_session *session);
/* As eio_session_send without the bounds: what the session itself has to say. */
bool eio_session_queue_frame(struct eio_session *session, struct eio_frame *frame);
void eio_session_queue_packet(struct eio_session *session, struct span packet);
/* Output waits: see to it at the end of the turn. */
void eio_session_has_output(struct eio_session *session);
/* A packet from the client, over either transport. */
void eio_session_packet(struct eio_session *session, const struct eio_packet *packet);
/* The one function that ends a session; `code` goes into the websocket's close frame (0: none). */
void eio_session_end(struct eio_session *session, enum eio_reason reason, int code);
/* Tell the application of a closed session, and free it unless it is parked. */
void eio_session_sweep(struct eio_session *session);
/* A parked session is over: its client knows, or did not come. */
void eio_session_unpark(struct eio_session *session);
/* Its output queue: the websocket's or its own. */
struct eio_queue *eio_session_output(struct eio_session *session);
bool eio_address_full(const struct eio_server *server, const char *address);

/* ---- heartbeat.c ---- */
void eio_heartbeat_start(struct eio_session *session);
void eio_heartbeat_pong(struct eio_session *session);
/* Any other packet came in. */
void eio_heartbeat_traffic(struct eio_session *session);

/* ---- check.c ---- */
struct eio_checked {
    struct buf query;            /* eio_fields; owned by who checks */
    struct eio_session *session; /* of the sid */
    bool websocket;              /* transport */
};
/* The reference server's checks in its order (docs/CONFORMANCE.md). True: fine. Else
 * *refusal, and *message if it has a text of its own. */
bool eio_check(struct eio_server *server, const struct eio_request *request, bool upgrade,
               struct eio_checked *checked, enum eio_refusal *refusal, const char **message);
/* Is there room for one more session of this address? Counted if not. */
bool eio_may_open(struct eio_server *server, const struct eio_request *request);

/* ---- answer.c ---- */
/* The CORS lines for the answer to this request; NULL: none. Owned by the caller. */
char *eio_cors_lines(const struct eio_server *server, const struct eio_request *request);
bool eio_cors_enabled(const struct eio_server *server);
/* By the list; `upgrade`: for a websocket. */
bool eio_origin_refused(const struct eio_server *server, const struct eio_request *request,
                        bool upgrade);
void eio_answer_preflight(struct eio_server *server, struct eio_exchange *exchange,
                          const struct eio_request *request);
/* Status with a body of that type; type NULL: none. */
void eio_answer_body(struct eio_server *server, struct eio_exchange *exchange, int status,
                     const char *type, struct span body, bool close);
/* 405: a session takes GET and POST. */
void eio_answer_method(struct eio_server *server, struct eio_exchange *exchange);
/* The cookie with the sid, if there is to be one, for the answer of a handshake. */
void eio_answer_cookie(const struct eio_server *server, struct eio_exchange *exchange,
                       const char *sid);
/* 200 with a body for this client alone, compressed if that is worth it and accepted. */
void eio_answer_ok(struct eio_server *server, struct eio_exchange *exchange, const char *type,
                   struct span body);
/* The same in parts, uncompressed; the result is net_ops->answer_begin's. */
size_t eio_answer_begin(struct eio_server *server, struct eio_exchange *exchange, const char *type,
                        struct span part);
void eio_answer_refusal(struct eio_server *server, struct eio_exchange *exchange,
                        enum eio_refusal refusal, const char *message);

/* ---- polling.c ---- */
enum eio_begin eio_polling_get(struct eio_session *session, struct eio_exchange *exchange);
enum eio_begin eio_polling_post(struct eio_session *session, struct eio_exchange *exchange,
                                const struct eio_request *request);
/* Answer the parked poll if there is something for it. */
void eio_polling_flush(struct eio_session *session);
/* Answer the poll of a parked session: with what was queued before its end or, alone, with the end.
 * Never with both: official clients handle a close before the events that came with it, keep those
 * for their next connection, and show them twice. */
void eio_polling_part(struct eio_session *session);
/* The last answers of a session that closes. */
void eio_polling_finish(struct eio_session *session);

/* ---- upgrade.c ---- */
void eio_upgrade_begin(struct eio_session *session, struct eio_wire *wire);
void eio_upgrade_message(struct eio_session *session, struct span data, bool binary);
/* Give the probing websocket up; the session stays on polling. */
void eio_upgrade_abort(struct eio_session *session);

/* ---- websocket.c ---- */
void eio_wire_push(struct eio_server *server, struct eio_wire *wire, struct eio_frame *frame);
/* Part it from its session and close it: after what is queued, with a close frame of that code. */
void eio_wire_close(struct eio_server *server, struct eio_wire *wire, int code);

#endif
