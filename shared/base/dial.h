/* Connecting: to a TCP port, or to a unix socket by its path. */
#ifndef PARLEY_BASE_DIAL_H
#define PARLEY_BASE_DIAL_H

#include <stdbool.h>

/* Is `host` the absolute path of a unix socket? It has no port then. */
static inline bool dial_is_path(const char *host)
{
    return host[0] == '/';
}

/* A connected stream socket, non-blocking and closed on exec, the caller's; -1: nobody answers.
 * Waits for each address of `host` (a name, an address or a path) at most wait_ms; DNS takes what
 * it takes. */
int dial(const char *host, int port, int wait_ms);

#endif
