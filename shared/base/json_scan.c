/*
 * The strict scanner: is this one JSON text? Runs over every packet of every client, so it goes
 * once over the bytes, allocates nothing, and does not recurse. Finding parts in scanned text is
 * json_find.c; nothing here changes bytes or keeps them.
 *
 * Every function takes the position of its first byte and returns the one after its last, or NULL
 * when the bytes do not follow RFC 8259.
 */
#include "shared/base/json_scan.h"

#include <stdint.h>

#include "shared/base/utf8.h"

typedef const unsigned char *pos;

enum { SPACE = 1, DIGIT = 2, HEX = 4, ESCAPE = 8, STOP = 16 };

/* STOP: a byte that ends a run of plain ASCII in a string. Bytes from 0x80 on are not in the table.
 */
/* clang-format off */
static const unsigned char classes[128] = {
    [0x00 ... 0x08] = STOP,
    ['\t'] = SPACE | STOP,
    ['\n'] = SPACE | STOP,
    [0x0B ... 0x0C] = STOP,
    ['\r'] = SPACE | STOP,
    [0x0E ... 0x1F] = STOP,
    [' '] = SPACE,
    ['0' ... '9'] = DIGIT | HEX,
    ['A' ... 'F'] = HEX,
    ['a'] = HEX,
    ['b'] = HEX | ESCAPE,
    ['c' ... 'e'] = HEX,
    ['f'] = HEX | ESCAPE,
    ['n'] = ESCAPE,
    ['r'] = ESCAPE,
    ['t'] = ESCAPE,
    ['/'] = ESCAPE,
    ['"'] = ESCAPE | STOP,
    ['\\'] = ESCAPE | STOP,
};
/* clang-format on */

static inline bool is(unsigned char c, int class)
{
    return c < 128 && (classes[c] & class);
}

static inline pos skip_class(pos at, pos end, int class)
{
    while (at < end && is(*at, class))
        at++;
    return at;
}

/* Eight bytes at a time over plain ASCII: the long strings of real traffic. Stops somewhere before
 * the first byte that is not plain. */
static inline pos skip_plain_words(pos at, pos end)
{
    const uint64_t ones = 0x0101010101010101U, highs = 0x8080808080808080U;
    for (; end - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
        uint64_t odd = word | (word - ones * 0x20) | (quote - ones) | (backslash - ones);
        if (odd & highs)
            break;
    }
    return at;
}

/* After a backslash. */
static pos scan_escape(pos at, pos end)
{
    if (at == end)
        return NULL;
    if (*at != 'u')
        return is(*at, ESCAPE) ? at + 1 : NULL;
    if (end - at < 5)
        return NULL;
    for (int i = 1; i <= 4; i++)
        if (!is(at[i], HEX))
            return NULL;
    return at + 5;
}

/* After the opening quote; RFC 8259 section 7. */
static pos scan_string(pos at, pos end)
{
    for (;;) {
        at = skip_plain_words(at, end);
        while (at < end && *at < 0x80 && !(classes[*at] & STOP))
            at++;
        if (at == end)
            return NULL;
        if (*at == '"')
            return at + 1;
        if (*at == '\\') {
            at = scan_escape(at + 1, end);
            if (!at)
                return NULL;
            continue;
        }
        size_t len = *at < 0x80 ? 0 : utf8_sequence(at, end);
        if (len == 0)
            return NULL;
        at += len;
    }
}

static pos scan_digits(pos at, pos end)
{
    pos after = skip_class(at, end, DIGIT);
    return after > at ? after : NULL;
}

/* RFC 8259 section 6: no leading zeros, digits on both sides of the point. */
static pos scan_number(pos at, pos end)
{
    if (*at == '-')
        at++;
    if (at < end && *at == '0')
        at++;
    else
        at = scan_digits(at, end);
    if (at && at < end && *at == '.')
        at = scan_digits(at + 1, end);
    if (at && at < end && (*at | 0x20) == 'e') {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        at = scan_digits(at, end);
    }
    return at;
}

static pos scan_word(pos at, pos end, const char *word, ptrdiff_t len)
{
    return end - at >= len && memcmp(at, word, (size_t)len) == 0 ? at + len : NULL;
}

/* `at` < `end`. */
static pos scan_scalar(pos at, pos end)
{
    switch (*at) {
    case '"':
        return scan_string(at + 1, end);
    case 't':
        return scan_word(at, end, "true", 4);
    case 'f':
        return scan_word(at, end, "false", 5);
    case 'n':
        return scan_word(at, end, "null", 4);
    default:
        return scan_number(at, end);
    }
}

/* A member's name and colon. */
static pos scan_key(pos at, pos end)
{
    at = skip_class(at, end, SPACE);
    if (at == end || *at != '"')
        return NULL;
    at = scan_string(at + 1, end);
    if (!at)
        return NULL;
    at = skip_class(at, end, SPACE);
    return at < end && *at == ':' ? at + 1 : NULL;
}

/* The open arrays and objects: one bit each, set for an object. */
struct nest {
    int depth;
    int max_depth;
    uint64_t is_object[JSON_DEPTH_LIMIT / 64];
};

static bool nest_push(struct nest *nest, bool is_object)
{
    if (nest->depth == nest->max_depth)
        return false;
    uint64_t bit = (uint64_t)1 << (nest->depth % 64);
    uint64_t *word = &nest->is_object[nest->depth / 64];
    *word = is_object ? *word | bit : *word & ~bit;
    nest->depth++;
    return true;
}

static bool nest_in_object(const struct nest *nest)
{
    int top = nest->depth - 1;
    return nest->is_object[top / 64] >> (top % 64) & 1;
}

/* Where a value may begin: the brackets that open here, down to the first scalar or empty
 * container. Returns the position after that. */
static pos scan_down(struct nest *nest, pos at, pos end)
{
    for (;;) {
        at = skip_class(at, end, SPACE);
        if (at == end)
            return NULL;
        if (*at != '[' && *at != '{')
            return scan_scalar(at, end);
        bool is_object = *at == '{';
        if (!nest_push(nest, is_object))
            return NULL;
        at = skip_class(at + 1, end, SPACE);
        if (at < end && *at == (is_object ? '}' : ']')) {
            nest->depth--;
            return at + 1;
        }
        if (is_object && !(at = scan_key(at, end)))
            return NULL;
    }
}

/* After a value: the brackets that close here, up to the comma before the next value (its key
 * included), or to the end of the text at depth 0. */
static pos scan_up(struct nest *nest, pos at, pos end)
{
    for (;;) {
        at = skip_class(at, end, SPACE);
        if (nest->depth == 0)
            return at;
        if (at == end)
            return NULL;
        bool is_object = nest_in_object(nest);
        if (*at == ',')
            return is_object ? scan_key(at + 1, end) : at + 1;
        if (*at != (is_object ? '}' : ']'))
            return NULL;
        nest->depth--;
        at++;
    }
}

enum err json_scan(struct span text, int max_depth)
{
    struct nest nest = {.max_depth = max_depth < JSON_DEPTH_LIMIT ? max_depth : JSON_DEPTH_LIMIT};
    pos at = (pos)text.ptr;
    pos end = at + text.len;
    do {
        at = scan_down(&nest, at, end);
        if (at)
            at = scan_up(&nest, at, end);
    } while (at && nest.depth > 0);
    return at && at == end ? ERR_OK : ERR_SYNTAX;
}
