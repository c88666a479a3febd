/* /channels/{name}/members: who is in, joining and leaving. */
#include "fcgi/resources.h"

#include "fcgi/command.h"
#include "fcgi/page.h"

void members_list(struct call *call)
{
    struct span cursor = request_query(call->request, "cursor");
    struct buf next;
    int64_t limit;

    if (!page_limit(call, &limit))
        return;
    buf_init(&next, 4096);
    enum err err = chat_members_list(call->db, &call->actor, call->request->args[0], cursor, limit,
                                     &call->response->body, &next);
    if (err)
        response_error(call->response, err);
    else if (next.len)
        page_link(call, "next", "cursor", buf_span(&next));
    buf_release(&next);
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
