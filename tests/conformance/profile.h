/* The namespaces and events that public test suites expect of a server. */
#ifndef PARLEY_TESTS_CONFORMANCE_PROFILE_H
#define PARLEY_TESTS_CONFORMANCE_PROFILE_H

#include "broker/sio/sio.h"

/* What the command line says. */
struct profile_arguments {
    struct sio_options sio;
    int64_t port; /* 0: a free one */
    bool eio, recovery, no_gzip;
    const char *profile; /* "client", else the suite's */
};

/* Serve the Engine.IO protocol's test suite until the loop is stopped. */
void profile_eio(struct loop *loop, const struct profile_arguments *arguments);
/* The Socket.IO protocol's test suite: `/` and `/custom`. */
void profile_suite(struct sio_server *server);
/* The JavaScript client's own tests. */
void profile_client(struct sio_server *server, struct loop *loop);

#endif
