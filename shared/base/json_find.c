/*
 * Finding the parts of scanned JSON text. These functions trust the grammar (json_scan has passed
 * the text) but never read past its end, so a caller's mistake gives a wrong answer, not a crash.
 */
#include "shared/base/json_scan.h"

#include "shared/base/utf8.h"

#define REPLACEMENT 0xFFFDUL

static size_t skip_space(struct span text, size_t at)
{
    while (at < text.len && (text.ptr[at] == ' ' || text.ptr[at] == '\t' || text.ptr[at] == '\n' ||
                             text.ptr[at] == '\r'))
        at++;
    return at;
}

/* The index after the string that begins (with its quote) at `at`. */
static size_t skip_string(struct span text, size_t at)
{
    for (at++; at < text.len; at++) {
        if (text.ptr[at] == '"')
            return at + 1;
        if (text.ptr[at] == '\\')
            at++;
    }
    return text.len;
}

static size_t skip_container(struct span text, size_t at)
{
    int depth = 0;
    while (at < text.len) {
        char c = text.ptr[at];
        if (c == '"') {
            at = skip_string(text, at);
            continue;
        }
        at++;
        if (c == '[' || c == '{')
            depth++;
        else if ((c == ']' || c == '}') && --depth == 0)
            return at;
    }
    return text.len;
}

