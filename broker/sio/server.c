/* The Socket.IO server as a whole: options, namespaces, the end of a turn, statistics. */
#include "broker/sio/impl.h"

#include <assert.h>

#include "shared/base/log.h"
#include "shared/base/mem.h"

struct page {
    struct list link;
    sio_page_fn answer;
    void *app;
};

void sio_options_init(struct sio_options *options)
{
    *options = (struct sio_options){
        .path = "/socket.io/",
        .ping_interval_ms = 25000,
        .ping_timeout_ms = 20000,
        .upgrade_timeout_ms = 10000,
        .connect_timeout_ms = 45000,
        .max_payload = 1000000,
        .max_depth = 128,
        .polling = true,
        .websocket = true,
        .gzip = true,
        .output_bytes = (size_t)1 << 20,
        .output_packets = 16384,
        .process_output_bytes = (size_t)256 << 20,
        .max_connections = 20000,
        .max_per_address = 20000,
        .wait_packets = 64,
        .pace_ms = 1,
    };
}

/* ---- from Engine.IO ---- */

static void on_open(void *app, struct eio_session *session)
{
    eio_session_set_user(session, sio_client_new(app, session));
}

static void on_message(struct eio_session *session, struct span data, bool binary)
{
    sio_client_message(eio_session_user(session), data, binary);
}

static void on_close(struct eio_session *session, enum eio_reason reason)
{
    sio_client_gone(eio_session_user(session), reason);
}

const struct eio_app_ops sio_eio_ops = {
    .open = on_open,
    .message = on_message,
    .close = on_close,
};

/* ---- life ---- */

static void on_sweep(void *arg)
{
    struct sio_server *server = arg;
    struct list *node;

    while ((node = list_take_first(&server->ready)))
        sio_socket_run_waiting(list_entry(node, struct sio_socket, queued));
    while ((node = list_take_first(&server->dead)))
        sio_socket_sweep(list_entry(node, struct sio_socket, queued));
}

void sio_server_sweep_later(struct sio_server *server)
{
    loop_defer(server->loop, &server->sweep);
}

static struct eio_options eio_options_of(const struct sio_options *options)
{
    struct eio_options eio;

    eio_options_init(&eio);
    eio.path = options->path;
    eio.ping_interval_ms = options->ping_interval_ms;
    eio.ping_timeout_ms = options->ping_timeout_ms;
    eio.upgrade_timeout_ms = options->upgrade_timeout_ms;
    eio.max_payload = options->max_payload;
    eio.origins = options->origins;
    eio.check_origins = options->check_origins;
    eio.polling = options->polling;
    eio.websocket = options->websocket;
    eio.output_bytes = options->output_bytes;
    eio.output_packets = options->output_packets;
    eio.process_output_bytes = options->process_output_bytes;
    eio.max_sessions = options->max_connections;
    eio.max_per_address = options->max_per_address;
    eio.gzip = options->gzip;
    eio.cookie = options->cookie;
    eio.sid_prefix = options->sid_prefix;
    return eio;
}

static struct eio_server *make_eio(struct sio_server *server, const struct sio_options *options)
{
    struct eio_options eio = eio_options_of(options);

    return eio_server_new(&eio, &sio_eio_ops, server, loop_now(server->loop));
}

/* A polling client holds two connections, a probing one three. */
static size_t sockets_of(const struct sio_options *options)
{
    return options->max_connections * 3 + 64;
}

struct sio_server *sio_server_new_bare(struct loop *loop, const struct sio_options *options)
{
    struct sio_server *server = mem_alloc(sizeof *server);

    server->loop = loop;
    server->connect_timeout_ms = options->connect_timeout_ms;
    server->recovery_window_ms = options->recovery_window_ms;
    server->max_payload = options->max_payload;
    server->max_depth = options->max_depth;
    server->wait_packets = options->wait_packets;
    server->sweep = (struct loop_defer){.fn = on_sweep, .arg = server};
    list_init(&server->namespaces);
    list_init(&server->ready);
    list_init(&server->dead);
    list_init(&server->pages);
    buf_init(&server->scratch, BUF_MAX_DEFAULT);
    buf_init(&server->encoded, SIZE_MAX);
    server->eio = make_eio(server, options);
    return server;
}

struct sio_server *sio_server_new(struct loop *loop, const struct sio_options *options)
{
    struct sio_server *server = sio_server_new_bare(loop, options);
    struct net_options net = {.trusted_proxies = options->trusted_proxies,
                              .header_bytes = options->header_bytes,
                              .max_sockets = sockets_of(options),
                              .pace_ms = options->pace_ms};

    server->net = net_listener_new(loop, server->eio, &net);
    return server;
}

void sio_server_change(struct sio_server *server, const struct sio_options *options)
{
    struct eio_options eio = eio_options_of(options);

    server->max_depth = options->max_depth;
    server->wait_packets = options->wait_packets;
    eio_server_change(server->eio, &eio);
    if (server->net)
        net_listener_change(server->net, options->trusted_proxies, sockets_of(options));
}

enum err sio_server_listen(struct sio_server *server, const char *host, int port, int *bound_port)
{
    return net_listener_listen(server->net, host, port, bound_port);
}

