/*
 * Reads a request from its meta-variables (RFC 3875) and its body. It decides nothing about routes,
 * authentication or the meaning of the body.
 */
#include "fcgi/request.h"

#include <arpa/inet.h>
#include <assert.h>
#include <strings.h>

#include "fcgi/uri.h"
#include "shared/base/mem.h"
#include "shared/base/utf8.h"

static const char *const method_names[] = {
    [METHOD_GET] = "GET",         [METHOD_HEAD] = "HEAD",   [METHOD_POST] = "POST",
    [METHOD_PUT] = "PUT",         [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE",
    [METHOD_OPTIONS] = "OPTIONS", [METHOD_OTHER] = "",
};

const char *method_name(enum method method)
{
    return method_names[method];
}

void request_release(struct request *request)
{
    buf_release(&request->body);
    mem_free(request->storage);
}

static const char *param(const struct request *request, const char *name)
{
    const char *value = request->transport->param(request->transport->ctx, name);

    return value ? value : "";
}

static bool take_id(struct request *request, const char *meta_variable)
{
    const char *id = param(request, meta_variable);
    size_t len = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                            "_.:@+/=-");

    if (len == 0 || len >= sizeof request->id || id[len] != '\0')
        return false;
    memcpy(request->id, id, len + 1);
    return true;
}

void request_init(struct request *request, const struct transport *transport)
{
    *request = (struct request){.transport = transport, .method = METHOD_OTHER};
    if (!take_id(request, "HTTP_X_REQUEST_ID") && !take_id(request, "UNIQUE_ID"))
        random_id(request->id);
    buf_init(&request->body, 0);
}

struct span request_header(const struct request *request, const char *meta_variable)
{
    const char *value = param(request, meta_variable);

    return *value ? span_of(value) : SPAN_NONE;
}

/* ---- method, path, query ---- */

static enum method method_parse(const char *name)
{
    for (int i = 0; i < METHOD_OTHER; i++) {
        if (strcmp(method_names[i], name) == 0)
            return (enum method)i;
    }
    return METHOD_OTHER;
}

/* Take what is before `delimiter` (or all) off the front of `rest`. */
static struct span cut(struct span *rest, char delimiter)
{
    const char *at = rest->len ? memchr(rest->ptr, delimiter, rest->len) : NULL;
    struct span part = at ? span_make(rest->ptr, (size_t)(at - rest->ptr)) : *rest;

    rest->ptr += part.len + (at != NULL);
    rest->len -= part.len + (at != NULL);
    return part;
}

/* Decode onto *storage, which the raw bytes would fit into, and move it on. */
static enum err decode(struct span raw, bool plus_is_space, char **storage, struct span *out)
{
    size_t len;

    if (!uri_decode(raw, plus_is_space, *storage, &len))
        return ERR_VALIDATION_FAILED;
    *out = span_make(*storage, len);
    *storage += len;
    if (!utf8_is_valid(*out) || (len && memchr(out->ptr, '\0', len)))
        return ERR_VALIDATION_FAILED;
    return ERR_OK;
}

static enum err parse_path(struct request *request, struct span path, char **storage)
{
    if (path.len == 0 || path.ptr[0] != '/')
        return ERR_ROUTE_NOT_FOUND;
    path.ptr++;
    path.len--;
    do {
        struct span raw = cut(&path, '/');
        bool more = raw.ptr + raw.len != path.ptr; /* a "/" followed, perhaps at the very end */
        if (request->path_count == REQUEST_SEGMENTS_MAX)
            return ERR_ROUTE_NOT_FOUND;
        enum err err = decode(raw, false, storage, &request->path[request->path_count]);
        if (err)
            return err;
        request->path_count++;
        if (!more)
            return ERR_OK;
    } while (true);
}

static enum err parse_query(struct request *request, struct span query, char **storage)
{
    while (query.len && request->query_count < REQUEST_QUERY_MAX) {
        struct request_param *pair = &request->query[request->query_count];
        struct span value = cut(&query, '&');
        struct span name = cut(&value, '=');
        enum err err = decode(name, true, storage, &pair->name);
        if (!err)
            err = decode(value, true, storage, &pair->value);
        if (err)
            return err;
        request->query_count++;
    }
    return ERR_OK;
}

/* ---- the client's address ---- */

static bool is_listed(const char *list, struct span address)
{
    struct span rest = span_of(list);

    while (rest.len) {
        struct span item = cut(&rest, ' ');
        if (item.len && span_equal(item, address))
            return true;
    }
    return false;
}

static bool is_address(const char *text)
{
    unsigned char binary[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, text, binary) == 1 || inet_pton(AF_INET6, text, binary) == 1;
}

/* The last entry of X-Forwarded-For is what the nearest proxy saw; the others anyone can write. */
static struct span last_entry(struct span list)
{
    const char *comma = list.len ? memrchr(list.ptr, ',', list.len) : NULL;

