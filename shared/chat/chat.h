/*
 * The chat rules: what a user may do, one function per command, used by both fronts (fcgi, gateway)
 * and by nothing below. A rule exists once, here. Functions that take a struct db block (with the
 * deadline of the configuration) and so run on worker threads only, never on an event loop.
 *
 * struct chat is the per-process context: configuration, token key, rate limits, the hasher's gate.
 * It is thread-safe; one connection (struct db) per thread.
 */
#ifndef PARLEY_CHAT_CHAT_H
#define PARLEY_CHAT_CHAT_H

#include <stdint.h>

#include "shared/auth/token.h"
#include "shared/base/conf.h"
#include "shared/chat/event.h"
#include "shared/db/db.h"

struct chat;

/* Made from the settings, which are kept; and what it was made from. */
struct chat *chat_new(const struct conf *conf);
void chat_free(struct chat *chat);
/* The settings have changed (conf_take_over): the rate limits follow. Others may go on using it. */
void chat_reload(struct chat *chat);
const struct conf *chat_conf(const struct chat *chat);
const struct token_key *chat_token_key(const struct chat *chat);

/* How often a limit has refused somebody here, since the start; and one time more, by a limit that
 * a front looks after. Any thread. */
void chat_count_refusal(struct chat *chat, enum conf_key limit);
uint64_t chat_refusals(const struct chat *chat, enum conf_key limit);

/* Take from the limit of a user's admissions: 0, or after how many ms it would pass. */
int64_t chat_limit_connect(struct chat *chat, int64_t user_id);

/* Who acts. The session is checked again, alive, inside every authorised statement. */
struct chat_actor {
    int64_t user_id;
    int64_t session_id;
    char username[TOKEN_USERNAME_SIZE];
    char address[46];   /* the client's, for rate limits */
    int64_t expires_us; /* wall clock: with its token, of an outside issuer; 0: with the session */
};

/* ---- commands ---- */

/* X(enumerator, event, flags). What is answered: event "Success" / "Error". */
enum { CHAT_BARRIER = 1, CHAT_SILENT = 2 };
#define CHAT_VERB_TABLE(X)                                                                         \
    X(CHAT_SEND_MESSAGE, "sendMessage", 0)                                                         \
    X(CHAT_CREATE_CHANNEL, "createChannel", CHAT_BARRIER)                                          \
    X(CHAT_JOIN_CHANNEL, "joinChannel", CHAT_BARRIER)                                              \
    X(CHAT_LEAVE_CHANNEL, "leaveChannel", CHAT_BARRIER)                                            \
    X(CHAT_UPDATE_CHANNEL, "updateChannel", CHAT_BARRIER)                                          \
    X(CHAT_DELETE_CHANNEL, "deleteChannel", CHAT_BARRIER)                                          \
    X(CHAT_EDIT_MESSAGE, "editMessage", CHAT_BARRIER)                                              \
    X(CHAT_DELETE_MESSAGE, "deleteMessage", CHAT_BARRIER)                                          \
    X(CHAT_MARK_READ, "markRead", 0)                                                               \
    X(CHAT_BLOCK_USER, "blockUser", CHAT_BARRIER)                                                  \
    X(CHAT_UNBLOCK_USER, "unblockUser", CHAT_BARRIER)                                              \
    X(CHAT_ADD_ADMIN, "addAdmin", CHAT_BARRIER)                                                    \
    X(CHAT_REMOVE_ADMIN, "removeAdmin", CHAT_BARRIER)                                              \
    X(CHAT_MUTE_USER, "muteUser", CHAT_BARRIER)                                                    \
    X(CHAT_UNMUTE_USER, "unmuteUser", CHAT_BARRIER)                                                \
    X(CHAT_BAN_USER, "banUser", CHAT_BARRIER)                                                      \
    X(CHAT_UNBAN_USER, "unbanUser", CHAT_BARRIER)                                                  \
    X(CHAT_KICK_USER, "kickUser", CHAT_BARRIER)                                                    \
    X(CHAT_GET_HISTORY, "getHistory", 0)

