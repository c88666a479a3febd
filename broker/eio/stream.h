/*
 * One big message that is produced piece by piece while it is written: on a websocket a message in
 * continuation frames (RFC 6455 section 5.4), on polling an answer in chunks. It stands in the
 * session's queue like any packet, so what is sent after it waits behind it.
 */
#ifndef PARLEY_EIO_STREAM_H
#define PARLEY_EIO_STREAM_H

#include "broker/eio/queue.h"
#include "shared/base/list.h"

struct eio_session;
struct eio_stream;

typedef void (*eio_stream_fn)(void *arg);

/* Queue a stream on the session; its message is `4` and then what is written. `want(arg)` is called
 * from the end of a turn when less than half of `window` bytes is held, and not again before
 * something is written; `gone(arg)`, once,
 * if the session goes before eio_stream_end: the stream is invalid after it. */
struct eio_stream *eio_stream_begin(struct eio_session *session, size_t window, eio_stream_fn want,
                                    eio_stream_fn gone, void *arg);

/* Add a piece (copied). UTF-8 may be cut anywhere. */
void eio_stream_write(struct eio_stream *stream, struct span piece);

/* The message is complete. The pointer is the library's from now on. */
void eio_stream_end(struct eio_stream *stream);

/* ---- for the queue and the session ---- */

/* The frames that wait. */
struct eio_queue *eio_stream_held(struct eio_stream *stream);
bool eio_stream_ended(const struct eio_stream *stream);
/* Some of what was held has been written. */
void eio_stream_drained(struct eio_stream *stream);
/* Its place in the queue is gone. */
void eio_stream_dropped(struct eio_stream *stream);
/* Call want() of those that are due. */
void eio_streams_ask(struct list *wanting);
/* The session goes: gone() for those without an end. */
void eio_streams_gone(struct list *streams);

#endif
