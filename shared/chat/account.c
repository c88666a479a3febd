/*
 * Accounts: signing up, logging in, refreshing and ending a session. What a signed-in user may do
 * is in the commands; tokens and hashes themselves are shared/auth's.
 */
#include "shared/chat/account_internal.h"

#include "shared/base/clock.h"
#include "shared/base/json_scan.h"
#include "shared/base/json_write.h"
#include "shared/chat/identity.h"
#include "shared/chat/render.h"
#include "shared/chat/rules.h"
#include "shared/store/session.h"
#include "shared/store/user.h"

#define GATE_RETRY_MS 1000

/* ---- the request ---- */

void account_request_init(struct account_request *request)
{
    buf_init(&request->first, BUF_MAX_DEFAULT);
    buf_init(&request->second, BUF_MAX_DEFAULT);
}

static void wipe(struct buf *text)
{
    if (text->data)
        explicit_bzero(text->data, text->len);
    buf_release(text);
}

void account_request_release(struct account_request *request)
{
    wipe(&request->first);
    wipe(&request->second);
}

void account_problem(struct buf *problems, const char *field, const char *problem)
{
    struct json_writer w;
    if (problems->len > 0)
        problems->data[problems->len - 1] = ','; /* over the "]" */
    else
        buf_add_char(problems, '[');
    json_begin(&w, problems);
    json_object(&w, NULL);
    json_cstr(&w, "field", field);
    json_cstr(&w, "problem", problem);
    json_object_end(&w);
    buf_add_char(problems, ']');
}

bool account_read_object(const struct chat *chat, struct span body, struct buf *problems)
{
    if (json_scan(body, (int)conf_int(chat->conf, CONF_LIMIT_JSON_DEPTH)))
        account_problem(problems, "", "must be valid JSON");
    else if (json_type_of(body) != JSON_OBJECT)
        account_problem(problems, "", "must be an object");
    return problems->len == 0;
}

void account_read_string(struct span body, const char *field, struct buf *out, struct buf *problems)
{
    struct span json = json_member(body, field);
    if (!span_present(json))
        account_problem(problems, field, "is required");
    else if (json_type_of(json) != JSON_STRING)
        account_problem(problems, field, "must be a string");
    else if (!json_is_unicode(json))
        account_problem(problems, field, "holds half of a surrogate pair");
    else
        json_unescape(json, out);
}

static enum err read_credentials(const struct chat *chat, struct span body,
                                 struct account_request *request, struct buf *problems)
{
    if (account_read_object(chat, body, problems)) {
        account_read_string(body, "username", &request->first, problems);
        account_read_string(body, "password", &request->second, problems);
    }
    return problems->len > 0 ? ERR_VALIDATION_FAILED : ERR_OK;
}

/* ---- the answer ---- */

static void login_init(struct chat_login *login)
{
    *login = (struct chat_login){0};
    buf_init(&login->access_token, BUF_MAX_DEFAULT);
    buf_init(&login->refresh_token, BUF_MAX_DEFAULT);
    event_list_init(&login->events);
}

void chat_login_release(struct chat_login *login)
{
    buf_release(&login->access_token);
    buf_release(&login->refresh_token);
    event_list_release(&login->events);
}

static void issue_tokens(const struct chat *chat, int64_t session_id, int64_t generation,
                         int64_t user_id, const char *username, struct chat_login *login)
{
    int64_t now_us = clock_wall_us();
    struct token_claims claims = {
        .user_id = user_id, .session_id = session_id, .issued_s = now_us / 1000000};
    login->actor.user_id = user_id;
    login->actor.session_id = session_id;
    login->expires_in_s = conf_int(chat->conf, CONF_AUTH_ACCESS_TTL_S);
    /* Rounded up: a token lives for as long as expiresIn says, not up to a second less. */
    claims.expires_s = (now_us + 999999) / 1000000 + login->expires_in_s;
    snprintf(claims.username, sizeof claims.username, "%s", username);
    snprintf(login->actor.username, sizeof login->actor.username, "%s", username);
    token_issue(&chat->token_key, &claims, &login->access_token);
    token_refresh_issue(&chat->token_key, session_id, generation, &login->refresh_token);
}

static void set_address(struct chat_actor *actor, const char *address)
{
    snprintf(actor->address, sizeof actor->address, "%s", address);
}

enum err account_limited(int64_t wait_ms, int64_t *retry_ms)
{
    *retry_ms = wait_ms;
    return wait_ms > 0 ? ERR_RATE_LIMITED : ERR_OK;
}

/* ---- signup ---- */

static enum err check_signup(const struct chat *chat, const struct account_request *request,
                             struct buf *problems)
{
    const char *problem = rule_username(chat->conf, buf_span(&request->first));
    if (problem)
        account_problem(problems, "username", problem);
    problem = rule_user_password(chat->conf, buf_span(&request->second));
    if (problem)
        account_problem(problems, "password", problem);
    return problems->len > 0 ? ERR_VALIDATION_FAILED : ERR_OK;
}

