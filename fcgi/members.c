/* /channels/{name}/members: who is in, joining and leaving. */
#include "fcgi/resources.h"

#include "fcgi/command.h"
#include "fcgi/page.h"

void members_list(struct call *call)
{
    struct page page;

    if (!page_begin(call, &page))
        return;
    enum err err = chat_members_list(call->db, &call->actor, call->request->args[0], page.cursor,
                                     page.limit, &call->response->body, &page.next);
    page_end(call, &page, err);
}

void members_join(struct call *call)
{
    struct chat_command *command = command_new(call, CHAT_JOIN_CHANNEL);

    chat_command_preset(command, CHAT_FIELD_NAME, call->request->args[0]);
    if (command_run(call, command, buf_span(&call->request->body)))
        command_resource(call, command, 200);
    chat_command_free(command);
}

void members_leave(struct call *call)
{
    struct chat_command *command = command_new(call, CHAT_LEAVE_CHANNEL);

    chat_command_preset(command, CHAT_FIELD_NAME, call->request->args[0]);
    if (command_run(call, command, SPAN_NONE))
        response_empty(call->response, 204);
    chat_command_free(command);
}
