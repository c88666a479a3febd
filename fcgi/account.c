/* /users/me beyond looking: the password, the sessions, the end. */
#include "fcgi/resources.h"

#include "fcgi/page.h"
#include "shared/chat/own_account.h"

static struct span body_of(const struct call *call)
{
    return call->request->body.len ? buf_span(&call->request->body) : SPAN_LIT("{}");
}

/* Problems of one's own account say which password is meant. */
static void refuse(struct call *call, enum err err, const struct buf *problems, int64_t retry_ms)
{
    struct problem problem = {.err = err, .retry_after_ms = retry_ms};

    if (err == ERR_WRONG_PASSWORD)
        problem.detail = "The current password is wrong.";
    if (problems->len)
        problem.errors = buf_span(problems);
    response_problem(call->response, &problem);
}

void users_change_me(struct call *call)
{
    struct event_list events;
    struct buf problems;
    int64_t retry_ms = 0;

    event_list_init(&events);
    buf_init(&problems, BUF_MAX_DEFAULT);
    enum err err = chat_password_change(call->app->chat, call->db, &call->actor, body_of(call),
                                        &problems, &retry_ms, &events);
    app_publish(call, &events);
    if (err)
        refuse(call, err, &problems, retry_ms);
    else
        users_get_me(call);
    buf_release(&problems);
    event_list_release(&events);
}

/* ---- deletion ---- */

/* What each step made true is published before the next one: members see the user leave at once. */
static enum err delete_stepwise(struct call *call)
{
    enum err err = ERR_OK;
    bool done = false;

    while (!err && !done) {
        struct event_list events;
        event_list_init(&events);
        err = chat_account_deletion_step(call->app->chat, call->db, &call->actor, &events, &done);
        app_publish(call, &events);
        event_list_release(&events);
    }
    return err;
}

void users_delete_me(struct call *call)
{
    struct buf problems;
    int64_t retry_ms = 0;

    buf_init(&problems, BUF_MAX_DEFAULT);
    enum err err = chat_account_check_deletion(call->app->chat, call->db, &call->actor,
                                               body_of(call), &problems, &retry_ms);
    if (!err)
        err = delete_stepwise(call);
    if (err)
        refuse(call, err, &problems, retry_ms);
    else
        response_empty(call->response, 204);
    buf_release(&problems);
}

/* ---- sessions ---- */

void sessions_list(struct call *call)
{
    struct page page;

    if (!page_begin(call, &page))
        return;
    enum err err = chat_sessions_list(call->db, &call->actor, page.cursor, page.limit,
                                      &call->response->body, &page.next);
    page_end(call, &page, err);
}

void sessions_end(struct call *call)
{
    struct event_list events;

    event_list_init(&events);
    enum err err = chat_session_end(call->db, &call->actor, call->request->args[0], &events);
    app_publish(call, &events);
    event_list_release(&events);
    if (err)
        response_error(call->response, err);
    else
        response_empty(call->response, 204);
}
