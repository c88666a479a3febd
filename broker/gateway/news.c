/* Who gets which passing news. What they say is their makers' business (typing.c, ...). */
#include "broker/gateway/news.h"

#include "broker/gateway/client.h"
#include "broker/gateway/gateway.h"
#include "broker/gateway/presence.h"
#include "broker/gateway/relay.h"
#include "broker/gateway/typing.h"
#include "broker/gateway/user.h"

/* Is `id` one of the numbers in `list`? */
static bool lists(const char *list, int64_t id)
{
    while (list && *list) {
        char *end;
        long long each = strtoll(list, &end, 10);

        if (end == list)
            return false;
        if (each == id)
            return true;
        list = end;
    }
    return false;
}

static bool is_for(const struct client *client, const struct event *news)
{
    if (news->kind == EVENT_TYPING && client->actor.user_id == news->author)
        return false;
    return !client_hides(client, news->author) && !lists(news->except, client->actor.user_id);
}

void news_fan_out(struct room *room, const struct event *news)
{
    struct sio_message *message = sio_message_new(span_make(news->json, news->json_len));

    for (size_t i = 0; i < room->count; i++) {
        struct membership *membership = room->members[i];

        /* Who is known to be out soon, or not yet in again, is out of it already. */
        if (membership->away.count == 0 && is_for(membership->client, news))
            client_emit_news(membership->client, message);
    }
    sio_message_unref(message);
}

static void to_user(struct user *user, const struct event *news)
{
    struct sio_message *message = sio_message_new(span_make(news->json, news->json_len));

    list_for_each(node, &user->clients)
    {
        client_emit_news(list_entry(node, struct client, user_node), message);
    }
    sio_message_unref(message);
}

void news_deliver(struct gateway *gateway, const struct event *news)
{
    struct livelog *live = livelog_find(gateway, news->log, news->log_id);

    if (!live)
        return;
    if (news->log == LOG_INBOX)
        to_user((struct user *)live, news);
    else if (news->kind == EVENT_TYPING)
        typing_heard((struct room *)live, news);
    else
        news_fan_out((struct room *)live, news);
    if (news->kind == EVENT_PRESENCE && news->log == LOG_ROOM)
        presence_heard((struct room *)live);
}

void news_send(struct gateway *gateway, struct event *news)
{
    relay_publish(gateway->relay, news);
    news_deliver(gateway, news);
    event_release(news);
}
