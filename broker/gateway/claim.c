/*
 * A claim looks into PostgreSQL at once and asks over MQTT at the same time; when nobody has
 * answered in time it looks into PostgreSQL once more, for a broker that was just stopping.
 */
#include "broker/gateway/claim.h"

#include "broker/gateway/gateway.h"
#include "broker/gateway/relay.h"
#include "shared/base/json_scan.h"
#include "shared/base/json_write.h"
#include "shared/base/mem.h"
#include "shared/chat/recover.h"

#define PATIENCE_MS 500
#define MESSAGE_MAX ((size_t)1 << 20)

struct claims {
    struct idmap open; /* struct claim by id */
    int64_t last_id;
};

struct claim {
    struct pool_job job; /* first */
    struct recovery *recovery;
    struct loop_timer *timer;
    int64_t id;
    char pid[RANDOM_ID_SIZE * 2];
    char offset[OFFSET_SIZE];
    bool has_offset;
    int64_t user_id;
    claim_fn fn; /* NULL: cancelled */
    void *arg;
    struct buf row;
    enum err err;
    struct record record;
    bool job_running, late, answered, found;
};

static struct span offset_of(const struct claim *claim)
{
    return claim->has_offset ? span_of(claim->offset) : SPAN_NONE;
}

static void claim_free(struct claim *claim)
{
    idmap_remove(&claim->recovery->claims->open, claim->id);
    loop_timer_free(claim->timer);
    buf_release(&claim->row);
    record_release(&claim->record);
    free(claim);
}

static void finish(struct claim *claim)
{
    if (claim->fn)
        claim->fn(claim->arg, claim->found ? &claim->record : NULL);
    else if (claim->found) /* who asked is gone, and may come again */
        recovery_keep(claim->recovery, span_of(claim->pid), offset_of(claim), &claim->record);
    claim_free(claim);
}

/* ---- PostgreSQL ---- */

static void look_run(struct pool_job *job, struct db *db)
{
    struct claim *claim = (struct claim *)job;

    claim->err = chat_recovery_take(db, span_of(claim->pid), claim->user_id, &claim->row);
}

static void look_done(struct pool_job *job);

static void look(struct claim *claim)
{
    claim->job = (struct pool_job){.run = look_run, .done = look_done};
    claim->job_running = pool_submit(claim->recovery->gateway->readers, &claim->job) == ERR_OK;
}

static void look_done(struct pool_job *job)
{
    struct claim *claim = (struct claim *)job;
    bool was_late = claim->late;

    claim->job_running = false;
    if (!claim->answered && claim->err == ERR_OK && claim->row.len > 0) {
        claim->answered = true;
        claim->found = record_decode(buf_span(&claim->row), &claim->record) == ERR_OK &&
                       record_rewind(&claim->record, offset_of(claim));
    }
    if (claim->answered || was_late)
        finish(claim);
}

/* ---- the others ---- */

static void on_timer(void *arg)
{
    struct claim *claim = arg;

    if (!claim->job_running)
        look(claim);
    claim->late = true; /* the look that runs now is the last */
    if (!claim->job_running)
        finish(claim);
}

static void ask(struct claim *claim)
{
    struct gateway *gateway = claim->recovery->gateway;
    struct json_writer w;
    struct buf out;

    buf_init(&out, MESSAGE_MAX);
    json_begin(&w, &out);
    json_object(&w, NULL);
    json_int(&w, "claim", claim->id);
    json_cstr(&w, "from", gateway->id);
    json_cstr(&w, "pid", claim->pid);
    json_int(&w, "user", claim->user_id);
    json_cstr(&w, "offset", claim->has_offset ? claim->offset : NULL);
    json_object_end(&w);
    relay_send(gateway->relay, CLAIMS_TOPIC, buf_span(&out));
    buf_release(&out);
}

struct claim *claim_begin(struct recovery *recovery, struct span pid, int64_t user_id,
                          struct span offset, claim_fn fn, void *arg)
{
    struct claim *claim = mem_alloc(sizeof *claim);

