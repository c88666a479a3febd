/*
 * Sends: text messages, written many at a time, in one transaction and one round trip.
 *
 * Statement 1 locks the rooms in id order and leaves their ids in a setting of the transaction.
 * Statement 2, with its fresh snapshot, checks, numbers and writes only what is in rooms that
 * statement 1 holds. To check in the statement that waits for the lock would be wrong: under READ
 * COMMITTED it sees the memberships from before the wait, and a message of a user banned meanwhile
 * would land after the ban.
 */
#ifndef PARLEY_STORE_MESSAGE_H
#define PARLEY_STORE_MESSAGE_H

#include "shared/db/db.h"

/* What became of a send, in the order in which it is checked. */
enum message_verdict {
    MESSAGE_WRITTEN = 0,
    MESSAGE_REPLAYED = 1, /* the nonce is known, with the same body: seq and date are its row's */
    MESSAGE_NONCE_CONFLICT = 2,  /* known with another body */
    MESSAGE_UNAUTHENTICATED = 3, /* the session has ended, the user is disabled */
    MESSAGE_ROOM_NOT_FOUND = 4,  /* also: archived, and a direct room of others */
    MESSAGE_BUSY = 5,            /* its room was not locked; nothing was checked */
    MESSAGE_BANNED = 6,
    MESSAGE_NOT_A_MEMBER = 7,
    MESSAGE_MUTED = 8,
    MESSAGE_BLOCKED = 9,       /* a direct room, one has blocked the other */
    MESSAGE_OTHER_DELETED = 10 /* a direct room, the other has deleted its account */
};

struct message_send {
    struct span room_key; /* folded name, present or past */
    int64_t user_id;
    int64_t session_id;
    struct span nonce;
    bool is_first; /* the nonce was made for this send, and this is its first attempt */
    struct span text;
    struct span body_hash;
};

enum message_lock {
    MESSAGE_LOCK_WAIT,  /* wait up to lock_timeout for every room, else ERR_DB_LOCK_TIMEOUT */
    MESSAGE_LOCK_BRIEF, /* the same with a tenth of a second */
    MESSAGE_LOCK_SKIP   /* sends into rooms that are locked are MESSAGE_BUSY */
};

/* What became of sends[i]; spans are borrowed from the rows. */
struct message_outcome {
    enum message_verdict verdict;
    int64_t seq; /* WRITTEN, REPLAYED, and the date */
    int64_t at_us;
    int64_t until_us;        /* BANNED, MUTED; INT64_MAX: for good */
    int64_t room_id;         /* 0: not known */
    struct span room_name;   /* as it is now */
    struct span room_status; /* "PUBLIC", ... */
    struct span sender;      /* username */
};

/* Write the sends and COMMIT. Sends of one room are numbered in the order given. No two of them may
 * be of the same user with the same nonce. Errors are those of the transaction as a whole; `rows`
 * is the caller's to release, whatever is returned. */
enum err message_send_all(struct db *db, enum message_lock lock, const struct message_send *sends,
                          size_t count, struct db_result *rows) MUST_CHECK;

/* The outcome of sends[index]. */
void message_outcome_get(const struct db_result *rows, size_t index, struct message_outcome *out);

#endif
