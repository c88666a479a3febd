/* Presence of this broker's users, see presence.h. */
#include "broker/gateway/presence.h"

#include "broker/gateway/announce.h"
#include "broker/gateway/gateway.h"
#include "shared/base/mem.h"
#include "shared/base/random.h"
#include "shared/chat/presence.h"

#define TICK_MS 1000
#define USERS_MAX 1000 /* in one step */
#define ROOMS_MAX 1000 /* the same; shared/chat bounds their members, too */

/* Of a user as PostgreSQL has it. */
enum where {
    AWAY,    /* not there yet: on `fresh` */
    COMING,  /* the step on its way tells */
    THERE,   /* on no list */
    LEAVING, /* has no connection any more: on `grace` */
    GOING    /* the step on its way tells */
};

struct present {
    int64_t user_id;
    enum where where;
    int clients;
    bool unsure;   /* told, without an answer: PostgreSQL may have it otherwise */
    int64_t until; /* LEAVING */
    struct list node;
};

struct presence {
    struct gateway *gateway;
    struct pool_job job;
    struct chat_presence step; /* the one on its way, if `busy` */
    enum err err;
    bool busy, enrolled, again, bury;
    int64_t renewed, enrolled_at; /* loop_now */
    int64_t grace_ms, lease_ms;
    int max_names;
    struct idmap users; /* struct present */
    struct list fresh, grace;
    struct list wanted; /* rooms whose state somebody waits for */
    struct announcements news;
    struct loop_timer *timer;
    char id[RANDOM_ID_SIZE]; /* of this process's life: one that died is another */
};

static int64_t now(const struct presence *presence)
{
    return loop_now(presence->gateway->loop);
}

/* ---- users ---- */

static void move(struct presence *presence, struct present *user, enum where where)
{
    list_remove(&user->node);
    user->where = where;
    if (where == AWAY)
        list_append(&presence->fresh, &user->node);
    if (where == LEAVING) {
        user->until = now(presence) + presence->grace_ms;
        list_append(&presence->grace, &user->node);
    }
}

static void forget(struct presence *presence, struct present *user)
{
    list_remove(&user->node);
    idmap_remove(&presence->users, user->user_id);
    free(user);
}

static void user_came(struct presence *presence, int64_t user_id)
{
    struct present *user = idmap_get(&presence->users, user_id);

    if (!user) {
        user = mem_alloc(sizeof *user);
        user->user_id = user_id;
        list_init(&user->node);
        idmap_put(&presence->users, user_id, user);
        move(presence, user, AWAY);
    }
    user->clients++;
    if (user->where == LEAVING)
        move(presence, user, user->unsure ? AWAY : THERE);
}

static void user_went(struct presence *presence, int64_t user_id)
{
    struct present *user = idmap_get(&presence->users, user_id);

    if (!user || --user->clients > 0)
        return;
    if (user->where == AWAY && !user->unsure)
        forget(presence, user);
    else if (user->where == AWAY || user->where == THERE)
        move(presence, user, LEAVING);
}

/* ---- rooms ---- */

static void want(struct presence *presence, struct room *room)
{
    if (list_is_empty(&room->presence_node))
        list_append(&presence->wanted, &room->presence_node);
}

void presence_client_live(struct client *client)
{
    struct presence *presence = client->gateway->presence;

    if (!presence || client->is_present)
        return;
    client->is_present = true;
    user_came(presence, client->actor.user_id);
    for (size_t i = 0; i < client->room_count; i++) {
        client->rooms[i]->wants_presence = true;
        want(presence, client->rooms[i]->room);
    }
}

void presence_client_gone(struct client *client)
{
    if (!client->is_present)
        return;
    client->is_present = false;
    user_went(client->gateway->presence, client->actor.user_id);
}

void presence_joined(struct membership *membership)
{
    struct presence *presence = membership->client->gateway->presence;

    if (!presence || !membership->room)
        return;
    membership->wants_presence = membership->joined_online = true;
    want(presence, membership->room);
}

void presence_heard(struct room *room)
{
    room->presence_heard++;
}

void presence_room_gone(struct room *room)
{
    list_remove(&room->presence_node);
}

void presence_lost_news(struct gateway *gateway)
{
    size_t cursor = 0;
    struct room *room;

    while (gateway->presence && (room = idmap_next(&gateway->rooms, &cursor))) {
        for (size_t i = 0; i < room->count; i++)
            room->members[i]->wants_presence = true;
        want(gateway->presence, room);
    }
}

