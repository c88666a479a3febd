/* /channels/{name}/admins, mutes, bans, members/{username}, audit: what owners and admins do. */
#include "fcgi/resources.h"

#include "fcgi/command.h"
#include "fcgi/page.h"

/* ---- commands ---- */

/* The channel and the user are those of the path. */
static struct chat_command *begin(const struct call *call, enum chat_verb verb)
{
    struct chat_command *command = command_new(call, verb);

    chat_command_preset(command, CHAT_FIELD_ROOM, call->request->args[0]);
    chat_command_preset(command, CHAT_FIELD_USERNAME, call->request->args[1]);
    return command;
}

static void set(struct call *call, enum chat_verb verb)
{
    struct chat_command *command = begin(call, verb);

    if (command_run(call, command, buf_span(&call->request->body)))
        command_resource(call, command, 200);
    chat_command_free(command);
}

/* A reason comes in the query: many a client sends no body with DELETE. */
static void lift(struct call *call, enum chat_verb verb)
{
    struct span reason = request_query(call->request, "reason");
    struct chat_command *command = begin(call, verb);

    if (span_present(reason))
        chat_command_preset(command, CHAT_FIELD_REASON, reason);
    if (command_run(call, command, SPAN_NONE))
        response_empty(call->response, 204);
    chat_command_free(command);
}

void admins_add(struct call *call)
{
    set(call, CHAT_ADD_ADMIN);
}

void admins_remove(struct call *call)
{
    lift(call, CHAT_REMOVE_ADMIN);
}

void mutes_set(struct call *call)
{
    set(call, CHAT_MUTE_USER);
}

void mutes_lift(struct call *call)
{
    lift(call, CHAT_UNMUTE_USER);
}

void bans_set(struct call *call)
{
    set(call, CHAT_BAN_USER);
}

void bans_lift(struct call *call)
{
    lift(call, CHAT_UNBAN_USER);
}

void members_kick(struct call *call)
{
    lift(call, CHAT_KICK_USER);
}

/* ---- lists ---- */

static void list_sanctions(struct call *call, enum chat_sanction which)
{
    struct page page;

    if (!page_begin(call, &page))
        return;
    enum err err = chat_sanctions_list(call->db, &call->actor, call->request->args[0], which,
                                       page.cursor, page.limit, &call->response->body, &page.next);
    page_end(call, &page, err);
}

void mutes_list(struct call *call)
{
    list_sanctions(call, CHAT_MUTES);
}

void bans_list(struct call *call)
{
    list_sanctions(call, CHAT_BANS);
}

void audit_list(struct call *call)
{
    struct page page;

    if (!page_begin(call, &page))
        return;
    enum err err = chat_audit_list(call->db, &call->actor, call->request->args[0], page.cursor,
                                   page.limit, &call->response->body, &page.next);
    page_end(call, &page, err);
}
