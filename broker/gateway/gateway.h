/*
 * The push broker: chat events on one side, Socket.IO on the other. This header is the inside of
 * broker/gateway: the one context, and how its files reach each other. Everything runs on the
 * loop's thread; what blocks goes to the pools.
 *
 *   connect.c  admission: token, inbox subscription, snapshot, going live
 *   backlog.c  the history and what `since` missed
 *   client.c   a socket with its user and its memberships    user.c  a user's inbox
 *   room.c     a room's log and its local members            livelog.c  what both have in common
 *   news.c     passing news: typing.c, presence.c (announce.c: as events), ...
 *   roomname.c which room a name leads to   expiry.c   mutes and bans that run out
 *   command.c  events from clients -> chat commands -> answers      device.c  the same of devices
 *   app_event.c a site's own events, to its backend
 *   recovery.c sessions of lost connections: recoverable.c, record.c, offset.c, ring.c
 *              what is known of them; claim.c getting them from other brokers; restore.c replaying
 *   timeline.c PostgreSQL has failed over
 *   relay.c    MQTT in and out                               repair.c  fetch, heads, sweep
 *   indexer.c  the search index, behind the logs             probe.c   /healthz /readyz
 *   metrics.c  /metrics, with times.c                     reload.c  SIGHUP
 */
#ifndef PARLEY_GATEWAY_GATEWAY_H
#define PARLEY_GATEWAY_GATEWAY_H

#include "broker/gateway/pool.h"
#include "broker/gateway/times.h"
#include "broker/gateway/writers.h"
#include "broker/sio/sio.h"
#include "shared/base/hash.h"
#include "shared/base/idmap.h"
#include "shared/chat/chat.h"
#include "shared/db/db.h"

struct relay;
struct repair;
struct probe;
struct recovery;
struct typing;
struct presence;
struct app_events;
struct expiry;
struct indexer;

/* Counted since the start, and what is there now; shown by /metrics. On the loop only. */
struct gateway_stats {
    uint64_t clients_admitted, clients_denied, commands, commands_failed, events_delivered,
        events_emitted, gaps_fetched, sweeps, sweep_finds, mqtt_received, mqtt_published,
        mqtt_not_published, sessions_recovered, sessions_lost, timeline_changes, gap_events;
    uint64_t commands_waiting, commands_running;
    uint64_t refused[CONF_COUNT]; /* by the limit that refused, where a file here does */
};

struct gateway {
    struct loop *loop;
    const struct conf *conf;
    struct chat *chat;
    struct sio_server *sio;
    struct relay *relay;
    struct repair *repair;
    struct probe *probe;
    struct recovery *recovery; /* NULL: turned off */
    struct expiry *expiry;
    struct indexer *indexer;
    struct db_fence fence;   /* of all connections to PostgreSQL */
    uint32_t timeline;       /* that all which is known here is of; 0: not known yet */
    struct pool *readers;    /* admission, history, repair */
    struct pool *commanders; /* commands other than sends */
    struct pool *hashers;    /* one thread: password hashes */
    struct writers *writers; /* sends, in batches */
    struct idmap users;      /* struct user by id: those with a client here */
    struct idmap rooms;      /* struct room by id: those with a member here */
    struct idmap room_names; /* struct room by the hash of each of its names; roomname.c's */
    struct hash_key name_key;
    struct typing *typing;
    struct presence *presence; /* NULL: turned off */
    struct app_events *app_events;
    struct list identifying; /* identify.c's */
    struct list empty;       /* livelogs that may go at the end of the turn */
    struct loop_defer sweep_empty;
    int gap_events;                 /* BROKER_GAP_WAIT_EVENTS */
    char id[64];                    /* this broker's name */
    struct loop_timer *drain_timer; /* not NULL: going down */
    int64_t drain_deadline;
    int drain_share; /* connections closed in a step */
    struct gateway_stats stats;
    struct times times;
};

/* Set up everything and listen; *port gets the bound port. `conf` is kept. On failure the reason is
 * logged. */
enum err gateway_start(struct loop *loop, const struct conf *conf, struct gateway **out,
                       int *port) MUST_CHECK;

/* The library's options as the settings have them; their strings are the settings'. */
void gateway_sio_options(const struct conf *conf, struct sio_options *options);

/* Go down gently: unready, no new connections and commands, answer those accepted, close the
 * connections there are, spread over a while (their clients come back elsewhere); then stop the
 * loop, after broker.drain_ms at the latest. */
void gateway_drain(struct gateway *gateway);

/* Stop accepting, close every connection, join the threads, free. Only after loop_run returned. */
void gateway_stop(struct gateway *gateway);

#endif
