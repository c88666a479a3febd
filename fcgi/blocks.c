/* /users/me/blocks: whose messages I do not want to see. */
#include "fcgi/resources.h"

#include "fcgi/command.h"
#include "fcgi/page.h"

void blocks_list(struct call *call)
{
    struct page page;

    if (!page_begin(call, &page))
        return;
    enum err err = chat_blocks_list(call->db, &call->actor, page.cursor, page.limit,
                                    &call->response->body, &page.next);
    page_end(call, &page, err);
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
