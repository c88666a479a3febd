/* What has no test of its own here, as scripts: the network, MQTT, PostgreSQL. See world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/gateway/world.h"

#include "broker/gateway/command.h"
#include "broker/gateway/connect.h"
#include "broker/gateway/relay.h"
#include "broker/gateway/repair.h"
#include "shared/base/mem.h"
#include "shared/chat/read.h"
#include "shared/chat/recover.h"

struct pool_job *waiting_job;
int subscribed, unsubscribed, fetched, waited;
int64_t log_head;
int64_t left_seq;
int64_t now_ms;
char published[256];
int published_count;
struct loop_timer *started_timer;
struct step_script script;
char handed_over[4096];

struct sio_message *sio_message_new(struct span json)
{
    struct sio_message *message = mem_alloc(sizeof *message);

    snprintf(message->text, sizeof message->text, "%.*s", (int)json.len, json.ptr);
    message->refs = 1;
    return message;
}

struct sio_message *sio_message_ref(struct sio_message *message)
{
    message->refs++;
    return message;
}

void sio_message_unref(struct sio_message *message)
{
    if (message && --message->refs == 0)
        free(message);
}

void sio_message_set_offset(struct sio_message *message, const char *offset)
{
    snprintf(message->offset, sizeof message->offset, "%s", offset);
}

struct span sio_message_json(const struct sio_message *message)
{
    return span_of(message->text);
}

void sio_emit_message(struct sio_socket *socket, struct sio_message *message)
{
    size_t len = strlen(socket->got);

    snprintf(socket->got + len, sizeof socket->got - len, "%s ", message->text);
    snprintf(socket->offset, sizeof socket->offset, "%s", message->offset);
}

void sio_emit_passing(struct sio_socket *socket, struct sio_message *message)
{
    if (!socket->lags)
        sio_emit_message(socket, message);
}

/* The members that are fetched are those there are, and no more at a time than may be. */
void sio_sockets_fetch(struct sio_socket *const *sockets, size_t count)
{
    assert_in_range(count, 0, SIO_FETCH);
    for (size_t i = 0; i < count; i++)
        assert_non_null(sockets[i]);
}

const char *sio_socket_id(const struct sio_socket *socket)
{
    (void)socket;
    return "the-sid";
}

void sio_close(struct sio_socket *socket)
{
    socket->closed = true;
}

void sio_accept(struct sio_socket *socket)
{
    (void)socket;
}

void sio_socket_set_data(struct sio_socket *socket, void *data)
{
    socket->data = data;
}

void relay_subscribe(struct relay *relay, struct livelog *live)
{
    (void)relay;
    live->sub = SUB_ACTIVE;
    subscribed++;
}

void relay_unsubscribe(struct relay *relay, struct livelog *live)
{
    (void)relay;
    live->sub = SUB_NONE;
    unsubscribed++;
}

void repair_wait(struct repair *repair, struct livelog *live)
{
    (void)repair;
    (void)live;
    waited++;
}

void repair_restart(struct repair *repair)
{
    (void)repair;
}

void repair_fetch(struct repair *repair, struct livelog *live)
{
    (void)repair;
    (void)live;
    fetched++;
}

void connect_subscribed(struct client *client)
{
    (void)client;
}

void connect_cancel(struct client *client)
{
    (void)client;
}

void connect_deny(struct sio_socket *socket, enum err err, const char *message)
{
    (void)err;
    (void)message;
    socket->closed = true;
}

void command_drop_waiting(struct client *client)
{
    (void)client;
}

int64_t loop_now(const struct loop *loop)
{
    (void)loop;
    return now_ms;
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn fn, void *arg)
{
    struct loop_timer *timer = mem_alloc(sizeof *timer);

    (void)loop;
    timer->fn = fn;
    timer->arg = arg;
    return timer;
}

void loop_timer_free(struct loop_timer *timer)
{
    if (started_timer == timer)
        started_timer = NULL;
    free(timer);
}

void loop_timer_start(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
    (void)repeat_ms;
    timer->at = now_ms + delay_ms;
    timer->active = true;
    started_timer = timer;
}

void loop_timer_stop(struct loop_timer *timer)
{
    timer->active = false;
}

bool loop_timer_active(const struct loop_timer *timer)
{
    return timer->active;
}

void relay_publish(struct relay *relay, const struct event *event)
{
    (void)relay;
    snprintf(published, sizeof published, "%.*s", (int)event->json_len, event->json);
    published_count++;
}

void relay_send(struct relay *relay, const char *topic, struct span payload)
{
    (void)relay;
    (void)topic;
    (void)payload;
}

enum err chat_recovery_put(struct db *db, const struct span *pids, const int64_t *user_ids,
                           const struct span *records, const int64_t *ttl_ms, size_t count)
{
    (void)db;
    (void)pids;
    (void)user_ids;
    (void)ttl_ms;
    for (size_t i = 0; i < count; i++)
        snprintf(handed_over, sizeof handed_over, "%.*s", (int)records[i].len, records[i].ptr);
    return ERR_OK;
}

enum err chat_recovery_take(struct db *db, struct span pid, int64_t user_id, struct buf *out)
{
    (void)db;
    (void)pid;
    (void)user_id;
    (void)out;
    return ERR_OK;
}

void loop_defer(struct loop *loop, struct loop_defer *defer)
{
    (void)loop;
    defer->waiting = true;
}

