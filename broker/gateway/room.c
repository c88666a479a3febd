/*
 * Fan-out of a room's log to its members here, each from its own position. The hot path of the
 * broker: one event, one encoding, one queue entry per member. What a member missed is catchup.c's.
 */
#include "broker/gateway/room.h"

#include <assert.h>

#include "broker/gateway/catchup.h"
#include "broker/gateway/client.h"
#include "broker/gateway/gateway.h"
#include "broker/gateway/presence.h"
#include "broker/gateway/recovery.h"
#include "broker/gateway/recoverable.h"
#include "broker/gateway/roomname.h"
#include "broker/gateway/typing.h"
#include "broker/gateway/user.h"
#include "shared/base/mem.h"

static struct room *room_open(struct gateway *gateway, int64_t id, int64_t last)
{
    struct room *room = mem_alloc(sizeof *room);

    list_init(&room->typists);
    list_init(&room->presence_node);
    livelog_open(&room->live, gateway, LOG_ROOM, id, last);
    return room;
}

static void add_member(struct room *room, struct membership *membership)
{
    if (room->count == room->cap) {
        room->cap = room->cap ? room->cap * 2 : 2;
        room->members = mem_regrow(room->members, room->cap, sizeof *room->members);
    }
    membership->room = room;
    membership->index = room->count;
    room->members[room->count++] = membership;
}

void room_enter(struct gateway *gateway, struct membership *membership)
{
    struct livelog *live = livelog_find(gateway, LOG_ROOM, membership->room_id);
    struct room *room;

    assert(!membership->room);
    room = live ? (struct room *)live : room_open(gateway, membership->room_id, membership->head);
    add_member(room, membership);
    if (membership->name)
        room_name_learn(room, span_of(membership->name), membership->head);
    mem_free(membership->name);
    membership->entered_n = recovery_last(gateway);
    if (room->live.seq.last == SEQLOG_UNKNOWN)
        livelog_start(&room->live, membership->head); /* gives it what was held */
    else if (room->live.seq.last > membership->head)
        catchup_begin(membership, room->live.seq.last);
    else
        seqlog_note(&room->live.seq, membership->head);
    seqlog_note(&room->live.seq, absences_last(&membership->away));
    livelog_settle(&room->live);
}

void room_remove(struct membership *membership)
{
    struct room *room = membership->room;
    struct membership *last;

    catchup_cancel(membership);
    if (!room)
        return;
    last = room->members[--room->count];
    room->members[membership->index] = last;
    last->index = membership->index;
    membership->room = NULL;
    if (room->count == 0)
        livelog_maybe_empty(&room->live);
}

bool room_leave_at(struct membership *membership, int64_t seq)
{
    if (seq <= membership->head)
        return false; /* of an earlier stay */
    absences_leave(&membership->away, seq);
    if (membership->room && !membership->catchup && membership->room->live.seq.last >= seq)
        return room_member_ends(membership);
    if (membership->room)
        livelog_note(&membership->room->live, seq);
    return false;
}

bool room_member_wants(const struct membership *membership, int64_t seq)
{
    return seq > membership->head && !absences_cover(&membership->away, seq);
}

bool room_member_passes(struct membership *membership, const struct event *event)
{
    int64_t leaves;

    if (event->kind == EVENT_MEMBER_LEFT && event->subject == membership->client->actor.user_id)
        absences_leave(&membership->away, event->seq);
    leaves = absences_first(&membership->away);
    return leaves != 0 && event->seq >= leaves;
}

bool room_member_ends(struct membership *membership)
{
    int64_t back = absences_take(&membership->away);

    if (back == 0)
        return true;
    recoverable_stay_over(membership);
    membership->entered_n = recovery_last(membership->client->gateway);
    membership->head = back - 1;
    return false;
}

/* Hand one event to one member. True: its stay ends with it. */
static bool offer(struct membership *membership, const struct event *event,
                  struct sio_message **message)
{
    bool passed;

    if (event->seq <= membership->head)
        return false;
    /* While it catches up all is held: a return may be known later than its rows. */
    if ((membership->catchup || room_member_wants(membership, event->seq)) && event->json &&
        !client_hides(membership->client, event->author)) {
        if (!*message) {
            *message = sio_message_new(span_make(event->json, event->json_len));
            recovery_fan_out(membership->client->gateway, membership->room, event->seq, *message);
        }
        if (membership->catchup)
            catchup_hold(membership, event->seq, *message);
        else
            client_emit(membership->client, *message);
    }
    passed = room_member_passes(membership, event);
    return passed && !membership->catchup && room_member_ends(membership);
}

/* What a row changes about passing news: it comes before the row itself. */
static void take_note(struct room *room, const struct event *event)
{
    if (event->kind == EVENT_CHANNEL_UPDATED)
        room_name_heed(room, event);
    else if (event->kind == EVENT_TEXT)
        typing_over(room, event->author);
    else if (event->kind == EVENT_MEMBER_LEFT)
        typing_over(room, event->subject);
}

/* Members are reached over pointers to memory that is cold: see sio_sockets_fetch. */
static void fetch(struct membership *const *members, size_t count)
{
    struct sio_socket *sockets[SIO_FETCH];
    size_t open = 0;

    for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(&members[i]->client);
        __builtin_prefetch(&members[i]->catchup);
    }
    for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(&members[i]->client->socket);
        __builtin_prefetch(&members[i]->client->state);
    }
    for (size_t i = 0; i < count; i++) {
        if (members[i]->client->user)
            __builtin_prefetch(&members[i]->client->user->blocked_count);
        if (members[i]->client->socket)
            sockets[open++] = members[i]->client->socket;
    }
    sio_sockets_fetch(sockets, open);
}

void room_deliver(struct livelog *live, struct event *event)
{
    struct room *room = (struct room *)live;
    struct sio_message *message = NULL;

    take_note(room, event);
    for (size_t i = room->count; i-- > 0;) { /* backwards: a member that goes swaps in a done one */
        struct membership *membership = room->members[i];

        if ((room->count - 1 - i) % SIO_FETCH == 0) {
            size_t first = i + 1 < SIO_FETCH ? 0 : i + 1 - SIO_FETCH;

            fetch(room->members + first, i + 1 - first);
        }
        if (offer(membership, event, &message))
            client_left(membership->client, membership);
    }
    sio_message_unref(message);
}

bool room_is_empty(const struct livelog *live)
{
    return ((const struct room *)live)->count == 0;
}

void room_free(struct livelog *live)
{
    struct room *room = (struct room *)live;

    typing_forget(room);
    presence_room_gone(room);
    room_name_forget(room);
    free(room->members);
    free(room);
}
