/*
 * One request from its first byte to the last of its answer: parse, route, authenticate, read the
 * body, call the resource, send. The only place that knows this order.
 */
#include "fcgi/app.h"

#include "fcgi/cors.h"
#include "fcgi/routes.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/chat/publish.h"

#define REFUSED_RETRY_MS 1000

struct db *app_open_db(const struct app *app)
{
    const struct conf *conf = app->conf;
    struct db *db = db_open(conf_str(conf, CONF_PG_CONNINFO), conf_int(conf, CONF_PG_TIMEOUT_MS),
                            conf_int(conf, CONF_PG_LOCK_TIMEOUT_MS));

    db_set_fence(db, app->fence);
    return db;
}

static struct request_limits limits_of(const struct conf *conf)
{
    return (struct request_limits){
        .uri_bytes = (size_t)conf_int(conf, CONF_LIMIT_HEADER_BYTES),
        .body_bytes = (size_t)conf_int(conf, CONF_LIMIT_BODY_BYTES),
        .trusted_proxies = conf_str(conf, CONF_FCGI_TRUSTED_PROXIES),
    };
}

/* The methods of a path, for Allow and its CORS namesake. */
static void list_methods(const struct route_match *match, struct buf *out)
{
    for (int i = 0; i < METHOD_OTHER; i++) {
        if (!match->methods[i])
            continue;
        buf_add_str(out, method_name((enum method)i));
        buf_add_str(out, ", ");
    }
    buf_add_str(out, "OPTIONS");
}

static void add_methods(struct response *response, const char *header,
                        const struct route_match *match)
{
    struct buf methods;

    buf_init(&methods, 256);
    list_methods(match, &methods);
    response_header(response, header, "%s", methods.data);
    buf_release(&methods);
}

/* ---- CORS ---- */

/* Answers depend on Origin as soon as a list is configured, so caches must know. */
static bool add_cors(struct call *call)
{
    const char *list = conf_str(call->app->conf, CONF_SIO_ORIGINS);
    struct span origin = request_header(call->request, "HTTP_ORIGIN");

    if (!*list)
        return false;
    response_header(call->response, "Vary", "Origin");
    if (!span_present(origin) || !cors_is_allowed(list, origin))
        return false;
    response_header(call->response, "Access-Control-Allow-Origin", "%.*s", (int)origin.len,
                    origin.ptr);
    response_header(call->response, "Access-Control-Expose-Headers",
                    "Link, Location, Retry-After, X-Request-Id");
    return true;
}

static void answer_options(struct call *call, const struct route_match *match, bool origin_allowed)
{
    struct response *response = call->response;

    response_empty(response, 204);
    add_methods(response, "Allow", match);
    if (!origin_allowed)
        return;
    add_methods(response, "Access-Control-Allow-Methods", match);
    response_header(response, "Access-Control-Allow-Headers",
                    "Authorization, Content-Type, Idempotency-Key");
    response_header(response, "Access-Control-Max-Age", "600");
}

/* ---- the order of things ---- */

static enum err authenticate(struct call *call)
{
    struct span token = request_header(call->request, "HTTP_AUTHORIZATION");

    if (!span_present(token))
        return ERR_UNAUTHENTICATED;
    enum err err = chat_authenticate(call->app->chat, token, call->request->address, &call->actor);
    if (!err && call->actor.user_id == 0)
        err = chat_identify(call->app->chat, call->db, token, call->request->address, &call->actor);
    return err;
}

static enum err authenticate_key(struct call *call)
{
    struct span key = request_header(call->request, "HTTP_X_API_KEY");

    if (!span_present(key))
        key = request_header(call->request, "HTTP_AUTHORIZATION");
    return span_present(key) ? chat_key_check(call->db, key, &call->key_id) : ERR_UNAUTHENTICATED;
}

static bool takes_body(enum method method, const struct route *route)
{
    if (route->flags & ROUTE_IGNORES_BODY)
        return false;
    return method == METHOD_POST || method == METHOD_PUT || method == METHOD_PATCH ||
           route->flags & ROUTE_TAKES_BODY;
}

