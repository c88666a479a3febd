/*
 * The answer to a request, in CGI form (RFC 3875 section 6): whole, with its length, or streamed.
 * Errors are RFC 9457 problem documents with the contract's code.
 */
#ifndef PARLEY_FCGI_RESPONSE_H
#define PARLEY_FCGI_RESPONSE_H

#include <stdint.h>

#include "fcgi/transport.h"
#include "shared/base/buf.h"

struct response {
    const struct transport *transport; /* borrowed */
    const char *request_id;            /* borrowed */
    bool head_only;                    /* HEAD: headers as for GET, no body */
    int status;
    const char *content_type; /* NULL: no body */
    struct buf headers;
    struct buf body;
    bool started; /* streaming: status and headers are out, nothing can be taken back */
    bool cut;     /* streaming broke: end the connection so that the client sees it */
};

/* Begin as 200 with an empty JSON body to be appended to; release in any case. */
void response_init(struct response *response, const struct transport *transport,
                   const char *request_id);
void response_release(struct response *response);

/* Add a header. A value with control characters is left out: it would be another header. */
void response_header(struct response *response, const char *name, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* No body: 204 and the like. */
void response_empty(struct response *response, int status);

/* What goes into a problem besides what follows from its code. */
struct problem {
    enum err err;       /* any; what a client may not know becomes internal or unavailable */
    const char *detail; /* NULL: the code's default message */
    struct span errors; /* of validation_failed: JSON array of {field, problem}; SPAN_NONE: [] */
    struct span until;  /* JSON value; SPAN_NONE: none */
    int64_t retry_after_ms; /* 0: none */
};

/* Replace status and body by a problem document. */
void response_problem(struct response *response, const struct problem *problem);

/* The same with nothing but a code. */
void response_error(struct response *response, enum err err);

/* validation_failed with one field error; `field` and `text` are plain words. */
void response_invalid(struct response *response, const char *field, const char *text);

/* Send status, headers and, unless HEAD, body. */
void response_send(struct response *response);

/* Streaming: send status and headers now, then pieces. False: the client is gone. */
bool response_begin(struct response *response);
bool response_piece(struct response *response, struct span piece);

#endif
