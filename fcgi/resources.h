/* The resources: each answers one route (routes.c) by filling call->response. */
#ifndef PARLEY_FCGI_RESOURCES_H
#define PARLEY_FCGI_RESOURCES_H

#include "fcgi/app.h"

/* POST /auth/...: accounts and sessions. */
void auth_signup(struct call *call);
void auth_login(struct call *call);
void auth_refresh(struct call *call);
void auth_logout(struct call *call);

/* GET /users/...: myself, and others by name. */
void users_get_me(struct call *call);
void users_get(struct call *call);

/* PATCH and DELETE /users/me, and /users/me/sessions: one's own account. */
void users_change_me(struct call *call);
void users_delete_me(struct call *call);
void sessions_list(struct call *call);
void sessions_end(struct call *call);

/* /users/me/blocks. */
void blocks_list(struct call *call);
void blocks_add(struct call *call);
void blocks_remove(struct call *call);

/* /channels and /channels/{name}. */
void channels_list(struct call *call);
void channels_create(struct call *call);
void channels_get(struct call *call);
void channels_update(struct call *call);
void channels_delete(struct call *call);
void channels_read(struct call *call);

/* /channels/{name}/members. */
void members_list(struct call *call);
void members_join(struct call *call);
void members_leave(struct call *call);

/* /channels/{name}/admins, mutes, bans, members/{username} and audit. */
void admins_add(struct call *call);
void admins_remove(struct call *call);
void mutes_set(struct call *call);
void mutes_lift(struct call *call);
void bans_set(struct call *call);
void bans_lift(struct call *call);
void members_kick(struct call *call);
void mutes_list(struct call *call);
void bans_list(struct call *call);
void audit_list(struct call *call);

/* /channels/{name}/messages. */
void messages_list(struct call *call);
void messages_send(struct call *call);
void messages_get(struct call *call);
void messages_edit(struct call *call);
void messages_delete(struct call *call);

/* GET /search. */
void search_get(struct call *call);

/* GET /history and POST /sync: all rooms of mine, streamed. */
void history_get(struct call *call);
void sync_post(struct call *call);

/* POST /publish. */
void publish_post(struct call *call);

/* GET /healthz and /readyz. */
void health_live(struct call *call);
void health_ready(struct call *call);

#endif
