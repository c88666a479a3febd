/* What the tests of Socket.IO sockets have in common: a server, clients, a network that is none. */
#ifndef PARLEY_TESTS_UNIT_SIO_WORLD_H
#define PARLEY_TESTS_UNIT_SIO_WORLD_H

#include "broker/sio/impl.h"
#include "tests/unit/eio/fake_net.h"

#define CLIENTS 3

struct client {
    struct fake_ws ws;
    struct sio_socket *socket;
};

struct world {
    struct loop *loop;
    struct sio_server *server;
    struct sio_room *room;
    struct fake_net net;
    struct client clients[CLIENTS];
    struct sio_socket *last; /* that connected */
    bool hold;               /* admission is decided later */
    int connects, disconnects, acks, gone;
    enum sio_reason reason;
    enum err ack_err;
    char auth[64], events[256], answer[64];
};

extern struct world world;

/* Namespaces "/" and "/chat"; a second without a namespace, two packets or 1000 bytes during an
 * admission. With recovery: a minute of it. */
int world_setup(void **state);
int world_setup_recovery(void **state);
/* Also checks that every socket that connected has gone. */
int world_teardown(void **state);

void world_copy(char *to, size_t size, struct span from);
/* Counts, and keeps the answer. */
void world_on_ack(struct sio_socket *socket, enum err err, const struct sio_event *answer,
                  void *arg);
/* The end of the turn for both layers. */
void world_turn(void);

/* A websocket past its open packet, in the place of the client's last. */
void world_open_client(int client);
/* Connect to "/"; the CONNECT answer is returned. */
const char *world_connect_client(int client, const char *packet);
/* And the end of the turn. */
void world_send_text(int client, const char *text);
/* The next frame is this text; there is none; the next but messages is a close frame. */
void world_assert_next(int client, const char *text);
void world_assert_nothing(int client);
void world_assert_ended(int client);

#endif
