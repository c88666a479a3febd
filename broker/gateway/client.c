/* A socket's own state: who it is, which rooms it is in, from where. How it came in is connect.c's.
 */
#include "broker/gateway/client.h"

#include "broker/gateway/catchup.h"
#include "broker/gateway/command.h"
#include "broker/gateway/connect.h"
#include "broker/gateway/gateway.h"
#include "broker/gateway/presence.h"
#include "broker/gateway/recovery.h"
#include "broker/gateway/typing.h"
#include "broker/gateway/user.h"
#include "shared/base/clock.h"
#include "shared/base/json_write.h"
#include "shared/base/mem.h"

static void on_expiry(void *arg)
{
    client_deny(arg, ERR_TOKEN_EXPIRED, "Your token has expired.");
}

/* Tokens of an outside issuer are all that such a user's connection rests on. */
static void start_expiry(struct client *client)
{
    int64_t left_us = client->actor.expires_us - clock_wall_us();

    if (client->actor.expires_us == 0)
        return;
    client->expiry = loop_timer_new(client->gateway->loop, on_expiry, client);
    loop_timer_start(client->expiry, left_us > 0 ? left_us / 1000 + 1 : 1, 0);
}

struct client *client_new(struct gateway *gateway, struct sio_socket *socket,
                          const struct chat_actor *actor)
{
    struct client *client = mem_alloc(sizeof *client);

    client->gateway = gateway;
    client->socket = socket;
    client->actor = *actor;
    client->refs = 1;
    list_init(&client->user_node);
    list_init(&client->commands);
    client->user = user_open(gateway, actor->user_id);
    user_add(client->user, client);
    sio_socket_set_data(socket, client);
    start_expiry(client);
    return client;
}

struct client *client_ref(struct client *client)
{
    client->refs++;
    return client;
}

void client_unref(struct client *client)
{
    if (--client->refs == 0)
        free(client);
}

void client_gone(struct client *client, bool recoverable)
{
    typing_client_gone(client);
    presence_client_gone(client);
    recovery_client_gone(client, recoverable);
    client->state = CLIENT_GONE;
    client->socket = NULL;
    if (client->expiry)
        loop_timer_free(client->expiry);
    client->expiry = NULL;
    connect_cancel(client);
    command_drop_waiting(client);
    while (client->room_count > 0)
        client_left(client, client->rooms[client->room_count - 1]);
    mem_free(client->rooms);
    user_remove(client->user, client);
    client->user = NULL;
    client_unref(client);
}

bool client_heeds(const struct client *client, int64_t seq)
{
    return (client->state == CLIENT_HISTORY || client->state == CLIENT_LIVE) &&
           seq > client->inbox_skip;
}

bool client_hides(const struct client *client, int64_t author)
{
    return client->user && user_has_blocked(client->user, author);
}

void client_emit(struct client *client, struct sio_message *message)
{
    if (!client->socket || client->state == CLIENT_GONE)
        return;
    client->gateway->stats.events_emitted++;
    sio_emit_message(client->socket, message);
}

void client_emit_news(struct client *client, struct sio_message *message)
{
    if (!client->socket || client->state != CLIENT_LIVE)
        return;
    client->gateway->stats.events_emitted++;
    sio_emit_passing(client->socket, message);
}

void client_emit_row(struct client *client, int64_t room, int64_t seq, struct span json)
{
    struct sio_message *message = sio_message_new(json);
    char offset[OFFSET_SIZE];

    if (client->session) {
        recoverable_offset(client->session, room, seq, offset);
        sio_message_set_offset(message, offset);
    }
    client_emit(client, message);
    sio_message_unref(message);
}

void client_emit_json(struct client *client, struct span json)
{
    client_emit_row(client, 0, 0, json);
}

void client_emit_held(struct client *client, int64_t room, int64_t seq, struct sio_message *message)
{
    if (client->session) /* its offset lies before what the client got meanwhile */
        client_emit_row(client, room, seq, sio_message_json(message));
    else
        client_emit(client, message);
}

void client_deny(struct client *client, enum err err, const char *message)
{
    if (!client->socket || client->state == CLIENT_GONE)
        return;
    if (client->state == CLIENT_CONNECTING)
        sio_accept(client->socket); /* a refusal is an event, and events follow the answer */
    connect_deny(client->socket, err, message);
    client->state = CLIENT_GONE;
    client->gateway->stats.clients_denied++;
}

void client_close(struct client *client)
{
    if (!client->socket || client->state == CLIENT_GONE)
        return;
    recovery_client_gone(client, true);
    client->state = CLIENT_GONE;
    sio_close(client->socket);
}

void client_reload(struct client *client)
{
    recovery_client_gone(client, false);
    client_close(client);
}

/* ---- memberships ---- */

/* Where `room_id` is or belongs. */
static size_t room_at(const struct client *client, int64_t room_id)
{
    size_t low = 0, high = client->room_count;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (client->rooms[mid]->room_id < room_id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct membership *client_room(const struct client *client, int64_t room_id)
{
    size_t at = room_at(client, room_id);

    if (at < client->room_count && client->rooms[at]->room_id == room_id)
        return client->rooms[at];
    return NULL;
}

struct membership *client_add_room(struct client *client, int64_t room_id, struct span name,
                                   int64_t head)
{
    size_t at = room_at(client, room_id);
    struct membership *membership = mem_alloc(sizeof *membership);

    membership->client = client;
    membership->room_id = room_id;
    membership->head = head;
    membership->name = span_present(name) ? mem_span_dup(name) : NULL;
    if (client->room_count == client->room_cap) {
        client->room_cap = client->room_cap ? client->room_cap * 2 : 2;
        client->rooms = mem_regrow(client->rooms, client->room_cap, sizeof *client->rooms);
    }
    memmove(client->rooms + at + 1, client->rooms + at,
            (client->room_count - at) * sizeof *client->rooms);
    client->rooms[at] = membership;
    client->room_count++;
    return membership;
}

void client_join(struct client *client, int64_t room_id, struct span name, int64_t seq)
{
    struct membership *membership = client_room(client, room_id);

    if (!membership) {
        membership = client_add_room(client, room_id, name, seq - 1);
        if (client->state == CLIENT_LIVE) {
            room_enter(client->gateway, membership);
            presence_joined(membership);
        }
    } else {
        absences_return(&membership->away, seq);
    }
}

void client_leave(struct client *client, int64_t room_id, int64_t seq)
{
    struct membership *membership = client_room(client, room_id);

    if (membership && room_leave_at(membership, seq))
        client_left(client, membership);
}

void client_left(struct client *client, struct membership *membership)
{
    size_t at = room_at(client, membership->room_id);

    recoverable_stay_over(membership);
    room_remove(membership);
    client->room_count--;
    memmove(client->rooms + at, client->rooms + at + 1,
            (client->room_count - at) * sizeof *client->rooms);
    absences_release(&membership->away);
    free(membership->name);
    free(membership);
}
