/*
 * Events as such: the list of them, and how one travels over MQTT (topic and user properties). What
 * their JSON holds is render.c's business.
 */
#include "shared/chat/event.h"

#include <inttypes.h>

#include "shared/base/mem.h"

const char *event_kind_name(enum event_kind kind)
{
    switch (kind) {
#define X(name, value, wire)                                                                       \
    case name:                                                                                     \
        return wire;
        EVENT_KIND_TABLE(X)
#undef X
    }
    return NULL;
}

static bool kind_of_name(struct span wire_name, enum event_kind *out)
{
    static const struct {
        const char *wire;
        enum event_kind kind;
    } kinds[] = {
#define X(name, value, wire) {wire, name},
        EVENT_KIND_TABLE(X)
#undef X
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (span_is(wire_name, kinds[i].wire)) {
            *out = kinds[i].kind;
            return true;
        }
    }
    return false;
}

/* ---- lists ---- */

void event_list_init(struct event_list *list)
{
    *list = (struct event_list){0};
}

struct event *event_list_add(struct event_list *list)
{
    struct event *event;

    if (list->count == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 4;
        list->items = mem_regrow(list->items, list->cap, sizeof *list->items);
    }
    event = &list->items[list->count++];
    *event = (struct event){0};
    return event;
}

void event_release(struct event *event)
{
    mem_free(event->room_name);
    mem_free(event->except);
    mem_free(event->json);
    *event = (struct event){0};
}

void event_list_release(struct event_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        event_release(&list->items[i]);
    mem_free(list->items);
    event_list_init(list);
}

/* ---- topics ---- */

static const struct {
    enum log_type log;
    const char *prefix;
} topics[] = {
    {LOG_ROOM, "parley/v1/rooms/"},
    {LOG_INBOX, "parley/v1/users/"},
};

void event_topic(enum log_type log, int64_t log_id, char out[EVENT_TOPIC_SIZE])
{
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        if (topics[i].log == log)
            snprintf(out, EVENT_TOPIC_SIZE, "%s%" PRId64, topics[i].prefix, log_id);
    }
}

#define LIVE "/live"

void event_topic_of(const struct event *event, char out[EVENT_TOPIC_SIZE])
{
    size_t len;

    event_topic(event->log, event->log_id, out);
    len = strlen(out);
    if (event->seq == 0)
        snprintf(out + len, EVENT_TOPIC_SIZE - len, LIVE);
}

int event_qos(const struct event *event)
{
    return event->seq == 0 ? 0 : 1;
}

/* A decimal number as we write it: no sign, no leading zero, 1 to 18 digits; at least 1. */
static bool parse_positive(struct span text, int64_t *out)
{
    int64_t value = 0;

    if (text.len < 1 || text.len > 18 || text.ptr[0] == '0')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = value * 10 + (text.ptr[i] - '0');
    }
    *out = value;
    return true;
}

bool event_topic_parse(struct span topic, enum log_type *log, int64_t *log_id)
{
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        struct span prefix = span_of(topics[i].prefix);

        if (topic.len <= prefix.len || memcmp(topic.ptr, prefix.ptr, prefix.len) != 0)
            continue;
        *log = topics[i].log;
        return parse_positive(span_make(topic.ptr + prefix.len, topic.len - prefix.len), log_id);
    }
    return false;
}

/* ---- user properties ---- */

/* The numeric ones, and where they are in struct event. */
static const struct {
    const char *name;
    size_t offset;
} numbers[] = {
    {"seq", offsetof(struct event, seq)},         {"actor", offsetof(struct event, actor)},
    {"author", offsetof(struct event, author)},   {"subject", offsetof(struct event, subject)},
    {"room", offsetof(struct event, room)},       {"roomSeq", offsetof(struct event, room_seq)},
    {"session", offsetof(struct event, session)}, {"timeline", offsetof(struct event, timeline)},
};

#define NUMBER_COUNT (sizeof numbers / sizeof numbers[0])

static int64_t *number_of(struct event *event, size_t index)
{
    return (int64_t *)((char *)event + numbers[index].offset);
}

static void props_add(struct event_props *props, const char *name, struct span value)
{
    if (props->count == EVENT_PROPS_MAX)
        return;
    props->names[props->count] = span_of(name);
    props->values[props->count++] = value;
}

void event_props_encode(const struct event *event, struct event_props *props)
{
    struct event copy = *event;

    if (copy.timeline == 1)
        copy.timeline = 0; /* the first is not named: it is most often the only one */

    props->count = 0;
    props_add(props, "kind", span_of(event_kind_name(event->kind)));
    for (size_t i = 0; i < NUMBER_COUNT && props->count < EVENT_PROPS_MAX; i++) {
        char *text = props->storage[props->count];

        if (*number_of(&copy, i) <= 0)
            continue;
        snprintf(text, sizeof props->storage[0], "%" PRId64, *number_of(&copy, i));
        props_add(props, numbers[i].name, span_of(text));
    }
    if (event->room_name)
        props_add(props, "roomName", span_of(event->room_name));
    if (event->except)
        props_add(props, "except", span_of(event->except));
}

static enum err keep_text(char **text, struct span value)
{
    mem_free(*text);
    *text = mem_span_dup(value);
    return ERR_OK;
}

static enum err decode_prop(struct span name, struct span value, struct event *event)
{
    if (span_is(name, "kind"))
        return kind_of_name(value, &event->kind) ? ERR_OK : ERR_SYNTAX;
    if (span_is(name, "roomName"))
        return keep_text(&event->room_name, value);
    if (span_is(name, "except"))
        return keep_text(&event->except, value);
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        if (span_is(name, numbers[i].name))
            return parse_positive(value, number_of(event, i)) ? ERR_OK : ERR_SYNTAX;
    }
    return ERR_OK; /* a later version's */
}

/* Inbox kinds have their own numbers, from 32; kinds that are news only, from 64. */
static bool kind_fits(const struct event *event, bool news)
{
    if (event->kind >= EVENT_TYPING)
        return news;
    if (event->kind == 0 || (event->log == LOG_INBOX) != (event->kind >= EVENT_INBOX_JOINED))
        return false;
    return !news || event->kind == EVENT_CUSTOM || event->kind == EVENT_INBOX_CUSTOM;
}

/* Take "/live" off the end. */
static bool topic_is_live(struct span *topic)
{
    size_t len = sizeof LIVE - 1;

    if (topic->len <= len || memcmp(topic->ptr + topic->len - len, LIVE, len) != 0)
        return false;
    topic->len -= len;
    return true;
}

enum err event_decode(struct span topic, const struct span *names, const struct span *values,
                      int count, struct event *event)
{
    bool news = topic_is_live(&topic);
    enum err err = ERR_OK;

    if (!event_topic_parse(topic, &event->log, &event->log_id))
        return ERR_SYNTAX;
    for (int i = 0; i < count && err == ERR_OK; i++)
        err = decode_prop(names[i], values[i], event);
    if (err == ERR_OK && ((event->seq == 0) != news || !kind_fits(event, news)))
        err = ERR_SYNTAX;
    if (err != ERR_OK) {
        mem_free(event->room_name);
        mem_free(event->except);
    }
    return err;
}
