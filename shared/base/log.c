/*
 * The logger: makes the line and writes it at once, without a lock. Not a place for files, rotation
 * or syslog: standard error belongs to whoever supervises us.
 */
#include "shared/base/log.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/json_scan.h"
#include "shared/base/json_write.h"
#include "shared/base/utf8.h"

/* Small enough that a write to a pipe is atomic together with the JSON around it (PIPE_BUF). */
#define TEXT_SIZE 2048
/* Of which a context takes at most: its names, two numbers, and a request's id (64). */
#define CONTEXT_SIZE 160

static struct {
    const char *component;
    bool json;
    atomic_int level;
} logger = {.component = "parley", .level = LOG_INFO};

static _Thread_local const struct log_context *context;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_open(const char *component, enum log_level level, bool json)
{
    logger.component = component;
    logger.json = json;
    log_set_level(level);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&logger.level, (int)level, memory_order_relaxed);
}

enum err log_level_parse(const char *name, enum log_level *out)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++)
        if (strcmp(name, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return ERR_OK;
        }
    return ERR_VALIDATION_FAILED;
}

void log_set_context(const struct log_context *of)
{
    context = of;
}

/* Nobody may begin a line of their own or colour a terminal; bytes that are not UTF-8 do not pass.
 */
static void clean(char *text)
{
    unsigned char *at = (unsigned char *)text;
    unsigned char *end = at + strlen(text);
    while (at < end) {
        size_t len = utf8_sequence(at, end);
        if (len == 0)
            *at = '?';
        else if (len == 1 && (*at < 0x20 || *at == 0x7F))
            *at = ' ';
        at += len ? len : 1;
    }
}

/* Does a pair (name=...) begin at `at`, after a space, or has the text ended there? */
static bool is_after_value(struct span text, size_t at)
{
    if (at == text.len)
        return true;
    if (text.ptr[at] != ' ')
        return false;
    size_t name = at + 1;
    while (at + 1 < text.len &&
           (isalnum((unsigned char)text.ptr[at + 1]) || text.ptr[at + 1] == '_'))
        at++;
    return at + 1 > name && at + 1 < text.len && text.ptr[at + 1] == '=';
}

/* The value at the front of `rest`, taken off it: a bare word; or "...", whose end is the first
 * quote that a pair or the end follows, so that quotes within (PostgreSQL's messages) do no harm.
 */
static struct span take_value(struct span *rest)
{
    size_t quote = rest->len > 0 && rest->ptr[0] == '"' ? 1 : 0;
    size_t end = quote;
    if (quote)
        while (end < rest->len && !(rest->ptr[end] == '"' && is_after_value(*rest, end + 1)))
            end++;
    else
        while (end < rest->len && rest->ptr[end] != ' ')
            end++;
    struct span value = span_make(rest->ptr + quote, end - quote);
    if (end < rest->len)
        end += quote;
    rest->ptr += end;
    rest->len -= end;
    return value;
}

static bool is_json_number(struct span value)
{
    return value.len > 0 && (isdigit((unsigned char)value.ptr[0]) || value.ptr[0] == '-') &&
           json_scan(value, 1) == ERR_OK;
}

/* "a=1 b=two" as members; a word without "=" is a member that is true. */
static void put_members(struct json_writer *w, struct span rest)
{
    while (rest.len > 0) {
        if (rest.ptr[0] == ' ') {
            rest = span_make(rest.ptr + 1, rest.len - 1);
            continue;
        }
        size_t key_len = 0;
        while (key_len < rest.len && rest.ptr[key_len] != '=' && rest.ptr[key_len] != ' ')
            key_len++;
        json_key_span(w, span_make(rest.ptr, key_len));
        bool has_value = key_len < rest.len && rest.ptr[key_len] == '=';
        size_t used = key_len + (has_value ? 1 : 0);
        rest = span_make(rest.ptr + used, rest.len - used);
        struct span value = has_value ? take_value(&rest) : SPAN_LIT("true");
        if (!has_value || is_json_number(value))
            json_raw(w, NULL, value);
        else
            json_string(w, NULL, value);
    }
}

static void put_json(struct buf *line, const char *date, enum log_level level, const char *event,
                     const char *text)
{
    struct json_writer w;
    json_begin(&w, line);
    json_object(&w, NULL);
    json_cstr(&w, "time", date);
    json_cstr(&w, "level", level_names[level]);
    json_cstr(&w, "component", logger.component);
    json_int(&w, "pid", getpid());
    json_cstr(&w, "event", event);
    put_members(&w, span_of(text));
    json_object_end(&w);
}

static void put_plain(struct buf *line, const char *date, enum log_level level, const char *event,
                      const char *text)
{
    buf_addf(line, "time=%s level=%s component=%s pid=%d event=%s", date, level_names[level],
             logger.component, (int)getpid(), event);
    if (*text)
        buf_addf(line, " %s", text);
}

/* Does the text have a pair of that name? */
static bool has_pair(const char *text, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = text; (at = strstr(at, name)); at += len)
        if ((at == text || at[-1] == ' ') && at[len] == '=')
            return true;
    return false;
}

/* The context as pairs, in front of the caller's part. Returns its length. */
static size_t put_context(char *out, size_t size, const char *text)
{
    size_t len = 0;
    if (!context)
        return 0;
    if (context->request && !has_pair(text, "request"))
        len += (size_t)snprintf(out + len, size - len, "request=%s ", context->request);
    if (context->connection && !has_pair(text, "connection"))
        len +=
            (size_t)snprintf(out + len, size - len, "connection=%" PRIu64 " ", context->connection);
    if (context->user && !has_pair(text, "user"))
        len += (size_t)snprintf(out + len, size - len, "user=%" PRId64 " ", context->user);
    return len;
}

/* The caller's part behind the context, cleaned, and marked where it had to be cut. */
static void make_text(char text[TEXT_SIZE], const char *fmt, va_list args)
{
    static const char cut[] = " cut=true";
    char before[CONTEXT_SIZE];
    int len = vsnprintf(text, TEXT_SIZE, fmt, args);
    if (len < 0)
        len = 0;
    text[len < TEXT_SIZE ? len : TEXT_SIZE - 1] = '\0';
    size_t before_len = put_context(before, sizeof before, text);
    memmove(text + before_len, text, TEXT_SIZE - before_len);
    memcpy(text, before, before_len);
    text[TEXT_SIZE - 1] = '\0';
    if ((size_t)len + before_len >= TEXT_SIZE)
        memcpy(text + TEXT_SIZE - sizeof cut, cut, sizeof cut);
    else if (len == 0 && before_len > 0)
        text[before_len - 1] = '\0'; /* the space */
    clean(text);
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    if ((int)level < atomic_load_explicit(&logger.level, memory_order_relaxed))
        return;
    char text[TEXT_SIZE];
    va_list args;
    va_start(args, fmt);
    make_text(text, fmt, args);
    va_end(args);

    char date[CLOCK_ISO_SIZE];
    clock_iso(clock_wall_us(), date);
    struct buf line;
    buf_init(&line, BUF_MAX_DEFAULT);
    (logger.json ? put_json : put_plain)(&line, date, level, event, text);
    buf_add_char(&line, '\n');
    /* Nobody can be told that the log failed. */
    ssize_t ignored = write(STDERR_FILENO, line.data, line.len);
    (void)ignored;
    buf_release(&line);
}