    claim->recovery = recovery;
    claim->id = ++recovery->claims->last_id;
    claim->user_id = user_id;
    claim->fn = fn;
    claim->arg = arg;
    snprintf(claim->pid, sizeof claim->pid, "%.*s", (int)pid.len, pid.ptr);
    claim->has_offset = span_present(offset);
    if (claim->has_offset)
        snprintf(claim->offset, sizeof claim->offset, "%.*s", (int)offset.len, offset.ptr);
    buf_init(&claim->row, BUF_MAX_DEFAULT);
    claim->timer = loop_timer_new(recovery->gateway->loop, on_timer, claim);
    loop_timer_start(claim->timer, PATIENCE_MS, 0);
    idmap_put(&recovery->claims->open, claim->id, claim);
    look(claim);
    ask(claim);
    return claim;
}

void claim_cancel(struct claim *claim)
{
    if (claim)
        claim->fn = NULL;
}

/* ---- MQTT ---- */

static bool text_member(struct span json, const char *name, char *out, size_t size)
{
    struct span value = json_member(json, name);
    struct buf text;
    bool good;

    if (!span_present(value) || json_type_of(value) != JSON_STRING)
        return false;
    buf_init(&text, size - 1);
    json_unescape(value, &text);
    good = buf_ok(&text);
    if (good)
        snprintf(out, size, "%s", text.data ? text.data : "");
    buf_release(&text);
    return good;
}

static bool int_member(struct span json, const char *name, int64_t *out)
{
    struct span value = json_member(json, name);
    long long number;

    if (!span_present(value) || json_type_of(value) != JSON_NUMBER || !json_to_int(value, &number))
        return false;
    *out = number;
    return true;
}

static void answer(struct gateway *gateway, const char *from, int64_t id,
                   const struct record *record)
{
    struct buf out, text;
    struct json_writer w;
    char topic[128];

    buf_init(&out, MESSAGE_MAX);
    buf_init(&text, MESSAGE_MAX);
    if (record)
        record_encode(record, &text);
    json_begin(&w, &out);
    json_object(&w, NULL);
    json_int(&w, "claim", id);
    json_raw(&w, "record", text.len > 0 && buf_ok(&text) ? buf_span(&text) : SPAN_LIT("null"));
    json_object_end(&w);
    snprintf(topic, sizeof topic, "parley/v1/brokers/%s", from);
    if (buf_ok(&out))
        relay_send(gateway->relay, topic, buf_span(&out));
    buf_release(&out);
    buf_release(&text);
}

void claim_on_request(struct recovery *recovery, struct span json)
{
    char from[64], pid[RANDOM_ID_SIZE * 2], offset[OFFSET_SIZE];
    struct record record = {0};
    int64_t id, user;
    enum taken taken;

    if (json_scan(json, 2) != ERR_OK || !text_member(json, "from", from, sizeof from) ||
        !text_member(json, "pid", pid, sizeof pid) || !int_member(json, "claim", &id) ||
        !int_member(json, "user", &user) || strpbrk(from, "/+#") ||
        strcmp(from, recovery->gateway->id) == 0)
        return;
    taken = recovery_take(
        recovery, span_of(pid), user,
        text_member(json, "offset", offset, sizeof offset) ? span_of(offset) : SPAN_NONE, &record);
    if (taken != TAKEN_NONE)
        answer(recovery->gateway, from, id, taken == TAKEN_OK ? &record : NULL);
    record_release(&record);
}

void claim_on_answer(struct recovery *recovery, struct span json)
{
    struct claim *claim;
    int64_t id;

    if (json_scan(json, 5) != ERR_OK || !int_member(json, "claim", &id) || id < 1)
        return;
    claim = idmap_get(&recovery->claims->open, id);
    if (!claim || claim->answered)
        return;
    claim->answered = true;
    claim->found = record_decode(json_member(json, "record"), &claim->record) == ERR_OK;
    if (claim->found && claim->record.user_id != claim->user_id)
        claim->found = false;
    if (!claim->job_running)
        finish(claim);
}

/* ---- life ---- */

struct claims *claims_new(struct recovery *recovery)
{
    struct claims *claims = mem_alloc(sizeof *claims);

    (void)recovery;
    idmap_init(&claims->open);
    return claims;
}

void claims_free(struct claims *claims)
{
    size_t cursor = 0;
    struct claim *claim;

    while ((claim = idmap_next(&claims->open, &cursor))) {
        loop_timer_free(claim->timer);
        buf_release(&claim->row);
        record_release(&claim->record);
        free(claim);
    }
    idmap_release(&claims->open);
    free(claims);
}