enum chat_verb {
#define X(name, event, flags) name,
    CHAT_VERB_TABLE(X)
#undef X
        CHAT_VERB_COUNT
};

enum chat_field { /* fields of the DTOs */
                  CHAT_FIELD_ROOM,
                  CHAT_FIELD_NAME,
                  CHAT_FIELD_TEXT,
                  CHAT_FIELD_NONCE,
                  CHAT_FIELD_STATUS,
                  CHAT_FIELD_PASSWORD,
                  CHAT_FIELD_NEW_NAME,
                  CHAT_FIELD_SEQ,
                  CHAT_FIELD_BEFORE,
                  CHAT_FIELD_AFTER,
                  CHAT_FIELD_AROUND,
                  CHAT_FIELD_LIMIT,
                  CHAT_FIELD_USERNAME,
                  CHAT_FIELD_SECONDS,
                  CHAT_FIELD_REASON,
                  CHAT_FIELD_OWNER,
                  CHAT_FIELD_COUNT
};

/* One row of the command table: decoding, limits and answering follow from it. */
struct chat_command_def {
    enum chat_verb verb;
    const char *event;         /* "sendMessage" */
    const char *success_event; /* "sendMessageSuccess" */
    const char *error_event;
    unsigned flags;
    const struct chat_field_def *fields; /* required / optional, type; ends with name NULL */
};

/* NULL if no client event has that name. */
const struct chat_command_def *chat_command_find(struct span event);
const struct chat_command_def *chat_command_def(enum chat_verb verb);

struct chat_command;

/* How far a command has come. */
enum chat_progress {
    CHAT_DONE, /* the result is there, ERR_OK or not */
    CHAT_HASH, /* a password must be hashed first: chat_command_hash, then run again */
    CHAT_BUSY  /* the room is locked by somebody slow: run again (same position in its queue) */
};

/* Owned by the caller. `actor` is copied. */
struct chat_command *chat_command_new(struct chat *chat, const struct chat_command_def *def,
                                      const struct chat_actor *actor);
void chat_command_free(struct chat_command *command);

/* Decode the DTO (any bytes: it is scanned strictly here), check what needs no database, and charge
 * the rate limit. ERR_OK, or the command is done with the error as its result. */
enum err chat_command_decode(struct chat_command *command, struct span json) MUST_CHECK;
/* For REST, where a field comes from the path or a header; before decode; wins over the body. With
 * CHAT_FIELD_NAME preset, "name" in the body of an updateChannel is the new name (newName). */
void chat_command_preset(struct chat_command *command, enum chat_field field, struct span value);

/* The folded room name the command is about, "" if none: sends of one room go to one writer. */
struct span chat_command_room_key(const struct chat_command *command);

/* Run the next step against the database. Never called for CHAT_SEND_MESSAGE by the broker: see
 * chat_send_batch; here it is a batch of one. */
enum chat_progress chat_command_run(struct chat_command *command, struct db *db) MUST_CHECK;

/* Compute what CHAT_HASH asked for. Tens of ms of CPU. In the broker one hasher thread calls it and
 * its queue is bounded there; in fcgi call chat_command_hash_gated. */
void chat_command_hash(struct chat_command *command);
/* The same behind the process's gate (one at a time, LIMIT_HASH_QUEUE waiting, else rate_limited).
 */
void chat_command_hash_gated(struct chat_command *command);

/* End it with `err` (queue full, deadline passed): the command is done. */
void chat_command_fail(struct chat_command *command, enum err err);

/* Write the sends as one transaction: lock the rooms, then check, number and write in the next
 * statement. progress[i] is CHAT_DONE or CHAT_BUSY (its room was locked: put it back in front).
 * A send without a nonce got one at decode, so trying again after a lost connection is safe. */