/* Before a hash is computed. A name that was deleted is found taken later. */
static enum err check_free(struct db *db, struct span key)
{
    struct user_row user;
    enum err err = user_find(db, key, &user);
    if (err == ERR_USER_NOT_FOUND)
        return ERR_OK;
    return err ? err : ERR_NAME_TAKEN;
}

static bool enter_gate(struct chat *chat)
{
    if (gate_enter(&chat->gate))
        return true;
    chat_count_refusal(chat, CONF_LIMIT_HASH_QUEUE);
    return false;
}

enum err account_hash(struct chat *chat, struct span password, char out[PASSWORD_HASH_SIZE],
                      int64_t *retry_ms)
{
    if (!enter_gate(chat))
        return account_limited(GATE_RETRY_MS, retry_ms);
    password_hash(&chat->password_cost, password, out);
    gate_leave(&chat->gate);
    return ERR_OK;
}

static enum err sign_up(struct chat *chat, struct db *db, const struct account_request *request,
                        struct span key, struct chat_login *out, int64_t *retry_ms)
{
    char hash[PASSWORD_HASH_SIZE];
    struct user_row user;
    int64_t session_id = 0;
    enum err err = check_free(db, key);
    if (!err)
        err = account_hash(chat, buf_span(&request->second), hash, retry_ms);
    if (!err)
        err = user_sign_up(db, buf_span(&request->first), key, hash,
                           conf_int(chat->conf, CONF_AUTH_REFRESH_TTL_S), &user, &session_id);
    if (err)
        return err;
    out->created_us = user.created_us;
    issue_tokens(chat, session_id, 1, user.id, user.username, out);
    return ERR_OK;
}

enum err chat_signup(struct chat *chat, struct db *db, struct span body, const char *address,
                     struct chat_login *out, struct buf *problems, int64_t *retry_ms)
{
    struct account_request request;
    struct buf key;
    login_init(out);
    set_address(&out->actor, address);
    account_request_init(&request);
    buf_init(&key, BUF_MAX_DEFAULT);
    enum err err = read_credentials(chat, body, &request, problems);
    if (!err)
        err = check_signup(chat, &request, problems);
    if (!err)
        err = account_limited(chat_limit_signup(chat, address), retry_ms);
    rule_username_key(buf_span(&request.first), &key);
    if (!err)
        err = sign_up(chat, db, &request, buf_span(&key), out, retry_ms);
    buf_release(&key);
    account_request_release(&request);
    return err_public(err);
}

/* ---- login ---- */

enum err account_verify(struct chat *chat, struct span password, const char *hash,
                        int64_t *retry_ms)
{
    if (!enter_gate(chat))
        return account_limited(GATE_RETRY_MS, retry_ms);
    bool matched = password_verify(&chat->password_cost, password, hash);
    gate_leave(&chat->gate);
    return matched ? ERR_OK : ERR_UNAUTHENTICATED;
}

/* Whatever is wrong with the account, it costs a hash and is the same answer. */
static enum err log_in(struct chat *chat, struct db *db, const struct account_request *request,
                       struct span key, struct chat_login *out, int64_t *retry_ms)
{
    struct user_row user;
    int64_t session_id = 0;
    enum err err = user_find(db, key, &user);
    if (err && err != ERR_USER_NOT_FOUND)
        return err;
    err = account_verify(chat, buf_span(&request->second), user.password_hash, retry_ms);
    if (!err)
        err = session_open(db, user.id, user.password_hash,
                           conf_int(chat->conf, CONF_AUTH_REFRESH_TTL_S), &session_id);
    if (err)
        return err;
    out->created_us = user.created_us;
    issue_tokens(chat, session_id, 1, user.id, user.username, out);
    return ERR_OK;
}

enum err chat_login(struct chat *chat, struct db *db, struct span body, const char *address,
                    struct chat_login *out, struct buf *problems, int64_t *retry_ms)
{
    struct account_request request;
    struct buf key;
    login_init(out);
    set_address(&out->actor, address);
    account_request_init(&request);
    buf_init(&key, BUF_MAX_DEFAULT);
    enum err err = read_credentials(chat, body, &request, problems);
    rule_username_key(buf_span(&request.first), &key);
    if (!err)
        err = account_limited(chat_limit_password(chat, buf_span(&key), address), retry_ms);
    if (!err) {
        err = log_in(chat, db, &request, buf_span(&key), out, retry_ms);
        if (!err)
            chat_limit_password_passed(chat, buf_span(&key), address);
    }
    buf_release(&key);
    account_request_release(&request);
    return err_public(err);
}

/* ---- refresh and logout ---- */

