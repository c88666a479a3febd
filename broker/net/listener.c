/*
 * Accepts, turns, ends: the frame around the connections. libwebsockets holds each socket as a raw
 * one inside our libev loop: it reads, reports writability and closes. HTTP and websocket framing
 * are ours (http_parse, eio/ws_reader), because a parked poll, an abort behind it, a body in chunks
 * and an unmasked frame must be seen exactly; docs/decisions tells more.
 */
#include "broker/net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libwebsockets.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/net/impl.h"
#include "broker/net/loop_ev.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"

#define BACKLOG 4096
#define ACCEPTS_PER_TURN 64
#define ACCEPT_AGAIN_MS 100
#define SWEEP_MS 500
#define READ_BYTES 32768
/* More than a bandwidth-delay product here, less than what a stopped reader could make us hold. */
#define SEND_BUFFER_BYTES (128 * 1024)
/* What a reload may raise max_sockets to at least, and what others in the process need. */
#define DESCRIPTORS_MIN 65536
#define DESCRIPTORS_OTHER 1024

/* ---- libwebsockets ---- */

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t len)
{
    struct net_conn *conn = NULL;

    (void)user;
    if (reason != LWS_CALLBACK_RAW_RX && reason != LWS_CALLBACK_RAW_WRITEABLE &&
        reason != LWS_CALLBACK_RAW_CLOSE)
        return 0;
    conn = lws_get_opaque_user_data(wsi);
    if (!conn)
        return 0;
    loop_defer(conn->listener->loop, &conn->listener->turn);
    if (reason == LWS_CALLBACK_RAW_RX) {
        net_conn_input(conn, in, len);
    } else if (reason == LWS_CALLBACK_RAW_WRITEABLE) {
        net_conn_writable(conn);
    } else {
        lws_set_opaque_user_data(wsi, NULL);
        net_conn_gone(conn);
    }
    return 0;
}

static const struct lws_protocols protocols[] = {
    {.name = "sio", .callback = on_lws, .rx_buffer_size = 0, .tx_packet_size = READ_BYTES},
    {0},
};

static void on_lws_log(int level, const char *line)
{
    size_t len = strcspn(line, "\n");

    log_event(level & LLL_ERR ? LOG_ERROR : LOG_WARN, "libwebsockets", "text=\"%.*s\"", (int)len,
              line);
}

/* One descriptor a connection, but no more: libwebsockets makes a table of the size of the limit
 * and looks through all of it whenever it closes a socket (15 us at 20,000 entries; a system's
 * hard limit is often half a million). */
static void set_descriptor_limit(size_t max_sockets)
{
    rlim_t wanted = max_sockets + DESCRIPTORS_OTHER;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (wanted < DESCRIPTORS_MIN)
        wanted = DESCRIPTORS_MIN;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_event(LOG_WARN, "descriptor_limit", "error=%d", errno);
}

static void lws_begin(struct net_listener *listener)
{
    void *foreign[] = {loop_ev(listener->loop)};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_LIBEV,
        .foreign_loops = foreign,
        .pt_serv_buf_size = READ_BYTES,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
    };

    lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
    set_descriptor_limit(listener->max_sockets);
    listener->lws = lws_create_context(&info);
    if (!listener->lws) {
        log_event(LOG_ERROR, "libwebsockets_failed", "what=context");
        abort();
    }
    listener->vhost = lws_get_vhost_by_name(listener->lws, "default");
}

/* ---- turns ---- */

static void kill_dead(struct net_listener *listener)
{
    struct list *node;

    while ((node = list_take_first(&listener->dead))) {
        struct net_conn *conn = list_entry(node, struct net_conn, queued);

        lws_set_timeout(conn->wsi, 1, LWS_TO_KILL_SYNC); /* LWS_CALLBACK_RAW_CLOSE frees it */
    }
}

static void run_queued(struct list *queued)
{
    struct list *node;

    while ((node = list_take_first(queued)))
        http_run(list_entry(node, struct net_conn, queued));
}

