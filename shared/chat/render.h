/*
 * The one place where a row of a log becomes JSON: the Message of the contract and the Socket.IO
 * event array of every kind of row. Live events, history, replay and REST all come through here, so
 * they cannot differ. Pure: no database, no clock.
 */
#ifndef PARLEY_CHAT_RENDER_H
#define PARLEY_CHAT_RENDER_H

#include "shared/base/json_write.h"
#include "shared/chat/event.h"

/* A message as it stands now. Spans are borrowed and valid UTF-8. */
struct message_view {
    int64_t seq;
    enum event_kind kind; /* EVENT_TEXT or EVENT_SYSTEM */
    struct span sender;   /* username; SPAN_NONE: the system */
    struct span text;     /* SPAN_NONE once deleted */
    struct span nonce;    /* shown only if a client gave it */
    int64_t at_us;
    int64_t edited_us;  /* 0: never */
    int64_t deleted_us; /* 0: never */
};

/*
 * A row of a log with what its JSON needs from elsewhere. `payload` is the row's jsonb as text (it
 * has passed json_scan, or PostgreSQL made it); its members by kind:
 *   memberJoined   username, role            memberUpdated   username, role?, muted?, mutedUntil?,
 *   memberLeft     username, reason?, by?                    banned?, bannedUntil?, reason?, by?
 *   channelUpdated name, status, previousName?
 *   custom, inboxCustom  event (the name), json (its data, as a text)
 * Others have none. Members not listed are ignored.
 */
struct log_row {
    enum log_type log;
    int64_t log_id;
    int64_t seq;
    enum event_kind kind;
    int64_t actor;   /* 0: the system */
    int64_t author;  /* of the message it is, or is about; 0: none */
    int64_t subject; /* the member that a membership row is about; 0: none */
    int64_t at_us;
    struct span room_name; /* of the room of the log, or the room an inbox row is about */
    struct span payload;   /* SPAN_NONE: none */
    /* text, system: the row itself; messageUpdated and messageDeleted: the message it is about;
     * else unused. */
    struct message_view message;
    int64_t room;     /* inbox rows: the room ... */
    int64_t room_seq; /* ... and the row of its log */
    int64_t session;  /* inbox sessionEnded */
};

/* Write a Message: {room, seq, kind, sender, text, date, editedAt?, deletedAt?, nonce?}. */
void render_message(struct json_writer *w, const char *key, struct span room_name,
                    const struct message_view *message);

/* Append the Socket.IO event array of the row, such as ["newMessage",{...}]; nothing at all for
 * inbox rows that emit nothing. */
void render_event(const struct log_row *row, struct buf *out);

/* Fill `event` (zeroed, of event_list_add): routing fields, room_name of inbox rows, json. */
void render_to_event(const struct log_row *row, struct event *event);

#endif
