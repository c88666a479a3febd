/* The parts of a compact JWT, see jwt.h. Nothing here says whether a token is to be believed. */
#include "shared/auth/jwt.h"

#include <string.h>

#include "shared/auth/mac.h"
#include "shared/auth/token.h"
#include "shared/base/json_scan.h"

/* Headers and claims are flat; foreign claims may be a little deeper. */
#define JSON_DEPTH 8

/* What stands before the next '.', taken off `rest` with it; false without one. */
static bool take_part(struct span *rest, struct span *part)
{
    const char *dot = memchr(rest->ptr, '.', rest->len);
    if (!dot)
        return false;
    *part = span_make(rest->ptr, (size_t)(dot - rest->ptr));
    *rest = span_make(dot + 1, rest->len - part->len - 1);
    return true;
}

bool jwt_split(struct span text, struct jwt *parts)
{
    struct span rest = text;
    if (!take_part(&rest, &parts->header) || !take_part(&rest, &parts->payload))
        return false;
    parts->signature = rest;
    parts->signed_part = span_make(text.ptr, text.len - rest.len - 1);
    return true;
}

bool jwt_object(struct span part, struct buf *out)
{
    return base64url_decode(part, out) && json_scan(buf_span(out), JSON_DEPTH) == ERR_OK &&
           json_type_of(buf_span(out)) == JSON_OBJECT;
}

bool jwt_text(struct span object, const char *name, char *out, size_t size)
{
    struct span value = json_member(object, name);
    if (!span_present(value) || json_type_of(value) != JSON_STRING)
        return false;
    struct buf text;
    buf_init(&text, size - 1);
    json_unescape(value, &text);
    bool good = buf_ok(&text) && strlen(text.data) == text.len;
    if (good)
        memcpy(out, text.data, text.len + 1);
    buf_release(&text);
    return good;
}

bool jwt_text_is(struct span object, const char *name, const char *wanted)
{
    char text[TOKEN_MAX_BYTES];
    return jwt_text(object, name, text, sizeof text) && strcmp(text, wanted) == 0;
}

bool jwt_int(struct span object, const char *name, int64_t *out)
{
    long long number;
    struct span value = json_member(object, name);
    if (!span_present(value) || !json_to_int(value, &number))
        return false;
    *out = number;
    return true;
}

bool jwt_has_duplicates(struct span object)
{
    struct span key, value;
    int count = 0;
    for (size_t cursor = 0; json_next(object, &cursor, &key, &value); count++) {
        struct buf name;
        bool last;
        buf_init(&name, TOKEN_MAX_BYTES);
        json_unescape(key, &name);
        /* The one that is found by name is the last: anything but this one is another of it. */
        last = buf_ok(&name) && strlen(name.data ? name.data : "") == name.len &&
               json_member(object, name.data ? name.data : "").ptr == value.ptr;
        buf_release(&name);
        if (!last || count == JWT_MAX_MEMBERS)
            return true;
    }
    return false;
}
