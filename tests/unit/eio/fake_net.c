/* The network that is none. */
#include "tests/unit/eio/fake_net.h"

#include "broker/eio/fields.h"
#include "shared/base/mem.h"

#define GREETING "101\n"

/* ---- what eio calls ---- */

static struct fake_net *the_net; /* ops->write has no other way to the settings of the test */

static void on_wake(void *net)
{
    (void)net;
}

static void on_answer(struct eio_exchange *exchange, const struct eio_answer *answer)
{
    struct fake_http *http = (struct fake_http *)exchange;

    http->status = answer->status;
    http->held = http->wants_body = false;
    buf_clear(&http->body);
    buf_add_span(&http->body, answer->body);
    buf_clear(&http->headers);
    buf_add_span(&http->headers, answer->headers);
}

static size_t on_answer_begin(struct eio_exchange *exchange, const struct eio_answer *answer)
{
    struct fake_http *http = (struct fake_http *)exchange;

    http->status = answer->status;
    http->streaming = true;
    buf_clear(&http->body);
    buf_add_span(&http->body, answer->body);
    return the_net->answer_waiting;
}

static size_t on_answer_part(struct eio_exchange *exchange, struct span part, bool last)
{
    struct fake_http *http = (struct fake_http *)exchange;

    buf_add_span(&http->body, part);
    if (last)
        http->held = http->streaming = false;
    return the_net->answer_waiting;
}

static void on_write(struct eio_wire *wire)
{
    struct fake_ws *ws = (struct fake_ws *)wire;

    if (!ws->blocked)
        fake_ws_write(the_net, ws, SIZE_MAX);
}

static void on_drop(struct eio_exchange *exchange)
{
    struct fake_http *http = (struct fake_http *)exchange;

    http->held = http->streaming = http->wants_body = false;
    http->dropped = true;
}

static const struct eio_net_ops ops = {
    .wake = on_wake,
    .answer = on_answer,
    .answer_begin = on_answer_begin,
    .answer_part = on_answer_part,
    .write = on_write,
    .drop = on_drop,
};

void fake_net_init(struct fake_net *net, struct eio_server *server, int64_t now)
{
    *net = (struct fake_net){.server = server, .now = now};
    the_net = net;
    eio_server_bind(server, &ops, net);
}

/* ---- requests ---- */

static void add_headers(struct buf *fields, const char *headers)
{
    while (headers && *headers) {
        size_t line = strcspn(headers, "\n");
        size_t name = strcspn(headers, ":");

        eio_fields_add(fields, span_make(headers, name),
                       span_make(headers + name + 2, line - name - 2));
        headers += line + (headers[line] == '\n');
    }
}

static void make_request(struct eio_request *request, struct buf *fields, const char *method,
                         const char *target, const char *headers, int64_t content_length)
{
    size_t path = strcspn(target, "?");

    buf_init(fields, BUF_MAX_DEFAULT);
    add_headers(fields, headers);
    *request = (struct eio_request){
        .method = span_of(method),
        .path = span_make(target, path),
        .query = span_of(target + path + (target[path] == '?')),
        .headers = buf_span(fields),
        .address = "192.0.2.1",
        .content_length = content_length,
    };
}

void fake_request(struct fake_net *net, struct fake_http *http, const char *method,
                  const char *target, const char *headers, int64_t content_length)
{
    struct eio_request request;
    struct buf fields;

    *http = (struct fake_http){.held = true};
    buf_init(&http->body, SIZE_MAX);
    buf_init(&http->headers, SIZE_MAX);
    make_request(&request, &fields, method, target, headers, content_length);
    http->wants_body =
        eio_request_begin(net->server, &http->exchange, &request, net->now) == EIO_WANT_BODY;
    buf_release(&fields);
}

void fake_body(struct fake_net *net, struct fake_http *http, struct span body)
{
    http->wants_body = false;
    eio_request_body(net->server, &http->exchange, body, net->now);
}

void fake_post(struct fake_net *net, struct fake_http *http, const char *target, const char *body)
{
    fake_request(net, http, "POST", target, NULL, (int64_t)strlen(body));
    if (http->wants_body)
        fake_body(net, http, span_of(body));
}

void fake_abort(struct fake_net *net, struct fake_http *http)
{
    if (http->held)
        eio_exchange_aborted(net->server, &http->exchange, net->now);
    http->held = http->streaming = http->wants_body = false;
}

void fake_http_release(struct fake_net *net, struct fake_http *http)
{
    fake_abort(net, http);
    buf_release(&http->body);
    buf_release(&http->headers);
}

/* ---- websockets ---- */

void fake_ws_open(struct fake_net *net, struct fake_ws *ws, const char *target)
{
    struct eio_request request;
    struct buf fields;
    int status;

    *ws = (struct fake_ws){0};
    buf_init(&ws->sent, SIZE_MAX);
    make_request(&request, &fields, "GET", target, NULL, 0);
    ws->refused = eio_upgrade_check(net->server, &request, net->now, &status);
    if (!ws->refused) {
        ws->open = true;
        eio_wire_open(net->server, &ws->wire, SPAN_LIT(GREETING), &request, net->now);
    }
    buf_release(&fields);
}

void fake_ws_send(struct fake_net *net, struct fake_ws *ws, struct span data, bool binary)
{
    if (ws->open)
        eio_wire_message(net->server, &ws->wire, data, binary, net->now);
}

void fake_ws_gone(struct fake_net *net, struct fake_ws *ws)
{
    if (ws->open)
        eio_wire_gone(net->server, &ws->wire, net->now);
    ws->open = false;
    buf_release(&ws->sent);
}

void fake_ws_write(struct fake_net *net, struct fake_ws *ws, size_t max)
{
    struct iovec pieces[8];
    int count;

    while (ws->open && max > 0 &&
           (count = eio_wire_gather(net->server, &ws->wire, true, pieces, 8)) > 0) {
        size_t total = 0;

        for (int i = 0; i < count && total < max; i++) {
            size_t here = pieces[i].iov_len < max - total ? pieces[i].iov_len : max - total;

            buf_add(&ws->sent, pieces[i].iov_base, here);
            total += here;
        }
        max -= total;
        eio_wire_written(net->server, &ws->wire, total);
    }
}

struct span fake_ws_frame(struct fake_ws *ws, int *opcode)
{
    static char payload[1 << 16];
    const unsigned char *at = (const unsigned char *)ws->sent.data;
    size_t header = 2, len;

    *opcode = -1;
    if (ws->sent.len >= strlen(GREETING) && memcmp(at, GREETING, strlen(GREETING)) == 0) {
        buf_drop(&ws->sent, strlen(GREETING));
        at = (const unsigned char *)ws->sent.data;
    }
    if (ws->sent.len < 2)
        return SPAN_LIT("");
    len = at[1];
    if (len == 126) {
        len = (size_t)at[2] << 8 | at[3];
        header = 4;
    }
    if (len == 127 || ws->sent.len < header + len)
        return SPAN_LIT("");
    *opcode = at[0];
    memcpy(payload, at + header, len);
    buf_drop(&ws->sent, header + len);
    return span_make(payload, len);
}

/* ---- time ---- */

void fake_flush(struct fake_net *net)
{
    for (int i = 0; i < 100 && eio_server_flush(net->server, net->now); i++)
        continue;
}

void fake_pass(struct fake_net *net, int64_t ms)
{
    net->now += ms;
    eio_server_tick(net->server, net->now);
    fake_flush(net);
}
