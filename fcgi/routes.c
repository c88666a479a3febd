/* The table of routes and the search in it. A linear search: it is short, and a request is not. */
#include "fcgi/routes.h"

#include <string.h>

#include "fcgi/resources.h"
#include "fcgi/uri.h"

#define ROUTE_LOGOUT (ROUTE_AUTH | ROUTE_IGNORES_BODY)
#define ROUTE_FAREWELL (ROUTE_AUTH | ROUTE_TAKES_BODY | ROUTE_SLOW)
#define ROUTE_MYSELF (ROUTE_AUTH | ROUTE_SLOW)

/* clang-format off */
static const struct route routes[] = {
    {METHOD_POST,   API_BASE "/auth/signup",                    ROUTE_SLOW,   auth_signup},
    {METHOD_POST,   API_BASE "/auth/login",                     ROUTE_SLOW,   auth_login},
    {METHOD_POST,   API_BASE "/auth/refresh",                   ROUTE_PUBLIC, auth_refresh},
    {METHOD_POST,   API_BASE "/auth/logout",                    ROUTE_LOGOUT, auth_logout},
    {METHOD_GET,    API_BASE "/users/me",                       ROUTE_AUTH,   users_get_me},
    {METHOD_PATCH,  API_BASE "/users/me",                       ROUTE_MYSELF, users_change_me},
    {METHOD_DELETE, API_BASE "/users/me",                       ROUTE_FAREWELL, users_delete_me},
    {METHOD_GET,    API_BASE "/users/me/sessions",              ROUTE_AUTH,   sessions_list},
    {METHOD_DELETE, API_BASE "/users/me/sessions/{id}",         ROUTE_AUTH,   sessions_end},
    {METHOD_GET,    API_BASE "/users/me/blocks",                ROUTE_AUTH,   blocks_list},
    {METHOD_PUT,    API_BASE "/users/me/blocks/{username}",     ROUTE_AUTH,   blocks_add},
    {METHOD_DELETE, API_BASE "/users/me/blocks/{username}",     ROUTE_AUTH,   blocks_remove},
    {METHOD_GET,    API_BASE "/users/{username}",               ROUTE_AUTH,   users_get},
    {METHOD_GET,    API_BASE "/channels",                       ROUTE_AUTH,   channels_list},
    {METHOD_POST,   API_BASE "/channels",                       ROUTE_AUTH,   channels_create},
    {METHOD_GET,    API_BASE "/channels/{name}",                ROUTE_AUTH,   channels_get},
    {METHOD_PATCH,  API_BASE "/channels/{name}",                ROUTE_AUTH,   channels_update},
    {METHOD_DELETE, API_BASE "/channels/{name}",                ROUTE_AUTH,   channels_delete},
    {METHOD_PUT,    API_BASE "/channels/{name}/read",           ROUTE_AUTH,   channels_read},
    {METHOD_GET,    API_BASE "/channels/{name}/members",        ROUTE_AUTH,   members_list},
    {METHOD_PUT,    API_BASE "/channels/{name}/members/me",     ROUTE_AUTH,   members_join},
    {METHOD_DELETE, API_BASE "/channels/{name}/members/me",     ROUTE_AUTH,   members_leave},
    {METHOD_DELETE, API_BASE "/channels/{name}/members/{username}", ROUTE_AUTH, members_kick},
    {METHOD_PUT,    API_BASE "/channels/{name}/admins/{username}", ROUTE_AUTH, admins_add},
    {METHOD_DELETE, API_BASE "/channels/{name}/admins/{username}", ROUTE_AUTH, admins_remove},
    {METHOD_GET,    API_BASE "/channels/{name}/mutes",          ROUTE_AUTH,   mutes_list},
    {METHOD_PUT,    API_BASE "/channels/{name}/mutes/{username}", ROUTE_AUTH, mutes_set},
    {METHOD_DELETE, API_BASE "/channels/{name}/mutes/{username}", ROUTE_AUTH, mutes_lift},
    {METHOD_GET,    API_BASE "/channels/{name}/bans",           ROUTE_AUTH,   bans_list},
    {METHOD_PUT,    API_BASE "/channels/{name}/bans/{username}", ROUTE_AUTH,  bans_set},
    {METHOD_DELETE, API_BASE "/channels/{name}/bans/{username}", ROUTE_AUTH,  bans_lift},
    {METHOD_GET,    API_BASE "/channels/{name}/audit",          ROUTE_AUTH,   audit_list},
    {METHOD_GET,    API_BASE "/channels/{name}/messages",       ROUTE_AUTH,   messages_list},
    {METHOD_POST,   API_BASE "/channels/{name}/messages",       ROUTE_AUTH,   messages_send},
    {METHOD_GET,    API_BASE "/channels/{name}/messages/{seq}", ROUTE_AUTH,   messages_get},
    {METHOD_PATCH,  API_BASE "/channels/{name}/messages/{seq}", ROUTE_AUTH,   messages_edit},
    {METHOD_DELETE, API_BASE "/channels/{name}/messages/{seq}", ROUTE_AUTH,   messages_delete},
    {METHOD_GET,    API_BASE "/search",                         ROUTE_AUTH,   search_get},
    {METHOD_GET,    API_BASE "/history",                        ROUTE_AUTH,   history_get},
    {METHOD_POST,   API_BASE "/sync",                           ROUTE_AUTH,   sync_post},
    {METHOD_POST,   API_BASE "/publish",                        ROUTE_KEY,    publish_post},
    {METHOD_GET,    "/healthz",                                 ROUTE_PUBLIC, health_live},
    {METHOD_GET,    "/readyz",                                  ROUTE_PUBLIC, health_ready},
};
/* clang-format on */

