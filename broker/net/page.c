/* Plain pages beside the Engine.IO path: health, metrics. */
#include "broker/net/impl.h"
#include "shared/base/mem.h"

void net_listener_page(struct net_listener *listener, const char *path, net_page_fn answer,
                       void *app)
{
    struct net_page_entry *entry = mem_alloc(sizeof *entry);

    entry->path = mem_strdup(path);
    entry->answer = answer;
    entry->app = app;
    entry->next = listener->pages;
    listener->pages = entry;
}

bool page_answer(struct net_conn *conn, const struct http_request *request)
{
    struct net_page_entry *entry = conn->listener->pages;
    struct buf body;
    struct net_page page = {200, "text/plain; charset=utf-8", &body};
    bool head = span_is(request->method, "HEAD");

    while (entry && !span_is(request->path, entry->path))
        entry = entry->next;
    if (!entry)
        return false;
    if (!head && !span_is(request->method, "GET")) {
        http_answer_status(conn, 405, "Allow: GET, HEAD\r\n", NULL, SPAN_NONE, false);
        return true;
    }
    buf_init(&body, BUF_MAX_DEFAULT);
    entry->answer(entry->app, &page);
    http_answer_status(conn, page.status, "Cache-Control: no-store\r\n", page.content_type,
                       buf_span(&body), false);
    buf_release(&body);
    return true;
}
