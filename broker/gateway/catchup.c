/* Reading what one member missed between its snapshot and the room's live position. */
#include "broker/gateway/catchup.h"

#include "broker/gateway/client.h"
#include "broker/gateway/gateway.h"
#include "broker/gateway/recovery.h"
#include "shared/base/mem.h"
#include "shared/chat/read.h"

#define PAGE 200        /* events in one read */
#define HELD_MAX 10000  /* live events held at most: the output cap usually comes first */
#define RETRIES_MAX 100 /* reads that fail: PostgreSQL is away; then the client reconnects */

/* Owned by the membership, or by the job alone once the membership is gone (membership NULL). */
struct catchup {
    struct pool_job job;
    struct membership *membership;
    struct gateway *gateway;
    int64_t room_id;
    int64_t after, upto;
    int retries;
    enum err err;
    struct event_list events;
    struct held {
        int64_t seq;
        struct sio_message *message;
    } * held;
    size_t held_count, held_cap;
};

static void catchup_free(struct catchup *catchup)
{
    for (size_t i = 0; i < catchup->held_count; i++)
        sio_message_unref(catchup->held[i].message);
    free(catchup->held);
    event_list_release(&catchup->events);
    free(catchup);
}

static void run(struct pool_job *job, struct db *db)
{
    struct catchup *catchup = (struct catchup *)job;

    catchup->err = chat_log_read(db, LOG_ROOM, catchup->room_id, catchup->after, catchup->upto,
                                 PAGE, false, &catchup->events);
}

static void emit_events(struct catchup *catchup)
{
    struct membership *membership = catchup->membership;
    struct client *client = membership->client;

    for (size_t i = 0; i < catchup->events.count; i++) {
        struct event *event = &catchup->events.items[i];

        catchup->after = event->seq;
        if (event->json && room_member_wants(membership, event->seq) &&
            !client_hides(client, event->author))
            client_emit_row(client, catchup->room_id, event->seq,
                            span_make(event->json, event->json_len));
        room_member_passes(membership, event);
    }
}

/* What came in live meanwhile; then the member is like any other. */
static void finish(struct catchup *catchup)
{
    struct membership *membership = catchup->membership;
    int64_t leaves;

    for (size_t i = 0; i < catchup->held_count; i++) {
        if (room_member_wants(membership, catchup->held[i].seq))
            client_emit_held(membership->client, catchup->room_id, catchup->held[i].seq,
                             catchup->held[i].message);
    }
    membership->head = catchup->upto;
    membership->entered_n = recovery_last(catchup->gateway);
    membership->catchup = NULL;
    catchup_free(catchup);
    while ((leaves = absences_first(&membership->away)) != 0 &&
           membership->room->live.seq.last >= leaves) {
        if (room_member_ends(membership)) {
            client_left(membership->client, membership);
            return;
        }
    }
}

static void submit(struct catchup *catchup);

static void done(struct pool_job *job)
{
    struct catchup *catchup = (struct catchup *)job;
    bool complete;

    if (!catchup->membership) {
        catchup_free(catchup);
        return;
    }
    if (catchup->err != ERR_OK && ++catchup->retries > RETRIES_MAX) {
        client_close(catchup->membership->client);
        catchup_cancel(catchup->membership);
        catchup_free(catchup);
        return;
    }
    emit_events(catchup);
    /* Its stay has ended and no other is known: one that becomes known begins with a reading of its
     * own, and must not find its rows skipped here. */
    complete = absences_is_gone(&catchup->membership->away, catchup->after) ||
               (catchup->err == ERR_OK &&
                (catchup->events.count < PAGE || catchup->after >= catchup->upto));
    event_list_release(&catchup->events);
    event_list_init(&catchup->events);
    if (complete)
        finish(catchup);
    else
        submit(catchup);
}

static void submit(struct catchup *catchup)
{
    catchup->job = (struct pool_job){.run = run, .done = done};
    if (pool_submit(catchup->gateway->readers, &catchup->job) == ERR_OK)
        return;
    client_close(catchup->membership->client);
    catchup_cancel(catchup->membership);
    catchup_free(catchup);
}

void catchup_begin(struct membership *membership, int64_t upto)
{
    struct catchup *catchup = mem_alloc(sizeof *catchup);

    catchup->membership = membership;
    catchup->gateway = membership->room->live.gateway;
    catchup->room_id = membership->room_id;
    catchup->after = membership->head;
    catchup->upto = upto;
    event_list_init(&catchup->events);
    membership->catchup = catchup;
    submit(catchup);
}

void catchup_hold(struct membership *membership, int64_t seq, struct sio_message *message)
{
    struct catchup *catchup = membership->catchup;

    if (seq <= catchup->upto)
        return; /* the read brings it */
    if (catchup->held_count == HELD_MAX) {
        client_close(membership->client);
        return;
    }
    if (catchup->held_count == catchup->held_cap) {
        catchup->held_cap = catchup->held_cap ? catchup->held_cap * 2 : 16;
        catchup->held = mem_regrow(catchup->held, catchup->held_cap, sizeof *catchup->held);
    }
    catchup->held[catchup->held_count++] = (struct held){seq, sio_message_ref(message)};
}

int64_t catchup_position(const struct membership *membership)
{
    return membership->catchup->after;
}

void catchup_cancel(struct membership *membership)
{
    if (membership->catchup)
        membership->catchup->membership = NULL;
    membership->catchup = NULL;
}