    if (comma) {
        list.len -= (size_t)(comma + 1 - list.ptr);
        list.ptr = comma + 1;
    }
    while (list.len && list.ptr[0] == ' ') {
        list.ptr++;
        list.len--;
    }
    while (list.len && list.ptr[list.len - 1] == ' ')
        list.len--;
    return list;
}

static void set_address(struct request *request, struct span address)
{
    if (address.len == 0 || address.len >= sizeof request->address)
        return;
    char text[REQUEST_ADDRESS_SIZE] = "";
    memcpy(text, address.ptr, address.len);
    if (is_address(text))
        memcpy(request->address, text, sizeof text);
}

static void find_address(struct request *request, const char *trusted)
{
    struct span peer = span_of(param(request, "REMOTE_ADDR"));

    set_address(request, peer);
    if (is_listed(trusted, peer))
        set_address(request, last_entry(request_header(request, "HTTP_X_FORWARDED_FOR")));
}

enum err request_parse(struct request *request, const struct request_limits *limits)
{
    struct span uri = span_of(param(request, "REQUEST_URI"));

    request->method = method_parse(param(request, "REQUEST_METHOD"));
    find_address(request, limits->trusted_proxies);
    if (uri.len > limits->uri_bytes)
        return ERR_PAYLOAD_TOO_LARGE;
    char *storage = request->storage = mem_alloc(uri.len + 1);
    struct span path = cut(&uri, '?');
    enum err err = parse_path(request, path, &storage);
    return err ? err : parse_query(request, uri, &storage);
}

/* ---- body ---- */

/* CONTENT_LENGTH: *present is false for none; ERR_VALIDATION_FAILED for what is not a number. */
static enum err content_length(const struct request *request, size_t *out, bool *present)
{
    const char *text = param(request, "CONTENT_LENGTH");
    size_t value = 0;

    *present = *text != '\0';
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return ERR_VALIDATION_FAILED;
        if (value < SIZE_MAX / 16)
            value = value * 10 + (size_t)(*text - '0');
    }
    *out = value;
    return ERR_OK;
}

static bool is_json(struct span type)
{
    static const struct span json = SPAN_LIT("application/json");

    if (type.len < json.len || strncasecmp(type.ptr, json.ptr, json.len) != 0)
        return false;
    return type.len == json.len || strchr("; \t", type.ptr[json.len]) != NULL;
}

/* Read until `want` bytes are there or the body ends. */
static enum err read_up_to(struct request *request, size_t want)
{
    const struct transport *transport = request->transport;
    struct buf *body = &request->body;

    while (body->len < want) {
        size_t ask = want - body->len < 16384 ? want - body->len : 16384;
        char *at = buf_reserve(body, ask);
        if (!at)
            return ERR_PAYLOAD_TOO_LARGE;
        ssize_t got = transport->read(transport->ctx, at, ask);
        if (got < 0)
            return ERR_VALIDATION_FAILED;
        if (got == 0)
            break;
        body->len += (size_t)got;
        body->data[body->len] = '\0';
    }
    return ERR_OK;
}

enum err request_read_body(struct request *request, const struct request_limits *limits)
{
    size_t length;
    bool known;

    enum err err = content_length(request, &length, &known);
    if (err)
        return err;
    if (known && length > limits->body_bytes)
        return ERR_PAYLOAD_TOO_LARGE;
    if (known && length == 0)
        return ERR_OK;
    if (known && !is_json(span_of(param(request, "CONTENT_TYPE"))))
        return ERR_UNSUPPORTED_MEDIA_TYPE;
    size_t want = known ? length : limits->body_bytes + 1;
    request->body.max = want + 1;
    err = read_up_to(request, want);
    if (err)
        return err;
    if (known)
        return request->body.len == length ? ERR_OK : ERR_VALIDATION_FAILED;
    if (request->body.len > limits->body_bytes)
        return ERR_PAYLOAD_TOO_LARGE;
    if (request->body.len && !is_json(span_of(param(request, "CONTENT_TYPE"))))
        return ERR_UNSUPPORTED_MEDIA_TYPE;
    return ERR_OK;
}

/* ---- query parameters ---- */

struct span request_query(const struct request *request, const char *name)
{
    for (int i = 0; i < request->query_count; i++) {
        if (span_is(request->query[i].name, name))
            return request->query[i].value;
    }
    return SPAN_NONE;
}

enum err request_query_int(const struct request *request, const char *name, int64_t min,
                           int64_t max, int64_t absent, int64_t *out)
{
    struct span text = request_query(request, name);
    int64_t value = 0;

    *out = absent;
    if (!span_present(text))
        return ERR_OK;
    if (text.len == 0 || text.len > 18) /* 18 digits always fit */
        return ERR_VALIDATION_FAILED;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return ERR_VALIDATION_FAILED;
        value = value * 10 + (text.ptr[i] - '0');
    }
    if (value < min || value > max)
        return ERR_VALIDATION_FAILED;
    *out = value;
    return ERR_OK;
}
