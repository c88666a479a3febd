/* Who may read a list of a room, see access.h. What is in the lists is not here. */
#include "shared/store/access.h"

enum err access_check(const struct db_result *rows, enum access_for whom)
{
    if (!db_result_bool(rows, 0, ACCESS_ALIVE))
        return ERR_UNAUTHENTICATED;
    if (db_result_is_null(rows, 0, ACCESS_ROOM))
        return ERR_ROOM_NOT_FOUND;
    if (whom == ACCESS_FOR_ALL)
        return ERR_OK;
    if (!db_result_bool(rows, 0, ACCESS_MEMBER))
        return ERR_NOT_A_MEMBER;
    if (whom == ACCESS_FOR_MODERATORS &&
        room_role_parse(db_result_text(rows, 0, ACCESS_ROLE)) < ROLE_ADMIN)
        return ERR_FORBIDDEN;
    return ERR_OK;
}

int access_count(const struct db_result *rows)
{
    return db_result_is_null(rows, 0, ACCESS_COLUMNS) ? 0 : db_result_rows(rows);
}

enum err access_list(struct db *db, const struct db_stmt *stmt, enum access_for whom,
                     const struct room_viewer *viewer, struct span key, int64_t from_id,
                     int64_t limit, struct db_result *rows, int *count)
{
    enum err err = db_run(db, stmt,
                          DB_PARAMS(db_param_int(viewer->session_id), db_param_int(viewer->user_id),
                                    db_param_text(key), db_param_int(from_id), db_param_int(limit)),
                          rows);
    if (!err)
        err = access_check(rows, whom);
    *count = err ? 0 : access_count(rows);
    return err;
}
