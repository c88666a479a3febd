/* References to frames: one in place, more in a ring. Not thread-safe, knows no sockets. */
#include "broker/eio/queue.h"

#include <assert.h>

#include "broker/eio/stream.h"
#include "shared/base/mem.h"

#define CAP_MIN 8

void eio_queue_init(struct eio_queue *queue)
{
    *queue = (struct eio_queue){0};
}

void eio_queue_clear(struct eio_queue *queue)
{
    struct eio_frame *frame;

    while ((frame = eio_queue_take(queue)))
        eio_frame_unref(frame);
}

/* Of the frame at `index`, or of the one behind the last. */
static struct eio_frame **slot_of(struct eio_queue *queue, uint32_t index)
{
    if (queue->cap == 0)
        return &queue->slots.only;
    return &queue->slots.ring[(queue->head + index) & (queue->cap - 1)];
}

static struct eio_frame *frame_at(const struct eio_queue *queue, uint32_t index)
{
    if (queue->cap == 0)
        return queue->slots.only;
    return queue->slots.ring[(queue->head + index) & (queue->cap - 1)];
}

static void grow(struct eio_queue *queue)
{
    uint32_t cap = queue->cap ? queue->cap * 2 : CAP_MIN;
    struct eio_frame **ring = mem_regrow(NULL, cap, sizeof *ring);

    for (uint32_t i = 0; i < queue->count; i++)
        ring[i] = frame_at(queue, i);
    if (queue->cap)
        mem_free(queue->slots.ring);
    queue->slots.ring = ring;
    queue->cap = cap;
    queue->head = 0;
}

/* Room for one more. */
static void reserve(struct eio_queue *queue)
{
    uint32_t room = queue->cap ? queue->cap : 1;

    if (queue->count == room)
        grow(queue);
}

void eio_queue_push(struct eio_queue *queue, struct eio_frame *frame)
{
    reserve(queue);
    *slot_of(queue, queue->count++) = eio_frame_ref(frame);
    queue->bytes += frame->len;
}

void eio_queue_push_front(struct eio_queue *queue, struct eio_frame *frame)
{
    assert(!eio_queue_in_frame(queue));
    reserve(queue);
    if (queue->cap)
        queue->head = (queue->head - 1) & (queue->cap - 1);
    *slot_of(queue, 0) = eio_frame_ref(frame);
    queue->count++;
    queue->bytes += frame->len;
}

struct eio_frame *eio_queue_first(const struct eio_queue *queue)
{
    return queue->count > 0 ? frame_at(queue, 0) : NULL;
}

struct eio_frame *eio_queue_take(struct eio_queue *queue)
{
    struct eio_frame *frame = eio_queue_first(queue);

    if (!frame)
        return NULL;
    queue->count--;
    queue->sent = 0;
    queue->bytes -= frame->len;
    if (queue->cap == 0)
        return frame;
    queue->head = (queue->head + 1) & (queue->cap - 1);
    if (queue->count == 0) {
        mem_free(queue->slots.ring);
        queue->cap = queue->head = 0;
    }
    return frame;
}

void eio_queue_move(struct eio_queue *queue, struct eio_queue *to)
{
    struct eio_frame *frame;

    assert(!eio_queue_in_frame(queue));
    while ((frame = eio_queue_take(queue))) {
        eio_queue_push(to, frame);
        eio_frame_unref(frame);
    }
}

static bool is_open_stream(const struct eio_frame *frame)
{
    return frame->kind == EIO_FRAME_STREAM && !eio_stream_ended(frame->stream);
}

/* The frame that is partly written, and how far; NULL if the next write begins one. The reference
 * is the caller's. */
static struct eio_frame *frame_begun(struct eio_queue *queue, size_t *sent)
{
    struct eio_frame *first = eio_queue_first(queue);

    if (!first || !eio_queue_in_frame(queue))
        return NULL;
    if (first->kind == EIO_FRAME_STREAM)
        return frame_begun(eio_stream_held(first->stream), sent);
    *sent = queue->sent;
    return eio_frame_ref(first);
}

void eio_queue_truncate(struct eio_queue *queue, bool all)
{
    struct eio_queue kept;
    struct eio_frame *frame;
    size_t sent = queue->sent;
    struct eio_frame *begun = NULL;

    eio_queue_init(&kept);
    if (eio_queue_first(queue) && (all || is_open_stream(eio_queue_first(queue)))) {
        begun = frame_begun(queue, &sent);
        if (begun)
            eio_queue_push(&kept, begun);
        else
            sent = 0;
        eio_queue_clear(queue);
        eio_frame_unref(begun);
    }
    while ((frame = eio_queue_take(queue))) {
        if (is_open_stream(frame)) {
            eio_frame_unref(frame);
            eio_queue_clear(queue);
            break;
        }
        eio_queue_push(&kept, frame);
        eio_frame_unref(frame);
    }
    *queue = kept;
    queue->sent = sent;
}

bool eio_queue_in_frame(const struct eio_queue *queue)
{
    const struct eio_frame *first = eio_queue_first(queue);

    if (first && first->kind == EIO_FRAME_STREAM)
        return eio_queue_in_frame(eio_stream_held(first->stream));
    return queue->sent > 0;
}

int eio_queue_gather(const struct eio_queue *queue, bool alone, struct iovec *pieces, int max)
{
    size_t skip = queue->sent;
    int n = 0;

    for (uint32_t i = 0; i < queue->count && n < max; i++) {
        struct eio_frame *frame = frame_at(queue, i);

        if (frame->kind == EIO_FRAME_STREAM) {
            n += eio_queue_gather(eio_stream_held(frame->stream), alone, pieces + n, max - n);
            if (!eio_stream_ended(frame->stream) || n == max)
                return n;
            continue;
        }
        pieces[n].iov_base = frame->bytes + skip;
        pieces[n].iov_len = frame->len - skip;
        n++;
        skip = 0;
        if (alone && frame->alone)
            break;
    }
    return n;
}

/* The part of `bytes` that belongs to the stream at the head; the rest is returned. */
static size_t stream_written(struct eio_queue *queue, struct eio_stream *stream, size_t bytes,
                             int *frames)
{
    struct eio_queue *held = eio_stream_held(stream);
    size_t of_stream = bytes < held->bytes - held->sent ? bytes : held->bytes - held->sent;

    *frames += eio_queue_written(held, of_stream);
    if (held->count == 0 && eio_stream_ended(stream))
        eio_frame_unref(eio_queue_take(queue));
    else
        eio_stream_drained(stream);
    return bytes - of_stream;
}

int eio_queue_written(struct eio_queue *queue, size_t bytes)
{
    int frames = 0;

    while (queue->count > 0) {
        struct eio_frame *frame = eio_queue_first(queue);
        assert(frame);
        size_t left = frame->len - queue->sent;

        if (frame->kind == EIO_FRAME_STREAM) {
            size_t rest = stream_written(queue, frame->stream, bytes, &frames);

            if (rest == 0)
                return frames;
            bytes = rest;
            continue;
        }
        if (bytes < left) {
            queue->sent += bytes;
            return frames;
        }
        bytes -= left;
        queue->held = frame->alone;
        eio_frame_unref(eio_queue_take(queue));
        frames++;
        if (bytes == 0)
            return frames;
    }
    assert(bytes == 0);
    return frames;
}
