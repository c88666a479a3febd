/*
 * A gateway without network, MQTT and PostgreSQL: the real livelog, room, user, client, catchup and
 * recovery, and one room (7) whose row N has the json "N".
 */
#ifndef PARLEY_TESTS_UNIT_GATEWAY_WORLD_H
#define PARLEY_TESTS_UNIT_GATEWAY_WORLD_H

#include "broker/gateway/catchup.h"
#include "broker/gateway/client.h"
#include "broker/gateway/gateway.h"
#include "broker/gateway/recovery.h"
#include "broker/gateway/user.h"
#include "shared/chat/presence.h"

struct sio_socket {
    void *data;
    char got[512];            /* what was emitted, in order: "3 4 5 " */
    char offset[OFFSET_SIZE]; /* of what was emitted last */
    bool closed;
    bool lags; /* passing news are dropped */
};

struct loop_timer {
    loop_fn fn;
    void *arg;
    int64_t at;
    bool active;
};

struct sio_message {
    char text[96];
    char offset[OFFSET_SIZE];
    int refs;
};

extern struct pool_job *waiting_job;
extern int subscribed, unsubscribed, fetched, waited;
extern int64_t log_head; /* rows 1..log_head of the room exist */
extern int64_t left_seq; /* row at which user 1 leaves; 0: none */
extern int64_t now_ms;
extern char published[256]; /* what went out over MQTT last */
extern int published_count;
extern struct loop_timer *started_timer; /* the last one */
extern char handed_over[4096];           /* the last record given to PostgreSQL */

/* What presence has told PostgreSQL last, and what that answers. */
extern struct step_script {
    int64_t came[8], gone[8], rooms[8];
    size_t came_count, gone_count, room_count;
    bool renew, enroll, again, bury;
    enum err err;
    bool lost, dead;
    struct chat_presence_row rows[80];
    size_t row_count;
    int steps;
} script;

#define ROOM 7

struct world {
    struct gateway gateway;
    struct sio_socket sockets[4];
};

/* Of a test: *state is the struct world. */
int world_setup(void **state);
int world_teardown(void **state);

/* A live client of this user on socket `index`. */
struct client *connect_user(struct world *world, int index, int64_t user_id);
/* Put it into the room, from `head` on. */
void enter(struct client *client, int64_t head);
/* Rows come in: of a kind, about a user; texts of user 99. */
void feed_kind(struct world *world, int64_t seq, enum event_kind kind, int64_t user);
void feed(struct world *world, int64_t from, int64_t to);
void inbox(struct world *world, int64_t user, int64_t seq, enum event_kind kind, int64_t room_seq);
/* Run the job that waits for a thread. */
void run_job(void);

#endif
