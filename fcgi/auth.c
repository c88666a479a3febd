/* /auth: signup, login, refresh, logout. Passwords and tokens are checked in shared/chat. */
#include "fcgi/resources.h"

#include "fcgi/uri.h"
#include "shared/base/json_write.h"

/* What the three ways to tokens have in common: their inputs made, their outcome answered. */
struct attempt {
    struct chat_login login;
    struct buf problems;
    int64_t retry_ms;
};

static struct span body_of(const struct call *call)
{
    return call->request->body.len ? buf_span(&call->request->body) : SPAN_LIT("{}");
}

static void write_tokens(const struct chat_login *login, struct buf *out)
{
    struct json_writer w;

    json_begin(&w, out);
    json_object(&w, NULL);
    json_string(&w, "accessToken", buf_span(&login->access_token));
    json_string(&w, "refreshToken", buf_span(&login->refresh_token));
    json_int(&w, "expiresIn", login->expires_in_s);
    json_object(&w, "user");
    json_cstr(&w, "username", login->actor.username);
    json_date(&w, "createdAt", login->created_us);
    json_object_end(&w);
    json_object_end(&w);
}

static void finish(struct call *call, struct attempt *attempt, enum err err, int status)
{
    struct problem problem = {.err = err, .retry_after_ms = attempt->retry_ms};

    app_publish(call, &attempt->login.events);
    if (err) {
        if (attempt->problems.len)
            problem.errors = buf_span(&attempt->problems);
        response_problem(call->response, &problem);
    } else {
        call->response->status = status;
        write_tokens(&attempt->login, &call->response->body);
    }
    buf_release(&attempt->problems);
    chat_login_release(&attempt->login);
}

static void begin(struct attempt *attempt)
{
    *attempt = (struct attempt){.retry_ms = 0};
    buf_init(&attempt->problems, BUF_MAX_DEFAULT);
}

void auth_signup(struct call *call)
{
    struct attempt attempt;

    begin(&attempt);
    enum err err = chat_signup(call->app->chat, call->db, body_of(call), call->request->address,
                               &attempt.login, &attempt.problems, &attempt.retry_ms);
    if (!err)
        response_header(call->response, "Location", API_BASE "/users/%s",
                        attempt.login.actor.username);
    finish(call, &attempt, err, 201);
}

void auth_login(struct call *call)
{
    struct attempt attempt;

    begin(&attempt);
    enum err err = chat_login(call->app->chat, call->db, body_of(call), call->request->address,
                              &attempt.login, &attempt.problems, &attempt.retry_ms);
    finish(call, &attempt, err, 200);
}

void auth_refresh(struct call *call)
{
    struct attempt attempt;

    begin(&attempt);
    enum err err =
        chat_refresh(call->app->chat, call->db, body_of(call), &attempt.login, &attempt.problems);
    finish(call, &attempt, err, 200);
}

void auth_logout(struct call *call)
{
    struct event_list events;

    event_list_init(&events);
    enum err err = chat_logout(call->app->chat, call->db, &call->actor, &events);
    app_publish(call, &events);
    event_list_release(&events);
    if (err)
        response_error(call->response, err);
    else
        response_empty(call->response, 204);
}
