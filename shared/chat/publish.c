/* Publishing for a site's backend, see publish.h. */
#include "shared/chat/publish.h"

#include "shared/auth/api_key.h"
#include "shared/auth/digest.h"
#include "shared/auth/token.h"
#include "shared/base/json_scan.h"
#include "shared/base/mem.h"
#include "shared/chat/account_internal.h"
#include "shared/chat/chat_internal.h"
#include "shared/chat/event_name.h"
#include "shared/chat/nonce.h"
#include "shared/chat/render.h"
#include "shared/chat/rules.h"
#include "shared/store/api_key.h"
#include "shared/store/publish.h"

/* What is asked for; a text that is absent is empty. */
struct wish {
    struct buf room, user, text, event, nonce;
    struct span data; /* JSON */
    bool to_user, is_event, durable;
    /* made of it: */
    struct buf key, payload;
    unsigned char hash[DIGEST_SIZE];
};

enum err chat_key_check(struct db *db, struct span key, int64_t *key_id)
{
    unsigned char hash[API_KEY_HASH_SIZE];
    enum err err;

    api_key_hash(token_without_bearer(key), hash);
    err = key_find(db, span_make((const char *)hash, sizeof hash), key_id);
    if (err == ERR_OK && *key_id == 0)
        err = ERR_UNAUTHENTICATED;
    return err_public(err);
}

/* ---- reading it ---- */

static void wish_init(struct wish *wish)
{
    struct buf *texts[] = {&wish->room,  &wish->user, &wish->text,   &wish->event,
                           &wish->nonce, &wish->key,  &wish->payload};

    *wish = (struct wish){.data = SPAN_LIT("null")};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        buf_init(texts[i], BUF_MAX_DEFAULT);
}

static void wish_release(struct wish *wish)
{
    struct buf *texts[] = {&wish->room,  &wish->user, &wish->text,   &wish->event,
                           &wish->nonce, &wish->key,  &wish->payload};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        buf_release(texts[i]);
}

static bool has(struct span body, const char *field)
{
    struct span value = json_member(body, field);

    return span_present(value) && json_type_of(value) != JSON_NULL;
}

static void check(struct buf *problems, const char *field, const char *problem)
{
    if (problem)
        account_problem(problems, field, problem);
}

static void read_target(struct span body, struct wish *wish, struct buf *problems)
{
    wish->to_user = has(body, "user");
    if (wish->to_user == has(body, "room"))
        account_problem(problems, "room", "give either room or user");
    else if (wish->to_user)
        account_read_string(body, "user", &wish->user, problems);
    else
        account_read_string(body, "room", &wish->room, problems);
}

static void read_content(const struct chat *chat, struct span body, struct wish *wish,
                         struct buf *problems)
{
    struct span durable = json_member(body, "durable");

    wish->is_event = has(body, "event");
    if (wish->is_event == has(body, "text")) {
        account_problem(problems, "event", "give either event or text");
        return;
    }
    if (!wish->is_event) {
        account_read_string(body, "text", &wish->text, problems);
        if (json_type_of(json_member(body, "text")) == JSON_STRING)
            check(problems, "text", rule_message_text(chat->conf, buf_span(&wish->text)));
        if (wish->to_user)
            account_problem(problems, "text", "a message goes into a room");
        return;
    }
    account_read_string(body, "event", &wish->event, problems);
    check(problems, "event", rule_event_name(buf_span(&wish->event)));
    if (span_present(json_member(body, "data")))
        wish->data = json_member(body, "data");
    wish->durable = span_present(durable) && span_is(durable, "true");
    if (span_present(durable) && json_type_of(durable) != JSON_BOOL)
        account_problem(problems, "durable", "must be true or false");
}

/* The nonce is the key's own, and never shown. */
static void read_nonce(const struct chat *chat, struct span body, int64_t key_id, struct span given,
                       struct wish *wish, struct buf *problems)
{
    char made[NONCE_SERVER_SIZE];
    struct buf text;

    buf_init(&text, BUF_MAX_DEFAULT);
    if (span_present(given))
        buf_add_span(&text, given);
    else if (has(body, "nonce"))
        account_read_string(body, "nonce", &text, problems);
    if (text.len > 0) {
        if (!nonce_is_valid(buf_span(&text), conf_int(chat->conf, CONF_LIMIT_NONCE_CHARS)))
            account_problem(problems, "nonce",
                            "must be visible ASCII characters, and not too many");
        buf_addf(&wish->nonce, "%ckey %lld ", NONCE_SERVER_MARK, (long long)key_id);
        buf_add_span(&wish->nonce, buf_span(&text));
    } else {
        nonce_make(made);
        buf_add_str(&wish->nonce, made);
    }
    buf_release(&text);
}

/* What identifies the content, and how an event is kept: its data as a text, byte for byte. */
static void finish_wish(struct wish *wish)
{
    struct json_writer w;
    struct buf whole;

    if (wish->to_user)
        rule_username_key(buf_span(&wish->user), &wish->key);
    else
        rule_room_key(buf_span(&wish->room), &wish->key);
    buf_init(&whole, BUF_MAX_DEFAULT);
    buf_add_span(&whole, buf_span(&wish->event));
    buf_add_char(&whole, '\n');
    buf_add_span(&whole, wish->is_event ? wish->data : buf_span(&wish->text));
    digest_make(buf_span(&whole), wish->hash);
    buf_release(&whole);
    json_begin(&w, &wish->payload);
    json_object(&w, NULL);
    json_string(&w, "event", buf_span(&wish->event));
    json_string(&w, "json", wish->data);
    json_object_end(&w);
}

