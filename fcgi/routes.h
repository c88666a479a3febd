/*
 * The table of routes: what `parley-fcgi --routes` prints and swagger.yaml describes. Nothing is
 * reachable that is not in it.
 */
#ifndef PARLEY_FCGI_ROUTES_H
#define PARLEY_FCGI_ROUTES_H

#include <stdio.h>

#include "fcgi/app.h"

enum {
    ROUTE_PUBLIC = 0,
    ROUTE_AUTH = 1,
    ROUTE_IGNORES_BODY = 2, /* whatever it is */
    ROUTE_TAKES_BODY = 4,   /* of a method that has none as a rule (DELETE) */
    ROUTE_SLOW = 8,         /* hashes a password of an account */
    ROUTE_KEY = 16          /* for a site's backend: an API key */
};

struct route {
    enum method method;
    const char *pattern; /* "/api/v1/channels/{name}"; each {..} matches one non-empty segment */
    unsigned flags;
    void (*handle)(struct call *call);
};

/* What a path offers. */
struct route_match {
    const struct route *route;      /* for the method, or NULL */
    bool known;                     /* the path exists for some method */
    bool methods[METHOD_OTHER + 1]; /* which */
};

/* Find the route of `method` (HEAD is GET) and path; sets request->args for `route`. The first row
 * of the table that fits wins, so "me" stands before "{username}". */
struct route_match route_find(struct request *request);

/* Is it a ROUTE_SLOW, by its method and its path (as it came, without a query)? In every way to
 * write the path: who could choose where it waits could keep the others waiting. */
bool route_is_slow(const char *method, struct span path);

/* "METHOD /path auth|public", one a line, in table order. */
void route_print(FILE *out);

#endif
