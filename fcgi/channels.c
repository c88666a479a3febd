/* /channels: list, create, get, change, delete, mark as read. */
#include "fcgi/resources.h"

#include "fcgi/command.h"
#include "fcgi/page.h"

void channels_list(struct call *call)
{
    struct span member = request_query(call->request, "member");
    struct chat_channel_query query = {.mine = span_is(member, "me"),
                                       .search = request_query(call->request, "q")};
    struct page page;

    if (span_present(member) && !query.mine) {
        response_invalid(call->response, "member", "must be me");
        return;
    }
    if (!page_begin(call, &page))
        return;
    query.cursor = page.cursor;
    query.limit = page.limit;
    enum err err =
        chat_channels_list(call->db, &call->actor, &query, &call->response->body, &page.next);
    page_end(call, &page, err);
}

void channels_create(struct call *call)
{
    struct chat_command *command = command_new(call, CHAT_CREATE_CHANNEL);

    if (command_run(call, command, buf_span(&call->request->body))) {
        bool existed = chat_command_is_replay(command);
        command_resource(call, command, existed ? 200 : 201);
        command_location(call, span_of(chat_command_room(command)->name), 0);
    }
    chat_command_free(command);
}

void channels_get(struct call *call)
{
    enum err err =
        chat_channel_get(call->db, &call->actor, call->request->args[0], &call->response->body);

    if (err)
        response_error(call->response, err);
}

void channels_update(struct call *call)
{
    struct chat_command *command = command_new(call, CHAT_UPDATE_CHANNEL);

    chat_command_preset(command, CHAT_FIELD_NAME, call->request->args[0]);
    if (command_run(call, command, buf_span(&call->request->body)))
        command_resource(call, command, 200);
    chat_command_free(command);
}

void channels_delete(struct call *call)
{
    struct chat_command *command = command_new(call, CHAT_DELETE_CHANNEL);

    chat_command_preset(command, CHAT_FIELD_NAME, call->request->args[0]);
    if (command_run(call, command, SPAN_NONE))
        response_empty(call->response, 204);
    chat_command_free(command);
}

void channels_read(struct call *call)
{
    struct chat_command *command = command_new(call, CHAT_MARK_READ);

    chat_command_preset(command, CHAT_FIELD_ROOM, call->request->args[0]);
    if (command_run(call, command, buf_span(&call->request->body)))
        command_resource(call, command, 200);
    chat_command_free(command);
}
