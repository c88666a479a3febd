/* Presence events out of what has changed, see announce.h. */
#include "broker/gateway/announce.h"

#include "broker/gateway/gateway.h"
#include "broker/gateway/news.h"
#include "shared/base/json_write.h"
#include "shared/base/mem.h"

void announcements_release(struct announcements *list)
{
    for (size_t i = 0; i < list->count; i++)
        mem_free(list->items[i].room_name);
    mem_free(list->items);
    *list = (struct announcements){0};
}

void announcements_add(struct announcements *list, int64_t room_id, const char *room_name,
                       const char *username, bool online)
{
    struct announcement *item;

    if (list->count == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 16;
        list->items = mem_regrow(list->items, list->cap, sizeof *list->items);
    }
    item = &list->items[list->count++];
    *item = (struct announcement){
        .room_id = room_id, .room_name = mem_strdup(room_name), .online = online};
    snprintf(item->username, sizeof item->username, "%s", username);
}

/* ---- one event ---- */

static void write_names(struct json_writer *w, const struct presence_names *names, bool online)
{
    json_array(w, online ? "online" : "offline");
    for (int i = 0; i < names->count; i++) {
        if (names->items[i]->online == online)
            json_cstr(w, NULL, names->items[i]->username);
    }
    json_array_end(w);
}

void presence_encode(const struct presence_names *names, bool complete, struct buf *out)
{
    struct json_writer w;

    json_begin(&w, out);
    json_array(&w, NULL);
    json_cstr(&w, NULL, "presence");
    json_object(&w, NULL);
    json_cstr(&w, "room", names->room_name);
    write_names(&w, names, true);
    write_names(&w, names, false);
    if (complete)
        json_bool(&w, "complete", true);
    json_object_end(&w);
    json_array_end(&w);
}

/* False: there is no place for it. */
static bool put(struct presence_names *names, struct announcement *item, int max_names)
{
    for (int i = 0; i < names->count; i++) {
        if (strcmp(names->items[i]->username, item->username) == 0) {
            names->items[i] = item;
            return true;
        }
    }
    if (names->count == max_names)
        return false;
    if ((names->count & (names->count - 1)) == 0) /* grows at 0, 1, 2, 4, 8, ... */
        names->items = mem_regrow(names->items, names->count ? (size_t)names->count * 2 : 1,
                                  sizeof(struct announcement *));
    names->items[names->count++] = item;
    return true;
}

static void send(struct gateway *gateway, const struct presence_names *names)
{
    struct event news = {.log = LOG_ROOM, .log_id = names->room_id, .kind = EVENT_PRESENCE};
    struct buf json;

    buf_init(&json, BUF_MAX_DEFAULT);
    presence_encode(names, false, &json);
    news.json = buf_take(&json, &news.json_len);
    buf_release(&json);
    if (news.json)
        news_send(gateway, &news);
}

/* ---- all of them ---- */

static struct presence_names *names_of(struct idmap *rooms, const struct announcement *item)
{
    struct presence_names *names = idmap_get(rooms, item->room_id);

    if (!names) {
        names = mem_alloc(sizeof *names);
        names->room_id = item->room_id;
        names->room_name = item->room_name;
        idmap_put(rooms, item->room_id, names);
    }
    return names;
}

void announcements_send(struct announcements *list, struct gateway *gateway, int max_names)
{
    struct announcements rest = {0};
    struct presence_names *names;
    struct idmap rooms;
    size_t cursor = 0;

    if (list->count == 0)
        return;
    idmap_init(&rooms);
    for (size_t i = 0; i < list->count; i++) {
        struct announcement *item = &list->items[i];

        if (!put(names_of(&rooms, item), item, max_names))
            announcements_add(&rest, item->room_id, item->room_name, item->username, item->online);
    }
    while ((names = idmap_next(&rooms, &cursor))) {
        send(gateway, names);
        free(names->items);
        free(names);
    }
    idmap_release(&rooms);
    announcements_release(list);
    *list = rest;
}
