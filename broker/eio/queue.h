/*
 * The output that waits for one connection: references to shared frames, in order. Takes no memory
 * for a single one, which is what mostly waits. Bounds are the session's business; `bytes` is what
 * it bounds (a stream's own bytes are not in it).
 */
#ifndef PARLEY_EIO_QUEUE_H
#define PARLEY_EIO_QUEUE_H

#include <sys/uio.h>

#include "broker/eio/frame.h"

struct eio_queue {
    union {
        struct eio_frame *only;  /* cap is 0: the first frame, if there is one */
        struct eio_frame **ring; /* of cap slots, the first at head */
    } slots;
    uint32_t head, count, cap;
    bool held;   /* the last frame written is to be read alone */
    size_t sent; /* bytes of the first frame that are already written */
    size_t bytes;
};

void eio_queue_init(struct eio_queue *queue);
/* Drop everything and free the ring. */
void eio_queue_clear(struct eio_queue *queue);

/* Append; takes a reference of its own. */
void eio_queue_push(struct eio_queue *queue, struct eio_frame *frame);
/* Put in front of everything; not in the middle of a frame. */
void eio_queue_push_front(struct eio_queue *queue, struct eio_frame *frame);
/* The first frame; NULL if empty. Borrowed. */
struct eio_frame *eio_queue_first(const struct eio_queue *queue);
/* Take the first frame off (its reference goes to the caller); NULL if empty. */
struct eio_frame *eio_queue_take(struct eio_queue *queue);
/* Move everything to the end of `to`. */
void eio_queue_move(struct eio_queue *queue, struct eio_queue *to);

/* Cut the queue: `all` of it, else from the first stream on that is not complete. A frame that is
 * partly written stays: what is on the wire must be whole frames. */
void eio_queue_truncate(struct eio_queue *queue, bool all);

/* In the middle of a frame? Then no other frame may be written now. */
bool eio_queue_in_frame(const struct eio_queue *queue);

/* Up to `max` pieces of what can be written now, in order, streams resolved; returns how many.
 * They stay valid until the queue changes. `alone`: nothing behind a frame that is to be read
 * alone. */
int eio_queue_gather(const struct eio_queue *queue, bool alone, struct iovec *pieces, int max);
/* The first `bytes` of what was gathered are written: drop them. Returns the number of whole frames
 * that went. */
int eio_queue_written(struct eio_queue *queue, size_t bytes);

#endif
