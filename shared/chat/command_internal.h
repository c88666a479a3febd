/*
 * The inside of a command: shared by the files of shared/chat, opaque to everyone else. decode
 * fills the request, run or chat_send_batch the result.
 */
#ifndef PARLEY_CHAT_COMMAND_INTERNAL_H
#define PARLEY_CHAT_COMMAND_INTERNAL_H

#include "shared/auth/digest.h"
#include "shared/base/buf.h"
#include "shared/chat/chat.h"

struct chat_command {
    struct chat *chat;
    const struct chat_command_def *def;
    struct chat_actor actor;

    /* ---- the request, complete after a decode that returned ERR_OK ---- */
    struct buf room_key;                  /* folded name of the room it is about; empty if none */
    struct buf text;                      /* sendMessage */
    struct buf nonce;                     /* sendMessage: the client's, or one of nonce_make */
    unsigned char body_hash[DIGEST_SIZE]; /* of text: tells a resend from a misused nonce */

    /* ---- the result ---- */
    bool done;
    enum err err;               /* ERR_OK or a public code */
    bool replay;                /* the nonce (or the room) existed: nothing was written */
    int64_t seq;                /* of the row written, or of the replayed one */
    int64_t at_us;              /* its date */
    int64_t until_us;           /* muted, banned: until when; INT64_MAX: for good; 0: not set */
    int64_t retry_after_ms;     /* rate_limited */
    struct chat_room_view room; /* what is known of the room; name is owned; id 0: none */
    struct event_list events;
};

#endif