/* Tell those who wait for it who is online in the room. */
static void tell_state(struct room *room, const struct presence_names *names)
{
    struct sio_message *message;
    struct buf json;

    buf_init(&json, BUF_MAX_DEFAULT);
    presence_encode(names, true, &json);
    message = sio_message_new(buf_span(&json));
    buf_release(&json);
    for (size_t i = 0; i < room->count; i++) {
        struct membership *membership = room->members[i];

        if (membership->wants_presence)
            client_emit_news(membership->client, message);
        membership->wants_presence = false;
    }
    sio_message_unref(message);
}

/* Others in the room learn that somebody who has joined is online. */
static void tell_joined(struct presence *presence, struct room *room, const char *room_name)
{
    for (size_t i = 0; i < room->count; i++) {
        struct membership *membership = room->members[i];

        if (membership->joined_online)
            announcements_add(&presence->news, room->live.id, room_name,
                              membership->client->actor.username, true);
        membership->joined_online = false;
    }
}

/* `count` rows are the state of one room. */
static void apply_state(struct presence *presence, struct chat_presence_row *rows, size_t count)
{
    struct room *room = idmap_get(&presence->gateway->rooms, rows[0].room_id);
    struct announcement *items;
    struct presence_names names = {.room_id = rows[0].room_id, .room_name = rows[0].room_name};

    if (!room)
        return;
    if (rows[0].what == CHAT_ASK_AGAIN || room->presence_heard != room->presence_asked) {
        want(presence, room); /* what was heard meanwhile may be newer */
        return;
    }
    tell_joined(presence, room, rows[0].room_name);
    items = mem_array(count, sizeof *items);
    names.items = mem_array(count, sizeof *names.items);
    for (size_t i = 0; i < count && rows[i].username[0] != '\0'; i++) {
        items[i].online = true;
        memcpy(items[i].username, rows[i].username, sizeof items[i].username);
        names.items[names.count++] = &items[i];
    }
    tell_state(room, &names);
    free(names.items);
    free(items);
}

/* ---- a step ---- */

static void settle_user(struct presence *presence, int64_t user_id, bool done)
{
    struct present *user = idmap_get(&presence->users, user_id);
    bool there;

    if (!user || (user->where != COMING && user->where != GOING))
        return;
    there = (user->where == COMING) == done; /* or it may be so, if it is not done */
    user->unsure = !done;
    if (user->clients > 0) {
        move(presence, user, done && there ? THERE : AWAY);
    } else if (done && !there) {
        forget(presence, user);
    } else {
        move(presence, user, LEAVING);
        if (!done) { /* the next step knows that it comes again */
            user->until = now(presence);
            list_remove(&user->node);
            list_prepend(&presence->grace, &user->node);
        }
    }
}

static void settle_users(struct presence *presence, bool done)
{
    for (size_t i = 0; i < presence->step.came_count; i++)
        settle_user(presence, presence->step.came[i], done);
    for (size_t i = 0; i < presence->step.gone_count; i++)
        settle_user(presence, presence->step.gone[i], done);
}

static void want_again(struct presence *presence)
{
    for (size_t i = 0; i < presence->step.room_count; i++) {
        struct room *room = idmap_get(&presence->gateway->rooms, presence->step.rooms[i]);

        if (room)
            want(presence, room);
    }
}

/* Others may have taken our users down, or nobody knows of any: tell all anew. */
static void lose_lease(struct presence *presence)
{
    size_t cursor = 0;
    struct present *user;

    presence->enrolled = false;
    while ((user = idmap_next(&presence->users, &cursor))) {
        if (user->where == THERE)
            move(presence, user, AWAY);
    }
}

static void apply_rows(struct presence *presence)
{
    struct chat_presence_row *rows = presence->step.rows;
    size_t count = presence->step.row_count, i = 0, next;

    for (; i < count && rows[i].what <= CHAT_WENT_OFFLINE; i++)
        announcements_add(&presence->news, rows[i].room_id, rows[i].room_name, rows[i].username,
                          rows[i].what == CHAT_CAME_ONLINE);
    for (; i < count; i = next) {
        for (next = i + 1; next < count && rows[next].room_id == rows[i].room_id; next++)
            ;
        apply_state(presence, rows + i, next - i);
    }
}

static void step_run(struct pool_job *job, struct db *db)
{
    struct presence *presence = list_entry(job, struct presence, job);

    presence->err = chat_presence_step(db, &presence->step);
}

static void step_finish(struct presence *presence)
{
    struct chat_presence *step = &presence->step;
    bool done = presence->err == ERR_OK && !step->lost;

    presence->busy = false;
    settle_users(presence, done);
    if (presence->err == ERR_OK && step->lost)
        lose_lease(presence);
    if (!done)
        want_again(presence);
    if (done && step->enroll)
        presence->enrolled_at = now(presence);
    if (done && (step->enroll || step->renew)) {
        presence->enrolled = true;
        presence->renewed = now(presence);
    }
    presence->again = presence->err != ERR_OK;
    /* Others had a lease's time to renew theirs: it is not PostgreSQL that was away. */
    if (done)
        presence->bury = (step->dead || step->more) &&
                         now(presence) - presence->enrolled_at > presence->lease_ms;
    apply_rows(presence);
    chat_presence_release(step);
    mem_free(step->came);
    mem_free(step->gone);
    mem_free(step->rooms);
}

