/*
 * A compact list of name/value pairs in one block of memory: the query parameters and the headers
 * of a handshake, kept as long as the connection lives. The block is an ordinary struct buf while
 * it is made and a struct span afterwards (copy the bytes to keep them; they hold no pointers).
 *
 * Not a hash table: a handshake has a dozen fields and they are looked up a few times.
 */
#ifndef PARLEY_EIO_FIELDS_H
#define PARLEY_EIO_FIELDS_H

#include "shared/base/buf.h"

/* A longer name or value is not kept: HTTP headers are bounded far below it. */
#define EIO_FIELD_MAX 65535

/* Append a pair; both may hold any bytes. Sets out->failed past EIO_FIELD_MAX or the buffer's
 * maximum, and then appends nothing. */
void eio_fields_add(struct buf *out, struct span name, struct span value);

/* Walk the pairs in the order added: start with *cursor = 0; false: no more. The spans point into
 * `fields`. */
bool eio_fields_next(struct span fields, size_t *cursor, struct span *name, struct span *value);

/* The value added last under `name` (exact bytes); SPAN_NONE if there is none. Points into
 * `fields`. */
struct span eio_fields_get(struct span fields, const char *name);

/* ---- inside a value ---- */

/* Without the spaces and tabs around it. */
struct span eio_field_trim(struct span text);
/* The part of *text before `c`; both are taken off it. False: there is no `c`. */
bool eio_field_cut(struct span *text, char c, struct span *before);

#endif
