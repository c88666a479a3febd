/* An event that many sockets get: encoded at most once per variant. */
#include "broker/sio/impl.h"
#include "shared/base/mem.h"

/* The frame for one namespace, with the message's offset or without. */
struct variant {
    struct variant *next;
    struct sio_namespace *ns;
    struct eio_frame *frame;
    bool with_offset;
};

struct sio_message {
    uint32_t refs;
    int count;
    struct eio_frame **attachments;
    struct variant *variants;
    char *offset;
    size_t len;
    char json[];
};

struct sio_message *sio_message_new(struct span json)
{
    struct sio_message *message = mem_regrow(NULL, 1, sizeof *message + json.len);

    *message = (struct sio_message){.refs = 1, .len = json.len};
    memcpy(message->json, json.ptr, json.len);
    return message;
}

struct sio_message *sio_message_binary(struct span json, const struct span *attachments, int count)
{
    struct sio_message *message = sio_message_new(json);

    message->count = count;
    message->attachments = mem_array((size_t)count, sizeof(struct eio_frame *));
    for (int i = 0; i < count; i++)
        message->attachments[i] = eio_frame_binary(attachments[i]);
    return message;
}

static void drop_variants(struct sio_message *message)
{
    struct variant *variant;

    while ((variant = message->variants)) {
        message->variants = variant->next;
        eio_frame_unref(variant->frame);
        mem_free(variant);
    }
}

void sio_message_set_offset(struct sio_message *message, const char *offset)
{
    drop_variants(message);
    mem_free(message->offset);
    message->offset = mem_strdup(offset);
}

struct span sio_message_json(const struct sio_message *message)
{
    return span_make(message->json, message->len);
}

struct sio_message *sio_message_ref(struct sio_message *message)
{
    message->refs++;
    return message;
}

void sio_message_unref(struct sio_message *message)
{
    if (!message || --message->refs > 0)
        return;
    drop_variants(message);
    for (int i = 0; i < message->count; i++)
        eio_frame_unref(message->attachments[i]);
    mem_free(message->attachments);
    mem_free(message->offset);
    mem_free(message);
}

const char *sio_message_offset(const struct sio_message *message)
{
    return message->offset;
}

struct eio_frame **sio_message_attachments(const struct sio_message *message, int *count)
{
    *count = message->count;
    return message->attachments;
}

struct eio_frame *sio_message_frame_as(struct sio_message *message, struct sio_namespace *ns,
                                       const char *offset)
{
    struct sio_packet packet = {
        .type = message->count > 0 ? SIO_PACKET_BINARY_EVENT : SIO_PACKET_EVENT,
        .nsp = span_of(ns->name),
        .payload = span_make(message->json, message->len),
        .attachments = message->count,
    };
    struct buf *encoded = &ns->server->encoded;

    buf_clear(encoded);
    sio_packet_encode(encoded, &packet, span_of(offset));
    return eio_frame_message(buf_span(encoded), SPAN_NONE);
}

struct eio_frame *sio_message_frame(struct sio_message *message, struct sio_namespace *ns,
                                    bool with_offset)
{
    struct variant *variant = message->variants;

    while (variant && (variant->ns != ns || variant->with_offset != with_offset))
        variant = variant->next;
    if (!variant) {
        variant = mem_alloc(sizeof *variant);
        variant->ns = ns;
        variant->with_offset = with_offset;
        variant->frame = sio_message_frame_as(message, ns, with_offset ? message->offset : NULL);
        variant->next = message->variants;
        message->variants = variant;
    }
    return variant->frame;
}
