/*
 * The rules about values, see rules.h. What depends on the database (is the name taken, may this
 * user do that) is not here.
 */
#include "shared/chat/rules.h"

#include "shared/base/utf8.h"

static bool has_byte(struct span text, char byte)
{
    return text.len > 0 && memchr(text.ptr, byte, text.len) != NULL;
}

const char *rule_message_text(const struct conf *conf, struct span text)
{
    long chars = utf8_length(text);
    if (chars < 0)
        return "must be valid UTF-8";
    if (chars > conf_int(conf, CONF_LIMIT_TEXT_CHARS))
        return "is too long";
    if (utf8_is_blank(text))
        return "must not be empty";
    if (utf8_has_control(text))
        return "must not contain control characters";
    return NULL;
}

/* Names that a script would not survive as a key of an object or as a part of a path. */
static bool is_reserved(struct span name)
{
    return span_is(name, ".") || span_is(name, "..") || span_is(name, "__proto__") ||
           span_is(name, "constructor");
}

static const char *folded_problem(struct span folded)
{
    if (folded.len == 0 || is_reserved(folded))
        return "is reserved";
    if (has_byte(folded, '@') || has_byte(folded, '/'))
        return "must not contain @ or /";
    return NULL;
}

const char *rule_channel_name(const struct conf *conf, struct span name)
{
    long chars = utf8_length(name);
    if (chars < 0)
        return "must be valid UTF-8";
    if (chars == 0)
        return "must not be empty";
    if (chars > conf_int(conf, CONF_LIMIT_CHANNEL_NAME_CHARS))
        return "is too long";
    if (utf8_is_unfit_name(name))
        return "must not contain control characters, nor white space at its ends";
    const char *problem = folded_problem(name);
    if (problem)
        return problem;
    struct buf folded;
    buf_init(&folded, BUF_MAX_DEFAULT);
    utf8_fold(name, &folded);
    problem = folded_problem(buf_span(&folded));
    buf_release(&folded);
    return problem;
}

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

const char *rule_username(const struct conf *conf, struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!is_letter_or_digit(c) && c != '_' && c != '.' && c != '-')
            return "may contain only ASCII letters, digits, _, . and -";
    }
    if ((int64_t)name.len < conf_int(conf, CONF_LIMIT_USERNAME_MIN))
        return "is too short";
    if ((int64_t)name.len > conf_int(conf, CONF_LIMIT_USERNAME_MAX))
        return "is too long";
    if (!is_letter_or_digit(name.ptr[0]))
        return "must start with a letter or digit";
    return NULL;
}

static const char *password_problem(struct span password, int64_t min, int64_t max)
{
    long chars = utf8_length(password);
    if (chars < 0)
        return "must be valid UTF-8";
    if (chars < min)
        return "is too short";
    if (chars > max)
        return "is too long";
    if (has_byte(password, '\0'))
        return "must not contain NUL";
    return NULL;
}

const char *rule_user_password(const struct conf *conf, struct span password)
{
    return password_problem(password, conf_int(conf, CONF_LIMIT_PASSWORD_MIN),
                            conf_int(conf, CONF_LIMIT_PASSWORD_MAX));
}

const char *rule_room_password(const struct conf *conf, struct span password)
{
    return password_problem(password, 1, conf_int(conf, CONF_LIMIT_ROOM_PASSWORD_MAX));
}

void rule_room_key(const struct conf *conf, struct span name, struct buf *out)
{
    /* The longest names are those of direct rooms: two usernames and the @. */
    int64_t longest = 2 * conf_int(conf, CONF_LIMIT_USERNAME_MAX) + 1;
    if (longest < conf_int(conf, CONF_LIMIT_CHANNEL_NAME_CHARS))
        longest = conf_int(conf, CONF_LIMIT_CHANNEL_NAME_CHARS);
    long chars = utf8_length(name);
    if (chars <= 0 || chars > longest || utf8_is_unfit_name(name))
        return;
    utf8_fold(name, out);
}

void rule_username_key(const struct conf *conf, struct span name, struct buf *out)
{
    if (rule_username(conf, name))
        return;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        buf_add_char(out, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
    }
}
