/* Sets of sockets that get the same events. */
#include "broker/sio/impl.h"
#include "shared/base/mem.h"

#define CAP_MIN 4

struct sio_room *sio_room_new(struct sio_namespace *ns)
{
    struct sio_room *room = mem_alloc(sizeof *room);

    room->ns = ns;
    room->id = ++ns->next_room;
    list_append(&ns->rooms, &room->link);
    return room;
}

static void membership_free(struct sio_membership *membership)
{
    struct sio_room *room = membership->room;

    room->members[membership->index] = room->members[--room->count];
    room->members[membership->index]->index = membership->index;
    list_remove(&membership->of_socket);
    mem_free(membership);
}

void sio_room_free(struct sio_room *room)
{
    if (!room)
        return;
    while (room->count > 0)
        membership_free(room->members[room->count - 1]);
    list_remove(&room->link);
    mem_free(room->members);
    mem_free(room);
}

static struct sio_membership *find(const struct sio_room *room, const struct sio_socket *socket)
{
    list_for_each(node, &socket->memberships)
    {
        struct sio_membership *membership = list_entry(node, struct sio_membership, of_socket);

        if (membership->room == room)
            return membership;
    }
    return NULL;
}

void sio_room_join(struct sio_room *room, struct sio_socket *socket)
{
    struct sio_membership *membership;

    if (socket->state == SIO_CLOSED || find(room, socket))
        return;
    if (room->count == room->cap) {
        room->cap = room->cap ? room->cap * 2 : CAP_MIN;
        room->members = mem_regrow(room->members, room->cap, sizeof *room->members);
    }
    membership = mem_alloc(sizeof *membership);
    membership->room = room;
    membership->socket = socket;
    membership->index = room->count;
    room->members[room->count++] = membership;
    list_append(&socket->memberships, &membership->of_socket);
}

void sio_room_leave(struct sio_room *room, struct sio_socket *socket)
{
    struct sio_membership *membership = find(room, socket);

    if (membership)
        membership_free(membership);
}

void sio_rooms_leave_all(struct sio_socket *socket)
{
    while (!list_is_empty(&socket->memberships))
        membership_free(list_entry(socket->memberships.next, struct sio_membership, of_socket));
}

size_t sio_room_size(const struct sio_room *room)
{
    return room->count;
}

void sio_sockets_fetch(struct sio_socket *const *sockets, size_t count)
{
    const struct eio_session *sessions[SIO_FETCH];
    size_t open = 0;

    for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(&sockets[i]->client);
        __builtin_prefetch(&sockets[i]->pid);
        __builtin_prefetch(&sockets[i]->state);
    }
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(&sockets[i]->client->session);
    for (size_t i = 0; i < count; i++)
        if (sockets[i]->client->session)
            sessions[open++] = sockets[i]->client->session;
    for (size_t i = 0; i < open; i++)
        eio_session_fetch(sessions[i]);
    for (size_t i = 0; i < open; i++)
        eio_session_fetch_output(sessions[i]);
}

static void fetch(struct sio_membership *const *members, size_t count)
{
    struct sio_socket *sockets[SIO_FETCH];

    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(members[i]);
    for (size_t i = 0; i < count; i++)
        sockets[i] = members[i]->socket;
    sio_sockets_fetch(sockets, count);
}

void sio_room_emit(struct sio_room *room, struct sio_message *message, struct sio_socket *except)
{
    if (room->ns->recovery)
        sio_recovery_log(room->ns, message, room, NULL, except);
    /* A member whose output bound is passed is only marked now: the array does not change. */
    for (size_t i = 0; i < room->count; i++) {
        if (i % SIO_FETCH == 0)
            fetch(room->members + i, i + SIO_FETCH < room->count ? SIO_FETCH : room->count - i);
        if (room->members[i]->socket != except)
            sio_deliver(room->members[i]->socket, message);
    }
}