static void set_tick(struct net_listener *listener)
{
    int64_t next = eio_server_next(listener->eio);
    int64_t now = loop_now(listener->loop);

    if (next == INT64_MAX)
        loop_timer_stop(listener->tick_timer);
    else
        loop_timer_start(listener->tick_timer, next > now ? next - now : 0, 0);
}

void net_listener_turn(struct net_listener *listener)
{
    bool more;

    run_queued(&listener->arrived);
    eio_server_tick(listener->eio, loop_now(listener->loop));
    more = eio_server_flush(listener->eio, loop_now(listener->loop));
    run_queued(&listener->ready);
    kill_dead(listener);
    set_tick(listener);
    if (more)
        loop_defer(listener->loop, &listener->turn);
}

static void on_turn(void *arg)
{
    net_listener_turn(arg);
}

static void on_tick(void *arg)
{
    struct net_listener *listener = arg;

    loop_defer(listener->loop, &listener->turn);
}

/* Connections whose time is over. */
static void on_sweep(void *arg)
{
    struct net_listener *listener = arg;
    int64_t now = loop_now(listener->loop);

    list_for_each(node, &listener->timed)
    {
        struct net_conn *conn = list_entry(node, struct net_conn, timed);

        if (conn->deadline <= now)
            net_conn_kill(conn);
    }
}

static void on_paced(void *arg)
{
    net_write_paced(arg);
}

static void on_wake(void *net)
{
    struct net_listener *listener = net;

    loop_defer(listener->loop, &listener->turn);
}

static const struct eio_net_ops net_ops = {
    .wake = on_wake,
    .answer = net_answer,
    .answer_begin = net_answer_begin,
    .answer_part = net_answer_part,
    .write = net_write,
    .drop = net_drop,
};

/* ---- accepting ---- */

/* Of either family; AF_INET6's is the larger. */
union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

static void peer_name(const union address *address, char out[NET_ADDRESS_MAX])
{
    out[0] = '\0';
    if (address->any.sa_family == AF_INET)
        inet_ntop(AF_INET, &address->four.sin_addr, out, NET_ADDRESS_MAX);
    else if (IN6_IS_ADDR_V4MAPPED(&address->six.sin6_addr))
        inet_ntop(AF_INET, address->six.sin6_addr.s6_addr + 12, out, NET_ADDRESS_MAX);
    else
        inet_ntop(AF_INET6, &address->six.sin6_addr, out, NET_ADDRESS_MAX);
}

static void adopt(struct net_listener *listener, int fd, const union address *address)
{
    char peer[NET_ADDRESS_MAX];
    lws_sock_file_fd_type descriptor = {.sockfd = fd};
    struct net_conn *conn;
    struct lws *wsi;

    if (listener->sockets >= listener->max_sockets) {
        close(fd);
        return;
    }
    wsi = lws_adopt_descriptor_vhost(listener->vhost, LWS_ADOPT_SOCKET, descriptor, "sio", NULL);
    if (!wsi)
        return; /* it has closed the descriptor */
    lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
    peer_name(address, peer);
    conn = net_conn_new(listener, fd, peer);
    conn->wsi = wsi;
    lws_set_opaque_user_data(wsi, conn);
}

/* Out of descriptors or memory: not a reason to spin. */
static void pause_accepting(struct net_listener *listener)
{
    log_event(LOG_WARN, "accept_failed", "error=%d sockets=%zu", errno, listener->sockets);
    loop_watch_set(listener->accept_watch, 0);
    loop_timer_start(listener->accept_again, ACCEPT_AGAIN_MS, 0);
}

static void on_accept_again(void *arg)
{
    struct net_listener *listener = arg;

    loop_watch_set(listener->accept_watch, LOOP_READ);
}

static void on_acceptable(void *arg, int events)
{
    struct net_listener *listener = arg;

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        union address address = {.six = {0}};
        socklen_t len = sizeof address;
        int fd = accept4(listener->fd, &address.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            adopt(listener, fd, &address);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_accepting(listener);
            return;
        }
    }
}

