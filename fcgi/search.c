/* GET /search: messages of my channels by their words. */
#include "fcgi/resources.h"

#include "fcgi/page.h"
#include "shared/chat/search.h"

void search_get(struct call *call)
{
    struct chat_search_query query = {.text = request_query(call->request, "q"),
                                      .room = request_query(call->request, "room"),
                                      .cursor = request_query(call->request, "cursor")};
    struct chat_search_refusal refusal;
    struct buf next;

    if (!page_limit(call, &query.limit))
        return;
    buf_init(&next, 4096);
    enum err err = chat_search(call->app->chat, call->db, &call->actor, &query,
                               &call->response->body, &next, &refusal);
    if (err == ERR_VALIDATION_FAILED)
        response_invalid(call->response, refusal.field, refusal.problem);
    else if (err)
        response_problem(call->response,
                         &(struct problem){.err = err, .retry_after_ms = refusal.retry_ms});
    else if (next.len)
        page_link(call, "next", "cursor", buf_span(&next));
    buf_release(&next);
}