static void refuse(struct call *call)
{
    struct problem problem = {.err = call->refusal, .retry_after_ms = REFUSED_RETRY_MS};

    response_problem(call->response, &problem);
}

static void count_refusal(const struct call *call, enum err err)
{
    if (err == ERR_PAYLOAD_TOO_LARGE)
        chat_count_refusal(call->app->chat, CONF_LIMIT_BODY_BYTES);
}

static void run_route(struct call *call, const struct route *route,
                      const struct request_limits *limits)
{
    enum err err = ERR_OK;

    if (call->refusal) {
        refuse(call);
        return;
    }
    if (route->flags & ROUTE_AUTH)
        err = authenticate(call);
    if (route->flags & ROUTE_KEY)
        err = authenticate_key(call);
    call->log.user = call->actor.user_id;
    if (!err && takes_body(call->request->method, route))
        err = request_read_body(call->request, limits);
    if (err) {
        count_refusal(call, err);
        response_error(call->response, err);
        return;
    }
    db_set_deadline(call->db, clock_mono_ms() + conf_int(call->app->conf, CONF_PG_TIMEOUT_MS));
    route->handle(call);
    db_set_deadline(call->db, 0);
}

static void answer(struct call *call)
{
    struct request_limits limits = limits_of(call->app->conf);
    struct request *request = call->request;
    enum err err = request_parse(request, &limits);
    bool origin_allowed = add_cors(call);

    call->response->head_only = request->method == METHOD_HEAD;
    if (err) {
        response_error(call->response, err);
        return;
    }
    struct route_match match = route_find(request);
    if (match.route) {
        call->pattern = match.route->pattern;
        run_route(call, match.route, &limits);
    } else if (!match.known) {
        response_error(call->response, ERR_ROUTE_NOT_FOUND);
    } else if (request->method == METHOD_OPTIONS) {
        answer_options(call, &match, origin_allowed);
    } else {
        add_methods(call->response, "Allow", &match);
        response_error(call->response, ERR_METHOD_NOT_ALLOWED);
    }
}

static void log_call(const struct call *call, int64_t began_us)
{
    const struct response *response = call->response;
    enum log_level level = response->status >= 500 || response->cut ? LOG_WARN : LOG_DEBUG;

    log_event(level, "request", "method=%s route=%s status=%d cut=%d address=%s us=%lld",
              method_name(call->request->method), call->pattern ? call->pattern : "none",
              response->status, response->cut, call->request->address,
              (long long)(clock_mono_us() - began_us));
}

static bool dispatch(struct call call, const struct transport *transport)
{
    struct request request;
    struct response response;
    int64_t began_us = clock_mono_us();

    if (call.app->stats)
        stats_begin(call.app->stats);
    call.request = &request;
    call.response = &response;

    request_init(&request, transport);
    call.log = (struct log_context){.request = request.id};
    log_set_context(&call.log);
    response_init(&response, transport, request.id);
    answer(&call);
    if (!response.started)
        response_send(&response);
    log_call(&call, began_us);
    if (call.app->stats)
        stats_end(call.app->stats, call.pattern, response.status, clock_mono_us() - began_us);
    log_set_context(NULL);
    bool complete = !response.cut;
    response_release(&response);
    request_release(&request);
    return complete;
}

bool app_dispatch(const struct app *app, struct db *db, const struct transport *transport)
{
    return dispatch((struct call){.app = app, .db = db}, transport);
}

bool app_refuse(const struct app *app, const struct transport *transport, enum err err)
{
    return dispatch((struct call){.app = app, .refusal = err}, transport);
}

bool app_is_slow(const struct transport *transport)
{
    const char *method = transport->param(transport->ctx, "REQUEST_METHOD");
    const char *uri = transport->param(transport->ctx, "REQUEST_URI");

    return method && uri && route_is_slow(method, span_make(uri, strcspn(uri, "?")));
}
