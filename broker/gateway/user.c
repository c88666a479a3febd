/* What an inbox row does to the user's sockets here; one handler for each kind of row. */
#include "broker/gateway/user.h"

#include "broker/gateway/client.h"
#include "broker/gateway/connect.h"
#include "broker/gateway/gateway.h"
#include "shared/base/mem.h"

struct user *user_open(struct gateway *gateway, int64_t id)
{
    struct livelog *live = livelog_find(gateway, LOG_INBOX, id);
    struct user *user;

    if (live)
        return (struct user *)live;
    user = mem_alloc(sizeof *user);
    list_init(&user->clients);
    livelog_open(&user->live, gateway, LOG_INBOX, id, SEQLOG_UNKNOWN);
    return user;
}

void user_add(struct user *user, struct client *client)
{
    list_append(&user->clients, &client->user_node);
    user->client_count++;
}

void user_remove(struct user *user, struct client *client)
{
    list_remove(&client->user_node);
    if (--user->client_count == 0)
        livelog_maybe_empty(&user->live);
}

/* ---- blocks ---- */

/* Where `id` is or belongs. */
static size_t blocked_at(const struct user *user, int64_t id)
{
    size_t low = 0, high = user->blocked_count;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (user->blocked[mid] < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

bool user_has_blocked(const struct user *user, int64_t author)
{
    size_t at;

    if (user->blocked_count == 0 || author == 0)
        return false;
    at = blocked_at(user, author);
    return at < user->blocked_count && user->blocked[at] == author;
}

static void blocked_reserve(struct user *user, size_t count)
{
    if (count <= user->blocked_cap)
        return;
    user->blocked_cap = count + 8;
    user->blocked = mem_regrow(user->blocked, user->blocked_cap, sizeof *user->blocked);
}

void user_set_blocked(struct user *user, const int64_t *ids, size_t count)
{
    blocked_reserve(user, count);
    if (count > 0)
        memcpy(user->blocked, ids, count * sizeof *ids);
    user->blocked_count = count;
}

static void on_blocked(struct user *user, const struct event *event)
{
    size_t at = blocked_at(user, event->actor);

    if (user_has_blocked(user, event->actor))
        return;
    blocked_reserve(user, user->blocked_count + 1);
    memmove(user->blocked + at + 1, user->blocked + at,
            (user->blocked_count - at) * sizeof *user->blocked);
    user->blocked[at] = event->actor;
    user->blocked_count++;
}

static void on_unblocked(struct user *user, const struct event *event)
{
    size_t at = blocked_at(user, event->actor);

    if (!user_has_blocked(user, event->actor))
        return;
    user->blocked_count--;
    memmove(user->blocked + at, user->blocked + at + 1,
            (user->blocked_count - at) * sizeof *user->blocked);
}

/* ---- inbox rows ---- */

static void for_clients(struct user *user, const struct event *event,
                        void (*fn)(struct client *, const struct event *))
{
    list_for_each(node, &user->clients)
    {
        struct client *client = list_entry(node, struct client, user_node);

        if (client_heeds(client, event->seq))
            fn(client, event);
    }
}

static void on_joined(struct client *client, const struct event *event)
{
    struct span name = event->room_name ? span_of(event->room_name) : SPAN_NONE;

    client_join(client, event->room, name, event->room_seq);
}

static void on_left(struct client *client, const struct event *event)
{
    client_leave(client, event->room, event->room_seq);
}

static void on_session_ended(struct client *client, const struct event *event)
{
    if (event->session == 0 || event->session == client->actor.session_id)
        client_deny(client, ERR_UNAUTHENTICATED, "Your session has ended.");
}

static void emit_payload(struct client *client, const struct event *event)
{
    client_emit_row(client, 0, event->seq, span_make(event->json, event->json_len));
}

void user_deliver(struct livelog *live, struct event *event)
{
    struct user *user = (struct user *)live;

    switch (event->kind) {
    case EVENT_INBOX_JOINED:
        for_clients(user, event, on_joined);
        break;
    case EVENT_INBOX_LEFT:
        for_clients(user, event, on_left);
        break;
    case EVENT_INBOX_SESSION_ENDED:
        for_clients(user, event, on_session_ended);
        break;
    case EVENT_INBOX_BLOCKED:
        on_blocked(user, event);
        break;
    case EVENT_INBOX_UNBLOCKED:
        on_unblocked(user, event);
        break;
    default:
        break; /* of a newer version: only its payload concerns us */
    }
    if (event->json)
        for_clients(user, event, emit_payload);
}

void user_subscribed(struct livelog *live)
{
    struct user *user = (struct user *)live;

    list_for_each(node, &user->clients)
    {
        connect_subscribed(list_entry(node, struct client, user_node));
    }
}

bool user_is_empty(const struct livelog *live)
{
    return ((const struct user *)live)->client_count == 0;
}

void user_free(struct livelog *live)
{
    struct user *user = (struct user *)live;

    free(user->blocked);
    free(user);
}
