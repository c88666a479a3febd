/*
 * The inside of a command: shared by the files of shared/chat, opaque to everyone else. decode
 * fills the request, run or chat_send_batch the result.
 *
 * A command runs in steps: each call of its run function goes as far as it can, in one transaction
 * of its own, and either finishes the command or says what it waits for.
 */
#ifndef PARLEY_CHAT_COMMAND_INTERNAL_H
#define PARLEY_CHAT_COMMAND_INTERNAL_H

#include "shared/auth/digest.h"
#include "shared/auth/password.h"
#include "shared/base/buf.h"
#include "shared/chat/chat.h"
#include "shared/store/room.h"

enum chat_field_type {
    FIELD_STRING,
    FIELD_PASSWORD, /* a string; null and "" count as absent */
    FIELD_NUMBER    /* an integer >= 0 */
};

/* One field of a DTO. */
struct chat_field_def {
    const char *name; /* NULL ends a table */
    enum chat_field field;
    enum chat_field_type type;
    bool required;
};

/* A field as it was given, by chat_command_preset or in the DTO. */
struct chat_value {
    const char *called; /* what the client calls it; NULL: as the table of fields does */
    bool given;
    bool bad; /* it was there, but of the wrong type */
    struct buf text;
    int64_t number; /* FIELD_NUMBER */
};

/* What chat_command_hash has to do, or did. */
enum chat_hash_work { HASH_NONE, HASH_MAKE, HASH_VERIFY, HASH_MADE, HASH_MATCHED, HASH_DIFFERED };

struct chat_command {
    struct chat *chat;
    const struct chat_command_def *def;
    struct chat_actor actor;

    /* ---- the request, complete after a decode that returned ERR_OK ---- */
    struct buf room_key;                  /* folded name of the room it is about; empty if none */
    struct buf text;                      /* sendMessage, editMessage */
    struct buf nonce;                     /* sendMessage: the client's, or one of nonce_make;
                                             editMessage: the message's, once it ran */
    unsigned char body_hash[DIGEST_SIZE]; /* of text: tells a resend from a misused nonce */

    struct chat_value values[CHAT_FIELD_COUNT];
    enum room_status status; /* createChannel, updateChannel: of the field status, if given */

    /* ---- between its steps ---- */
    int64_t began_ms;
    enum chat_hash_work hash_work;
    int hash_count;                /* how often it was asked for */
    char hash[PASSWORD_HASH_SIZE]; /* MADE: the new one; else the one to compare with */

    unsigned busy_count; /* sendMessage: how often its room was found locked */
    bool maybe_written;  /* sendMessage: an attempt was lost, its outcome is not known */

    /* ---- the result ---- */
    bool done;
    enum err err;               /* ERR_OK or a public code */
    const char *reason;         /* the sentence for err, if its usual one says too little */
    bool replay;                /* the nonce (or the room) existed: nothing was written */
    int64_t seq;                /* of the row written, or of the replayed one */
    int64_t at_us;              /* its date */
    int64_t edited_us;          /* editMessage: when; 0: never */
    int64_t event_seq;          /* editMessage, deleteMessage: of the row written; 0: none */
    int64_t until_us;           /* muted, banned: until when; INT64_MAX: for good; 0: not set */
    int64_t retry_after_ms;     /* rate_limited */
    bool is_part;               /* of another command, which was charged: this one is not */
    struct chat_room_view room; /* what is known of the room; name is owned; id 0: none */
    char username[TOKEN_USERNAME_SIZE]; /* of another user that it was about; "": none */
    struct event_list events;
    struct buf problems; /* elements of "errors", as JSON, comma-separated */
    struct buf page;     /* getHistory: the JSON array of messages ... */
    bool has_more;       /* ... and whether there are more */
};

/* ---- for the run functions ---- */

/* One step of a command; never in an open transaction, neither before nor after. */
typedef enum chat_progress chat_run_fn(struct chat_command *command, struct db *db);

chat_run_fn create_channel_run, join_channel_run, leave_channel_run, update_channel_run,
    delete_channel_run, edit_message_run, delete_message_run, block_user_run, mark_read_run,
    get_history_run, moderate_run;

/* The command is done with `err` (made public). Always CHAT_DONE. */
enum chat_progress command_finish(struct chat_command *command, enum err err);

/* When (clock_mono_ms) its work in the database must have ended. */
int64_t command_deadline_ms(const struct chat_command *command);

/* A database call failed: busy, to be tried again, after a lock timeout while there is time; else
 * done. */
enum chat_progress command_db_failed(struct chat_command *command, enum err err);

/* Add a problem; `field` "" is the DTO as a whole. */
void command_problem(struct chat_command *command, const char *field, const char *problem);
/* Done with validation_failed and this one problem. */
enum chat_progress command_invalid(struct chat_command *command, const char *field,
                                   const char *problem);

/* Ask for the hash of the field password, or to compare the password with `hash`; what became of it
 * is in hash_work at the next step. Bounded: past a few times the command is done (unavailable). */
enum chat_progress command_want_hash(struct chat_command *command);
enum chat_progress command_want_verify(struct chat_command *command, const char *hash);

static inline struct span command_text(const struct chat_command *command, enum chat_field field)
{
    const struct chat_value *value = &command->values[field];
    return value->given ? buf_span(&value->text) : SPAN_NONE;
}

#endif
