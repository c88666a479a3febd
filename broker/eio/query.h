/*
 * The query string of a request, and the origin allow-list: what a handshake is checked by.
 */
#ifndef PARLEY_EIO_QUERY_H
#define PARLEY_EIO_QUERY_H

#include "broker/eio/fields.h"

/* More parameters than this are refused, not cut: a client that needs them would break silently. */
#define EIO_QUERY_MAX 64

/* Parse `query` (what follows the `?`, without it; a fragment is not expected) and append every
 * parameter to `out` as eio_fields_add does, known and unknown ones alike: eio_fields_get gives the
 * last one of a name, as the protocol wants it. application/x-www-form-urlencoded rules: split at
 * `&`, name up to the first `=`, `+` is a space, %XX decoded, a bad escape stands for itself; empty
 * parts are skipped. Decoded bytes that are not UTF-8 become U+FFFD, so that names and values are
 * always valid text. ERR_FULL: more than EIO_QUERY_MAX parameters, or past the maximum of `out`. */
enum err eio_query_parse(struct span query, struct buf *out) MUST_CHECK;

/* Does an origin list admit `origin` (the header's value)? `list` is space-separated: `*` admits
 * all, `http://localhost:*` admits any port (digits, and none at all), anything else must be equal
 * without regard to ASCII case. */
bool eio_origin_allowed(struct span list, struct span origin);

/* Is the value fit to be sent back as a header: no control characters but tab (RFC 9110 5.5)? An
 * Origin that is not makes the request a bad one. */
bool eio_header_value_ok(struct span value);

#endif
