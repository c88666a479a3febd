/* Runs chat commands on the worker's thread, which may block: no loop waits for it. */
#include "fcgi/command.h"

#include "fcgi/uri.h"
#include "shared/base/clock.h"
#include "shared/base/json_scan.h"

struct chat_command *command_new(const struct call *call, enum chat_verb verb)
{
    return chat_command_new(call->app->chat, chat_command_def(verb), &call->actor);
}

/* A room that is locked by somebody slow is tried again until the deadline. */
static void run_to_end(struct call *call, struct chat_command *command)
{
    int64_t until = clock_mono_ms() + conf_int(call->app->conf, CONF_PG_TIMEOUT_MS);
    enum chat_progress progress;

    while ((progress = chat_command_run(command, call->db)) != CHAT_DONE) {
        if (progress == CHAT_HASH) {
            chat_command_hash_gated(command);
        } else if (clock_mono_ms() >= until) {
            chat_command_fail(command, ERR_UNAVAILABLE);
            return;
        }
    }
}

/* The answer that a socket would get has all that a problem says: its sentence, and until when. */
static void answer_problem(struct call *call, const struct chat_command *command)
{
    struct problem problem = {.err = chat_command_error(command),
                              .retry_after_ms = chat_command_retry_after_ms(command)};
    struct buf body, errors, detail;

    buf_init(&body, BUF_MAX_DEFAULT);
    buf_init(&errors, BUF_MAX_DEFAULT);
    buf_init(&detail, BUF_MAX_DEFAULT);
    chat_command_body(command, &body);
    chat_command_errors(command, &errors);
    struct span message = json_member(buf_span(&body), "message");
    if (span_present(message) && json_type_of(message) == JSON_STRING) {
        json_unescape(message, &detail);
        problem.detail = detail.data;
    }
    problem.until = json_member(buf_span(&body), "until");
    problem.errors = errors.len ? buf_span(&errors) : SPAN_NONE;
    response_problem(call->response, &problem);
    buf_release(&body);
    buf_release(&errors);
    buf_release(&detail);
}

bool command_run(struct call *call, struct chat_command *command, struct span body)
{
    if (chat_command_decode(command, body.len ? body : SPAN_LIT("{}")) == ERR_OK)
        run_to_end(call, command);
    app_publish(call, chat_command_events(command));
    if (chat_command_error(command) == ERR_OK)
        return true;
    answer_problem(call, command);
    return false;
}

void command_resource(struct call *call, const struct chat_command *command, int status)
{
    call->response->status = status;
    chat_command_resource(command, &call->response->body);
}

void command_location(struct call *call, struct span room, int64_t seq)
{
    struct buf path;

    if (call->response->status == 200 && call->request->transport->redirects)
        return;
    buf_init(&path, 8192);
    buf_add_str(&path, API_BASE "/channels/");
    uri_encode(room, &path);
    if (seq > 0)
        buf_addf(&path, "/messages/%lld", (long long)seq);
    response_header(call->response, "Location", "%s", path.data);
    buf_release(&path);
}
