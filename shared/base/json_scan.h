/*
 * A strict RFC 8259 scanner. It builds nothing: it says whether bytes are one JSON text, and finds
 * the parts of one that has passed. Stricter than json-c, which accepts [1.], NaN, raw control
 * characters and overlong UTF-8; client bytes are relayed or parsed only after this has passed
 * them. Accepts lone surrogate escapes (\ud83d), as RFC 8259 section 8.2 allows. Refuses: invalid
 * UTF-8, control characters below 0x20 in strings, nesting past max_depth, trailing bytes.
 */
#ifndef PARLEY_BASE_JSON_SCAN_H
#define PARLEY_BASE_JSON_SCAN_H

#include "shared/base/buf.h"

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* No caller may ask for more depth. */
#define JSON_DEPTH_LIMIT 512

/* Is `text` exactly one JSON value (white space around it allowed)? ERR_OK or ERR_SYNTAX.
 * The outermost array or object is depth 1; max_depth past JSON_DEPTH_LIMIT counts as that. */
enum err json_scan(struct span text, int max_depth) MUST_CHECK;

/* Everything below takes text that json_scan has passed. */

/* What `value` is, from its first byte. */
enum json_type json_type_of(struct span value);

/* Walk an array or object: start with *cursor = 0. True: *value (and *key, quotes included, for an
 * object, else SPAN_NONE) is the next element; false: no more. Spans point into `container`; `key`
 * may be NULL. */
bool json_next(struct span container, size_t *cursor, struct span *key, struct span *value);

/* The value of the last member of `object` named `name` (duplicates: last wins), compared after
 * unescaping. SPAN_NONE if there is none or `object` is not one. */
struct span json_member(struct span object, const char *name);

/* Append the unescaped content of a JSON string (quotes included in `value`). A lone surrogate
 * becomes U+FFFD; \u0000 becomes a NUL byte: the caller decides whether it may. */
void json_unescape(struct span value, struct buf *out);

/* Does a JSON string stand for Unicode text: no escape in it is half of a surrogate pair? RFC 8259
 * section 8.2 lets such strings pass as JSON; there is no UTF-8 for them. */
bool json_is_unicode(struct span value);

/* An integer number without fraction or exponent that fits long long. */
bool json_to_int(struct span value, long long *out);

#endif
