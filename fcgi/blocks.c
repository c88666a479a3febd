/* /users/me/blocks: whose messages I do not want to see. */
#include "fcgi/resources.h"

#include "fcgi/command.h"
#include "fcgi/page.h"

void blocks_list(struct call *call)
{
    struct span cursor = request_query(call->request, "cursor");
    struct buf next;
    int64_t limit;

    if (!page_limit(call, &limit))
        return;
    buf_init(&next, 4096);
    enum err err =
        chat_blocks_list(call->db, &call->actor, cursor, limit, &call->response->body, &next);
    if (err)
        response_error(call->response, err);
    else if (next.len)
        page_link(call, "next", "cursor", buf_span(&next));
    buf_release(&next);
}

static void change(struct call *call, enum chat_verb verb)
{
    struct chat_command *command = command_new(call, verb);

    chat_command_preset(command, CHAT_FIELD_USERNAME, call->request->args[0]);
    if (command_run(call, command, SPAN_NONE))
        response_empty(call->response, 204);
    chat_command_free(command);
}

void blocks_add(struct call *call)
{
    change(call, CHAT_BLOCK_USER);
}

void blocks_remove(struct call *call)
{
    change(call, CHAT_UNBLOCK_USER);
}
