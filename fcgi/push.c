/* POST /publish: what a site's own backend says, with an API key. */
#include "fcgi/resources.h"

#include "shared/chat/publish.h"

/* News that nobody would hear are refused; rows are delivered in any case. */
static bool reaches_nobody(const struct call *call, const struct chat_publication *publication)
{
    return !publication->durable && !mqtt_is_connected(call->app->mqtt);
}

static int status_of(const struct chat_publication *publication)
{
    if (!publication->durable)
        return 202;
    return publication->replay ? 200 : 201;
}

void publish_post(struct call *call)
{
    struct span nonce = request_header(call->request, "HTTP_IDEMPOTENCY_KEY");
    struct chat_publication publication;
    enum err err = chat_publish(call->app->chat, call->db, call->key_id,
                                buf_span(&call->request->body), nonce, &publication);
    struct problem problem = {.err = err, .retry_after_ms = publication.retry_ms};

    if (!err && reaches_nobody(call, &publication))
        problem.err = err = ERR_UNAVAILABLE;
    if (!err) {
        app_publish(call, &publication.events);
        call->response->status = status_of(&publication);
        buf_add_span(&call->response->body, buf_span(&publication.resource));
    } else {
        if (publication.problems.len)
            problem.errors = buf_span(&publication.problems);
        response_problem(call->response, &problem);
    }
    chat_publication_release(&publication);
}
