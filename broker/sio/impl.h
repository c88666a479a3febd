/* The insides of the Socket.IO server, for broker/sio only. */
#ifndef PARLEY_SIO_IMPL_H
#define PARLEY_SIO_IMPL_H

#include "broker/eio/eio.h"
#include "broker/eio/stream.h"
#include "broker/eio/strtab.h"
#include "broker/net/listener.h"
#include "broker/sio/packet.h"
#include "broker/sio/sio.h"
#include "shared/base/list.h"
#include "shared/base/random.h"

struct sio_recovery;
struct sio_restored;

struct sio_server {
    struct loop *loop;
    struct eio_server *eio;
    struct net_listener *net;
    struct list namespaces;
    struct list ready;       /* sockets whose waiting packets are due: sio_socket.queued */
    struct list dead;        /* sockets to be swept: sio_socket.queued */
    struct loop_defer sweep; /* looks at both at the end of the turn */
    struct list pages;
    int64_t connect_timeout_ms, recovery_window_ms;
    size_t max_payload, wait_packets;
    int max_depth;
    struct buf scratch; /* for decoding a packet */
    struct buf encoded; /* for encoding one */
    uint64_t sockets;
    uint64_t passing_dropped;
};

struct sio_namespace {
    struct list link;
    struct sio_server *server;
    const struct sio_namespace_ops *ops;
    void *app;
    struct list rooms;
    uint64_t next_room;
    struct sio_recovery *recovery; /* NULL: off */
    char name[];
};

/* A binary packet whose attachments are still to come. */
struct sio_pending {
    char *text;
    size_t text_len;
    int wanted, have;
    struct span attachments[SIO_ATTACHMENTS_MAX]; /* owned */
};

/* One Engine.IO session: what its namespaces have in common. */
struct sio_client {
    struct sio_server *server;
    struct eio_session *session; /* NULL once it is closed */
    struct list sockets;
    struct sio_pending *pending;
    struct eio_timer connect_timer;
    int64_t idle_left, welcome_at; /* ms; client.c: what the timer has left, when it stopped */
    bool parse_error;              /* why the session was closed, if not for what it says itself */
};

enum sio_state {
    SIO_WAITING, /* for the application's admission */
    SIO_CONNECTED,
    SIO_CLOSED /* waits for the sweep */
};

struct sio_socket {
    struct sio_client *client;
    struct sio_namespace *ns;
    struct list link, queued;
    struct list memberships; /* sio_membership.of_socket */
    struct list acks;        /* sio_waiting_ack.link */
    struct list waiting;     /* packets that came before admission */
    struct list streams;     /* sio_stream.link */
    void *data;
    struct sio_message *last;      /* whose offset was the last sent */
    char *pid;                     /* NULL: not recoverable */
    struct strtab_node live;       /* by pid in the library's recovery, while connected */
    struct sio_restored *restored; /* what its CONNECT asked to recover, until it is accepted */
    uint64_t next_ack;
    uint64_t since; /* the library's recovery: the log's number at its admission */
    uint32_t waiting_count;
    size_t waiting_bytes;
    uint8_t state, reason;
    bool recovered;
    char sid[RANDOM_ID_SIZE];
};

struct sio_membership {
    struct sio_room *room;
    struct sio_socket *socket;
    struct list of_socket;
    size_t index; /* in room->members */
};

struct sio_room {
    struct sio_namespace *ns;
    struct list link;
    uint64_t id; /* never used again in its namespace */
    struct sio_membership **members;
    size_t count, cap;
};

/* ---- server.c ---- */
/* Without a network: who binds one to server->eio (a test) drives it. */
struct sio_server *sio_server_new_bare(struct loop *loop, const struct sio_options *options);
struct sio_namespace *sio_server_find(const struct sio_server *server, struct span name);
void sio_server_sweep_later(struct sio_server *server);
extern const struct eio_app_ops sio_eio_ops;

