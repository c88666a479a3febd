/*
 * The server that protocol test suites are run against, and an example of the library. Links
 * nothing of the chat. Options: see `options`; --eio is a bare Engine.IO echo, --profile client the
 * namespaces and events that the JavaScript client's own tests want. Prints its port when ready.
 */
#include <signal.h>
#include <stdio.h>

#include "tests/conformance/profile.h"

enum kind { FLAG, NUMBER, SIZE, TEXT };

/* What a suite's process needs to be scheduled on a busy machine; 3 were too few at a load of 5. */
#define SUITE_PACE_MS 10

#define FIELD(member) offsetof(struct profile_arguments, member)

static const struct {
    const char *name;
    enum kind kind;
    size_t offset;
} options[] = {
    {"--port", NUMBER, FIELD(port)},
    {"--path", TEXT, FIELD(sio.path)},
    {"--ping-interval", NUMBER, FIELD(sio.ping_interval_ms)},
    {"--ping-timeout", NUMBER, FIELD(sio.ping_timeout_ms)},
    {"--upgrade-timeout", NUMBER, FIELD(sio.upgrade_timeout_ms)},
    {"--connect-timeout", NUMBER, FIELD(sio.connect_timeout_ms)},
    {"--max-payload", SIZE, FIELD(sio.max_payload)},
    {"--cors", TEXT, FIELD(sio.origins)},
    {"--check-origins", FLAG, FIELD(sio.check_origins)},
    {"--no-gzip", FLAG, FIELD(no_gzip)},
    {"--pace", NUMBER, FIELD(sio.pace_ms)},
    {"--cookie", TEXT, FIELD(sio.cookie)},
    {"--recovery", FLAG, FIELD(recovery)},
    {"--eio", FLAG, FIELD(eio)},
    {"--profile", TEXT, FIELD(profile)},
};

#define OPTION_COUNT (sizeof options / sizeof options[0])

/* Set the option that argv[0] names; returns how many arguments it took, 0: there is none. */
static int set_option(struct profile_arguments *arguments, char **argv)
{
    size_t i = 0;
    char *field;

    while (i < OPTION_COUNT && strcmp(options[i].name, argv[0]) != 0)
        i++;
    if (i == OPTION_COUNT || (options[i].kind != FLAG && !argv[1]))
        return 0;
    field = (char *)arguments + options[i].offset;
    if (options[i].kind == FLAG)
        *(bool *)field = true;
    else if (options[i].kind == NUMBER)
        *(int64_t *)field = strtoll(argv[1], NULL, 10);
    else if (options[i].kind == SIZE)
        *(size_t *)field = strtoull(argv[1], NULL, 10);
    else
        *(const char **)field = argv[1];
    return options[i].kind == FLAG ? 1 : 2;
}

static void parse(struct profile_arguments *arguments, char **argv)
{
    int taken;

    sio_options_init(&arguments->sio);
    arguments->sio.path = NULL;
    arguments->sio.pace_ms = SUITE_PACE_MS;
    for (argv++; *argv; argv += taken) {
        taken = set_option(arguments, argv);
        if (taken == 0)
            exit(2);
    }
    if (!arguments->sio.path)
        arguments->sio.path = arguments->eio ? "/engine.io/" : "/socket.io/";
    arguments->sio.gzip = !arguments->no_gzip;
    arguments->sio.recovery_window_ms = arguments->recovery ? 120000 : 0;
}

static void serve_sio(struct loop *loop, const struct profile_arguments *arguments)
{
    struct sio_server *server = sio_server_new(loop, &arguments->sio);
    int port;

    if (arguments->profile && strcmp(arguments->profile, "client") == 0)
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

static void stop(void *loop)
{
    loop_stop(loop);
}

int main(int argc, char **argv)
{
    struct profile_arguments arguments = {0};
    struct loop *loop = loop_new();

    (void)argc;
    parse(&arguments, argv);
    loop_signal(loop, SIGTERM, stop, loop);
    loop_signal(loop, SIGINT, stop, loop);
    if (arguments.eio)
        profile_eio(loop, &arguments);
    else
        serve_sio(loop, &arguments);
    loop_free(loop);
    return 0;
}
