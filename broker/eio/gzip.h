/*
 * gzip (RFC 1952) for the answers to polls. Nothing is kept between two answers: a session that
 * waits costs no more for it. Answers only, and whole ones; websockets go uncompressed.
 */
#ifndef PARLEY_EIO_GZIP_H
#define PARLEY_EIO_GZIP_H

#include "shared/base/buf.h"
#include "shared/base/err.h"

/* A shorter body is sent as it is: it fits one segment either way (the reference server's bound).
 */
#define EIO_GZIP_MIN 1024

/* May the answer to a request with these headers (eio_fields) be gzip (RFC 9110 section 12.5.3)?
 * Without Accept-Encoding: no. `gzip` and `x-gzip` by name count before `*`; a weight of 0 refuses,
 * and so does an `identity` named with a greater weight. A weight that is none counts as 0. */
bool eio_gzip_accepted(struct span headers);

/* Append `body` as one gzip member. ERR_FULL: it would not be shorter than `body` (then *out is
 * empty), or zlib has no memory. */
enum err eio_gzip(struct span body, struct buf *out) MUST_CHECK;

#endif
