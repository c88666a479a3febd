/*
 * A request as the resources see it: method, decoded path, query, body, the client's address.
 * Made from a transport's meta-variables; the raw REQUEST_URI is split before it is decoded, so an
 * encoded "/" belongs to its segment.
 */
#ifndef PARLEY_FCGI_REQUEST_H
#define PARLEY_FCGI_REQUEST_H

#include <stdint.h>

#include "fcgi/transport.h"
#include "shared/base/buf.h"
#include "shared/base/random.h"

enum method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_OTHER
};

/* "GET", ...; "" for METHOD_OTHER. */
const char *method_name(enum method method);

#define REQUEST_SEGMENTS_MAX 12 /* a longer path leads nowhere */
#define REQUEST_QUERY_MAX 32    /* further parameters are ignored */
#define REQUEST_ARGS_MAX 4
#define REQUEST_ADDRESS_SIZE 46
#define REQUEST_ID_SIZE 65

struct request_param {
    struct span name;
    struct span value;
};

struct request {
    const struct transport *transport; /* borrowed */
    enum method method;
    struct span path[REQUEST_SEGMENTS_MAX]; /* decoded segments; "/a/b" has two */
    int path_count;
    struct request_param query[REQUEST_QUERY_MAX];
    int query_count;
    struct span args[REQUEST_ARGS_MAX]; /* what the route's {..} matched, set by the router */
    struct buf body;
    char id[REQUEST_ID_SIZE];
    char address[REQUEST_ADDRESS_SIZE]; /* the client's */
    char *storage;                      /* what the decoded spans point into */
};

struct request_limits {
    size_t uri_bytes;
    size_t body_bytes;
    const char *trusted_proxies; /* addresses, space-separated, whose X-Forwarded-For is believed */
};

/* Begin with an id and nothing else; release in any case. The id is the front's, if it sends one (a
 * header X-Request-Id, or Apache's mod_unique_id) that is up to 64 letters, digits and "_.:@+/=-";
 * else one of its own. It proves nothing: without a front that sets it, clients choose. */
void request_init(struct request *request, const struct transport *transport);
void request_release(struct request *request);

/* Method, path, query, address. ERR_VALIDATION_FAILED (bad percent-encoding, bytes that are not
 * UTF-8, NUL), ERR_PAYLOAD_TOO_LARGE (URI over its limit), ERR_ROUTE_NOT_FOUND (too deep). */
enum err request_parse(struct request *request, const struct request_limits *limits) MUST_CHECK;

/* The body: with CONTENT_LENGTH exactly so much, without one up to the end. ERR_PAYLOAD_TOO_LARGE
 * as soon as that is certain (the rest stays unread), ERR_UNSUPPORTED_MEDIA_TYPE for one that is
 * not application/json, ERR_VALIDATION_FAILED for a bad length or one that breaks off. */
enum err request_read_body(struct request *request, const struct request_limits *limits) MUST_CHECK;

/* A header by its meta-variable ("HTTP_ORIGIN"); SPAN_NONE if it is absent or empty. */
struct span request_header(const struct request *request, const char *meta_variable);

/* The first query parameter of that name; SPAN_NONE if there is none. */
struct span request_query(const struct request *request, const char *name);

/* A query parameter as an integer of min..max; `absent` if there is none.
 * ERR_VALIDATION_FAILED otherwise. */
enum err request_query_int(const struct request *request, const char *name, int64_t min,
                           int64_t max, int64_t absent, int64_t *out) MUST_CHECK;

#endif
