/* See the header. What the pools hand over comes here before anybody acts on it. */
#include "broker/gateway/timeline.h"

#include "broker/gateway/client.h"
#include "broker/gateway/gateway.h"
#include "broker/gateway/recovery.h"
#include "broker/gateway/repair.h"
#include "broker/gateway/user.h"
#include "shared/base/log.h"

static uint64_t close_clients(struct gateway *gateway)
{
    uint64_t closed = 0;
    size_t cursor = 0;
    struct user *user;

    while ((user = idmap_next(&gateway->users, &cursor))) {
        list_for_each(node, &user->clients)
        {
            client_reload(list_entry(node, struct client, user_node));
            closed++;
        }
    }
    return closed;
}

static void forget_positions(struct idmap *logs)
{
    size_t cursor = 0;
    struct livelog *live;

    while ((live = idmap_next(logs, &cursor)))
        livelog_forget(live);
}

void timeline_seen(struct gateway *gateway, uint32_t timeline)
{
    uint32_t before = gateway->timeline;
    uint64_t closed;

    if (timeline <= before)
        return;
    gateway->timeline = timeline;
    if (before == 0)
        return;
    closed = close_clients(gateway);
    recovery_forget_parked(gateway->recovery);
    forget_positions(&gateway->users);
    forget_positions(&gateway->rooms);
    repair_restart(gateway->repair);
    gateway->stats.timeline_changes++;
    log_event(LOG_WARN, "timeline_changed", "from=%u to=%u clients=%llu", before, timeline,
              (unsigned long long)closed);
}

bool timeline_fits(const struct gateway *gateway, int64_t timeline)
{
    return gateway->timeline == 0 || gateway->timeline == (timeline > 0 ? timeline : 1);
}
