/*
 * A Socket.IO v5 server (Engine.IO v4) as a C library. This header is all that an application sees.
 *
 * Everything runs on the loop's thread. The library knows nothing of chat, SQL or MQTT. Text given
 * to it as JSON must be valid JSON; text it hands out as JSON has passed the strict scanner
 * (shared/base/json_scan.h) and is the client's own bytes, verbatim: parse it only if you need to.
 *
 * Life of a socket (one client in one namespace):
 *   CONNECT arrives -> ops->connect(socket, auth): admission. Answer with sio_accept or sio_refuse,
 *   now or later; packets that arrive meanwhile wait (bounded). -> ops->events / ops->event
 *   -> ops->disconnect, exactly once for each socket whose ops->connect was called, accepted or
 *   not. After it returns the pointer is gone. It is never called from inside sio_accept/emit/...:
 *   a connection is marked and swept at the end of the turn.
 */
#ifndef PARLEY_SIO_SIO_H
#define PARLEY_SIO_SIO_H

#include <stdint.h>

#include "broker/net/loop.h"
#include "shared/base/err.h"
#include "shared/base/span.h"

struct sio_server;
struct sio_namespace;
struct sio_socket;
struct sio_room;
struct sio_message;
struct sio_stream;

/* ---- server ---- */

struct sio_options {
    const char *path;           /* "/socket.io/"; copied */
    int64_t ping_interval_ms;   /* 25000 */
    int64_t ping_timeout_ms;    /* 20000 */
    int64_t upgrade_timeout_ms; /* 10000 */
    int64_t connect_timeout_ms; /* 45000: a connection in no namespace is closed after it */
    size_t header_bytes;        /* 0 (8192): HTTP headers of a request */
    size_t max_payload;         /* 1000000 bytes: a packet, or the body of a POST */
    int max_depth;              /* 128: JSON nesting */
    const char *origins;        /* space-separated allow-list; NULL or "": no CORS headers and no
                                   check; "*": all; "http://localhost:*": any port. Websockets of
                                   other origins are refused; polling gets no CORS headers, so that
                                   a browser keeps the answer from the page. A request without
                                   Origin is not a browser's and passes. Copied. */
    bool check_origins;         /* refuse polling of other origins too */
    bool polling, websocket;    /* transports offered */
    size_t output_bytes;        /* queue of one connection; past it the connection is closed */
    size_t output_packets;
    size_t process_output_bytes; /* all queues together; past it the fullest is closed */
    size_t max_connections;      /* sessions of this server; past it handshakes get 503 */
    size_t max_per_address;
    const char *trusted_proxies; /* space-separated addresses whose X-Forwarded-For (last entry) is
                                    believed; copied */
    size_t wait_packets;         /* packets a socket may send during its admission; 64, and no more
                                    once max_payload bytes of them wait */
    int64_t recovery_window_ms;  /* 0: off; else the library's in-memory store is used: sockets
                                    admitted with sio_accept get a pid, emits get offsets */
    bool gzip;          /* true: poll answers of 1 KiB and more, if the client accepts it */
    const char *cookie; /* NULL; else the name of a cookie with the Engine.IO sid in the answer to
                           a polling handshake, by which a front could route polling.
                           Copied. */
    int64_t pace_ms;    /* 1: the pause behind a websocket's 101 and behind the answer to CONNECT,
                           in milliseconds, for a few connections at a time: a client that attaches
                           its next listener only when it has read a frame (protocol test suites
                           do) loses what comes in one segment with it. No client library needs
                           it. 0: none. */
    const char *sid_prefix; /* NULL; else up to 11 URL-safe characters in front of every
                               Engine.IO sid, by which a front could route polling. Copied. */
};

/* The defaults above. */
void sio_options_init(struct sio_options *options);

/* Owned by the caller. */
struct sio_server *sio_server_new(struct loop *loop, const struct sio_options *options);
/* Close everything at once; disconnect callbacks run before it returns. */
void sio_server_free(struct sio_server *server);

/* Listen on host:port (port 0: a free one). *bound_port gets the port. May be called once. */
enum err sio_server_listen(struct sio_server *server, const char *host, int port,
                           int *bound_port) MUST_CHECK;

/* A plain GET on the same port ("/healthz"). `answer` fills status, a constant content type and the
 * body; called for every request. */
struct sio_page {
    int status;
    const char *content_type;
    struct buf *body;
};
typedef void (*sio_page_fn)(void *app, struct sio_page *page);
void sio_server_page(struct sio_server *server, const char *path, sio_page_fn answer, void *app);

/* Refuse new handshakes (503) from now on; existing connections go on. */
void sio_server_refuse_new(struct sio_server *server);

struct sio_stats {
    uint64_t connections, sockets, handshakes, packets_in, packets_out, bytes_queued, slow_closed,
        refused, writes;
    uint64_t full, address_full;       /* of refused: max_connections, max_per_address */
    uint64_t too_long;                 /* bodies and messages past max_payload */
    uint64_t past_bytes, past_packets; /* of slow_closed: by output_bytes, output_packets */
    uint64_t passing_dropped;          /* sio_emit_passing that gave way */
};
/* Counters since the start, and what is there now. */
void sio_server_stats(const struct sio_server *server, struct sio_stats *out);

