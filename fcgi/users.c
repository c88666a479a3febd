/* /users: who one is, and who others are. */
#include "fcgi/resources.h"

static void answer_user(struct call *call, struct span username)
{
    enum err err = chat_user_get(call->db, &call->actor, username, &call->response->body);

    if (err)
        response_error(call->response, err);
}

void users_get_me(struct call *call)
{
    answer_user(call, span_of(call->actor.username));
}

void users_get(struct call *call)
{
    answer_user(call, call->request->args[0]);
}
