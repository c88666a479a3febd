/* /channels/{name}/messages: pages of history, sending; one message: reading, editing, deleting. */
#include "fcgi/resources.h"

#include <inttypes.h>
#include <stdio.h>

#include "fcgi/command.h"
#include "fcgi/page.h"

static bool read_page(struct call *call, struct chat_page *page)
{
    if (!page_seq(call, "before", 1, &page->before) || !page_seq(call, "after", 0, &page->after) ||
        !page_seq(call, "around", 1, &page->around) || !page_limit(call, &page->limit))
        return false;
    int cursors = 0;
    const char *names[] = {"before", "after", "around"};
    for (int i = 0; i < 3; i++)
        cursors += span_present(request_query(call->request, names[i]));
    if (span_present(request_query(call->request, "after")) && page->after == 0)
        page->after = -1; /* from the beginning; 0 would be "no cursor" */
    if (cursors <= 1)
        return true;
    response_invalid(call->response, "before", "give only one of before, after, around");
    return false;
}

static void link_page(struct call *call, const char *rel, const char *name, int64_t seq)
{
    char digits[24];

    snprintf(digits, sizeof digits, "%" PRId64, seq);
    page_link(call, rel, name, span_of(digits));
}

/* Where the neighbouring pages begin. */
static void link_pages(struct call *call, const struct chat_page *page,
                       const struct chat_page_found *found)
{
    bool forward = span_present(request_query(call->request, "after"));

    if (found->first == 0)
        return;
    if (page->around || (!forward && found->has_more))
        link_page(call, "prev", "before", found->first);
    if (page->around || (forward && found->has_more))
        link_page(call, "next", "after", found->last);
}

void messages_list(struct call *call)
{
    struct chat_page page = {0};
    struct chat_page_found found = {0};

    if (!read_page(call, &page))
        return;
    page.cache = call->app->pages;
    enum err err = chat_messages_page(call->db, &call->actor, call->request->args[0], &page,
                                      &call->response->body, &found);
    if (err) {
        response_error(call->response, err);
        return;
    }
    if (call->app->stats)
        stats_page(call->app->stats, found.was_kept);
    link_pages(call, &page, &found);
}

void messages_send(struct call *call)
{
    struct chat_command *command = command_new(call, CHAT_SEND_MESSAGE);
    struct span nonce = request_header(call->request, "HTTP_IDEMPOTENCY_KEY");

    chat_command_preset(command, CHAT_FIELD_ROOM, call->request->args[0]);
    if (span_present(nonce))
        chat_command_preset(command, CHAT_FIELD_NONCE, nonce);
    if (command_run(call, command, buf_span(&call->request->body))) {
        bool seen = chat_command_is_replay(command);
        command_resource(call, command, seen ? 200 : 201);
        command_location(call, call->request->args[0], chat_command_seq(command));
    }
    chat_command_free(command);
}

/* The path's seq; 0 for what cannot be one. */
static int64_t parse_seq(struct span text)
{
    int64_t value = 0;

    if (text.len > 18)
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        value = value * 10 + (text.ptr[i] - '0');
    }
    return value;
}

void messages_get(struct call *call)
{
    int64_t seq = parse_seq(call->request->args[1]);

    if (seq == 0) {
        response_error(call->response, ERR_MESSAGE_NOT_FOUND);
        return;
    }
    enum err err = chat_message_get(call->db, &call->actor, call->request->args[0], seq,
                                    &call->response->body);
    if (err)
        response_error(call->response, err);
}

/* A command about the message in the path; NULL if there can be none, which is the response. */
static struct chat_command *command_about(struct call *call, enum chat_verb verb)
{
    if (parse_seq(call->request->args[1]) == 0) {
        response_error(call->response, ERR_MESSAGE_NOT_FOUND);
        return NULL;
    }
    struct chat_command *command = command_new(call, verb);
    chat_command_preset(command, CHAT_FIELD_ROOM, call->request->args[0]);
    chat_command_preset(command, CHAT_FIELD_SEQ, call->request->args[1]);
    return command;
}

void messages_edit(struct call *call)
{
    struct chat_command *command = command_about(call, CHAT_EDIT_MESSAGE);

    if (command && command_run(call, command, buf_span(&call->request->body)))
        command_resource(call, command, 200);
    chat_command_free(command);
}

void messages_delete(struct call *call)
{
    struct chat_command *command = command_about(call, CHAT_DELETE_MESSAGE);

    if (command && command_run(call, command, SPAN_NONE))
        response_empty(call->response, 204);
    chat_command_free(command);
}