static bool is_end_of_scalar(char c)
{
    return c == ',' || c == ']' || c == '}' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_value(struct span text, size_t at)
{
    if (at >= text.len)
        return text.len;
    if (text.ptr[at] == '"')
        return skip_string(text, at);
    if (text.ptr[at] == '[' || text.ptr[at] == '{')
        return skip_container(text, at);
    while (at < text.len && !is_end_of_scalar(text.ptr[at]))
        at++;
    return at;
}

enum json_type json_type_of(struct span value)
{
    size_t at = skip_space(value, 0);
    switch (at < value.len ? value.ptr[at] : 'n') {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
    case 'f':
        return JSON_BOOL;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

/* The cursor is the index of the byte after the last element's last, 0 before the first. */
bool json_next(struct span container, size_t *cursor, struct span *key, struct span *value)
{
    enum json_type type = json_type_of(container);
    size_t at = skip_space(container, *cursor);
    if ((type != JSON_ARRAY && type != JSON_OBJECT) || at >= container.len)
        return false;
    if (*cursor > 0 && container.ptr[at] != ',')
        return false;
    at = skip_space(container, at + 1); /* over the bracket or the comma */
    if (at >= container.len || container.ptr[at] == ']' || container.ptr[at] == '}')
        return false;

    struct span name = SPAN_NONE;
    if (type == JSON_OBJECT) {
        size_t after = skip_string(container, at);
        name = span_make(container.ptr + at, after - at);
        at = skip_space(container, after);
        at = skip_space(container, at + 1); /* over the colon */
    }
    size_t after = skip_value(container, at);
    if (at >= after)
        return false;
    if (key)
        *key = name;
    *value = span_make(container.ptr + at, after - at);
    *cursor = after;
    return true;
}

static unsigned long hex4(const char *digits)
{
    unsigned long code = 0;
    for (int i = 0; i < 4; i++) {
        char c = digits[i];
        int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
        code = code << 4 | (unsigned long)(digit & 15);
    }
    return code;
}

static bool is_high(unsigned long code)
{
    return code >= 0xD800 && code <= 0xDBFF;
}

static bool is_low(unsigned long code)
{
    return code >= 0xDC00 && code <= 0xDFFF;
}

/* A \uXXXX at the front of `rest`, or the two of a surrogate pair, taken off it. */
static unsigned long take_unicode(struct span *rest)
{
    unsigned long code = rest->len >= 6 ? hex4(rest->ptr + 2) : REPLACEMENT;
    size_t used = rest->len >= 6 ? 6 : rest->len;
    if (is_high(code) && rest->len >= 12 && rest->ptr[6] == '\\' && rest->ptr[7] == 'u' &&
        is_low(hex4(rest->ptr + 8))) {
        code = 0x10000 + ((code - 0xD800) << 10) + (hex4(rest->ptr + 8) - 0xDC00);
        used = 12;
    }
    rest->ptr += used;
    rest->len -= used;
    return is_high(code) || is_low(code) ? REPLACEMENT : code;
}

/* The escape at the front of `rest`, taken off it; its UTF-8 in `out`, length returned. */
static size_t take_escape(struct span *rest, char out[4])
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (rest->len > 1 && rest->ptr[1] == 'u')
        return utf8_encode(take_unicode(rest), out);
    const char *name = rest->len > 1 ? memchr(names, rest->ptr[1], sizeof names - 1) : NULL;
    out[0] = name ? values[name - names] : '?';
    size_t used = rest->len > 1 ? 2 : rest->len;
    rest->ptr += used;
    rest->len -= used;
    return 1;
}

/* Up to the next backslash, or else the escape that stands there; unescaped. False at the end. */
static bool take_piece(struct span *rest, struct span *piece, char escaped[4])
{
    if (rest->len == 0)
        return false;
    if (rest->ptr[0] == '\\') {
        size_t len = take_escape(rest, escaped);
        *piece = span_make(escaped, len);
        return true;
    }
    const char *stop = memchr(rest->ptr, '\\', rest->len);
    *piece = span_make(rest->ptr, stop ? (size_t)(stop - rest->ptr) : rest->len);
    rest->ptr += piece->len;
    rest->len -= piece->len;
    return true;
}

/* What is between the quotes. */
static struct span string_content(struct span value)
{
    size_t at = skip_space(value, 0);
    size_t after = at < value.len && value.ptr[at] == '"' ? skip_string(value, at) : at;
    return after - at < 2 ? SPAN_LIT("") : span_make(value.ptr + at + 1, after - at - 2);
}

bool json_is_unicode(struct span value)
{
    struct span rest = string_content(value), piece;
    char escaped[4];
    while (rest.len) {
        bool unicode = rest.len >= 6 && rest.ptr[0] == '\\' && rest.ptr[1] == 'u';
        unsigned long code = unicode ? hex4(rest.ptr + 2) : 0;
        size_t before = rest.len;
        take_piece(&rest, &piece, escaped);
        if ((is_high(code) || is_low(code)) && before - rest.len != 12)
            return false;
    }
    return true;
}

static bool key_is(struct span key, struct span name)
{
    struct span rest = string_content(key), piece;
    char escaped[4];
    while (take_piece(&rest, &piece, escaped)) {
        if (piece.len > name.len || memcmp(piece.ptr, name.ptr, piece.len) != 0)
            return false;
        name.ptr += piece.len;
        name.len -= piece.len;
    }
    return name.len == 0;
}

struct span json_member(struct span object, const char *name)
{
    struct span found = SPAN_NONE, key, value;
    struct span wanted = span_of(name);
    size_t cursor = 0;
    if (json_type_of(object) != JSON_OBJECT)
        return found;
    while (json_next(object, &cursor, &key, &value))
        if (key_is(key, wanted))
            found = value;
    return found;
}

void json_unescape(struct span value, struct buf *out)
{
    struct span rest = string_content(value), piece;
    char escaped[4];
    buf_add(out, "", 0); /* an empty string is something written */
    while (take_piece(&rest, &piece, escaped))
        buf_add_span(out, piece);
}

bool json_to_int(struct span value, long long *out)
{
    size_t at = skip_space(value, 0);
    bool negative = at < value.len && value.ptr[at] == '-';
    if (negative)
        at++;
    size_t after = at;
    long long number = 0;
    for (; after < value.len && value.ptr[after] >= '0' && value.ptr[after] <= '9'; after++) {
        int digit = value.ptr[after] - '0';
        /* Downwards when negative: LLONG_MIN has no positive counterpart. */
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, negative ? -digit : digit, &number))
            return false;
    }
    if (after == at || skip_space(value, after) < value.len)
        return false;
    *out = number;
    return true;
}