static void step_done(struct pool_job *job)
{
    struct presence *presence = list_entry(job, struct presence, job);

    step_finish(presence);
    announcements_send(&presence->news, presence->gateway, presence->max_names);
}

static size_t take_users(struct list *from, int64_t until, enum where where, int64_t **ids)
{
    size_t count = 0;

    if (list_is_empty(from))
        return 0;
    *ids = mem_array(USERS_MAX, sizeof **ids);
    list_for_each(node, from)
    {
        struct present *user = list_entry(node, struct present, node);

        if (count == USERS_MAX || user->until > until)
            break;
        (*ids)[count++] = user->user_id;
        user->where = where;
        list_remove(node);
    }
    return count;
}

static size_t take_rooms(struct presence *presence, int64_t **ids)
{
    struct list *node;
    size_t count = 0;

    if (list_is_empty(&presence->wanted))
        return 0;
    *ids = mem_array(ROOMS_MAX, sizeof **ids);
    while (count < ROOMS_MAX && (node = list_take_first(&presence->wanted))) {
        struct room *room = list_entry(node, struct room, presence_node);

        room->presence_asked = room->presence_heard;
        (*ids)[count++] = room->live.id;
    }
    return count;
}

static void step_begin(struct presence *presence)
{
    const struct conf *conf = presence->gateway->conf;
    struct chat_presence *step = &presence->step;

    *step = (struct chat_presence){
        .broker = presence->id,
        .lease_ms = presence->lease_ms,
        .max_members = conf_int(conf, CONF_PRESENCE_ROOM_MEMBERS),
        .enroll = !presence->enrolled,
        .again = presence->again,
        .bury = presence->bury && presence->enrolled,
    };
    step->renew = presence->enrolled && now(presence) - presence->renewed >= presence->lease_ms / 3;
    step->came_count = take_users(&presence->fresh, INT64_MAX, COMING, &step->came);
    step->gone_count = take_users(&presence->grace, now(presence), GOING, &step->gone);
    step->room_count = take_rooms(presence, &step->rooms);
    presence->job = (struct pool_job){.run = step_run, .done = step_done};
    if (!step->enroll && !step->renew && !step->bury && step->came_count == 0 &&
        step->gone_count == 0 && step->room_count == 0) {
        mem_free(step->gone); /* those in it have time */
        return;
    }
    presence->busy = true;
    if (pool_submit(presence->gateway->readers, &presence->job) != ERR_OK) {
        presence->err = ERR_FULL;
        step_finish(presence);
    }
}

static void on_tick(void *arg)
{
    struct presence *presence = arg;

    if (presence->busy)
        return;
    announcements_send(&presence->news, presence->gateway, presence->max_names);
    step_begin(presence);
}

/* ---- life ---- */

struct presence *presence_new(struct gateway *gateway)
{
    struct presence *presence;

    if (conf_int(gateway->conf, CONF_PRESENCE_ROOM_MEMBERS) == 0)
        return NULL;
    presence = mem_alloc(sizeof *presence);
    presence->gateway = gateway;
    presence->grace_ms = conf_int(gateway->conf, CONF_PRESENCE_GRACE_MS);
    presence->lease_ms = conf_int(gateway->conf, CONF_PRESENCE_LEASE_MS);
    presence->max_names = (int)conf_int(gateway->conf, CONF_PRESENCE_NAMES);
    idmap_init(&presence->users);
    list_init(&presence->fresh);
    list_init(&presence->grace);
    list_init(&presence->wanted);
    random_id(presence->id);
    presence->timer = loop_timer_new(gateway->loop, on_tick, presence);
    loop_timer_start(presence->timer, TICK_MS, TICK_MS);
    return presence;
}

void presence_free(struct presence *presence)
{
    size_t cursor = 0;
    struct present *user;

    if (!presence)
        return;
    loop_timer_free(presence->timer);
    while ((user = idmap_next(&presence->users, &cursor)))
        free(user);
    idmap_release(&presence->users);
    announcements_release(&presence->news);
    if (presence->busy) { /* its pool has ended without it */
        chat_presence_release(&presence->step);
        mem_free(presence->step.came);
        mem_free(presence->step.gone);
        mem_free(presence->step.rooms);
    }
    free(presence);
}