static bool read_wish(const struct chat *chat, struct span body, int64_t key_id, struct span nonce,
                      struct wish *wish, struct buf *problems)
{
    if (account_read_object(chat, body, problems)) {
        read_target(body, wish, problems);
        read_content(chat, body, wish, problems);
        read_nonce(chat, body, key_id, nonce, wish, problems);
    }
    if (problems->len == 0)
        finish_wish(wish);
    return problems->len == 0;
}

/* ---- doing it ---- */

static void fill_row(const struct wish *wish, const struct publish_outcome *outcome,
                     struct log_row *row)
{
    *row = (struct log_row){
        .log = wish->to_user ? LOG_INBOX : LOG_ROOM,
        .log_id = outcome->id,
        .seq = outcome->seq,
        .at_us = outcome->at_us,
        .kind = wish->to_user    ? EVENT_INBOX_CUSTOM
                : wish->is_event ? EVENT_CUSTOM
                                 : EVENT_SYSTEM,
        .room_name = wish->to_user ? SPAN_NONE : span_of(outcome->name),
        .payload = wish->is_event ? buf_span(&wish->payload) : SPAN_NONE,
        .message = {.seq = outcome->seq,
                    .kind = EVENT_SYSTEM,
                    .text = buf_span(&wish->text),
                    .sender = SPAN_NONE,
                    .nonce = SPAN_NONE,
                    .at_us = outcome->at_us},
    };
}

static void write_resource(const struct wish *wish, const struct log_row *row, struct span name,
                           struct buf *out)
{
    struct json_writer w;

    json_begin(&w, out);
    if (!wish->is_event) {
        render_message(&w, NULL, name, &row->message);
        return;
    }
    json_object(&w, NULL);
    json_string(&w, wish->to_user ? "user" : "room", name);
    json_string(&w, "event", buf_span(&wish->event));
    if (row->seq > 0 && !wish->to_user)
        json_int(&w, "seq", row->seq);
    if (row->seq > 0)
        json_date(&w, "date", row->at_us);
    json_object_end(&w);
}

static enum err find_target(struct db *db, const struct wish *wish, struct publish_outcome *outcome)
{
    if (wish->to_user)
        return publish_find_user(db, buf_span(&wish->key), outcome);
    return publish_find_room(db, buf_span(&wish->key), outcome);
}

static enum err write_row(struct db *db, const struct wish *wish, struct publish_outcome *outcome)
{
    const struct publish_row row = {
        .key = buf_span(&wish->key),
        .kind = wish->to_user    ? EVENT_INBOX_CUSTOM
                : wish->is_event ? EVENT_CUSTOM
                                 : EVENT_SYSTEM,
        .text = wish->is_event ? SPAN_NONE : buf_span(&wish->text),
        .payload = wish->is_event ? buf_span(&wish->payload) : SPAN_NONE,
        .nonce = buf_span(&wish->nonce),
        .body_hash = span_make((const char *)wish->hash, sizeof wish->hash),
    };
    enum err err;

    if (wish->to_user)
        err = publish_to_user(db, &row, outcome);
    else
        err = publish_to_room(db, &row, outcome);
    return err;
}

/* Once more if the connection broke: the nonce tells whether it was written. */
static enum err write_safely(struct db *db, const struct wish *wish,
                             struct publish_outcome *outcome)
{
    enum err err = write_row(db, wish, outcome);

    if (err == ERR_DB_LOST) {
        err = write_row(db, wish, outcome);
        if (err == ERR_OK && outcome->known && outcome->same)
            outcome->known = false; /* it may be ours: tell of it */
    }
    return err;
}

static enum err do_wish(struct db *db, const struct wish *wish, struct chat_publication *out)
{
    struct publish_outcome outcome = {0};
    struct log_row row;
    enum err err;

    out->durable = wish->durable || !wish->is_event;
    err = out->durable ? write_safely(db, wish, &outcome) : find_target(db, wish, &outcome);
    if (err == ERR_OK && outcome.id == 0)
        err = wish->to_user ? ERR_USER_NOT_FOUND : ERR_ROOM_NOT_FOUND;
    if (err == ERR_OK && outcome.known && !outcome.same)
        err = ERR_NONCE_CONFLICT;
    if (err == ERR_OK) {
        fill_row(wish, &outcome, &row);
        out->replay = outcome.known;
        if (!outcome.known)
            render_to_event(&row, event_list_add(&out->events));
        write_resource(wish, &row, span_of(outcome.name), &out->resource);
    }
    mem_free(outcome.name);
    return err_public(err);
}

enum err chat_publish(struct chat *chat, struct db *db, int64_t key_id, struct span body,
                      struct span nonce, struct chat_publication *out)
{
    struct wish wish;
    enum err err = ERR_VALIDATION_FAILED;

    *out = (struct chat_publication){0};
    event_list_init(&out->events);
    buf_init(&out->resource, BUF_MAX_DEFAULT);
    buf_init(&out->problems, BUF_MAX_DEFAULT);
    out->retry_ms = chat_limit_publish(chat, key_id);
    if (out->retry_ms > 0)
        return ERR_RATE_LIMITED;
    wish_init(&wish);
    if (read_wish(chat, body, key_id, nonce, &wish, &out->problems))
        err = do_wish(db, &wish, out);
    wish_release(&wish);
    return err;
}

void chat_publication_release(struct chat_publication *publication)
{
    event_list_release(&publication->events);
    buf_release(&publication->resource);
    buf_release(&publication->problems);
}
