/*
 * How many messages a member has not read: text messages of others, not deleted, not of users the
 * member has blocked. Cheap however much there is: a walk along the primary key from the room's end
 * back to the marker, 2,000 rows at most, ended at UNREAD_MAX. Only for shared/store.
 */
#ifndef PARLEY_STORE_UNREAD_H
#define PARLEY_STORE_UNREAD_H

#define UNREAD_MAX "1000"
#define UNREAD_ROWS_MAX "2000"

/* A bigint expression. `room` and `member` are rows of those tables in scope, `user` the user's id.
 * What was said before the member joined counts as read. */
#define SQL_UNREAD(room, member, user)                                                             \
    "(select count(*) from (select 1 from room_event ue where ue.room_id = " room ".id"            \
    " and ue.seq > greatest(" member ".last_read_seq, " member ".joined_seq, " room                \
    ".last_seq - " UNREAD_ROWS_MAX ") and ue.kind = 1 and ue.text is not null"                     \
    " and ue.actor_id <> " user " and not exists (select 1 from user_block ub"                     \
    "  where ub.blocker_id = " user " and ub.blocked_id = ue.actor_id)"                            \
    " limit " UNREAD_MAX ") unread)"

#endif
