/*
 * Where a request comes from and its answer goes: FastCGI (worker.c), plain CGI (cgi.c), or a test.
 * Everything above sees only these calls; none of them is used by two threads at once.
 */
#ifndef PARLEY_FCGI_TRANSPORT_H
#define PARLEY_FCGI_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct transport {
    /* A meta-variable (RFC 3875 section 4.1) such as "REQUEST_METHOD"; NULL if there is none.
     * Valid until the exchange ends. */
    const char *(*param)(void *ctx, const char *name);
    /* Up to `len` bytes of the body; 0 at its end, -1 if it cannot be read. */
    ssize_t (*read)(void *ctx, char *out, size_t len);
    /* Send; false: the client is gone. */
    bool (*write)(void *ctx, const char *bytes, size_t len);
    /* Let go what was written so far; false: the client is gone. */
    bool (*flush)(void *ctx);
    void *ctx;
    /* The web server takes a 200 with "Location: /path" for a redirect of its own and answers with
     * what is there (RFC 3875 section 6.2.2). */
    bool redirects;
};

#endif
