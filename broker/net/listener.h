/*
 * The network of an Engine.IO server: accepts connections on one port, speaks HTTP/1.1 and RFC 6455
 * on them, and drives the server (broker/eio) with what they bring. libwebsockets carries the
 * sockets inside our libev loop; no other folder sees either.
 */
#ifndef PARLEY_NET_LISTENER_H
#define PARLEY_NET_LISTENER_H

#include "broker/eio/eio.h"
#include "broker/net/loop.h"

struct net_listener;

struct net_options {
    const char *trusted_proxies; /* space-separated addresses; NULL: none. Copied */
    size_t header_bytes;         /* of a request; 0: HTTP_HEADER_BYTES */
    size_t max_sockets;          /* connections of all kinds; past it accepted ones are closed */
    int64_t pace_ms;             /* see sio_options.pace_ms; 0: no pause */
};

/* Binds itself to `eio` and drives it from `loop`. Both must outlive it. Owned by the caller. */
struct net_listener *net_listener_new(struct loop *loop, struct eio_server *eio,
                                      const struct net_options *options);
/* Closes every connection at once. */
void net_listener_free(struct net_listener *listener);

/* Listen on host:port (port 0: a free one); *bound_port gets the port. ERR_IO, logged. Once. */
enum err net_listener_listen(struct net_listener *listener, const char *host, int port,
                             int *bound_port) MUST_CHECK;

/* A GET of exactly this path gets what `answer` fills in: status, constant type, body. */
struct net_page {
    int status;
    const char *content_type;
    struct buf *body;
};
typedef void (*net_page_fn)(void *app, struct net_page *page);
void net_listener_page(struct net_listener *listener, const char *path, net_page_fn answer,
                       void *app);

/* The end of the turn: everything that waits is written, what is closed is swept. Happens by
 * itself; called directly only when no turn will follow. */
void net_listener_turn(struct net_listener *listener);

/* Both as in net_options, from now on. Past 65536 sockets, or what it was made with if that is
 * more, descriptors are what bounds them. */
void net_listener_change(struct net_listener *listener, const char *trusted_proxies,
                         size_t max_sockets);

/* write calls made (sendmsg), and open sockets. */
uint64_t net_listener_writes(const struct net_listener *listener);
size_t net_listener_sockets(const struct net_listener *listener);

#endif
