/* The table of recoverable sessions and its bounds. */
#include "broker/gateway/recovery.h"

#include "broker/gateway/claim.h"
#include "broker/gateway/client.h"
#include "broker/gateway/gateway.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/random.h"
#include "shared/chat/recover.h"

#define EXPIRE_PERIOD_MS 1000

int64_t recovery_now(const struct recovery *recovery)
{
    return loop_now(recovery->gateway->loop);
}

void recovery_fan_out(struct gateway *gateway, struct room *room, int64_t seq,
                      struct sio_message *message)
{
    struct recovery *recovery = gateway->recovery;
    char offset[OFFSET_SIZE];
    struct point point = {0};

    if (!recovery || recovery->connected == 0)
        return;
    point.n = ring_add(&recovery->ring, room->live.id, seq, room->last_n, recovery_now(recovery));
    room->last_n = point.n;
    offset_format(recovery->epoch, point, offset);
    sio_message_set_offset(message, offset);
}

int64_t recovery_last(const struct gateway *gateway)
{
    return gateway->recovery ? gateway->recovery->ring.last : 0;
}

/* ---- the table ---- */

static int64_t key_of(const struct recovery *recovery, struct span pid)
{
    return (int64_t)(hash_bytes(&recovery->key, pid) >> 1) | 1;
}

static struct recoverable *find(const struct recovery *recovery, struct span pid)
{
    struct recoverable *session = idmap_get(&recovery->by_pid, key_of(recovery, pid));

    return session && span_is(pid, session->pid) ? session : NULL;
}

void recovery_register(struct recovery *recovery, struct recoverable *session)
{
    struct recoverable *old = find(recovery, span_of(session->pid));

    recoverable_free(old);
    idmap_put(&recovery->by_pid, key_of(recovery, span_of(session->pid)), session);
    recovery->connected++;
}

static void park(struct recoverable *session)
{
    struct recovery *recovery = session->recovery;

    recoverable_close(session);
    recovery->connected--;
    list_append(&recovery->parked, &session->node);
    recovery->parked_count++;
    recovery->parked_bytes += session->bytes;
}

void recovery_forget(struct recovery *recovery, struct recoverable *session)
{
    struct span pid = span_of(session->pid);

    if (find(recovery, pid) == session)
        idmap_remove(&recovery->by_pid, key_of(recovery, pid));
    if (list_is_empty(&session->node)) {
        recovery->connected--;
    } else {
        list_remove(&session->node);
        recovery->parked_count--;
        recovery->parked_bytes -= session->bytes;
    }
}

static struct recoverable *oldest(const struct recovery *recovery)
{
    if (list_is_empty(&recovery->parked))
        return NULL;
    return list_entry(recovery->parked.next, struct recoverable, node);
}

static void drop_expired(void *arg)
{
    struct recovery *recovery = arg;
    int64_t before = recovery_now(recovery) - recovery->window_ms;
    struct recoverable *session;

    while ((session = oldest(recovery)) && session->closed_at < before)
        recoverable_free(session);
}

static void drop_beyond_limits(struct recovery *recovery)
{
    const struct conf *conf = recovery->gateway->conf;

    while (recovery->parked_count > (size_t)conf_int(conf, CONF_LIMIT_RECOVERY_SESSIONS) ||
           recovery->parked_bytes > (size_t)conf_int(conf, CONF_LIMIT_RECOVERY_BYTES)) {
        recovery->gateway->stats.refused[CONF_LIMIT_RECOVERY_SESSIONS]++;
        recoverable_free(oldest(recovery));
    }
}

void recovery_forget_parked(struct recovery *recovery)
{
    struct recoverable *session;

    while (recovery && (session = oldest(recovery)))
        recoverable_free(session);
}

void recovery_client_gone(struct client *client, bool recoverable)
{
    struct recoverable *session = client->session;
    struct recovery *recovery;

    if (!session)
        return;
    if (!recoverable) {
        recoverable_free(session);
        return;
    }
    recovery = session->recovery;
    park(session);
    drop_beyond_limits(recovery);
}

void recovery_keep(struct recovery *recovery, struct span pid, struct span offset,
                   struct record *record)
{
    park(recoverable_reopen(recovery, NULL, pid, offset, record));
    drop_beyond_limits(recovery);
}

enum taken recovery_take(struct recovery *recovery, struct span pid, int64_t user_id,
                         struct span offset, struct record *record)
{
    const struct point nothing = {INT64_MAX, 0};
    struct recoverable *session;
    struct point since;
    bool good;

