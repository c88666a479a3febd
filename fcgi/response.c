/* Writes answers. It knows HTTP's form and the contract's error table, not what is answered. */
#include "fcgi/response.h"

#include <assert.h>
#include <stdarg.h>

#include "shared/base/json_write.h"

#define HEADERS_MAX ((size_t)16 << 10)

void response_init(struct response *response, const struct transport *transport,
                   const char *request_id)
{
    *response = (struct response){.transport = transport,
                                  .request_id = request_id,
                                  .status = 200,
                                  .content_type = "application/json"};
    buf_init(&response->headers, HEADERS_MAX);
    buf_init(&response->body, BUF_MAX_DEFAULT);
}

void response_release(struct response *response)
{
    buf_release(&response->headers);
    buf_release(&response->body);
}

static bool has_control(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            return true;
    }
    return false;
}

void response_header(struct response *response, const char *name, const char *fmt, ...)
{
    char value[2048];
    va_list args;

    va_start(args, fmt);
    int len = vsnprintf(value, sizeof value, fmt, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof value || has_control(value, (size_t)len))
        return;
    buf_addf(&response->headers, "%s: %s\r\n", name, value);
}

void response_empty(struct response *response, int status)
{
    response->status = status;
    response->content_type = NULL;
    buf_clear(&response->body);
}

/* RFC 9110 section 15: the phrases of the statuses in the error table, and of those we succeed
 * with. */
static const char *status_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } table[] = {
        {200, "OK"},
        {201, "Created"},
        {204, "No Content"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].status == status)
            return table[i].phrase;
    }
    return "Unknown";
}

static void problem_headers(struct response *response, int64_t retry_after_s)
{
    if (response->status == 401)
        response_header(response, "WWW-Authenticate", "Bearer realm=\"parley\"");
    if (retry_after_s > 0)
        response_header(response, "Retry-After", "%lld", (long long)retry_after_s);
}

void response_problem(struct response *response, const struct problem *problem)
{
    enum err err = err_public(problem->err);
    int64_t retry_after_s = (problem->retry_after_ms + 999) / 1000;
    struct json_writer w;

    if (retry_after_s == 0 && (err == ERR_UNAVAILABLE || err == ERR_RATE_LIMITED))
        retry_after_s = 1; /* RFC 9110 section 10.2.3: both statuses ask for one */
    response->status = err_status(err);
    response->content_type = "application/problem+json";
    buf_clear(&response->body);
    json_begin(&w, &response->body);
    json_object(&w, NULL);
    /* RFC 9457 section 4.2.1: the code says it all, so there is no type of our own. */
    json_cstr(&w, "type", "about:blank");
    json_cstr(&w, "title", status_phrase(response->status));
    json_int(&w, "status", response->status);
    json_cstr(&w, "detail", problem->detail ? problem->detail : err_message(err));
    json_cstr(&w, "code", err_code(err));
    if (err == ERR_VALIDATION_FAILED)
        json_raw(&w, "errors", span_present(problem->errors) ? problem->errors : SPAN_LIT("[]"));
    json_cstr(&w, "requestId", response->request_id);
    if (span_present(problem->until))
        json_raw(&w, "until", problem->until);
    if (retry_after_s > 0)
        json_int(&w, "retryAfter", retry_after_s);
    json_object_end(&w);
    problem_headers(response, retry_after_s);
}

void response_error(struct response *response, enum err err)
{
    response_problem(response, &(struct problem){.err = err});
}

void response_invalid(struct response *response, const char *field, const char *text)
{
    char errors[256];

    int len =
        snprintf(errors, sizeof errors, "[{\"field\":\"%s\",\"problem\":\"%s\"}]", field, text);
    assert(len > 0 && (size_t)len < sizeof errors);
    response_problem(response, &(struct problem){.err = ERR_VALIDATION_FAILED,
                                                 .errors = span_make(errors, (size_t)len)});
}

/* Status and headers up to the empty line. `length` < 0: not known. */
static bool send_head(struct response *response, int64_t length)
{
    struct buf head;

    buf_init(&head, HEADERS_MAX * 2);
    buf_addf(&head, "Status: %d %s\r\n", response->status, status_phrase(response->status));
    if (response->content_type)
        buf_addf(&head, "Content-Type: %s\r\n", response->content_type);
    if (length >= 0 && response->content_type)
        buf_addf(&head, "Content-Length: %lld\r\n", (long long)length);
    buf_addf(&head,
             "X-Request-Id: %s\r\n"
             "Cache-Control: no-store\r\n"
             "X-Content-Type-Options: nosniff\r\n",
             response->request_id);
    buf_add_span(&head, buf_span(&response->headers));
    buf_add_str(&head, "\r\n");
    bool sent = response->transport->write(response->transport->ctx, head.data, head.len);
    buf_release(&head);
    return sent;
}

void response_send(struct response *response)
{
    const struct transport *transport = response->transport;

    if (!buf_ok(&response->body) || !buf_ok(&response->headers)) {
        buf_clear(&response->headers);
        response_error(response, ERR_INTERNAL); /* a limit did not hold: tell, do not truncate */
    }
    struct span body = buf_span(&response->body);
    response->started = true;
    if (send_head(response, (int64_t)body.len) && !response->head_only && response->content_type)
        transport->write(transport->ctx, body.ptr, body.len);
}

bool response_begin(struct response *response)
{
    response->started = true;
    return send_head(response, -1);
}

bool response_piece(struct response *response, struct span piece)
{
    const struct transport *transport = response->transport;

    return transport->write(transport->ctx, piece.ptr, piece.len) &&
           transport->flush(transport->ctx);
}
