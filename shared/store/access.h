/*
 * What every list of a room asks first: does the viewer's session live, is there such a room for
 * the viewer, and what is the viewer in it? One row, to which the list is joined, so that no rows
 * in the list is told from no right to see it. Only for shared/store.
 */
#ifndef PARLEY_STORE_ACCESS_H
#define PARLEY_STORE_ACCESS_H

#include "shared/store/alive.h"
#include "shared/store/room.h"

/* $1 session, $2 user, $3 key: alive, room id (null: none that may be seen), its name, membership,
 * role (of members) */
#define SQL_ACCESS                                                                                 \
    "(select " SQL_ALIVE(                                                                          \
        "$1", "$2") " as alive, r.id, r.name,"                                                     \
                    "  coalesce(a.is_member, false) as is_member, a.role"                          \
                    "  from (select 1) any_row left join room_name n on n.name_key = $3"           \
                    "  left join room r on r.id = n.room_id and r.archived_at is null"             \
                    "  and (r.status = 'PUBLIC' or exists (select 1 from membership s where "      \
                    "s.room_id = n.room_id"                                                        \
                    "   and s.user_id = $2 and s.is_member))"                                      \
                    "  left join membership a on a.room_id = r.id and a.user_id = $2) one"

/* What a list selects before its own columns. */
#define SQL_ACCESS_COLUMNS "one.alive, one.id, one.name, one.is_member, one.role"

enum { ACCESS_ALIVE, ACCESS_ROOM, ACCESS_NAME, ACCESS_MEMBER, ACCESS_ROLE, ACCESS_COLUMNS };

enum access_for { ACCESS_FOR_ALL, ACCESS_FOR_MEMBERS, ACCESS_FOR_MODERATORS };

/* ERR_UNAUTHENTICATED; ERR_ROOM_NOT_FOUND (also for a PRIVATE or DIRECT room of others);
 * ERR_NOT_A_MEMBER, if the list is for members; ERR_FORBIDDEN, if it is for its owner and admins.
 */
enum err access_check(const struct db_result *rows, enum access_for whom) MUST_CHECK;

/* The rows of the list: none if the joined part of the one row is null. */
int access_count(const struct db_result *rows);

/* Run a list of a room, the other parameters of which are $4 the id after which it begins and $5
 * how many at most: *count rows, or an error of access_check. */
enum err access_list(struct db *db, const struct db_stmt *stmt, enum access_for whom,
                     const struct room_viewer *viewer, struct span key, int64_t from_id,
                     int64_t limit, struct db_result *rows, int *count) MUST_CHECK;

#endif
