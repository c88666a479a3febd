/* Gap fetches, head checks and the sweep. Every answer from a pool finds its log anew by id. */
#include "broker/gateway/repair.h"

#include "broker/gateway/gateway.h"
#include "broker/gateway/timeline.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/chat/read.h"

#define PAGE 200
#define HEADS_MAX 1000 /* logs in one check */

struct fetch_job {
    struct pool_job pool; /* first */
    struct repair *repair;
    enum log_type type;
    int64_t id, after;
    uint64_t token;
    enum err err;
    struct event_list events;
};

struct heads_job {
    struct pool_job pool; /* first */
    struct repair *repair;
    enum err err;
    struct chat_head *heads;
    size_t count;
};

struct repair {
    struct gateway *gateway;
    uint64_t last_token;
    /* gaps, by deadline */
    struct list gaps;
    struct loop_timer *gap_timer;
    /* heads to check at the end of the turn */
    struct chat_head *heads;
    size_t head_count, head_cap;
    struct loop_defer check;
    /* the sweep */
    struct loop_timer *sweep_timer;
    struct pool_job sweep_job;
    struct chat_sweep sweep;
    enum err sweep_err;
    bool sweeping, sweep_again;
    bool check_all; /* a check failed: what it would have found is older than the next sweep sees */
    int64_t last_sweep;
};

/* ---- gaps ---- */

static void arm_gap_timer(struct repair *repair)
{
    struct livelog *first;
    int64_t delay;

    if (list_is_empty(&repair->gaps) || loop_timer_active(repair->gap_timer))
        return;
    first = list_entry(repair->gaps.next, struct livelog, gap_node);
    delay = first->gap_deadline - loop_now(repair->gateway->loop);
    loop_timer_start(repair->gap_timer, delay > 0 ? delay : 0, 0);
}

static void on_gap_timer(void *arg)
{
    struct repair *repair = arg;
    int64_t now = loop_now(repair->gateway->loop);

    while (!list_is_empty(&repair->gaps)) {
        struct livelog *live = list_entry(repair->gaps.next, struct livelog, gap_node);

        if (live->gap_deadline > now)
            break;
        list_remove(&live->gap_node);
        repair_fetch(repair, live);
    }
    arm_gap_timer(repair);
}

void repair_wait(struct repair *repair, struct livelog *live)
{
    if (!list_is_empty(&live->gap_node))
        return;
    live->gap_deadline =
        loop_now(repair->gateway->loop) + conf_int(repair->gateway->conf, CONF_BROKER_GAP_WAIT_MS);
    list_append(&repair->gaps, &live->gap_node);
    arm_gap_timer(repair);
}

static void fetch_run(struct pool_job *pool, struct db *db)
{
    struct fetch_job *job = (struct fetch_job *)pool;

    job->err = chat_log_read(db, job->type, job->id, job->after, 0, PAGE, false, &job->events);
}

static void fetch_done(struct pool_job *pool)
{
    struct fetch_job *job = (struct fetch_job *)pool;
    struct gateway *gateway = job->repair->gateway;
    struct livelog *live = livelog_find(gateway, job->type, job->id);
    bool page_full = job->err == ERR_OK && job->events.count == PAGE;

    gateway->stats.gap_events += job->events.count;
    if (live && live->fetch_token == job->token) {
        for (size_t i = 0; i < job->events.count; i++)
            livelog_feed(live, &job->events.items[i]);
        live->fetch_token = 0;
        seqlog_fetch_end(&live->seq, job->err == ERR_OK && !page_full);
        if (page_full)
            repair_fetch(job->repair, live);
        else
            livelog_settle(live); /* after an error: waits, then tries again */
    }
    event_list_release(&job->events);
    free(job);
}

void repair_fetch(struct repair *repair, struct livelog *live)
{
    struct fetch_job *job;

    if (live->fetch_token != 0)
        return;
    job = mem_alloc(sizeof *job);
    job->pool = (struct pool_job){.run = fetch_run, .done = fetch_done};
    job->repair = repair;
    job->type = live->type;
    job->id = live->id;
    job->after = live->seq.last;
    job->token = ++repair->last_token;
    event_list_init(&job->events);
    if (pool_submit(repair->gateway->readers, &job->pool) != ERR_OK) {
        free(job);
        repair_wait(repair, live);
        return;
    }
    live->fetch_token = job->token;
    seqlog_fetch_begin(&live->seq);
    repair->gateway->stats.gaps_fetched++;
}

/* ---- heads ---- */

static void heads_run(struct pool_job *pool, struct db *db)
{
    struct heads_job *job = (struct heads_job *)pool;

    job->err = chat_heads(db, job->heads, job->count);
}

/* PostgreSQL has more than we: it was written before the subscription, so it will not come by
 * itself. */
static void apply_head(struct repair *repair, const struct chat_head *head)
{
    struct livelog *live = livelog_find(repair->gateway, head->log, head->id);

    if (!live || live->seq.last == SEQLOG_UNKNOWN || head->seq <= live->seq.last)
        return;
    seqlog_note(&live->seq, head->seq);
    list_remove(&live->gap_node);
    repair_fetch(repair, live);
}

