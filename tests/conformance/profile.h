/* The namespaces and events that public test suites expect of a server. */
#ifndef PARLEY_TESTS_CONFORMANCE_PROFILE_H
#define PARLEY_TESTS_CONFORMANCE_PROFILE_H

#include "broker/sio/sio.h"

/* The Socket.IO protocol's test suite: `/` and `/custom`. */
void profile_suite(struct sio_server *server);
/* The JavaScript client's own tests. */
void profile_client(struct sio_server *server, struct loop *loop);

#endif
