/*
 * The server that protocol test suites are run against, and an example of the library. Links
 * nothing of the chat. Options: see `options`; --eio is a bare Engine.IO echo, --profile client the
 * namespaces and events that the JavaScript client's own tests want.
 */
#include <getopt.h>
#include <signal.h>

#include "broker/net/listener.h"
#include "broker/sio/sio.h"
#include "tests/conformance/profile.h"

/* ---- Engine.IO: every message comes back ---- */

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

static void stop(void *loop)
{
    loop_stop(loop);
}

/* ---- options ---- */

static const struct option options[] = {
    {"port", 1, 0, 'p'},
    {"path", 1, 0, 'a'},
    {"ping-interval", 1, 0, 'i'},
    {"ping-timeout", 1, 0, 't'},
    {"max-payload", 1, 0, 'm'},
    {"connect-timeout", 1, 0, 'c'},
    {"cors", 1, 0, 'o'},
    {"recovery", 0, 0, 'r'},
    {"eio", 0, 0, 'e'},
    {"profile", 1, 0, 'f'},
    {"check-origins", 0, 0, 'k'},
    {"upgrade-timeout", 1, 0, 'u'},
    {0},
};

struct arguments {
    struct sio_options sio;
    long port;
    bool eio, client_profile;
};

static void parse(struct arguments *arguments, int argc, char **argv)
{
    int c;

    sio_options_init(&arguments->sio);
    arguments->sio.path = NULL;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        long number = optarg ? strtol(optarg, NULL, 10) : 0;

        switch (c) {
        case 'p':
            arguments->port = number;
            break;
        case 'a':
            arguments->sio.path = optarg;
            break;
        case 'i':
            arguments->sio.ping_interval_ms = number;
            break;
        case 't':
            arguments->sio.ping_timeout_ms = number;
            break;
        case 'm':
            arguments->sio.max_payload = (size_t)number;
            break;
        case 'c':
            arguments->sio.connect_timeout_ms = number;
            break;
        case 'u':
            arguments->sio.upgrade_timeout_ms = number;
            break;
        case 'o':
            arguments->sio.origins = optarg;
            break;
        case 'k':
            arguments->sio.check_origins = true;
            break;
        case 'r':
            arguments->sio.recovery_window_ms = 120000;
            break;
        case 'e':
            arguments->eio = true;
            break;
        case 'f':
            arguments->client_profile = strcmp(optarg, "client") == 0;
            break;
        default:
            exit(2);
        }
    }
    if (!arguments->sio.path)
        arguments->sio.path = arguments->eio ? "/engine.io/" : "/socket.io/";
}

static void serve_eio(struct loop *loop, const struct arguments *arguments)
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
    server = eio_server_new(&eio, &eio_ops, NULL, loop_now(loop));
    net = net_listener_new(loop, server, &(struct net_options){.max_sockets = 10000});
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

static void serve_sio(struct loop *loop, const struct arguments *arguments)
{
    struct sio_server *server = sio_server_new(loop, &arguments->sio);
    int port;

    if (arguments->client_profile)
        profile_client(server, loop);
    else
        profile_suite(server);
    if (sio_server_listen(server, "127.0.0.1", (int)arguments->port, &port) != ERR_OK)
        exit(1);
    printf("%d\n", port);
    fflush(stdout);
    loop_run(loop);
    sio_server_free(server);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct loop *loop = loop_new();

    parse(&arguments, argc, argv);
    loop_signal(loop, SIGTERM, stop, loop);
    loop_signal(loop, SIGINT, stop, loop);
    if (arguments.eio)
        serve_eio(loop, &arguments);
    else
        serve_sio(loop, &arguments);
    loop_free(loop);
    return 0;
}
