/* Book-keeping of what one client was sent. Who restores it and when is recovery.c's. */
#include "broker/gateway/recoverable.h"

#include <assert.h>

#include "broker/gateway/catchup.h"
#include "broker/gateway/client.h"
#include "broker/gateway/gateway.h"
#include "broker/gateway/recovery.h"
#include "broker/gateway/user.h"
#include "shared/base/mem.h"

#define SENT_MAX 1000  /* runs of own events; then the older half is forgotten */
#define STAYS_MAX 1000 /* rooms left that are remembered */
#define ITEMS_MAX 1000 /* rows of a stay handed on with a session whose offset is not known */

static const struct point never = {INT64_MAX, 0};

static struct recoverable *make(struct recovery *recovery, struct client *client)
{
    struct recoverable *session = mem_alloc(sizeof *session);

    session->recovery = recovery;
    session->client = client;
    session->floor = never;
    session->inbox = -1;
    list_init(&session->node);
    if (client) {
        session->user_id = client->actor.user_id;
        client->session = session;
    }
    return session;
}

struct recoverable *recoverable_open(struct recovery *recovery, struct client *client)
{
    struct recoverable *session = make(recovery, client);

    random_id(session->pid);
    snprintf(session->sid, sizeof session->sid, "%s", sio_socket_id(client->socket));
    recovery_register(recovery, session);
    return session;
}

struct recoverable *recoverable_reopen(struct recovery *recovery, struct client *client,
                                       struct span pid, struct span offset, struct record *record)
{
    struct recoverable *session = make(recovery, client);

    snprintf(session->pid, sizeof session->pid, "%.*s", (int)pid.len, pid.ptr);
    memcpy(session->sid, record->sid, sizeof session->sid);
    session->user_id = record->user_id;
    session->restored = mem_alloc(sizeof *record);
    *session->restored = *record;
    *record = (struct record){0};
    if (!session->restored->unsent) {
        snprintf(session->base, sizeof session->base, "%.*s", (int)offset.len, offset.ptr);
        session->base_point.n = recovery->ring.last;
        session->floor = session->base_point;
    }
    recovery_register(recovery, session);
    return session;
}

void recoverable_forget_record(struct recoverable *session)
{
    record_release(session->restored);
    mem_free(session->restored);
}

void recoverable_live(struct recoverable *session, bool floor)
{
    if (session->floor.n != never.n)
        return;
    session->floor =
        floor ? (struct point){session->recovery->ring.last, session->k} : (struct point){0, 0};
}

void recoverable_free(struct recoverable *session)
{
    if (!session)
        return;
    recovery_forget(session->recovery, session);
    if (session->client)
        session->client->session = NULL;
    if (session->restored)
        recoverable_forget_record(session);
    free(session->sent);
    free(session->stays);
    free(session);
}

/* ---- what is sent ---- */

/* Forget the older half; offsets from before may then be of no use. */
static void trim(struct recoverable *session, int64_t now)
{
    assert(session->sent && session->sent_count >= 2);
    size_t half = session->sent_count / 2;
    const struct sent *last = &session->sent[half - 1];

    if (last->at >= now - session->recovery->unsure_ms)
        session->floor = (struct point){last->run.n, last->run.k + last->run.count - 1};
    session->sent_count -= half;
    memmove(session->sent, session->sent + half, session->sent_count * sizeof *session->sent);
}

static void remember(struct recoverable *session, struct point point, int64_t log, int64_t seq)
{
    int64_t now = recovery_now(session->recovery);
    struct sent *last = session->sent_count ? &session->sent[session->sent_count - 1] : NULL;

    if (last && last->run.n == point.n && last->run.log == log &&
        last->run.seq + last->run.count == seq && last->run.k + last->run.count == point.k) {
        last->run.count++;
        last->at = now;
        return;
    }
    if (session->sent_count == SENT_MAX)
        trim(session, now);
    if (session->sent_count == session->sent_cap) {
        session->sent_cap = session->sent_cap ? session->sent_cap * 2 : 4;
        session->sent = mem_regrow(session->sent, session->sent_cap, sizeof *session->sent);
    }
    assert(session->sent);
    session->sent[session->sent_count++] = (struct sent){{point.n, point.k, 1, log, seq}, now};
}

void recoverable_offset(struct recoverable *session, int64_t log, int64_t seq,
                        char out[OFFSET_SIZE])
{
    struct point point = {session->recovery->ring.last, ++session->k};

    if (seq > 0)
        remember(session, point, log, seq);
    offset_format(session->recovery->epoch, point, out);
}

/* ---- rooms ---- */

static void add_stay(struct recoverable *session, const struct stay *stay)
{
    if (session->stay_count == session->stay_cap) {
        session->stay_cap = session->stay_cap ? session->stay_cap * 2 : 4;
        session->stays = mem_regrow(session->stays, session->stay_cap, sizeof *session->stays);
    }
    session->stays[session->stay_count++] = *stay;
}