static int bind_first(const struct addrinfo *all)
{
    for (const struct addrinfo *info = all; info; info = info->ai_next) {
        int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int one = 1, bytes = SEND_BUFFER_BYTES;

        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        /* Linux hands these on to what is accepted: no system calls for each connection. */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
        if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
            return fd;
        close(fd);
    }
    return -1;
}

static int port_of(int fd)
{
    union address address = {.six = {0}};
    socklen_t len = sizeof address;

    if (getsockname(fd, &address.any, &len) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.six.sin6_port : address.four.sin_port);
}

enum err net_listener_listen(struct net_listener *listener, const char *host, int port,
                             int *bound_port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *all = NULL;
    char service[16];

    snprintf(service, sizeof service, "%d", port);
    if (getaddrinfo(host, service, &hints, &all) == 0) {
        listener->fd = bind_first(all);
        freeaddrinfo(all);
    }
    if (listener->fd < 0) {
        log_event(LOG_ERROR, "listen_failed", "host=%s port=%d error=%d", host, port, errno);
        return ERR_IO;
    }
    *bound_port = port_of(listener->fd);
    listener->accept_watch =
        loop_watch_new(listener->loop, listener->fd, LOOP_READ, on_acceptable, listener);
    return ERR_OK;
}

/* ---- life ---- */

void net_listener_change(struct net_listener *listener, const char *trusted_proxies,
                         size_t max_sockets)
{
    mem_free(listener->trusted_proxies);
    listener->trusted_proxies = mem_strdup(trusted_proxies ? trusted_proxies : "");
    listener->max_sockets = max_sockets;
}

struct net_listener *net_listener_new(struct loop *loop, struct eio_server *eio,
                                      const struct net_options *options)
{
    struct net_listener *listener = mem_alloc(sizeof *listener);

    listener->loop = loop;
    listener->eio = eio;
    listener->trusted_proxies =
        mem_strdup(options->trusted_proxies ? options->trusted_proxies : "");
    listener->header_bytes = options->header_bytes ? options->header_bytes : HTTP_HEADER_BYTES;
    listener->max_sockets = options->max_sockets;
    listener->pace_ms = options->pace_ms;
    listener->fd = -1;
    list_init(&listener->conns);
    list_init(&listener->timed);
    list_init(&listener->arrived);
    list_init(&listener->ready);
    list_init(&listener->dead);
    list_init(&listener->paced);
    buf_init(&listener->fields, BUF_MAX_DEFAULT);
    listener->turn = (struct loop_defer){.fn = on_turn, .arg = listener};
    listener->tick_timer = loop_timer_new(loop, on_tick, listener);
    listener->sweep_timer = loop_timer_new(loop, on_sweep, listener);
    listener->accept_again = loop_timer_new(loop, on_accept_again, listener);
    listener->pace_timer = loop_timer_new(loop, on_paced, listener);
    loop_timer_start(listener->sweep_timer, SWEEP_MS, SWEEP_MS);
    eio_server_bind(eio, &net_ops, listener);
    lws_begin(listener);
    return listener;
}

static void close_conns(struct net_listener *listener)
{
    list_for_each(node, &listener->conns) net_conn_kill(list_entry(node, struct net_conn, link));
    kill_dead(listener);
}

void net_listener_free(struct net_listener *listener)
{
    struct net_page_entry *page;

    if (!listener)
        return;
    close_conns(listener);
    loop_watch_free(listener->accept_watch);
    if (listener->fd >= 0)
        close(listener->fd);
    lws_context_destroy(listener->lws);
    loop_timer_free(listener->tick_timer);
    loop_timer_free(listener->sweep_timer);
    loop_timer_free(listener->accept_again);
    loop_timer_free(listener->pace_timer);
    loop_defer_cancel(listener->loop, &listener->turn);
    while ((page = listener->pages)) {
        listener->pages = page->next;
        mem_free(page->path);
        mem_free(page);
    }
    buf_release(&listener->fields);
    mem_free(listener->trusted_proxies);
    mem_free(listener);
}

uint64_t net_listener_writes(const struct net_listener *listener)
{
    return listener->writes;
}

size_t net_listener_sockets(const struct net_listener *listener)
{
    return listener->sockets;
}