/* Connections that have ended since the start, one at a time: index 0, 1, ... with the reason's
 * name; NULL: no more. */
const char *sio_server_closed(const struct sio_server *server, int index, uint64_t *count);

/* What only a look at every connection tells, some 0.1 us for each. */
struct sio_survey {
    uint64_t websockets;
    uint64_t packets_queued;
    uint64_t longest_bytes; /* what waits for the connection that has most waiting */
};
void sio_server_survey(const struct sio_server *server, struct sio_survey *out);

/* From now on, with `options` as for sio_server_new: origins, check_origins, output_bytes,
 * output_packets, process_output_bytes, max_connections, max_per_address, max_depth, wait_packets,
 * trusted_proxies. All else stays as it was made, and so does what is open. */
void sio_server_change(struct sio_server *server, const struct sio_options *options);

/* ---- namespaces and handlers ---- */

struct sio_event {
    struct span name;  /* unescaped */
    struct span args;  /* the whole JSON array, name included, verbatim */
    struct span first; /* the first argument after the name; SPAN_NONE if there is none */
    int argc;          /* arguments after the name */
    bool has_ack;      /* the client wants an acknowledgement ... */
    uint64_t ack_id;   /* ... which goes out with sio_ack under this id */
    const struct span *attachments; /* binary parts, in order of their placeholders */
    int attachment_count;
};
/* All spans of an event are valid during the handler only. */

typedef void (*sio_event_fn)(struct sio_socket *socket, const struct sio_event *event);

struct sio_event_handler {
    const char *name;
    sio_event_fn handle;
};

enum sio_reason {
    SIO_CLIENT_DISCONNECT, /* the client sent 41 */
    SIO_SERVER_DISCONNECT, /* sio_disconnect */
    SIO_TRANSPORT_CLOSE,
    SIO_TRANSPORT_ERROR,
    SIO_PING_TIMEOUT,
    SIO_PARSE_ERROR,
    SIO_SLOW_READER, /* output cap */
    SIO_FORCED,      /* sio_close, another namespace's parse error, ... */
    SIO_SHUTDOWN
};

/* The reason as official servers name it ("transport close"). */
const char *sio_reason_name(enum sio_reason reason);
/* May a session closed so be recovered? (everything but the two disconnects) */
bool sio_reason_recoverable(enum sio_reason reason);

struct sio_namespace_ops {
    /* `auth` is the CONNECT payload, a JSON object; "{}" if there was none. NULL: accept all. */
    void (*connect)(struct sio_socket *socket, struct span auth);
    /* Const table ended by {NULL, NULL}; may be NULL. */
    const struct sio_event_handler *events;
    /* What no row of `events` names; may be NULL (ignored). */
    sio_event_fn event;
    void (*disconnect)(struct sio_socket *socket, enum sio_reason reason);
};

/* Unknown namespaces get CONNECT_ERROR "Invalid namespace". `ops` is kept (const data). */
struct sio_namespace *sio_server_namespace(struct sio_server *server, const char *name,
                                           const struct sio_namespace_ops *ops, void *app);

/* ---- sockets ---- */

/* Answer an admission. After sio_accept the CONNECT answer is queued; what is emitted next follows
 * it, and packets that waited are handled before it returns... or at the end of the turn. */
void sio_accept(struct sio_socket *socket);
/* As sio_accept, with `pid` in the answer: this socket's events carry offsets (sio_emit_message
 * with an offset; an event without one still gets the offset last used, or SIO_NO_OFFSET if none
 * was, so that clients never take a payload for one). `sid` NULL: a fresh one; else the restored
 * one. Copied. */
#define SIO_NO_OFFSET "0"
void sio_accept_recoverable(struct sio_socket *socket, const char *sid, const char *pid);
/* CONNECT_ERROR {"message":..., "data":...}; `data` is JSON or SPAN_NONE. */
void sio_refuse(struct sio_socket *socket, const char *message, struct span data);

/* The application's pointer for this socket, and the one its namespace was made with. */
void sio_socket_set_data(struct sio_socket *socket, void *data);
void *sio_socket_data(const struct sio_socket *socket);
void *sio_socket_app(const struct sio_socket *socket);

/* The Socket.IO sid, and the name of its namespace. Valid while the socket is. */
const char *sio_socket_id(const struct sio_socket *socket);
const char *sio_socket_namespace(const struct sio_socket *socket);
/* Handshake record, kept for the life of the connection: the client's address, by trusted
 * proxies. */
/* The connection's number, 1, 2, 3, ...: its name in logs, which must not have the sid. */
uint64_t sio_socket_connection(const struct sio_socket *socket);
const char *sio_socket_address(const struct sio_socket *socket);
/* Request header (lower-case name: "authorization", "origin", "user-agent", "cookie", "host",
 * "x-forwarded-for") or query parameter of the handshake. SPAN_NONE if absent. */
