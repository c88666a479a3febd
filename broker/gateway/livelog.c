/* What a room's log and a user's inbox have in common; the order itself is seqlog's. */
#include "broker/gateway/livelog.h"

#include "broker/gateway/gateway.h"
#include "broker/gateway/relay.h"
#include "broker/gateway/repair.h"
#include "broker/gateway/room.h"
#include "broker/gateway/user.h"

/* How the two kinds of log differ. */
static const struct {
    void (*deliver)(struct livelog *live, struct event *event);
    bool (*is_empty)(const struct livelog *live);
    void (*free)(struct livelog *live);
} kinds[] = {
    [LOG_ROOM] = {room_deliver, room_is_empty, room_free},
    [LOG_INBOX] = {user_deliver, user_is_empty, user_free},
};

static struct idmap *map_of(struct gateway *gateway, enum log_type type)
{
    return type == LOG_ROOM ? &gateway->rooms : &gateway->users;
}

void livelog_open(struct livelog *live, struct gateway *gateway, enum log_type type, int64_t id,
                  int64_t last)
{
    live->gateway = gateway;
    live->type = type;
    live->id = id;
    seqlog_init(&live->seq, last);
    list_init(&live->sub_node);
    list_init(&live->gap_node);
    list_init(&live->empty_node);
    idmap_put(map_of(gateway, type), id, live);
    relay_subscribe(gateway->relay, live);
}

void livelog_close(struct livelog *live)
{
    relay_unsubscribe(live->gateway->relay, live);
    idmap_remove(map_of(live->gateway, live->type), live->id);
    list_remove(&live->gap_node);
    list_remove(&live->empty_node);
    seqlog_release(&live->seq);
}

struct livelog *livelog_find(struct gateway *gateway, enum log_type type, int64_t id)
{
    return idmap_get(map_of(gateway, type), id);
}

static void deliver(void *owner, struct event *event)
{
    struct livelog *live = owner;

    live->gateway->stats.events_delivered++;
    kinds[live->type].deliver(live, event);
    times_row(&live->gateway->times, event);
}

void livelog_start(struct livelog *live, int64_t last)
{
    seqlog_start(&live->seq, last, deliver, live);
    livelog_settle(live);
}

void livelog_forget(struct livelog *live)
{
    list_remove(&live->gap_node);
    live->fetch_token = 0; /* a fetch under way is nobody's */
    seqlog_release(&live->seq);
    seqlog_init(&live->seq, SEQLOG_UNKNOWN);
}

void livelog_feed(struct livelog *live, struct event *event)
{
    seqlog_feed(&live->seq, event, live->gateway->gap_events, deliver, live);
    livelog_settle(live);
}

void livelog_note(struct livelog *live, int64_t seq)
{
    seqlog_note(&live->seq, seq);
    livelog_settle(live);
}

void livelog_settle(struct livelog *live)
{
    if (live->seq.last == SEQLOG_UNKNOWN)
        return;
    switch (seqlog_state(&live->seq, live->gateway->gap_events)) {
    case SEQLOG_WAITING:
        repair_wait(live->gateway->repair, live);
        break;
    case SEQLOG_OVERDUE:
        list_remove(&live->gap_node);
        repair_fetch(live->gateway->repair, live);
        break;
    case SEQLOG_STEADY:
    case SEQLOG_FETCHING:
        list_remove(&live->gap_node);
        break;
    }
}

void livelog_maybe_empty(struct livelog *live)
{
    struct gateway *gateway = live->gateway;

    if (!list_is_empty(&live->empty_node))
        return;
    list_append(&gateway->empty, &live->empty_node);
    loop_defer(gateway->loop, &gateway->sweep_empty);
}

void livelog_sweep_empty(void *arg)
{
    struct gateway *gateway = arg;
    struct list *node;

    while ((node = list_take_first(&gateway->empty))) {
        struct livelog *live = list_entry(node, struct livelog, empty_node);

        if (kinds[live->type].is_empty(live)) {
            livelog_close(live);
            kinds[live->type].free(live);
        }
    }
}
