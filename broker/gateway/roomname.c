/* Names of live rooms, see roomname.h. Only hashes of the folded names are kept. */
#include "broker/gateway/roomname.h"

#include "broker/gateway/client.h"
#include "broker/gateway/gateway.h"
#include "shared/base/json_scan.h"
#include "shared/base/mem.h"
#include "shared/chat/rules.h"

/* Of renames while the room is live here; past it the first ones go. */
#define NAMES_MAX 16

/* 0: there can be no such room. */
static int64_t key_of(struct gateway *gateway, struct span name)
{
    struct buf folded;
    int64_t key = 0;

    buf_init(&folded, BUF_MAX_DEFAULT);
    rule_room_key(name, &folded);
    if (buf_ok(&folded) && folded.len > 0)
        key = (int64_t)(hash_bytes(&gateway->name_key, buf_span(&folded)) >> 1) | 1;
    buf_release(&folded);
    return key;
}

static void drop_key(struct room *room, int index)
{
    struct idmap *names = &room->live.gateway->room_names;

    if (idmap_get(names, room->name_keys[index]) == room)
        idmap_remove(names, room->name_keys[index]);
    room->name_keys[index] = room->name_keys[--room->name_count];
}

static void add_key(struct room *room, int64_t key)
{
    struct idmap *names = &room->live.gateway->room_names;

    if (key == 0 || idmap_get(names, key) == room)
        return;
    if (room->name_count == NAMES_MAX)
        drop_key(room, 0);
    room->name_keys =
        mem_regrow(room->name_keys, (size_t)room->name_count + 1, sizeof *room->name_keys);
    room->name_keys[room->name_count++] = key;
    idmap_put(names, key, room);
}

void room_name_learn(struct room *room, struct span name, int64_t seq)
{
    if (room->name && (seq < room->name_seq || span_is(name, room->name)))
        return;
    mem_free(room->name);
    room->name = mem_span_dup(name);
    room->name_seq = seq;
    add_key(room, key_of(room->live.gateway, name));
}

void room_name_heed(struct room *room, const struct event *event)
{
    struct span row = span_make(event->json ? event->json : "", event->json_len);
    struct span element = SPAN_NONE, name;
    struct buf text;
    size_t cursor = 0;

    if (json_scan(row, JSON_DEPTH_LIMIT) != ERR_OK || json_type_of(row) != JSON_ARRAY)
        return;
    while (json_next(row, &cursor, NULL, &element))
        ; /* its payload is the last one */
    name = span_present(element) ? json_member(element, "name") : SPAN_NONE;
    if (!span_present(name) || json_type_of(name) != JSON_STRING)
        return;
    buf_init(&text, BUF_MAX_DEFAULT);
    json_unescape(name, &text);
    if (buf_ok(&text))
        room_name_learn(room, buf_span(&text), event->seq);
    buf_release(&text);
}

void room_name_forget(struct room *room)
{
    while (room->name_count > 0)
        drop_key(room, room->name_count - 1);
    mem_free(room->name_keys);
    mem_free(room->name);
}

struct room *room_name_find(struct gateway *gateway, struct span name)
{
    int64_t key = key_of(gateway, name);

    return key != 0 ? idmap_get(&gateway->room_names, key) : NULL;
}

struct membership *room_name_member(const struct client *client, struct span name)
{
    struct room *room = room_name_find(client->gateway, name);
    int64_t key;

    if (room)
        return client_room(client, room->live.id);
    if (client->state == CLIENT_LIVE)
        return NULL;
    key = key_of(client->gateway, name);
    for (size_t i = 0; key != 0 && i < client->room_count; i++) {
        const char *its = client->rooms[i]->name;

        if (its && key_of(client->gateway, span_of(its)) == key)
            return client->rooms[i];
    }
    return NULL;
}