static void heads_done(struct pool_job *pool)
{
    struct heads_job *job = (struct heads_job *)pool;

    if (job->err != ERR_OK)
        job->repair->check_all = true;
    for (size_t i = 0; i < job->count && job->err == ERR_OK; i++)
        apply_head(job->repair, &job->heads[i]);
    free(job->heads);
    free(job);
}

static void on_check(void *arg)
{
    struct repair *repair = arg;
    size_t done = 0;

    while (done < repair->head_count) {
        size_t count =
            repair->head_count - done < HEADS_MAX ? repair->head_count - done : HEADS_MAX;
        struct heads_job *job = mem_alloc(sizeof *job);

        job->pool = (struct pool_job){.run = heads_run, .done = heads_done};
        job->repair = repair;
        job->count = count;
        job->heads = mem_array(count, sizeof *job->heads);
        memcpy(job->heads, repair->heads + done, count * sizeof *job->heads);
        done += count;
        if (pool_submit(repair->gateway->readers, &job->pool) != ERR_OK) {
            job->err = ERR_FULL;
            heads_done(&job->pool);
        }
    }
    repair->head_count = 0;
}

void repair_check_head(struct repair *repair, struct livelog *live)
{
    if (repair->head_count == repair->head_cap) {
        repair->head_cap = repair->head_cap ? repair->head_cap * 2 : 16;
        repair->heads = mem_regrow(repair->heads, repair->head_cap, sizeof *repair->heads);
    }
    repair->heads[repair->head_count++] = (struct chat_head){live->type, live->id, 0};
    loop_defer(repair->gateway->loop, &repair->check);
}

/* ---- the sweep ---- */

static void sweep_run(struct pool_job *pool, struct db *db)
{
    struct repair *repair = list_entry(pool, struct repair, sweep_job);

    repair->sweep_err = chat_sweep_run(db, &repair->sweep);
}

static void apply_sweep(struct repair *repair)
{
    for (size_t i = 0; i < repair->sweep.count; i++) {
        const struct chat_head *head = &repair->sweep.heads[i];
        struct livelog *live = livelog_find(repair->gateway, head->log, head->id);

        if (!live || head->seq <= live->seq.last)
            continue;
        repair->gateway->stats.sweep_finds++;
        livelog_note(live, head->seq); /* it may be on its way: wait a little, then fetch */
    }
}

static void check_all(struct repair *repair)
{
    struct idmap *maps[] = {&repair->gateway->users, &repair->gateway->rooms};

    repair->check_all = false;
    for (int i = 0; i < 2; i++) {
        size_t cursor = 0;
        struct livelog *live;

        while ((live = idmap_next(maps[i], &cursor)))
            repair_check_head(repair, live);
    }
}

static void sweep_done(struct pool_job *pool)
{
    struct repair *repair = list_entry(pool, struct repair, sweep_job);

    repair->sweeping = false;
    if (repair->sweep_err == ERR_OK && timeline_fits(repair->gateway, pool->timeline)) {
        apply_sweep(repair);
        if (repair->sweep.since_xid == 0 || repair->check_all)
            check_all(repair); /* the first sweep only found where to begin */
        repair->sweep.since_xid = repair->sweep.next_xid;
        repair->last_sweep = loop_now(repair->gateway->loop);
        repair->gateway->stats.sweeps++;
    }
    chat_sweep_release(&repair->sweep);
    if (repair->sweep_again)
        repair_sweep_now(repair);
}

void repair_sweep_now(struct repair *repair)
{
    repair->sweep_again = repair->sweeping;
    if (repair->sweeping)
        return;
    repair->sweep_job = (struct pool_job){.run = sweep_run, .done = sweep_done};
    repair->sweeping = pool_submit(repair->gateway->readers, &repair->sweep_job) == ERR_OK;
}

void repair_restart(struct repair *repair)
{
    repair->sweep.since_xid = 0;
    repair->check_all = true;
    repair_sweep_now(repair);
}

static void on_sweep_timer(void *arg)
{
    struct repair *repair = arg;

    if (!repair->sweeping)
        repair_sweep_now(repair);
}

int64_t repair_last_sweep(const struct repair *repair)
{
    return repair->last_sweep;
}

/* ---- life ---- */

struct repair *repair_new(struct gateway *gateway)
{
    struct repair *repair = mem_alloc(sizeof *repair);
    int64_t period = conf_int(gateway->conf, CONF_BROKER_SWEEP_MS);

    repair->gateway = gateway;
    list_init(&repair->gaps);
    repair->gap_timer = loop_timer_new(gateway->loop, on_gap_timer, repair);
    repair->check.fn = on_check;
    repair->check.arg = repair;
    repair->sweep_timer = loop_timer_new(gateway->loop, on_sweep_timer, repair);
    loop_timer_start(repair->sweep_timer, 0, period);
    return repair;
}

void repair_free(struct repair *repair)
{
    if (!repair)
        return;
    loop_timer_free(repair->gap_timer);
    loop_timer_free(repair->sweep_timer);
    loop_defer_cancel(repair->gateway->loop, &repair->check);
    chat_sweep_release(&repair->sweep);
    free(repair->heads);
    free(repair);
}