void chat_send_batch(struct db *db, struct chat_command **sends, enum chat_progress *progress,
                     size_t count);

/* ---- results ---- */

struct chat_room_view {
    int64_t id;
    char *name;
    const char *status; /* "PUBLIC", "PRIVATE", "DIRECT" */
    const char *role;   /* mine: "OWNER", ... or NULL */
    int64_t members;
    int64_t last_seq;
    int64_t created_us;
    bool counted; /* the two that follow are known */
    int64_t last_read_seq;
    int64_t unread;
};

enum err chat_command_error(const struct chat_command *command); /* ERR_OK or a public code */
const struct chat_command_def *chat_command_definition(const struct chat_command *command);
int64_t chat_command_seq(const struct chat_command *command);
bool chat_command_is_replay(const struct chat_command *command); /* the nonce or room existed */
const struct chat_room_view *chat_command_room(const struct chat_command *command);
int64_t chat_command_retry_after_ms(const struct chat_command *command);

/* The Socket.IO answer: one JSON object, {message, ...} or {message, code, ...}. */
void chat_command_body(const struct chat_command *command, struct buf *out);
/* The REST resource (Channel, Message, page) of a success; nothing for those answered 204. */
void chat_command_resource(const struct chat_command *command, struct buf *out);
/* "errors":[{"field","problem"}] of validation_failed as a JSON array; "[]" if none. */
void chat_command_errors(const struct chat_command *command, struct buf *out);

/* What became true, in log order per log; to be published and delivered after the run that returned
 * CHAT_DONE. Owned by the command. */
struct event_list *chat_command_events(struct chat_command *command);

/* ---- accounts (REST only; shared/chat/account.c) ---- */

struct chat_login {
    struct chat_actor actor;
    struct buf access_token;
    struct buf refresh_token;
    int64_t expires_in_s;
    int64_t created_us;
    struct event_list events; /* to be published, also when the call failed: the inbox row of a
                                 family of refresh tokens that was ended (chat_refresh) */
};
void chat_login_release(struct chat_login *login);

/* These three fill `out` anew (release it in any case, once it was passed). chat_refresh has no
 * limit: a token that fits no session costs one indexed look-up.
 *
 * Each hashes behind the process's gate. `address` is for the limits; *retry_ms is set with
 * ERR_RATE_LIMITED. `problems` gets the JSON array of field errors with ERR_VALIDATION_FAILED. */
enum err chat_signup(struct chat *chat, struct db *db, struct span body, const char *address,
                     struct chat_login *out, struct buf *problems, int64_t *retry_ms) MUST_CHECK;
enum err chat_login(struct chat *chat, struct db *db, struct span body, const char *address,
                    struct chat_login *out, struct buf *problems, int64_t *retry_ms) MUST_CHECK;
enum err chat_refresh(struct chat *chat, struct db *db, struct span body, struct chat_login *out,
                      struct buf *problems) MUST_CHECK;
/* Ends the actor's session; `events` gets the inbox row. */
enum err chat_logout(struct chat *chat, struct db *db, const struct chat_actor *actor,
                     struct event_list *events) MUST_CHECK;
/* Verify an access token; no database. out->user_id 0: the token is of an outside issuer, is good,
 * and has not been seen here: chat_identify says who it is, later or at once. */
enum err chat_authenticate(const struct chat *chat, struct span token, const char *address,
                           struct chat_actor *out) MUST_CHECK;
/* The user of such a token, made if it is the first time, and its session. Blocks. The errors of
 * chat_authenticate; ERR_UNAUTHENTICATED also if the user is disabled or deleted. */
enum err chat_identify(struct chat *chat, struct db *db, struct span token, const char *address,
                       struct chat_actor *out) MUST_CHECK;
/* User resource of the actor / of `username`. */
enum err chat_user_get(struct db *db, const struct chat_actor *actor, struct span username,
                       struct buf *out) MUST_CHECK;

#endif
