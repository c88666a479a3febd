/*
 * The JSON writer: commas, quotes and escapes. Builds no tree and checks no types.
 */
#include "shared/base/json_write.h"

#include <assert.h>

#include "shared/base/clock.h"

void json_begin(struct json_writer *w, struct buf *out)
{
    *w = (struct json_writer){.out = out};
}

void json_quote(struct buf *out, struct span value)
{
    /* What follows the backslash; 0: nothing to escape; 'u': by number. */
    /* clang-format off */
    static const char escapes[256] = {
        [0x00 ... 0x07] = 'u', ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', [0x0B] = 'u',
        ['\f'] = 'f', ['\r'] = 'r', [0x0E ... 0x1F] = 'u', ['"'] = '"', ['\\'] = '\\',
    };
    /* clang-format on */
    static const char hex[] = "0123456789abcdef";
    buf_add_char(out, '"');
    size_t from = 0;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (!escapes[c])
            continue;
        buf_add(out, value.ptr + from, i - from);
        char text[] = {'\\', escapes[c], '0', '0', hex[c >> 4], hex[c & 15]};
        buf_add(out, text, escapes[c] == 'u' ? 6 : 2);
        from = i + 1;
    }
    if (from < value.len)
        buf_add(out, value.ptr + from, value.len - from);
    buf_add_char(out, '"');
}

/* The comma and the key before a value. */
static void json_lead(struct json_writer *w, const char *key)
{
    if (w->need_comma)
        buf_add_char(w->out, ',');
    w->need_comma = true;
    if (key) {
        json_quote(w->out, span_of(key));
        buf_add_char(w->out, ':');
    }
}

static void json_open(struct json_writer *w, const char *key, char bracket)
{
    json_lead(w, key);
    buf_add_char(w->out, bracket);
    w->need_comma = false;
    w->depth++;
}

static void json_close(struct json_writer *w, char bracket)
{
    assert(w->depth > 0);
    w->depth--;
    buf_add_char(w->out, bracket);
    w->need_comma = true;
}

void json_object(struct json_writer *w, const char *key)
{
    json_open(w, key, '{');
}

void json_object_end(struct json_writer *w)
{
    json_close(w, '}');
}

void json_array(struct json_writer *w, const char *key)
{
    json_open(w, key, '[');
}

void json_array_end(struct json_writer *w)
{
    json_close(w, ']');
}

void json_string(struct json_writer *w, const char *key, struct span value)
{
    json_lead(w, key);
    json_quote(w->out, value);
}

void json_cstr(struct json_writer *w, const char *key, const char *value)
{
    if (value)
        json_string(w, key, span_of(value));
    else
        json_null(w, key);
}

void json_int(struct json_writer *w, const char *key, int64_t value)
{
    json_lead(w, key);
    buf_add_int(w->out, value);
}

void json_bool(struct json_writer *w, const char *key, bool value)
{
    json_lead(w, key);
    buf_add_str(w->out, value ? "true" : "false");
}

void json_null(struct json_writer *w, const char *key)
{
    json_lead(w, key);
    buf_add_str(w->out, "null");
}

void json_date(struct json_writer *w, const char *key, int64_t wall_us)
{
    char date[CLOCK_ISO_SIZE];
    clock_iso(wall_us, date);
    json_cstr(w, key, date);
}

void json_raw(struct json_writer *w, const char *key, struct span json)
{
    json_lead(w, key);
    buf_add_span(w->out, json);
}

void json_key_span(struct json_writer *w, struct span key)
{
    json_lead(w, NULL);
    json_quote(w->out, key);
    buf_add_char(w->out, ':');
    w->need_comma = false;
}
