/*
 * What a connection starts from: the user, its rooms and how far their logs are, in one statement
 * and so in one snapshot.
 */
#ifndef PARLEY_STORE_ADMISSION_H
#define PARLEY_STORE_ADMISSION_H

#include "shared/db/db.h"

struct admission_query {
    int64_t user_id;
    int64_t session_id;
    int64_t last; /* history of a room: its last so many messages; -1: all; 0: none */
    /* Rooms of which only what is newer is wanted: folded names and seqs. */
    const struct span *since_keys;
    const int64_t *since_seqs;
    size_t since_count;
};

struct admission_room {
    int64_t room_id;
    struct span name;
    int64_t head;       /* last_seq */
    int64_t after;      /* history is what comes after this */
    int64_t joined_seq; /* of the user's memberJoined row */
    bool since;         /* `after` is what the client said */
};

/* Which of the folded names lead to none of these rooms: missing[i], for each of `count`. */
enum err admission_missing(struct db *db, const struct span *keys, size_t count,
                           const int64_t *room_ids, size_t room_count, bool *missing) MUST_CHECK;

/* The rows are the caller's to release. ERR_UNAUTHENTICATED: the session has ended. */
enum err admission_read(struct db *db, const struct admission_query *query,
                        struct db_result *rows) MUST_CHECK;

int64_t admission_inbox_seq(const struct db_result *rows);
/* How many users this one has blocked, and each, ascending. */
size_t admission_blocked_count(const struct db_result *rows);
int64_t admission_blocked(const struct db_result *rows, size_t index);
/* Rooms by id; the name is borrowed from the rows. */
size_t admission_room_count(const struct db_result *rows);
void admission_room_get(const struct db_result *rows, size_t index, struct admission_room *out);

#endif