    drop_expired(recovery);
    session = find(recovery, pid);
    if (!session || session->user_id != user_id)
        return TAKEN_NONE;
    if (session->client) {
        struct client *client = session->client;

        park(session);
        client_close(client);
    }
    good = !span_present(offset) || recoverable_point(session, offset, &since);
    if (good) {
        recoverable_pack(session, span_present(offset) ? &since : &nothing, record);
        good = record_rewind(record, offset);
        if (!good)
            record_release(record);
    }
    recoverable_free(session);
    return good ? TAKEN_OK : TAKEN_LOST;
}

/* ---- handing over ---- */

#define BATCH 200

struct hand_over {
    struct pool_job job; /* first */
    struct recovery *recovery;
    size_t count;
    char pids[BATCH][RANDOM_ID_SIZE];
    struct buf texts[BATCH];
    int64_t users[BATCH], ttls[BATCH];
    enum err err;
};

static void hand_over_run(struct pool_job *job, struct db *db)
{
    struct hand_over *batch = (struct hand_over *)job;
    struct span pids[BATCH], records[BATCH];

    for (size_t i = 0; i < batch->count; i++) {
        pids[i] = span_of(batch->pids[i]);
        records[i] = buf_span(&batch->texts[i]);
    }
    batch->err = chat_recovery_put(db, pids, batch->users, records, batch->ttls, batch->count);
}

static void hand_over_free(struct hand_over *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        buf_release(&batch->texts[i]);
    free(batch);
}

static void hand_over_done(struct pool_job *job)
{
    struct hand_over *batch = (struct hand_over *)job;

    batch->recovery->handing_over--;
    if (batch->err != ERR_OK) {
        log_event(LOG_WARN, "sessions_not_handed_over", "count=%zu code=%s", batch->count,
                  err_code(batch->err));
        batch->recovery->hand_over_failed = true;
    }
    hand_over_free(batch);
}

static void hand_over_add(struct hand_over *batch, struct recoverable *session)
{
    struct recovery *recovery = session->recovery;
    struct record record;
    size_t i = batch->count++;

    recoverable_pack(session, NULL, &record);
    memcpy(batch->pids[i], session->pid, sizeof batch->pids[i]);
    batch->users[i] = session->user_id;
    batch->ttls[i] = session->closed_at + recovery->window_ms - recovery_now(recovery);
    buf_init(&batch->texts[i], BUF_MAX_DEFAULT);
    record_encode(&record, &batch->texts[i]);
    record_release(&record);
    recoverable_free(session);
}

bool recovery_hand_over(struct recovery *recovery)
{
    struct recoverable *session;
    struct hand_over *batch;

    if (!recovery || recovery->hand_over_failed)
        return true;
    drop_expired(recovery);
    if (list_is_empty(&recovery->parked))
        return recovery->handing_over == 0;
    batch = mem_alloc(sizeof *batch);
    batch->job = (struct pool_job){.run = hand_over_run, .done = hand_over_done};
    batch->recovery = recovery;
    while (batch->count < BATCH && (session = oldest(recovery)))
        hand_over_add(batch, session);
    recovery->handing_over++;
    if (pool_submit(recovery->gateway->commanders, &batch->job) != ERR_OK) {
        batch->err = ERR_FULL;
        hand_over_done(&batch->job);
    }
    return false;
}

/* ---- life ---- */

struct recovery *recovery_new(struct gateway *gateway)
{
    const struct conf *conf = gateway->conf;
    struct recovery *recovery;
    char random[RANDOM_ID_SIZE];

    if (conf_int(conf, CONF_BROKER_RECOVERY_MS) == 0)
        return NULL;
    recovery = mem_alloc(sizeof *recovery);
    recovery->gateway = gateway;
    random_id(random);
    snprintf(recovery->epoch, sizeof recovery->epoch, "%.11s", random);
    recovery->window_ms = conf_int(conf, CONF_BROKER_RECOVERY_MS);
    recovery->unsure_ms =
        conf_int(conf, CONF_SIO_PING_INTERVAL_MS) + conf_int(conf, CONF_SIO_PING_TIMEOUT_MS);
    ring_init(&recovery->ring, (size_t)conf_int(conf, CONF_LIMIT_RECOVERY_EVENTS),
              recovery->window_ms + recovery->unsure_ms);
    recovery->key = hash_key_new();
    idmap_init(&recovery->by_pid);
    list_init(&recovery->parked);
    recovery->claims = claims_new(recovery);
    recovery->expire = loop_timer_new(gateway->loop, drop_expired, recovery);
    loop_timer_start(recovery->expire, EXPIRE_PERIOD_MS, EXPIRE_PERIOD_MS);
    return recovery;
}

void recovery_free(struct recovery *recovery)
{
    struct recoverable *session;

    if (!recovery)
        return;
    while ((session = oldest(recovery)))
        recoverable_free(session);
    loop_timer_free(recovery->expire);
    claims_free(recovery->claims);
    idmap_release(&recovery->by_pid);
    ring_release(&recovery->ring);
    free(recovery);
}
