/* Typing, see typing.h. Repetitions are not relayed but now and then, so that it does not run out
 * elsewhere. */
#include "broker/gateway/typing.h"

#include "broker/gateway/gateway.h"
#include "broker/gateway/news.h"
#include "broker/gateway/roomname.h"
#include "broker/gateway/user.h"
#include "shared/base/bucket.h"
#include "shared/base/json_scan.h"
#include "shared/base/json_write.h"
#include "shared/base/mem.h"

#define RUN_OUT_MS 6000 /* after it was last heard of */
#define REPEAT_MS 1000  /* others are told again at most this often */
#define RATE_KEYS 65536
#define EXCEPT_MAX 256 /* who has blocked more is not seen typing in direct rooms */

struct typist {
    struct room *room;
    struct client *client; /* where it came from, if from here */
    int64_t user_id;
    int64_t until, told; /* loop_now */
    struct list node;    /* room->typists */
    struct list by_time; /* typing->typists, by `until` */
    char *except;        /* who has not seen it begin does not see it end; as in struct event */
    char username[TOKEN_USERNAME_SIZE];
};

struct typing {
    struct gateway *gateway;
    struct list typists;
    struct loop_timer *timer;
    struct bucket_table *rate; /* by user */
};

static int64_t now(const struct typing *typing)
{
    return loop_now(typing->gateway->loop);
}

static struct typist *typist_of(const struct room *room, int64_t user_id)
{
    list_for_each(node, &room->typists)
    {
        struct typist *typist = list_entry(node, struct typist, node);

        if (typist->user_id == user_id)
            return typist;
    }
    return NULL;
}

static void typist_free(struct typist *typist)
{
    if (typist->client)
        typist->client->typing_in--;
    list_remove(&typist->node);
    list_remove(&typist->by_time);
    free(typist->except);
    free(typist);
}

static void arm(struct typing *typing)
{
    struct typist *first = list_entry(typing->typists.next, struct typist, by_time);
    int64_t delay;

    if (list_is_empty(&typing->typists) || loop_timer_active(typing->timer))
        return;
    delay = first->until - now(typing);
    loop_timer_start(typing->timer, delay > 0 ? delay : 0, 0);
}

/* ---- the news ---- */

static void make_news(const struct room *room, int64_t user_id, const char *username, bool on,
                      struct event *news)
{
    struct json_writer w;
    struct buf json;

    *news = (struct event){.log = LOG_ROOM,
                           .log_id = room->live.id,
                           .kind = EVENT_TYPING,
                           .actor = user_id,
                           .author = user_id};
    buf_init(&json, BUF_MAX_DEFAULT);
    json_begin(&w, &json);
    json_array(&w, NULL);
    json_cstr(&w, NULL, "typing");
    json_object(&w, NULL);
    json_cstr(&w, "room", room->name);
    json_cstr(&w, "username", username);
    json_bool(&w, "typing", on);
    json_object_end(&w);
    json_array_end(&w);
    news->json = buf_take(&json, &news->json_len);
    buf_release(&json);
}

/* It ends here; other brokers see it end by themselves. */
static void end(struct typist *typist)
{
    struct event news;

    make_news(typist->room, typist->user_id, typist->username, false, &news);
    news.except = typist->except;
    typist->except = NULL;
    news_fan_out(typist->room, &news);
    event_release(&news);
    typist_free(typist);
}

static bool read_news(const struct event *news, char username[TOKEN_USERNAME_SIZE], bool *on)
{
    struct span row = span_make(news->json, news->json_len), name, payload;
    size_t cursor = 0;
    struct buf text;
    bool good;

    if (json_scan(row, 4) != ERR_OK || json_type_of(row) != JSON_ARRAY ||
        !json_next(row, &cursor, NULL, &name) || !json_next(row, &cursor, NULL, &payload))
        return false;
    name = json_member(payload, "username");
    if (!span_present(name) || json_type_of(name) != JSON_STRING)
        return false;
    *on = span_is(json_member(payload, "typing"), "true");
    buf_init(&text, TOKEN_USERNAME_SIZE - 1);
    json_unescape(name, &text);
    good = buf_ok(&text);
    snprintf(username, TOKEN_USERNAME_SIZE, "%.*s", (int)text.len, text.data ? text.data : "");
    buf_release(&text);
    return good;
}

void typing_heard(struct room *room, const struct event *news)
{
    struct typing *typing = room->live.gateway->typing;
    struct typist *typist = typist_of(room, news->author);
    char username[TOKEN_USERNAME_SIZE];
    bool on;

    if (news->author == 0 || !read_news(news, username, &on) || (!on && !typist))
        return;
    if (!on) {
        end(typist);
        return;
    }
    if (!typist) {
        typist = mem_alloc(sizeof *typist);
        typist->room = room;
        typist->user_id = news->author;
        typist->except = news->except ? mem_strdup(news->except) : NULL;
        memcpy(typist->username, username, sizeof username);
        list_append(&room->typists, &typist->node);
        list_init(&typist->by_time);
        news_fan_out(room, news);
    }
    typist->until = now(typing) + RUN_OUT_MS;
    list_remove(&typist->by_time);
    list_append(&typing->typists, &typist->by_time);
    arm(typing);
}

