/*
 * What every authorised statement asks besides its own question: does the session still live? One
 * text, so that no statement forgets a part of it. Only for shared/store.
 */
#ifndef PARLEY_STORE_ALIVE_H
#define PARLEY_STORE_ALIVE_H

/* A boolean expression. `session` and `user` are parameters, such as "$1" and "$2". */
#define SQL_ALIVE(session, user)                                                                   \
    "exists (select 1 from session live join app_user who on who.id = live.user_id"                \
    " where live.id = " session " and live.user_id = " user                                        \
    " and live.ended_at is null and live.expires_at > now()"                                       \
    " and who.disabled_at is null and who.deleted_at is null)"

#endif
