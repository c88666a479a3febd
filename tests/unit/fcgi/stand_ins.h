/* Stand-ins for all resources, so that a test of what is above them needs nothing below. Each calls
 * stand_in(name, call), which the including test defines. */
#ifndef PARLEY_TESTS_FCGI_STAND_INS_H
#define PARLEY_TESTS_FCGI_STAND_INS_H

#include "fcgi/resources.h"

static void stand_in(const char *name, struct call *call);

#define RESOURCES(X)                                                                               \
    X(auth_signup)                                                                                 \
    X(auth_login)                                                                                  \
    X(auth_refresh)                                                                                \
    X(auth_logout)                                                                                 \
    X(users_get_me)                                                                                \
    X(users_get)                                                                                   \
    X(users_change_me)                                                                             \
    X(users_delete_me)                                                                             \
    X(sessions_list)                                                                               \
    X(sessions_end)                                                                                \
    X(blocks_list)                                                                                 \
    X(blocks_add)                                                                                  \
    X(blocks_remove)                                                                               \
    X(channels_list)                                                                               \
    X(channels_create)                                                                             \
    X(channels_get)                                                                                \
    X(channels_update)                                                                             \
    X(channels_delete)                                                                             \
    X(channels_read)                                                                               \
    X(members_list)                                                                                \
    X(members_join)                                                                                \
    X(members_leave)                                                                               \
    X(admins_add)                                                                                  \
    X(admins_remove)                                                                               \
    X(mutes_set)                                                                                   \
    X(mutes_lift)                                                                                  \
    X(bans_set)                                                                                    \
    X(bans_lift)                                                                                   \
    X(members_kick)                                                                                \
    X(mutes_list)                                                                                  \
    X(bans_list)                                                                                   \
    X(audit_list)                                                                                  \
    X(messages_list)                                                                               \
    X(messages_send)                                                                               \
    X(messages_get)                                                                                \
    X(messages_edit)                                                                               \
    X(messages_delete)                                                                             \
    X(sync_post)                                                                                   \
    X(search_get)                                                                                  \
    X(publish_post)                                                                                \
    X(history_get)                                                                                 \
    X(health_live)                                                                                 \
    X(health_ready)

#define X(name)                                                                                    \
    void name(struct call *call)                                                                   \
    {                                                                                              \
        stand_in(#name, call);                                                                     \
    }
RESOURCES(X)
#undef X

#endif
