/*
 * What signing in (account.c) and managing one's account (own_account.c) have in common: reading
 * the request, hashing behind the gate, the event of a session that ended. Inside shared/chat.
 */
#ifndef PARLEY_CHAT_ACCOUNT_INTERNAL_H
#define PARLEY_CHAT_ACCOUNT_INTERNAL_H

#include "shared/chat/chat_internal.h"

/* Two strings at most: username and password, a refresh token, two passwords. */
struct account_request {
    struct buf first;
    struct buf second;
};

/* Release wipes both: a password does not stay in freed memory. */
void account_request_init(struct account_request *request);
void account_request_release(struct account_request *request);

/* Add {field, problem} to the JSON array `problems`, which is empty or was made here. */
void account_problem(struct buf *problems, const char *field, const char *problem);

/* Is the body a JSON object? Problems say why not. */
bool account_read_object(const struct chat *chat, struct span body, struct buf *problems);

/* A required string of an object that account_read_object has accepted, unescaped. */
void account_read_string(struct span body, const char *field, struct buf *out,
                         struct buf *problems);

/* ERR_RATE_LIMITED if there is something to wait for; *retry_ms is set to it. */
enum err account_limited(int64_t wait_ms, int64_t *retry_ms) MUST_CHECK;

/* Behind the process's gate; ERR_RATE_LIMITED when its line is full. Never in a transaction. */
enum err account_hash(struct chat *chat, struct span password, char out[PASSWORD_HASH_SIZE],
                      int64_t *retry_ms) MUST_CHECK;
/* ERR_UNAUTHENTICATED if they do not match; "" matches nothing, at the same cost. */
enum err account_verify(struct chat *chat, struct span password, const char *hash,
                        int64_t *retry_ms) MUST_CHECK;

/* The inbox row sessionEnded as an event; session 0: all of the user's. */
void account_ended_event(int64_t user_id, int64_t session_id, int64_t inbox_seq, int64_t at_us,
                         struct event_list *events);

#endif