enum err pool_submit(struct pool *pool, struct pool_job *job)
{
    (void)pool;
    assert_null(waiting_job);
    waiting_job = job;
    return ERR_OK;
}

static void copy_ids(int64_t *to, size_t *to_count, const int64_t *from, size_t count)
{
    assert_true(count <= 8);
    *to_count = count;
    if (count > 0)
        memcpy(to, from, count * sizeof *from);
}

enum err chat_presence_step(struct db *db, struct chat_presence *step)
{
    (void)db;
    script.steps++;
    copy_ids(script.came, &script.came_count, step->came, step->came_count);
    copy_ids(script.gone, &script.gone_count, step->gone, step->gone_count);
    copy_ids(script.rooms, &script.room_count, step->rooms, step->room_count);
    script.renew = step->renew;
    script.enroll = step->enroll;
    script.again = step->again;
    script.bury = step->bury;
    step->lost = script.lost;
    step->dead = script.dead;
    if (script.row_count > 0) {
        step->rows = mem_array(script.row_count, sizeof *step->rows);
        step->row_count = script.row_count;
        memcpy(step->rows, script.rows, script.row_count * sizeof *step->rows);
        for (size_t i = 0; i < step->row_count; i++)
            step->rows[i].room_name = mem_strdup("Room");
    }
    return script.err;
}

void chat_presence_release(struct chat_presence *step)
{
    for (size_t i = 0; i < step->row_count; i++)
        mem_free(step->rows[i].room_name);
    mem_free(step->rows);
    step->row_count = 0;
}

enum err chat_log_read(struct db *db, enum log_type log, int64_t log_id, int64_t after,
                       int64_t upto, int limit, bool non_messages, struct event_list *out)
{
    (void)db;
    (void)log_id;
    assert_int_equal(log, LOG_ROOM);
    assert_false(non_messages);
    for (int64_t seq = after + 1; seq <= log_head && seq <= upto && limit-- > 0; seq++) {
        struct event *event = event_list_add(out);
        char text[24];

        snprintf(text, sizeof text, "%lld", (long long)seq);
        event->seq = seq;
        event->kind = seq == left_seq ? EVENT_MEMBER_LEFT : EVENT_TEXT;
        event->subject = seq == left_seq ? 1 : 0;
        event->json = mem_strdup(text);
        event->json_len = strlen(text);
    }
    return ERR_OK;
}

int world_setup(void **state)
{
    struct world *world = mem_alloc(sizeof *world);

    world->gateway.gap_events = 64;
    list_init(&world->gateway.empty);
    subscribed = unsubscribed = fetched = waited = 0;
    log_head = left_seq = 0;
    waiting_job = NULL;
    started_timer = NULL;
    published_count = 0;
    script = (struct step_script){0};
    *state = world;
    return 0;
}

int world_teardown(void **state)
{
    struct world *world = *state;

    for (int i = 0; i < 4; i++) {
        if (world->sockets[i].data)
            client_gone(world->sockets[i].data, false);
    }
    recovery_free(world->gateway.recovery);
    livelog_sweep_empty(&world->gateway);
    assert_int_equal(world->gateway.rooms.used, 0);
    assert_int_equal(world->gateway.users.used, 0);
    assert_int_equal(world->gateway.room_names.used, 0);
    idmap_release(&world->gateway.room_names);
    idmap_release(&world->gateway.rooms);
    idmap_release(&world->gateway.users);
    free(world);
    return 0;
}

struct client *connect_user(struct world *world, int index, int64_t user_id)
{
    struct chat_actor actor = {.user_id = user_id, .session_id = user_id};
    struct client *client = client_new(&world->gateway, &world->sockets[index], &actor);

    if (client->user->live.seq.last == SEQLOG_UNKNOWN)
        livelog_start(&client->user->live, 0);
    client->state = CLIENT_LIVE;
    return client;
}

void enter(struct client *client, int64_t head)
{
    room_enter(client->gateway, client_add_room(client, ROOM, SPAN_LIT("Room"), head));
}

void feed_kind(struct world *world, int64_t seq, enum event_kind kind, int64_t user)
{
    struct livelog *live = livelog_find(&world->gateway, LOG_ROOM, ROOM);
    char text[24];
    struct event event = {.log = LOG_ROOM, .log_id = ROOM, .seq = seq, .kind = kind};

    snprintf(text, sizeof text, "%lld", (long long)seq);
    event.json = mem_strdup(text);
    event.json_len = strlen(text);
    if (kind == EVENT_TEXT)
        event.author = user;
    else
        event.subject = user;
    assert_non_null(live);
    livelog_feed(live, &event);
}

void feed(struct world *world, int64_t from, int64_t to)
{
    for (int64_t seq = from; seq <= to; seq++)
        feed_kind(world, seq, EVENT_TEXT, 99);
}

void inbox(struct world *world, int64_t user, int64_t seq, enum event_kind kind, int64_t room_seq)
{
    struct livelog *live = livelog_find(&world->gateway, LOG_INBOX, user);
    struct event event = {.log = LOG_INBOX,
                          .log_id = user,
                          .seq = seq,
                          .kind = kind,
                          .room = ROOM,
                          .room_seq = room_seq};

    assert_non_null(live);
    livelog_feed(live, &event);
}

void run_job(void)
{
    struct pool_job *job = waiting_job;

    assert_non_null(job);
    waiting_job = NULL;
    job->run(job, NULL);
    job->done(job);
}