void account_ended_event(int64_t user_id, int64_t session_id, int64_t inbox_seq, int64_t at_us,
                         struct event_list *events)
{
    render_to_event(&(struct log_row){.log = LOG_INBOX,
                                      .log_id = user_id,
                                      .seq = inbox_seq,
                                      .kind = EVENT_INBOX_SESSION_ENDED,
                                      .actor = user_id,
                                      .at_us = at_us,
                                      .session = session_id},
                    event_list_add(events));
}

static enum err finish_session(struct db *db, int64_t session_id, int64_t user_id,
                               struct event_list *events)
{
    struct session_end end;
    enum err err = session_finish(db, session_id, user_id, &end);
    if (err || end.user_id == 0)
        return err;
    account_ended_event(end.user_id, session_id, end.inbox_seq, end.at_us, events);
    return ERR_OK;
}

/* The token is not the one that is valid now. Used twice within a moment (two tabs, an answer that
 * was lost) it gets the same successor; otherwise it was stolen from somebody, and the family ends.
 */
static enum err reuse(struct chat *chat, struct db *db, int64_t session_id, int64_t generation,
                      struct session_row *session, struct event_list *events)
{
    enum err err = session_find(db, session_id, session);
    if (err)
        return err;
    if (session->generation == generation + 1 &&
        session->rotated_ms_ago <= conf_int(chat->conf, CONF_AUTH_REUSE_MS))
        return ERR_OK;
    err = finish_session(db, session_id, 0, events);
    return err ? err : ERR_UNAUTHENTICATED;
}

static enum err refresh(struct chat *chat, struct db *db, struct span token, struct chat_login *out)
{
    struct session_row session;
    int64_t session_id = 0, generation = 0;
    enum err err = token_refresh_verify(&chat->token_key, token, &session_id, &generation);
    if (err)
        return ERR_UNAUTHENTICATED;
    err = session_rotate(db, session_id, generation, conf_int(chat->conf, CONF_AUTH_REFRESH_TTL_S),
                         &session);
    if (err == ERR_UNAUTHENTICATED)
        err = reuse(chat, db, session_id, generation, &session, &out->events);
    if (err)
        return err;
    out->created_us = session.user_created_us;
    issue_tokens(chat, session_id, session.generation, session.user_id, session.username, out);
    return ERR_OK;
}

enum err chat_refresh(struct chat *chat, struct db *db, struct span body, struct chat_login *out,
                      struct buf *problems)
{
    struct account_request request;
    login_init(out);
    account_request_init(&request);
    if (account_read_object(chat, body, problems))
        account_read_string(body, "refreshToken", &request.second, problems);
    enum err err = problems->len > 0 ? ERR_VALIDATION_FAILED
                                     : refresh(chat, db, buf_span(&request.second), out);
    account_request_release(&request);
    return err_public(err);
}

enum err chat_logout(struct chat *chat, struct db *db, const struct chat_actor *actor,
                     struct event_list *events)
{
    (void)chat;
    size_t before = events->count;
    enum err err = finish_session(db, actor->session_id, actor->user_id, events);
    if (!err && events->count == before)
        err = ERR_UNAUTHENTICATED; /* it had ended before */
    return err_public(err);
}

/* ---- who is it ---- */

enum err chat_authenticate(const struct chat *chat, struct span token, const char *address,
                           struct chat_actor *out)
{
    struct token_claims claims;
    enum err err = token_verify(&chat->token_key, token, clock_wall_us() / 1000000, &claims);
    if (err == ERR_UNAUTHENTICATED && chat->identity) {
        err = identity_check(chat->identity, token, out);
    } else if (!err) {
        *out = (struct chat_actor){.user_id = claims.user_id, .session_id = claims.session_id};
        memcpy(out->username, claims.username, sizeof out->username);
    }
    if (!err)
        set_address(out, address);
    return err;
}

enum err chat_identify(struct chat *chat, struct db *db, struct span token, const char *address,
                       struct chat_actor *out)
{
    enum err err =
        chat->identity ? identity_find(chat->identity, db, token, out) : ERR_UNAUTHENTICATED;
    if (!err)
        set_address(out, address);
    return err;
}

enum err chat_user_get(struct db *db, const struct chat_actor *actor, struct span username,
                       struct buf *out)
{
    struct user_row user;
    struct json_writer w;
    struct buf key;
    buf_init(&key, BUF_MAX_DEFAULT);
    rule_username_key(username, &key);
    enum err err = user_view(db, actor->session_id, actor->user_id,
                             span_present(username) ? buf_span(&key) : SPAN_NONE, &user);
    buf_release(&key);
    if (err)
        return err_public(err);
    json_begin(&w, out);
    json_object(&w, NULL);
    json_cstr(&w, "username", user.username);
    json_date(&w, "createdAt", user.created_us);
    json_object_end(&w);
    return ERR_OK;
}
