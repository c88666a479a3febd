/*
 * What a signed-in user may do to its own account: change the password, see and end sessions,
 * delete the account. REST only; everything blocks, for worker threads.
 */
#ifndef PARLEY_CHAT_OWN_ACCOUNT_H
#define PARLEY_CHAT_OWN_ACCOUNT_H

#include "shared/chat/chat.h"

/* Change the password; `body` is {password, currentPassword}. All other sessions of the user end:
 * `events` gets their inbox rows. ERR_WRONG_PASSWORD counts as a try to log in and is limited with
 * those (*retry_ms with ERR_RATE_LIMITED). `problems` as in chat_login. */
enum err chat_password_change(struct chat *chat, struct db *db, const struct chat_actor *actor,
                              struct span body, struct buf *problems, int64_t *retry_ms,
                              struct event_list *events) MUST_CHECK;

/* {sessions: [{id, createdAt, lastUsedAt, expiresAt, current}], nextCursor?}: those that live. */
enum err chat_sessions_list(struct db *db, const struct chat_actor *actor, struct span cursor,
                            int64_t limit, struct buf *out, struct buf *next_cursor) MUST_CHECK;

/* End one of the actor's sessions; its own is allowed. ERR_ROUTE_NOT_FOUND: it has none of that id,
 * or that is no id. */
enum err chat_session_end(struct db *db, const struct chat_actor *actor, struct span id,
                          struct event_list *events) MUST_CHECK;

/*
 * Deleting the account goes in steps, each a transaction of its own: first the check, then steps
 * until *done. What a step made true goes to `events`, to be published before the next one. When it
 * breaks off (an error, a crash), the account lives on, in fewer channels; beginning again goes on
 * from there.
 */

/* May the account be deleted now? `body` is {currentPassword?}: if it is given, it must be right (a
 * page asks for it; an account of a foreign issuer has none). ERR_WRONG_PASSWORD and limits as
 * above. */
enum err chat_account_check_deletion(struct chat *chat, struct db *db,
                                     const struct chat_actor *actor, struct span body,
                                     struct buf *problems, int64_t *retry_ms) MUST_CHECK;

/* Leave one channel; or, when none is left, delete the account: *done. */
enum err chat_account_deletion_step(struct chat *chat, struct db *db,
                                    const struct chat_actor *actor, struct event_list *events,
                                    bool *done) MUST_CHECK;

#endif
