/* Answers to HTTP requests: bodies, refusals, CORS (Fetch standard, "CORS protocol"). */
#include "broker/eio/fields.h"
#include "broker/eio/gzip.h"
#include "broker/eio/impl.h"
#include "broker/eio/query.h"
#include "shared/base/mem.h"

#define NO_STORE "Cache-Control: no-store\r\n"
#define CORS_METHODS "GET,HEAD,PUT,PATCH,POST,DELETE"

bool eio_cors_enabled(const struct eio_server *server)
{
    return server->options.origins[0] != '\0';
}

/* "*" alone: everybody, so no credentials and no Vary. */
static bool any_origin(const struct eio_server *server)
{
    return strcmp(server->options.origins, "*") == 0;
}

bool eio_origin_refused(const struct eio_server *server, const struct eio_request *request,
                        bool upgrade)
{
    struct span origin = eio_fields_get(request->headers, "origin");
    /* A browser keeps a foreign page from reading an answer without CORS headers, but not from
     * using a websocket (RFC 6455 section 10.2). */
    bool guarded = server->options.check_origins || (upgrade && eio_cors_enabled(server));

    if (!guarded || !span_present(origin))
        return false;
    return !eio_origin_allowed(span_of(server->options.origins), origin);
}

/* `vary`: what else the answer depends on; NULL: nothing. */
static void add_origin_lines(const struct eio_server *server, const struct eio_request *request,
                             const char *vary, struct buf *lines)
{
    struct span origin = eio_fields_get(request->headers, "origin");

    if (any_origin(server)) {
        buf_add_str(lines, "Access-Control-Allow-Origin: *\r\n");
        if (vary)
            buf_addf(lines, "Vary: %s\r\n", vary);
        return;
    }
    buf_addf(lines, "Vary: Origin%s%s\r\n", vary ? ", " : "", vary ? vary : "");
    if (!span_present(origin) || !eio_header_value_ok(origin) ||
        !eio_origin_allowed(span_of(server->options.origins), origin))
        return;
    buf_add_str(lines, "Access-Control-Allow-Origin: ");
    buf_add_span(lines, origin);
    buf_add_str(lines, "\r\nAccess-Control-Allow-Credentials: true\r\n");
}

char *eio_cors_lines(const struct eio_server *server, const struct eio_request *request)
{
    struct buf lines;

    if (!eio_cors_enabled(server))
        return NULL;
    buf_init(&lines, BUF_MAX_DEFAULT);
    add_origin_lines(server, request, NULL, &lines);
    return buf_take(&lines, NULL);
}

void eio_answer_preflight(struct eio_server *server, struct eio_exchange *exchange,
                          const struct eio_request *request)
{
    struct span wanted = eio_fields_get(request->headers, "access-control-request-headers");
    struct eio_answer answer = {.status = 204};
    struct buf lines;

    buf_init(&lines, BUF_MAX_DEFAULT);
    add_origin_lines(server, request, "Access-Control-Request-Headers", &lines);
    buf_add_str(&lines, "Access-Control-Allow-Methods: " CORS_METHODS "\r\n");
    if (span_present(wanted) && eio_header_value_ok(wanted)) {
        buf_add_str(&lines, "Access-Control-Allow-Headers: ");
        buf_add_span(&lines, wanted);
        buf_add_str(&lines, "\r\n");
    }
    answer.headers = buf_span(&lines);
    mem_free(exchange->lines);
    server->net_ops->answer(exchange, &answer);
    buf_release(&lines);
}

void eio_answer_body(struct eio_server *server, struct eio_exchange *exchange, int status,
                     const char *type, struct span body, bool close)
{
    char *lines = exchange->lines;
    struct eio_answer answer = {
        .status = status,
        .content_type = type,
        .headers = span_of(lines),
        .body = body,
        .close = close,
    };

    exchange->lines = NULL;
    exchange->session = NULL;
    server->net_ops->answer(exchange, &answer);
    mem_free(lines);
}

static void add_line(struct eio_exchange *exchange, const char *line)
{
    size_t len = exchange->lines ? strlen(exchange->lines) : 0;

    exchange->lines = mem_regrow(exchange->lines, len + strlen(line) + 1, 1);
    memcpy(exchange->lines + len, line, strlen(line) + 1);
}

void eio_answer_method(struct eio_server *server, struct eio_exchange *exchange)
{
    add_line(exchange, "Allow: GET, POST\r\n");
    eio_answer_body(server, exchange, 405, NULL, SPAN_NONE, false);
}

/* ---- answers that bring something, and must not be stored ---- */

void eio_answer_cookie(const struct eio_server *server, struct eio_exchange *exchange,
                       const char *sid)
{
    struct buf line;

    if (server->options.cookie[0] == '\0')
        return;
    buf_init(&line, BUF_MAX_DEFAULT);
    buf_addf(&line, "Set-Cookie: %s=%s; Path=/; HttpOnly; SameSite=Lax\r\n", server->options.cookie,
             sid);
    add_line(exchange, line.data);
    buf_release(&line);
}

void eio_answer_ok(struct eio_server *server, struct eio_exchange *exchange, const char *type,
                   struct span body)
{
    struct buf coded;

    buf_init(&coded, SIZE_MAX);
    add_line(exchange, NO_STORE);
    if (server->options.gzip && body.len >= EIO_GZIP_MIN) {
        add_line(exchange, "Vary: Accept-Encoding\r\n");
        if (exchange->gzip && eio_gzip(body, &coded) == ERR_OK) {
            add_line(exchange, "Content-Encoding: gzip\r\n");
            body = buf_span(&coded);
        }
    }
    eio_answer_body(server, exchange, 200, type, body, false);
    buf_release(&coded);
}

size_t eio_answer_begin(struct eio_server *server, struct eio_exchange *exchange, const char *type,
                        struct span part)
{
    struct eio_answer answer = {.status = 200, .content_type = type, .body = part};
    size_t waiting;

    add_line(exchange, NO_STORE);
    answer.headers = span_of(exchange->lines);
    exchange->streaming = true;
    waiting = server->net_ops->answer_begin(exchange, &answer);
    mem_free(exchange->lines);
    return waiting;
}

void eio_answer_refusal(struct eio_server *server, struct eio_exchange *exchange,
                        enum eio_refusal refusal, const char *message)
{
    struct buf body;

    buf_init(&body, BUF_MAX_DEFAULT);
    eio_refusal_encode(&body, refusal, message);
    server->stats.refused++;
    eio_answer_body(server, exchange, eio_refusal_status(refusal), "application/json",
                    buf_span(&body), false);
    buf_release(&body);
}
