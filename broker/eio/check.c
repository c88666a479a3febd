/*
 * Is this request one that Engine.IO takes? The checks and their order are the reference server's,
 * because clients and test suites know its codes. Decides only; answers nothing.
 */
#include "broker/eio/fields.h"
#include "broker/eio/impl.h"
#include "broker/eio/query.h"

static bool parse_transport(const struct eio_server *server, struct span name, bool *websocket)
{
    *websocket = span_is(name, "websocket");
    if (*websocket)
        return server->options.websocket;
    return span_is(name, "polling") && server->options.polling;
}

static bool origin_sane(const struct eio_request *request)
{
    struct span origin = eio_fields_get(request->headers, "origin");

    return !span_present(origin) || eio_header_value_ok(origin);
}

/* A request for a session there is. */
static bool check_session(const struct eio_checked *checked, bool upgrade,
                          enum eio_refusal *refusal)
{
    *refusal = EIO_SID_UNKNOWN;
    if (!checked->session)
        return false;
    *refusal = EIO_BAD_REQUEST;
    if (upgrade)
        return checked->websocket;
    /* A websocket session has no requests; transport=websocket needs an upgrade. */
    return !checked->websocket && !checked->session->websocket;
}

/* A request for a new session. */
static bool check_handshake(struct eio_server *server, const struct eio_request *request,
                            const struct eio_checked *checked, bool upgrade,
                            enum eio_refusal *refusal, const char **message)
{
    *refusal = EIO_BAD_METHOD;
    if (!span_is(request->method, "GET"))
        return false;
    *refusal = EIO_BAD_REQUEST;
    if (checked->websocket != upgrade)
        return false;
    *refusal = EIO_FORBIDDEN;
    if (server->app_ops->admit && (*message = server->app_ops->admit(server->app, request)))
        return false;
    return true;
}

bool eio_check(struct eio_server *server, const struct eio_request *request, bool upgrade,
               struct eio_checked *checked, enum eio_refusal *refusal, const char **message)
{
    struct span fields;
    struct span sid;

    *message = NULL;
    *refusal = EIO_BAD_REQUEST;
    if (eio_query_parse(request->query, &checked->query) != ERR_OK)
        return false;
    fields = buf_span(&checked->query);
    *refusal = EIO_TRANSPORT_UNKNOWN;
    if (!parse_transport(server, eio_fields_get(fields, "transport"), &checked->websocket))
        return false;
    *refusal = EIO_BAD_REQUEST;
    if (!origin_sane(request))
        return false;
    *refusal = EIO_FORBIDDEN;
    if (eio_origin_refused(server, request, upgrade))
        return false;
    sid = eio_fields_get(fields, "sid");
    if (sid.len > 0) {
        checked->session = eio_server_find(server, sid);
        if (!check_session(checked, upgrade, refusal))
            return false;
    } else if (!check_handshake(server, request, checked, upgrade, refusal, message)) {
        return false;
    }
    /* Revision 4 only; for a session that is there, another revision is a bad request. */
    *refusal = checked->session ? EIO_BAD_REQUEST : EIO_BAD_VERSION;
    return span_is(eio_fields_get(fields, "EIO"), "4");
}

bool eio_may_open(struct eio_server *server, const struct eio_request *request)
{
    if (server->refuse_new)
        return false;
    if (server->sessions.count >= server->options.max_sessions) {
        server->stats.full++;
        return false;
    }
    if (eio_address_full(server, request->address)) {
        server->stats.address_full++;
        return false;
    }
    return true;
}
