/*
 * Writes compact JSON onto a buffer. It places commas itself; the caller keeps begin and end in
 * balance (asserted). Strings must be valid UTF-8; they are escaped as JSON.stringify does, so 0x1E
 * never appears raw. A key of NULL is for array elements and the outermost value.
 */
#ifndef PARLEY_BASE_JSON_WRITE_H
#define PARLEY_BASE_JSON_WRITE_H

#include <stdint.h>

#include "shared/base/buf.h"

struct json_writer {
    struct buf *out;
    int depth;
    bool need_comma;
};

/* Write onto `out` (borrowed), after whatever is there. */
void json_begin(struct json_writer *w, struct buf *out);

/* Open and close an object or an array. */
void json_object(struct json_writer *w, const char *key);
void json_object_end(struct json_writer *w);
void json_array(struct json_writer *w, const char *key);
void json_array_end(struct json_writer *w);

/* One value. */
void json_string(struct json_writer *w, const char *key, struct span value);
void json_cstr(struct json_writer *w, const char *key, const char *value); /* NULL writes null */
void json_int(struct json_writer *w, const char *key, int64_t value);
void json_bool(struct json_writer *w, const char *key, bool value);
void json_null(struct json_writer *w, const char *key);
void json_date(struct json_writer *w, const char *key, int64_t wall_us); /* ISO 8601, ms, UTC */
void json_raw(struct json_writer *w, const char *key, struct span json); /* already JSON */
void json_key_span(struct json_writer *w, struct span key); /* a key from data; a value follows */

/* Append `value` quoted and escaped, without any comma: the primitive under json_string. */
void json_quote(struct buf *out, struct span value);

#endif
