/*
 * The logs as logs, rooms' and inboxes': ranges of them, how far they are, and what is new. For
 * repair and replay; authorises nothing.
 */
#ifndef PARLEY_STORE_LOG_H
#define PARLEY_STORE_LOG_H

#include "shared/db/db.h"

/* The same values as enum log_type of shared/chat/event.h. */
enum { LOG_OF_ROOM = 0, LOG_OF_USER = 1 };

/* A row with what shows it as it is now. Spans are borrowed from the rows; SPAN_NONE and 0: none.
 */
struct log_entry {
    int64_t seq;
    int kind;
    int64_t actor;
    int64_t at_us;
    struct span payload;
    struct span room_name; /* of the log's room, or the room an inbox row is about */
    /* rooms: */
    int64_t subject;
    int64_t message_seq; /* the message it is, or is about, with all that follows */
    int message_kind;
    int64_t author;
    struct span sender;
    struct span text;
    struct span nonce;
    int64_t message_at_us, edited_us, deleted_us;
    /* inboxes: */
    int64_t room;
    int64_t room_seq;
    int64_t session;
};

/* Rows with after < seq <= upto, the first `limit` of them. `non_messages`: without messages. */
enum err log_read_room(struct db *db, int64_t room_id, int64_t after, int64_t upto, int64_t limit,
                       bool non_messages, struct db_result *rows) MUST_CHECK;
void log_room_entry(const struct db_result *rows, int row, struct log_entry *out);

enum err log_read_inbox(struct db *db, int64_t user_id, int64_t after, int64_t upto, int64_t limit,
                        struct db_result *rows) MUST_CHECK;
void log_inbox_entry(const struct db_result *rows, int row, struct log_entry *out);

/* The last seq of each log, 0 if there is none; seqs has `count` places. */
enum err log_heads(struct db *db, const int64_t *types, const int64_t *ids, size_t count,
                   int64_t *seqs) MUST_CHECK;

/* The oldest transaction that may still be running: nothing it or younger ones wrote may have been
 * seen yet. */
enum err log_horizon(struct db *db, int64_t *xid) MUST_CHECK;

/* The last seq of each log among rows written by transactions from `since` on, and the horizon of
 * the same snapshot. Costs what was written since, not what there is. */
enum err log_news(struct db *db, int64_t since, struct db_result *rows,
                  int64_t *horizon) MUST_CHECK;
/* How many, and each. */
size_t log_news_count(const struct db_result *rows);
void log_news_get(const struct db_result *rows, size_t index, int *type, int64_t *id, int64_t *seq);

/* Ask for nothing, to see whether the database answers. */
enum err log_ping(struct db *db) MUST_CHECK;

#endif