void recoverable_past_room(struct recoverable *session, int64_t room, int64_t after, bool over)
{
    for (size_t i = 0; i < session->stay_count; i++) {
        struct stay *stay = &session->stays[i];

        if (stay->room == room && !stay->over) {
            stay->position = after;
            stay->over = over;
            return;
        }
    }
    add_stay(session,
             &(struct stay){.room = room, .position = after, .entered = INT64_MAX, .over = over});
}

static struct stay stay_of(const struct membership *membership)
{
    const struct room *room = membership->room;
    struct stay stay = {
        .room = membership->room_id,
        .position = membership->head,
        .head = membership->head,
        .entered = INT64_MAX,
    };

    if (membership->catchup) {
        int64_t leaves = absences_first(&membership->away);

        stay.position = catchup_position(membership);
        if (leaves != 0 && stay.position > leaves)
            stay.position = leaves; /* restore.c sees that it is away there */
    } else if (room) {
        if (room->live.seq.last > stay.position)
            stay.position = room->live.seq.last;
        stay.entered = membership->entered_n;
        stay.last = room->last_n;
    }
    return stay;
}

void recoverable_stay_over(struct membership *membership)
{
    struct recoverable *session = membership->client->session;
    struct stay stay = stay_of(membership);

    if (!session)
        return;
    if (session->stay_count >= STAYS_MAX) { /* whoever comes and goes so often must keep up */
        session->stay_count = 0;
        session->floor = (struct point){session->recovery->ring.last, session->k};
    }
    stay.over = true;
    add_stay(session, &stay);
}

/* ---- the end ---- */

/* What the client has of its inbox, if it was admitted. */
static int64_t inbox_position(const struct client *client)
{
    int64_t last = client->user->live.seq.last;

    return last > client->inbox_skip ? last : client->inbox_skip;
}

void recoverable_close(struct recoverable *session)
{
    struct client *client = session->client;

    if (client && session->inbox < 0)
        session->inbox = inbox_position(client);
    for (size_t i = 0; client && i < client->room_count; i++) {
        struct stay stay = stay_of(client->rooms[i]);

        add_stay(session, &stay);
    }
    if (client)
        client->session = NULL;
    session->client = NULL;
    session->closed_at = recovery_now(session->recovery);
    session->bytes = sizeof *session + session->sent_cap * sizeof *session->sent +
                     session->stay_cap * sizeof *session->stays;
    if (session->restored)
        session->bytes += session->restored->room_cap * sizeof *session->restored->rooms;
}

/* ---- handing on ---- */

static void raise_floor(struct record *record, int64_t n)
{
    if (n > record->floor.n)
        record->floor = (struct point){n, 0};
}

/* The rows of a stay that may be missing: with `since` the first of them is enough. */
static void pack_stay(const struct recoverable *session, const struct stay *stay,
                      const struct point *since, struct record *out)
{
    const struct ring *ring = &session->recovery->ring;
    int64_t oldest = session->closed_at - session->recovery->unsure_ms;
    int64_t from = since && since->n > stay->entered ? since->n : stay->entered;
    struct run run = {0};
    int count = 0;

    for (int64_t n = stay->last; n > from;) {
        const struct ring_entry *entry = ring_get(ring, n);

        if (!entry || entry->seq <= stay->head || (!since && entry->at < oldest))
            break;
        run = (struct run){n, 0, 1, stay->room, entry->seq};
        if (!since && ++count > ITEMS_MAX) {
            raise_floor(out, n);
            return;
        }
        if (!since)
            record_run(out, &run);
        n = entry->prev;
    }
    if (since && run.n != 0)
        record_run(out, &run);
}

static void pack_restored(const struct record *restored, struct record *out)
{
    if (restored->unsent)
        return;
    out->inbox = restored->inbox;
    for (size_t i = 0; i < restored->room_count; i++)
        record_room(out, restored->rooms[i].id, restored->rooms[i].after);
}

static void pack_head(const struct recoverable *session, struct record *out)
{
    *out = (struct record){.user_id = session->user_id,
                           .base_point = session->base_point,
                           .floor = session->floor,
                           .inbox = session->inbox};
    memcpy(out->sid, session->sid, sizeof out->sid);
    memcpy(out->epoch, session->recovery->epoch, sizeof out->epoch);
    memcpy(out->base, session->base, sizeof out->base);
}

bool recoverable_point(const struct recoverable *session, struct span offset, struct point *point)
{
    struct record head;

    pack_head(session, &head);
    return record_point(&head, offset, point);
}

void recoverable_pack(const struct recoverable *session, const struct point *since,
                      struct record *out)
{
    const struct recovery *recovery = session->recovery;
    const struct ring *ring = &recovery->ring;

    pack_head(session, out);
    out->timeline = recovery->gateway->timeline;
    if (session->restored) {
        pack_restored(session->restored, out);
        return;
    }
    if (ring->lost_n && ring->lost_at >= session->closed_at - recovery->unsure_ms)
        raise_floor(out, ring->lost_n);
    for (size_t i = 0; i < session->stay_count; i++) {
        if (!session->stays[i].over)
            record_room(out, session->stays[i].room, session->stays[i].position);
        pack_stay(session, &session->stays[i], since, out);
    }
    for (size_t i = 0; i < session->sent_count; i++)
        record_run(out, &session->sent[i].run);
}