static void namespace_free(struct sio_namespace *ns)
{
    list_remove(&ns->link);
    while (!list_is_empty(&ns->rooms))
        sio_room_free(list_entry(ns->rooms.next, struct sio_room, link));
    sio_recovery_free(ns->recovery);
    mem_free(ns);
}

void sio_server_free(struct sio_server *server)
{
    struct list *node;

    if (!server)
        return;
    eio_server_close_all(server->eio);
    if (server->net)
        net_listener_turn(server->net);
    while (eio_server_flush(server->eio, loop_now(server->loop)))
        continue;
    on_sweep(server);
    net_listener_free(server->net);
    eio_server_free(server->eio);
    loop_defer_cancel(server->loop, &server->sweep);
    while (!list_is_empty(&server->namespaces))
        namespace_free(list_entry(server->namespaces.next, struct sio_namespace, link));
    while ((node = list_take_first(&server->pages))) {
        struct page *page = list_entry(node, struct page, link);

        mem_free(page);
    }
    buf_release(&server->scratch);
    buf_release(&server->encoded);
    mem_free(server);
}

void sio_server_refuse_new(struct sio_server *server)
{
    eio_server_refuse_new(server->eio);
}

/* ---- pages ---- */

static void on_page(void *app, struct net_page *net_page)
{
    struct page *page = app;
    struct sio_page sio_page = {net_page->status, net_page->content_type, net_page->body};

    page->answer(page->app, &sio_page);
    net_page->status = sio_page.status;
    net_page->content_type = sio_page.content_type;
}

void sio_server_page(struct sio_server *server, const char *path, sio_page_fn answer, void *app)
{
    struct page *page = mem_alloc(sizeof *page);

    page->answer = answer;
    page->app = app;
    list_append(&server->pages, &page->link);
    net_listener_page(server->net, path, on_page, page);
}

/* ---- statistics ---- */

void sio_server_stats(const struct sio_server *server, struct sio_stats *out)
{
    struct eio_stats eio;

    eio_server_stats(server->eio, &eio);
    *out = (struct sio_stats){
        .connections = eio.sessions,
        .sockets = server->sockets,
        .handshakes = eio.handshakes,
        .packets_in = eio.packets_in,
        .packets_out = eio.packets_out,
        .bytes_queued = eio.bytes_queued,
        .slow_closed = eio.slow_closed,
        .refused = eio.refused,
        .writes = server->net ? net_listener_writes(server->net) : 0,
        .full = eio.full,
        .address_full = eio.address_full,
        .too_long = eio.too_long,
        .past_bytes = eio.past_bytes,
        .past_packets = eio.past_packets,
        .passing_dropped = server->passing_dropped,
    };
}

const char *sio_server_closed(const struct sio_server *server, int index, uint64_t *count)
{
    struct eio_stats eio;

    if (index < 0 || index >= EIO_REASON_COUNT)
        return NULL;
    eio_server_stats(server->eio, &eio);
    *count = eio.closed[index];
    return eio_reason_name((enum eio_reason)index);
}

void sio_server_survey(const struct sio_server *server, struct sio_survey *out)
{
    struct eio_survey eio;

    eio_server_survey(server->eio, &eio);
    *out = (struct sio_survey){eio.websockets, eio.packets_queued, eio.longest_bytes};
}

/* ---- namespaces ---- */

struct sio_namespace *sio_server_find(const struct sio_server *server, struct span name)
{
    list_for_each(node, &server->namespaces)
    {
        struct sio_namespace *ns = list_entry(node, struct sio_namespace, link);

        if (span_is(name, ns->name))
            return ns;
    }
    return NULL;
}

struct sio_namespace *sio_server_namespace(struct sio_server *server, const char *name,
                                           const struct sio_namespace_ops *ops, void *app)
{
    struct sio_namespace *ns = mem_alloc(sizeof *ns + strlen(name) + 1);

    assert(!sio_server_find(server, span_of(name)));
    memcpy(ns->name, name, strlen(name));
    ns->server = server;
    ns->ops = ops;
    ns->app = app;
    list_init(&ns->rooms);
    if (server->recovery_window_ms > 0)
        ns->recovery = sio_recovery_new(server->recovery_window_ms);
    list_append(&server->namespaces, &ns->link);
    return ns;
}

/* ---- reasons ---- */

static const struct {
    const char *name;
    bool recoverable;
} reasons[] = {
    [SIO_CLIENT_DISCONNECT] = {"client namespace disconnect", false},
    [SIO_SERVER_DISCONNECT] = {"server namespace disconnect", false},
    [SIO_TRANSPORT_CLOSE] = {"transport close", true},
    [SIO_TRANSPORT_ERROR] = {"transport error", true},
    [SIO_PING_TIMEOUT] = {"ping timeout", true},
    [SIO_PARSE_ERROR] = {"parse error", true},
    [SIO_SLOW_READER] = {"slow reader", true},
    [SIO_FORCED] = {"forced close", true},
    [SIO_SHUTDOWN] = {"server shutting down", true},
};

const char *sio_reason_name(enum sio_reason reason)
{
    return reasons[reason].name;
}

bool sio_reason_recoverable(enum sio_reason reason)
{
    return reasons[reason].recoverable;
}
