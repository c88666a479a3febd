/*
 * UTF-8 as RFC 3629 defines it (no overlong forms, no surrogates, nothing past U+10FFFF), and the
 * text rules that need the characters: names and messages. The only file that sees libunistring.
 */
#ifndef PARLEY_BASE_UTF8_H
#define PARLEY_BASE_UTF8_H

#include <stdbool.h>

#include "shared/base/buf.h"

/* Bytes of the character (RFC 3629 section 4) that begins at `at`, 1 to 4; 0 if what begins there
 * is not one, or goes on past `end`. `at` < `end`. Inline: the JSON scanner is built on it. */
static inline size_t utf8_sequence(const unsigned char *at, const unsigned char *end)
{
    unsigned char lead = at[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4 || end - at < 2)
        return 0;
    /* The second byte's range rules out overlong forms, surrogates and what is past U+10FFFF. */
    unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < low || at[1] > high)
        return 0;
    size_t len = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if ((size_t)(end - at) < len)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

/* Write `code` (a Unicode scalar value) as UTF-8; the number of bytes, 1 to 4. */
static inline size_t utf8_encode(unsigned long code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    out[0] = (char)(leads[len] | code);
    return len;
}

/* Number of code points, or -1 if the bytes are not valid UTF-8. */
long utf8_length(struct span text);

/* Valid UTF-8? The empty text is. */
static inline bool utf8_is_valid(struct span text)
{
    return utf8_length(text) >= 0;
}

/* Only white space (Unicode White_Space), or empty. `text` must be valid. */
bool utf8_is_blank(struct span text);

/* Has a control character (category Cc) other than newline and tab. `text` must be valid. */
bool utf8_has_control(struct span text);

/* Has a character of the categories Cc, Cf, Zl, Zp, or white space at an end. `text` must be
 * valid. */
bool utf8_is_unfit_name(struct span text);

/* Append the NFKC case-folded form, under which names are unique. `text` must be valid. */
void utf8_fold(struct span text, struct buf *out);

#endif