static void on_timer(void *arg)
{
    struct typing *typing = arg;

    while (!list_is_empty(&typing->typists)) {
        struct typist *first = list_entry(typing->typists.next, struct typist, by_time);

        if (first->until > now(typing))
            break;
        end(first);
    }
    arm(typing);
}

/* ---- from clients ---- */

/* In a direct room the other one is not shown what it types to those it has blocked. */
static char *blocked_by(const struct client *client, const struct room *room)
{
    const struct user *user = client->user;
    struct buf ids;
    char *text;

    if (user->blocked_count == 0 || !strchr(room->name, '@'))
        return NULL;
    buf_init(&ids, BUF_MAX_DEFAULT);
    for (size_t i = 0; i < user->blocked_count; i++)
        buf_addf(&ids, "%s%lld", i ? " " : "", (long long)user->blocked[i]);
    text = buf_take(&ids, &(size_t){0});
    buf_release(&ids);
    return text;
}

static bool may_type(const struct client *client, const struct room *room)
{
    const struct membership *membership = client_room(client, room->live.id);

    return membership && membership->away.count == 0 &&
           (client->user->blocked_count <= EXCEPT_MAX || !strchr(room->name, '@'));
}

static void tell(struct client *client, struct room *room, bool on)
{
    struct event news;

    make_news(room, client->actor.user_id, client->actor.username, on, &news);
    news.except = blocked_by(client, room);
    news_send(client->gateway, &news);
}

static bool too_often(struct typing *typing, int64_t user_id)
{
    struct span key = span_make((const char *)&user_id, sizeof user_id);

    if (bucket_take(typing->rate, key, 1, now(typing)) == 0)
        return false;
    typing->gateway->stats.refused[CONF_LIMIT_TYPING_PER_S]++;
    return true;
}

static void type_in(struct client *client, struct room *room, bool on)
{
    struct typing *typing = client->gateway->typing;
    struct typist *typist = typist_of(room, client->actor.user_id);

    if (!on && !typist)
        return;
    if (!on || !typist || now(typing) - typist->told >= REPEAT_MS) {
        tell(client, room, on);
        typist = typist_of(room, client->actor.user_id);
        if (!on || !typist)
            return;
        typist->told = now(typing);
    }
    if (typist->client != client) {
        if (typist->client)
            typist->client->typing_in--;
        typist->client = client;
        client->typing_in++;
    }
}

void typing_on_event(struct client *client, struct span dto)
{
    struct span name, on;
    struct room *room;
    struct buf text;

    if (client->state != CLIENT_LIVE || json_type_of(dto) != JSON_OBJECT)
        return;
    name = json_member(dto, "room");
    on = json_member(dto, "typing");
    if (!span_present(name) || json_type_of(name) != JSON_STRING || !span_present(on) ||
        json_type_of(on) != JSON_BOOL || too_often(client->gateway->typing, client->actor.user_id))
        return;
    buf_init(&text, BUF_MAX_DEFAULT);
    json_unescape(name, &text);
    room = room_name_find(client->gateway, buf_span(&text));
    buf_release(&text);
    if (room && may_type(client, room))
        type_in(client, room, span_is(on, "true"));
}

/* ---- ends ---- */

void typing_over(struct room *room, int64_t user_id)
{
    struct typist *typist;

    if (!list_is_empty(&room->typists) && (typist = typist_of(room, user_id)))
        end(typist);
}

void typing_client_gone(struct client *client)
{
    if (client->typing_in == 0)
        return;
    list_for_each(node, &client->gateway->typing->typists)
    {
        struct typist *typist = list_entry(node, struct typist, by_time);

        if (typist->client == client)
            tell(client, typist->room, false);
    }
}

void typing_forget(struct room *room)
{
    list_for_each(node, &room->typists)
    {
        typist_free(list_entry(node, struct typist, node));
    }
}

/* ---- life ---- */

struct typing *typing_new(struct gateway *gateway)
{
    struct typing *typing = mem_alloc(sizeof *typing);
    int rate = (int)conf_int(gateway->conf, CONF_LIMIT_TYPING_PER_S);

    typing->gateway = gateway;
    list_init(&typing->typists);
    typing->timer = loop_timer_new(gateway->loop, on_timer, typing);
    typing->rate = bucket_table_new(rate, 1000, rate * 2 + 1, RATE_KEYS);
    return typing;
}

void typing_reload(struct typing *typing)
{
    int rate = (int)conf_int(typing->gateway->conf, CONF_LIMIT_TYPING_PER_S);

    bucket_table_change(typing->rate, rate, rate * 2 + 1);
}

void typing_free(struct typing *typing)
{
    if (!typing)
        return;
    loop_timer_free(typing->timer);
    bucket_table_free(typing->rate);
    free(typing);
}