#define ROUTE_COUNT (sizeof routes / sizeof routes[0])

/* Does the path follow the pattern? args gets what the {..} stand for. */
static bool fits(const char *pattern, const struct request *request,
                 struct span args[REQUEST_ARGS_MAX])
{
    int arg = 0;

    for (int i = 0; i < request->path_count; i++) {
        if (*pattern++ != '/')
            return false;
        struct span part = span_make(pattern, strcspn(pattern, "/"));
        if (*pattern != '{') {
            if (!span_equal(part, request->path[i]))
                return false;
        } else {
            if (request->path[i].len == 0)
                return false;
            args[arg++] = request->path[i];
        }
        pattern += part.len;
    }
    return *pattern == '\0';
}

struct route_match route_find(struct request *request)
{
    enum method method = request->method == METHOD_HEAD ? METHOD_GET : request->method;
    struct route_match match = {0};

    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        struct span args[REQUEST_ARGS_MAX] = {SPAN_NONE};
        if (!fits(routes[i].pattern, request, args))
            continue;
        match.known = true;
        match.methods[routes[i].method] = true;
        if (routes[i].method == METHOD_GET)
            match.methods[METHOD_HEAD] = true;
        if (match.route || routes[i].method != method)
            continue;
        match.route = &routes[i];
        memcpy(request->args, args, sizeof args);
    }
    return match;
}

/* As long as the paths of slow routes may be. */
#define SLOW_PATH_MAX 64

bool route_is_slow(const char *method, struct span path)
{
    char decoded[SLOW_PATH_MAX * 3]; /* "%2F" */
    size_t len;

    if (path.len > sizeof decoded || !uri_decode(path, false, decoded, &len))
        return false;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if ((routes[i].flags & ROUTE_SLOW) && span_is(span_make(decoded, len), routes[i].pattern) &&
            strcmp(method, method_name(routes[i].method)) == 0)
            return true;
    }
    return false;
}

void route_print(FILE *out)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++)
        fprintf(out, "%s %s %s\n", method_name(routes[i].method), routes[i].pattern,
                routes[i].flags & (ROUTE_AUTH | ROUTE_KEY) ? "auth" : "public");
}
