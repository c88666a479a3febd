/* Texts of topics and client ids. It knows no user and no room. */
#include "broker/mqtt-plugin/topic.h"

#include "shared/chat/event.h"

#define SUFFIX_MAX 64 /* characters of a client id behind the username */
#define UUID_LEN 36

static bool take_prefix(struct span *text, const char *prefix)
{
    size_t len = strlen(prefix);

    if (!span_present(*text) || text->len < len || memcmp(text->ptr, prefix, len) != 0)
        return false;
    *text = span_make(text->ptr + len, text->len - len);
    return true;
}

static bool take_suffix(struct span *text, const char *suffix)
{
    size_t len = strlen(suffix);

    if (text->len < len || memcmp(text->ptr + text->len - len, suffix, len) != 0)
        return false;
    text->len -= len;
    return true;
}

static bool is_one_level(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '/' || text.ptr[i] == '+' || text.ptr[i] == '#')
            return false;
    }
    return text.len > 0;
}

static struct topic parse_device(struct span rest)
{
    struct topic topic = {.kind = TOPIC_SEND};

    if (!take_suffix(&rest, "/send")) {
        topic.kind = TOPIC_RESULT;
        if (!take_suffix(&rest, "/result"))
            return (struct topic){.kind = TOPIC_OTHER};
    }
    topic.username = rest;
    return is_one_level(rest) ? topic : (struct topic){.kind = TOPIC_OTHER};
}

struct topic topic_parse(const char *text)
{
    struct topic topic = {.kind = TOPIC_OTHER};
    struct span rest = span_of(text);
    enum log_type log;

    if (take_prefix(&rest, "parley/v1/devices/"))
        return parse_device(rest);
    rest = span_of(text);
    if (event_topic_parse(rest, &log, &topic.id))
        topic.kind = log == LOG_ROOM ? TOPIC_ROOM : TOPIC_INBOX;
    else if (take_suffix(&rest, "/live") && event_topic_parse(rest, &log, &topic.id) &&
             log == LOG_ROOM)
        topic.kind = TOPIC_LIVE;
    return topic;
}

static bool is_uuid(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text.ptr[i] != '-' : !strchr("0123456789abcdefABCDEF", text.ptr[i]))
            return false;
    }
    return text.len == UUID_LEN;
}

bool topic_client_id_fits(const char *client_id, const char *username)
{
    struct span rest = span_of(client_id);

    if (take_prefix(&rest, "auto-") && is_uuid(rest))
        return true;
    rest = span_of(client_id);
    if (!take_prefix(&rest, username) || !take_prefix(&rest, "/"))
        return false;
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.ptr[i] <= ' ' || rest.ptr[i] > '~' || strchr("+#", rest.ptr[i]))
            return false;
    }
    return rest.len >= 1 && rest.len <= SUFFIX_MAX;
}
