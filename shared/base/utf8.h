/*
 * UTF-8 as RFC 3629 defines it (no overlong forms, no surrogates, nothing past U+10FFFF), and the
 * text rules that need the characters: names and messages. The only file that sees libunistring.
 */
#ifndef PARLEY_BASE_UTF8_H
#define PARLEY_BASE_UTF8_H

#include <stdbool.h>

#include "shared/base/buf.h"

/* Number of code points, or -1 if the bytes are not valid UTF-8. */
long utf8_length(struct span text);

static inline bool utf8_is_valid(struct span text)
{
    return utf8_length(text) >= 0;
}

/* Only white space (Unicode White_Space), or empty. `text` must be valid. */
bool utf8_is_blank(struct span text);

/* Has a control character (category Cc) other than newline and tab. `text` must be valid. */
bool utf8_has_control(struct span text);

/* Has a character of the categories Cc, Cf, Zl, Zp, or white space at an end. `text` must be valid. */
bool utf8_is_unfit_name(struct span text);

/* Append the NFKC case-folded form, under which names are unique. `text` must be valid. */
void utf8_fold(struct span text, struct buf *out);

#endif
