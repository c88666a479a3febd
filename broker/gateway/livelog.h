/*
 * A log that is live on this broker: a room's (struct room) or a user's inbox (struct user). What
 * both have in common: position and order (seqlog), the MQTT subscription, and repair.
 */
#ifndef PARLEY_GATEWAY_LIVELOG_H
#define PARLEY_GATEWAY_LIVELOG_H

#include "broker/gateway/seqlog.h"
#include "shared/base/list.h"

struct gateway;

/* Of the log's MQTT topic. */
enum livelog_sub {
    SUB_NONE,   /* not asked for, or MQTT is down */
    SUB_WANTED, /* goes out at the end of the turn */
    SUB_SENT,   /* waits for SUBACK */
    SUB_ACTIVE
};

struct livelog {
    struct gateway *gateway;
    enum log_type type;
    int64_t id;
    struct seqlog seq;
    enum livelog_sub sub;
    uint64_t fetch_token;   /* of the fetch under way: a late answer to an older one is ignored */
    int64_t gap_deadline;   /* ms: a gap that is still there then is fetched */
    struct list sub_node;   /* relay's list of wanted subscriptions */
    struct list gap_node;   /* repair's list of gaps, by deadline */
    struct list empty_node; /* gateway's list of logs that nobody may need any more */
};

/* `last` may be SEQLOG_UNKNOWN. Registers the log under its type and id, and subscribes. */
void livelog_open(struct livelog *live, struct gateway *gateway, enum log_type type, int64_t id,
                  int64_t last);
/* Unsubscribes and forgets it; frees nothing but what livelog holds. */
void livelog_close(struct livelog *live);

/* NULL if that log is not live here. */
struct livelog *livelog_find(struct gateway *gateway, enum log_type type, int64_t id);

/* Give the position of a log opened as unknown. */
void livelog_start(struct livelog *live, int64_t last);

/* Nothing that was known of it holds any more: it is as one opened as unknown, but subscribed. */
void livelog_forget(struct livelog *live);

/* An event came in, from MQTT, from a commit of ours, or from a fetch. Takes it over. */
void livelog_feed(struct livelog *live, struct event *event);

/* PostgreSQL has events up to `seq`; if we lack some, they are waited for and then fetched. */
void livelog_note(struct livelog *live, int64_t seq);

/* After a change of its state outside livelog_*: wait, fetch, or rest, as seqlog_state says. */
void livelog_settle(struct livelog *live);

/* Nobody here may need it any more: looked at again at the end of the turn, and closed if so. */
void livelog_maybe_empty(struct livelog *live);

/* Run by the gateway at the end of a turn. */
void livelog_sweep_empty(void *gateway);

#endif
