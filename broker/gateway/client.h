/*
 * A client: one Socket.IO socket of one user. Lives as long as the socket or a job that works for
 * it; whoever keeps a pointer across turns holds a reference.
 */
#ifndef PARLEY_GATEWAY_CLIENT_H
#define PARLEY_GATEWAY_CLIENT_H

#include "broker/gateway/room.h"
#include "shared/base/log.h"
#include "shared/chat/chat.h"

struct user;
struct connecting;
struct recoverable;

enum client_state {
    CLIENT_CONNECTING, /* no snapshot yet: inbox rows do not concern it */
    CLIENT_HISTORY,    /* memberships known, history on its way, rooms not entered */
    CLIENT_LIVE,
    CLIENT_GONE /* told to go, or the socket is gone */
};

struct client {
    struct gateway *gateway;
    struct sio_socket *socket; /* NULL once it is gone */
    struct user *user;
    struct list user_node;
    struct membership **rooms; /* by room id; owned */
    size_t room_count, room_cap;
    int64_t inbox_skip;            /* inbox rows up to this seq are in its snapshot */
    struct recoverable *session;   /* NULL: not recoverable; owned */
    struct connecting *connecting; /* until it is live; owned by connect.c */
    struct list commands;          /* waiting command_job */
    int commands_waiting, commands_running, reads_running;
    bool barrier_running;
    bool is_present; /* presence.c's */
    int typing_in;   /* rooms; typing.c's */
    enum client_state state;
    int refs;
    struct log_context log; /* what the log says of its work */
    struct chat_actor actor;
    struct loop_timer *expiry; /* NULL: it stays for as long as its session lives */
};

/* For a socket under admission; sets the socket's data. One reference is the socket's. */
struct client *client_new(struct gateway *gateway, struct sio_socket *socket,
                          const struct chat_actor *actor);
struct client *client_ref(struct client *client);
void client_unref(struct client *client);

/* The socket is gone: leave all rooms and the user, drop the socket's reference. A `recoverable`
 * client's session is kept for a while. */
void client_gone(struct client *client, bool recoverable);

/* Does the inbox row at `seq` concern this client, or did its snapshot have it? */
bool client_heeds(const struct client *client, int64_t seq);

/* Messages by `author` are not for this client (blocked). */
bool client_hides(const struct client *client, int64_t author);

/* Send an event that others get, too: a room's, as it is fanned out. */
void client_emit(struct client *client, struct sio_message *message);
/* Send passing news; it is dropped where too much waits already. */
void client_emit_news(struct client *client, struct sio_message *message);
/* Send to this client alone: what is no row of a log; row `seq` of a room's log (0: of the inbox);
 * such a row that was held back while others got it. */
void client_emit_json(struct client *client, struct span json);
void client_emit_row(struct client *client, int64_t room, int64_t seq, struct span json);
void client_emit_held(struct client *client, int64_t room, int64_t seq,
                      struct sio_message *message);

/* Emit accessDenied {message, code} and disconnect. */
void client_deny(struct client *client, enum err err, const char *message);
/* Close the transport: official clients reconnect by themselves. */
void client_close(struct client *client);
/* The same, and its session is not kept: what it knows may be void. */
void client_reload(struct client *client);

/* A membership from the snapshot: everything up to `head` is history; the room's name then
 * (SPAN_NONE: unknown). */
struct membership *client_add_room(struct client *client, int64_t room_id, struct span name,
                                   int64_t head);
/* NULL if it is not in that room. */
struct membership *client_room(const struct client *client, int64_t room_id);
/* The inbox says: joined, left at `seq` of the room's log. */
void client_join(struct client *client, int64_t room_id, struct span name, int64_t seq);
void client_leave(struct client *client, int64_t room_id, int64_t seq);
/* The membership is over: out of the room, freed. */
void client_left(struct client *client, struct membership *membership);

#endif
