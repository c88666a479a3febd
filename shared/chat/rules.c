/*
 * The rules about values, see rules.h. What depends on the database (is the name taken, may this
 * user do that) is not here.
 */
#include "shared/chat/rules.h"

#include <strings.h>

#include "shared/auth/token.h"
#include "shared/base/utf8.h"

#define USERNAME_BYTES_MAX (TOKEN_USERNAME_SIZE - 1)

static bool has_byte(struct span text, char byte)
{
    return text.len > 0 && memchr(text.ptr, byte, text.len) != NULL;
}

static const char *text_problem(struct span text, int64_t max)
{
    long chars = utf8_length(text);
    if (chars < 0)
        return "must be valid UTF-8";
    if (chars > max)
        return "is too long";
    if (utf8_is_blank(text))
        return "must not be empty";
    if (utf8_has_control(text))
        return "must not contain control characters";
    return NULL;
}

const char *rule_message_text(const struct conf *conf, struct span text)
{
    return text_problem(text, conf_int(conf, CONF_LIMIT_TEXT_CHARS));
}

const char *rule_reason(const struct conf *conf, struct span reason)
{
    return text_problem(reason, conf_int(conf, CONF_LIMIT_REASON_CHARS));
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

static bool is_username_text(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!is_letter_or_digit(c) && c != '_' && c != '.' && c != '-')
            return false;
    }
    return true;
}

/* The names that stand for deleted accounts (shared/store/account.c). */
static bool is_tombstone(struct span name)
{
    static const char prefix[] = "deleted.";
    return name.len >= sizeof prefix - 1 && strncasecmp(name.ptr, prefix, sizeof prefix - 1) == 0;
}

const char *rule_username(const struct conf *conf, struct span name)
{
    if (!is_username_text(name))
        return "may contain only ASCII letters, digits, _, . and -";
    if ((int64_t)name.len < conf_int(conf, CONF_LIMIT_USERNAME_MIN))
        return "is too short";
    if ((int64_t)name.len > conf_int(conf, CONF_LIMIT_USERNAME_MAX))
        return "is too long";
    if (!is_letter_or_digit(name.ptr[0]))
        return "must start with a letter or digit";
    if (is_tombstone(name))
        return "is reserved";
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

/* No configuration allows more (settings.def); direct rooms' names have at most 65. */
#define ROOM_NAME_CHARS_MAX 255

void rule_room_key(struct span name, struct buf *out)
{
    long chars = utf8_length(name);
    if (chars <= 0 || chars > ROOM_NAME_CHARS_MAX || utf8_is_unfit_name(name))
        return;
    utf8_fold(name, out);
}

void rule_username_key(struct span name, struct buf *out)
{
    if (name.len == 0 || name.len > USERNAME_BYTES_MAX || !is_username_text(name))
        return;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        buf_add_char(out, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
    }
}