struct span sio_socket_header(const struct sio_socket *socket, const char *name);
struct span sio_socket_query(const struct sio_socket *socket, const char *name);

/* Walk all query parameters: start with *cursor = 0; false: no more. */
bool sio_socket_query_next(const struct sio_socket *socket, size_t *cursor, struct span *name,
                           struct span *value);
/* Did it come back with its state (library's recovery store)? Known in ops->connect already; the
 * rooms are joined and the missed events queued by sio_accept. */
bool sio_socket_recovered(const struct sio_socket *socket);

/* 41 to the client, disconnect callback with SIO_SERVER_DISCONNECT; `close`: the transport too. */
void sio_disconnect(struct sio_socket *socket, bool close);
/* Close the transport without 41 after what is queued was written: official clients reconnect. */
void sio_close(struct sio_socket *socket);

/* ---- emitting ---- */

/* An event, encoded at most once per variant (namespace, transport, with or without offset) however
 * many sockets it goes to. `json` is the argument array, name first: ["newMessage",{...}]. Copied.
 */
struct sio_message *sio_message_new(struct span json);
/* With attachments; `json` has a placeholder {"_placeholder":true,"num":N} for each. Copied. */
struct sio_message *sio_message_binary(struct span json, const struct span *attachments, int count);
/* With a recovery offset, appended as last argument for sockets accepted as recoverable. */
void sio_message_set_offset(struct sio_message *message, const char *offset);
/* The argument array it was made with; valid while the message is. */
struct span sio_message_json(const struct sio_message *message);
struct sio_message *sio_message_ref(struct sio_message *message);
void sio_message_unref(struct sio_message *message); /* takes NULL */

/* Queue `message` for the socket. Written at the end of the turn, coalesced with all that waits.
 * Past the output cap the connection is marked to be closed (SIO_SLOW_READER). */
void sio_emit_message(struct sio_socket *socket, struct sio_message *message);
/* Dropped if the transport cannot take it at once. */
void sio_emit_volatile(struct sio_socket *socket, struct sio_message *message);
/* Dropped if a quarter of what may wait for the connection waits: it gives way to all else. */
void sio_emit_passing(struct sio_socket *socket, struct sio_message *message);
/* One-off: sio_message_new + sio_emit_message + unref. */
void sio_emit(struct sio_socket *socket, struct span json);

/* Acknowledge event `ack_id` with the JSON array `json`. */
void sio_ack(struct sio_socket *socket, uint64_t ack_id, struct span json);
void sio_ack_binary(struct sio_socket *socket, uint64_t ack_id, struct span json,
                    const struct span *attachments, int count);

/* Emit and ask for an acknowledgement. `fn` is called once: with err ERR_OK and the JSON array, or
 * ERR_UNAVAILABLE at timeout_ms or when the socket goes. */
typedef void (*sio_ack_fn)(struct sio_socket *socket, enum err err, const struct sio_event *answer,
                           void *arg);
void sio_emit_with_ack(struct sio_socket *socket, struct span json, int64_t timeout_ms,
                       sio_ack_fn fn, void *arg);

/* ---- streaming one big event ---- */

/* One event whose text is produced piece by piece with back-pressure (a long history): a websocket
 * message in continuation frames, or a chunked poll answer. What is emitted meanwhile waits behind
 * it. The stream's bytes do not count against output_bytes; at most `window` of them are held.
 * `want(arg)` is called on the loop whenever less than half the window is held and more is wanted;
 * write 1..n pieces in answer, now or later. `gone(arg)` instead of further wants if the socket
 * goes; the stream is then invalid. Pieces must together be the JSON array of one event. */
struct sio_stream *sio_stream_begin(struct sio_socket *socket, size_t window, loop_fn want,
                                    loop_fn gone, void *arg);
void sio_stream_write(struct sio_stream *stream, struct span piece);
void sio_stream_end(struct sio_stream *stream);

/* ---- rooms ---- */

/* A set of sockets of one namespace. Sockets leave their rooms by themselves when they go. */
struct sio_room *sio_room_new(struct sio_namespace *ns);
void sio_room_free(struct sio_room *room);
void sio_room_join(struct sio_room *room, struct sio_socket *socket);
void sio_room_leave(struct sio_room *room, struct sio_socket *socket);
size_t sio_room_size(const struct sio_room *room);
/* To all members but `except` (may be NULL). O(members), one encoding per variant. */
void sio_room_emit(struct sio_room *room, struct sio_message *message, struct sio_socket *except);

/* Begin to fetch into the cache what an emit to each of these will touch, at most SIO_FETCH of
 * them: for who emits to many. Their memory has mostly left the cache since they last got
 * something, and lies behind five pointers; taking each step for all of them, one does not wait for
 * the others. */
#define SIO_FETCH 16
void sio_sockets_fetch(struct sio_socket *const *sockets, size_t count);

/* ---- connection state recovery (PROTOCOL section 8) ---- */

/* An application that keeps its own log admits with sio_accept_recoverable and replays by emitting
 * before or after it. Others get the library's in-memory store by options.recovery_window_ms. */

#endif
