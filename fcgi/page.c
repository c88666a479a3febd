/* Cursors in and Link headers out. Which page they lead to is the resource's business. */
#include "fcgi/page.h"

#include "fcgi/uri.h"

static int64_t page_max(const struct call *call)
{
    return conf_int(call->app->conf, CONF_LIMIT_PAGE);
}

bool page_limit(struct call *call, int64_t *out)
{
    int64_t max = page_max(call);
    int64_t absent = max < PAGE_DEFAULT ? max : PAGE_DEFAULT;
    char text[64];

    if (request_query_int(call->request, "limit", 1, max, absent, out) == ERR_OK)
        return true;
    snprintf(text, sizeof text, "must be an integer from 1 to %lld", (long long)max);
    response_invalid(call->response, "limit", text);
    return false;
}

bool page_seq(struct call *call, const char *name, int64_t min, int64_t *out)
{
    char text[64];

    if (request_query_int(call->request, name, min, INT64_MAX, 0, out) == ERR_OK)
        return true;
    snprintf(text, sizeof text, "must be an integer of at least %lld", (long long)min);
    response_invalid(call->response, name, text);
    return false;
}

static bool is_cursor(struct span name)
{
    return span_is(name, "before") || span_is(name, "after") || span_is(name, "around") ||
           span_is(name, "cursor");
}

void page_link(struct call *call, const char *rel, const char *name, struct span value)
{
    const struct request *request = call->request;
    struct buf uri;

    buf_init(&uri, 8192);
    for (int i = 0; i < request->path_count; i++) {
        buf_add_char(&uri, '/');
        uri_encode(request->path[i], &uri);
    }
    buf_addf(&uri, "?%s=", name);
    uri_encode(value, &uri);
    for (int i = 0; i < request->query_count; i++) {
        if (is_cursor(request->query[i].name))
            continue;
        buf_add_char(&uri, '&');
        uri_encode(request->query[i].name, &uri);
        buf_add_char(&uri, '=');
        uri_encode(request->query[i].value, &uri);
    }
    if (buf_ok(&uri))
        response_header(call->response, "Link", "<%s>; rel=\"%s\"", uri.data, rel);
    buf_release(&uri);
}

bool page_begin(struct call *call, struct page *page)
{
    page->cursor = request_query(call->request, "cursor");
    if (!page_limit(call, &page->limit))
        return false;
    buf_init(&page->next, 4096);
    return true;
}

void page_end(struct call *call, struct page *page, enum err err)
{
    if (err)
        response_error(call->response, err);
    else if (page->next.len)
        page_link(call, "next", "cursor", buf_span(&page->next));
    buf_release(&page->next);
}
