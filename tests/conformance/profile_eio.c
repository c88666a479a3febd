/* A bare Engine.IO server that sends every message back, as the Engine.IO protocol's suite wants.
 */
#include <stdio.h>

#include "broker/net/listener.h"
#include "tests/conformance/profile.h"

static void eio_open(void *app, struct eio_session *session)
{
    (void)app, (void)session;
}

static void eio_echo(struct eio_session *session, struct span data, bool binary)
{
    struct eio_frame *frame = binary ? eio_frame_binary(data) : eio_frame_message(data, SPAN_NONE);

    eio_session_send(session, frame);
    eio_frame_unref(frame);
}

static void eio_closed(struct eio_session *session, enum eio_reason reason)
{
    (void)session, (void)reason;
}

static const struct eio_app_ops eio_ops = {NULL, eio_open, eio_echo, eio_closed};

void profile_eio(struct loop *loop, const struct profile_arguments *arguments)
{
    const struct sio_options *sio = &arguments->sio;
    struct eio_options eio;
    struct eio_server *server;
    struct net_listener *net;
    int port;

    eio_options_init(&eio);
    eio.path = sio->path;
    eio.ping_interval_ms = sio->ping_interval_ms;
    eio.ping_timeout_ms = sio->ping_timeout_ms;
    eio.upgrade_timeout_ms = sio->upgrade_timeout_ms;
    eio.max_payload = sio->max_payload;
    eio.origins = sio->origins;
    eio.check_origins = sio->check_origins;
    eio.gzip = sio->gzip;
    eio.cookie = sio->cookie;
    server = eio_server_new(&eio, &eio_ops, NULL, loop_now(loop));
    net = net_listener_new(loop, server,
                           &(struct net_options){.max_sockets = 10000, .pace_ms = sio->pace_ms});
    if (net_listener_listen(net, "127.0.0.1", (int)arguments->port, &port) != ERR_OK)
        exit(1);
    printf("%d\n", port);
    fflush(stdout);
    loop_run(loop);
    eio_server_close_all(server);
    net_listener_turn(net);
    net_listener_free(net);
    eio_server_free(server);
}
