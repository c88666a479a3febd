/*
 * An event: one row of a log, ready to be relayed. A room's log and a user's inbox have the same
 * shape: numbered from 1 without gaps, one row = one seq = one MQTT message (= one emit, if it has
 * a payload). The payload is the Socket.IO event array itself; what routing needs travels beside
 * it, in MQTT 5 user properties, so that relaying parses no JSON.
 *
 * An event without a seq is passing news (typing, presence, ...): it is in no log, nobody waits for
 * it or asks for it again. It travels at QoS 0 on the topic's "/live", and has a payload.
 */
#ifndef PARLEY_CHAT_EVENT_H
#define PARLEY_CHAT_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buf.h"

enum log_type { LOG_ROOM = 0, LOG_INBOX = 1 };

/* X(enumerator, value stored in room_event.kind, name on the wire). Values never change. */
#define EVENT_KIND_TABLE(X)                                                                        \
    X(EVENT_TEXT, 1, "text")                                                                       \
    X(EVENT_SYSTEM, 2, "system")                                                                   \
    X(EVENT_MEMBER_JOINED, 3, "memberJoined")                                                      \
    X(EVENT_MEMBER_LEFT, 4, "memberLeft")                                                          \
    X(EVENT_MEMBER_UPDATED, 5, "memberUpdated")                                                    \
    X(EVENT_MESSAGE_UPDATED, 6, "messageUpdated")                                                  \
    X(EVENT_MESSAGE_DELETED, 7, "messageDeleted")                                                  \
    X(EVENT_CHANNEL_UPDATED, 8, "channelUpdated")                                                  \
    X(EVENT_CHANNEL_DELETED, 9, "channelDeleted")                                                  \
    X(EVENT_CUSTOM, 10, "custom")                                                                  \
    X(EVENT_INBOX_JOINED, 32, "joined")              /* you entered room `room` at room_seq */     \
    X(EVENT_INBOX_LEFT, 33, "left")                  /* you left it at room_seq */                 \
    X(EVENT_INBOX_DIRECT_OPENED, 34, "directOpened") /* emits reconnectNeeded */                   \
    X(EVENT_INBOX_SESSION_ENDED, 35, "sessionEnded") /* close the sockets of `session` */          \
    X(EVENT_INBOX_BLOCKED, 36, "blocked")            /* `actor` is the user now blocked */         \
    X(EVENT_INBOX_UNBLOCKED, 37, "unblocked")                                                      \
    X(EVENT_INBOX_CUSTOM, 38, "inboxCustom")                                                       \
    X(EVENT_TYPING, 64, "typing") /* from here on: passing news only, never stored */              \
    X(EVENT_PRESENCE, 65, "presence")                                                              \
    X(EVENT_READ_MARKER, 66, "readMarker")

enum event_kind {
#define X(name, value, wire) name = value,
    EVENT_KIND_TABLE(X)
#undef X
};

/* The name on the wire, or NULL. */
const char *event_kind_name(enum event_kind kind);

/* Is it part of history (a Message)? */
static inline bool event_kind_is_message(enum event_kind kind)
{
    return kind == EVENT_TEXT || kind == EVENT_SYSTEM;
}

struct event {
    enum log_type log;
    int64_t log_id; /* room id or user id */
    int64_t seq;
    enum event_kind kind;
    int64_t actor;    /* user who did it; 0: the system */
    int64_t author;   /* author of the message concerned (block filter); 0: none */
    int64_t subject;  /* member joined/left/updated: the user it is about (actor: who did it) */
    int64_t room;     /* inbox joined/left: the room ... */
    int64_t room_seq; /* ... and the seq of the row in its log */
    int64_t session;  /* inbox sessionEnded: the session; 0: all of the user's */
    int64_t timeline; /* of PostgreSQL, of which the row is; 0 or 1: the first */
    char *room_name;  /* inbox joined: the room's name; owned; else NULL */
    char *except;     /* news: ids, space-separated, of users it is not for; owned; else NULL */
    char *json;       /* Socket.IO event array; owned; NULL: nothing to emit */
    size_t json_len;
};

/* Has it no place in a log? */
static inline bool event_is_news(const struct event *event)
{
    return event->seq == 0 && event->json;
}

/* Free what the event owns; it is zeroed. The struct is the caller's. */
void event_release(struct event *event);

/* A growing list of events in log order; owns them. */
struct event_list {
    struct event *items;
    size_t count;
    size_t cap;
};

void event_list_init(struct event_list *list);
/* A new zeroed event at the end; valid until the next add. */
struct event *event_list_add(struct event_list *list);
void event_list_release(struct event_list *list);

/* ---- on MQTT ---- */

#define EVENT_TOPIC_SIZE 96

/* "parley/v1/rooms/{id}" or "parley/v1/users/{id}". */
void event_topic(enum log_type log, int64_t log_id, char out[EVENT_TOPIC_SIZE]);

/* The topic an event goes out on: its log's, or for news that with "/live" behind it; and the QoS
 * it goes out with. */
void event_topic_of(const struct event *event, char out[EVENT_TOPIC_SIZE]);
int event_qos(const struct event *event);

/* Parse a topic made by event_topic; false if it is none. */
bool event_topic_parse(struct span topic, enum log_type *log, int64_t *log_id);

/* The user properties of an event, as names and values; `storage` backs the numbers. Zero fields
 * are left out. Returns the count (at most EVENT_PROPS_MAX). */
#define EVENT_PROPS_MAX 10
struct event_props {
    struct span names[EVENT_PROPS_MAX];
    struct span values[EVENT_PROPS_MAX];
    int count;
    char storage[EVENT_PROPS_MAX][24];
};
void event_props_encode(const struct event *event, struct event_props *props);

/* Fill `event` (zeroed; room_name is copied, json is not set) from topic and properties.
 * ERR_SYNTAX if it is not one of ours. */
enum err event_decode(struct span topic, const struct span *names, const struct span *values,
                      int count, struct event *event) MUST_CHECK;

#endif