/* ---- client.c ---- */
struct sio_client *sio_client_new(struct sio_server *server, struct eio_session *session);
void sio_client_message(struct sio_client *client, struct span data, bool binary);
/* The session is over: so are the sockets. Frees. */
void sio_client_gone(struct sio_client *client, enum eio_reason reason);
/* A socket came or went: is the connect timeout to run? */
void sio_client_check_timeout(struct sio_client *client);

/* ---- socket.c ---- */
struct sio_socket *sio_socket_new(struct sio_client *client, struct sio_namespace *ns);
/* Mark it closed; the sweep tells the application. The one function that ends a socket. */
void sio_socket_end(struct sio_socket *socket, enum sio_reason reason);
/* Tell the application and free. */
void sio_socket_sweep(struct sio_socket *socket);
/* Send a packet of the socket's namespace: `payload` and the id if wanted. */
void sio_socket_send(struct sio_socket *socket, enum sio_packet_type type, struct span payload,
                     const uint64_t *id, const struct span *attachments, int count);

/* ---- dispatch.c ---- */
/* A packet for a connected socket, whole. */
void sio_socket_packet(struct sio_socket *socket, const struct sio_packet *packet,
                       const struct span *attachments);
/* The same for one that waits for admission: it is copied. */
void sio_socket_wait(struct sio_socket *socket, struct span text, const struct span *attachments,
                     int count);
/* Handle those that waited. */
void sio_socket_run_waiting(struct sio_socket *socket);
void sio_socket_drop_waiting(struct sio_socket *socket);

/* ---- ack.c ---- */
void sio_acks_answer(struct sio_socket *socket, uint64_t id, const struct sio_event *answer);
/* The socket goes: all of them fail. */
void sio_acks_fail(struct sio_socket *socket);

/* ---- message.c ---- */
struct eio_frame *sio_message_frame(struct sio_message *message, struct sio_namespace *ns,
                                    bool with_offset);
/* With the offset of another message. Not shared: the caller unrefs it. */
struct eio_frame *sio_message_frame_as(struct sio_message *message, struct sio_namespace *ns,
                                       const char *offset);
const char *sio_message_offset(const struct sio_message *message);
/* Attachments, in order. */
struct eio_frame **sio_message_attachments(const struct sio_message *message, int *count);

/* ---- emit.c ---- */
/* Without looking at recovery: the message as it is. */
void sio_deliver(struct sio_socket *socket, struct sio_message *message);

/* ---- room.c ---- */
void sio_rooms_leave_all(struct sio_socket *socket);

/* ---- stream.c ---- */
/* The socket goes: gone() for those without an end. */
void sio_streams_fail(struct sio_socket *socket);

/* ---- recovery.c ---- */
struct sio_recovery *sio_recovery_new(int64_t window_ms);
void sio_recovery_free(struct sio_recovery *recovery);
/* Number and keep a message that goes to a room or to one socket (the other is NULL). */
void sio_recovery_log(struct sio_namespace *ns, struct sio_message *message,
                      const struct sio_room *room, const struct sio_socket *socket,
                      const struct sio_socket *except);
/* What CONNECT's payload asks for; NULL: nothing, or nothing that can be given. */
struct sio_restored *sio_recovery_find(struct sio_namespace *ns, struct span auth);
void sio_restored_free(struct sio_restored *restored);
const char *sio_restored_sid(const struct sio_restored *restored);
const char *sio_restored_pid(const struct sio_restored *restored);
/* Join the rooms again and send what was missed. Frees `restored`. */
void sio_recovery_replay(struct sio_socket *socket, struct sio_restored *restored);
/* An admitted socket has a pid of the library's. */
void sio_recovery_add(struct sio_socket *socket);
/* The end of such a socket. Keep what is needed to restore it, if `recoverable`. */
void sio_recovery_remove(struct sio_socket *socket, bool recoverable);

#endif
