/*
 * Text rules over Unicode characters, by libunistring's tables; ASCII, which most of it is, without
 * them. Not a place for rules about what a name may be: shared/chat decides that with these.
 */
#include "shared/base/utf8.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

long utf8_length(struct span text)
{
    const unsigned char *at = (const unsigned char *)text.ptr;
    const unsigned char *end = at + text.len;
    long count = 0;
    while (at < end) {
        size_t len = utf8_sequence(at, end);
        if (len == 0)
            return -1;
        at += len;
        count++;
    }
    return count;
}

static bool is_ascii(ucs4_t c)
{
    return c < 0x80;
}

/* Takes the next character off the front of valid text; false at its end. */
static bool next_char(struct span *text, ucs4_t *out)
{
    int len = 1;

    if (text->len == 0)
        return false;
    *out = (unsigned char)*text->ptr;
    if (!is_ascii(*out))
        len = u8_mbtouc(out, (const uint8_t *)text->ptr, text->len);
    assert(len > 0);
    text->ptr += len;
    text->len -= (size_t)len;
    return true;
}

static bool is_control(ucs4_t c)
{
    return is_ascii(c) ? c < 0x20 || c == 0x7f
                       : uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cc);
}

bool utf8_is_blank(struct span text)
{
    ucs4_t c;
    while (next_char(&text, &c))
        if (!uc_is_property_white_space(c))
            return false;
    return true;
}

bool utf8_has_control(struct span text)
{
    ucs4_t c;
    while (next_char(&text, &c))
        if (is_control(c) && c != '\n' && c != '\t')
            return true;
    return false;
}

bool utf8_is_unfit_name(struct span text)
{
    const uint32_t unfit =
        UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf | UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp;
    ucs4_t c = 0;
    bool first = true;
    while (next_char(&text, &c)) {
        if (is_ascii(c) ? is_control(c) : uc_is_general_category_withtable(c, unfit))
            return true;
        if (first && uc_is_property_white_space(c))
            return true;
        first = false;
    }
    return !first && uc_is_property_white_space(c);
}

/* Free with free(). */
static struct span fold_once(struct span text)
{
    size_t len = 0;
    uint8_t *folded =
        u8_casefold((const uint8_t *)text.ptr, text.len, NULL, UNINORM_NFKC, NULL, &len);
    if (!folded)
        abort(); /* valid text: only memory can be missing, as in shared/base/mem */
    return span_make((const char *)folded, len);
}

/* Lower case is all there is to it. False, and nothing is added, if there are other characters. */
static bool fold_ascii(struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_ascii((unsigned char)text.ptr[i]))
            return false;
    }
    char *to = buf_reserve(out, text.len);
    if (!to)
        return true; /* and buf_ok tells */
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        to[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    out->len += text.len;
    buf_terminate(out);
    return true;
}

void utf8_fold(struct span text, struct buf *out)
{
    if (fold_ascii(text, out))
        return;
    /* Twice: NFKC makes capitals out of compatibility characters (U+1D400 is A), which want folding
     * again. This is the compatibility caseless match of the Unicode Standard, D146. */
    struct span once = fold_once(text);
    struct span twice = fold_once(once);
    buf_add_span(out, twice);
    free((void *)once.ptr);
    free((void *)twice.ptr);
}
