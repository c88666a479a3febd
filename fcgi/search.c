/* GET /search: messages of my channels by their words. */
#include "fcgi/resources.h"

#include "fcgi/page.h"
#include "shared/chat/search.h"

void search_get(struct call *call)
{
    struct chat_search_query query = {.text = request_query(call->request, "q"),
                                      .room = request_query(call->request, "room"),
                                      .cursor = request_query(call->request, "cursor")};
    const char *field = NULL, *problem = NULL;
    struct buf next;

    if (!page_limit(call, &query.limit))
        return;
    buf_init(&next, 4096);
    enum err err = chat_search(call->app->chat, call->db, &call->actor, &query,
                               &call->response->body, &next, &field, &problem);
    if (problem)
        response_invalid(call->response, field, problem);
    else if (err)
        response_error(call->response, err);
    else if (next.len)
        page_link(call, "next", "cursor", buf_span(&next));
    buf_release(&next);
}
