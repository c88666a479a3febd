/*
 * Engine.IO v4 packets, payloads, the open packet and refusals, between bytes and structs. Not the
 * session: nothing here knows which packets may come when.
 */
#include "broker/eio/packet.h"

#include "shared/base/json_write.h"

enum err eio_packet_decode(struct span message, struct buf *binary, struct eio_packet *out)
{
    if (message.len == 0)
        return ERR_SYNTAX;
    char first = message.ptr[0];
    struct span data = span_make(message.ptr + 1, message.len - 1);
    if (first == 'b') {
        buf_clear(binary);
        enum err err = eio_base64_decode(data, binary);
        *out = (struct eio_packet){EIO_MESSAGE, true, buf_span(binary)};
        return err;
    }
    if (first < '0' + EIO_OPEN || first > '0' + EIO_NOOP)
        return ERR_SYNTAX;
    *out = (struct eio_packet){(enum eio_type)(first - '0'), false, data};
    return ERR_OK;
}

void eio_payload_begin(struct eio_payload *payload, struct span body)
{
    payload->rest = body;
    payload->more = true;
}

enum err eio_payload_next(struct eio_payload *payload, struct buf *binary, struct eio_packet *out)
{
    struct span packet = payload->rest;
    const char *end = packet.len > 0 ? memchr(packet.ptr, EIO_SEPARATOR, packet.len) : NULL;
    payload->more = end != NULL;
    if (end != NULL) {
        packet.len = (size_t)(end - packet.ptr);
        payload->rest = span_make(end + 1, payload->rest.len - packet.len - 1);
    }
    enum err err = eio_packet_decode(packet, binary, out);
    if (err != ERR_OK)
        payload->more = false;
    return err;
}

void eio_packet_encode(struct buf *out, const struct eio_packet *packet)
{
    if (packet->binary) {
        buf_add_char(out, 'b');
        eio_base64_encode(out, packet->data);
        return;
    }
    buf_add_char(out, (char)('0' + packet->type));
    buf_add_span(out, packet->data);
}

void eio_payload_add(struct buf *payload, const struct eio_packet *packet)
{
    if (payload->len > 0)
        buf_add_char(payload, EIO_SEPARATOR);
    eio_packet_encode(payload, packet);
}

size_t eio_packet_encoded_size(const struct eio_packet *packet)
{
    size_t len = packet->data.len;
    return 1 + (packet->binary ? (len + 2) / 3 * 4 : len);
}

void eio_open_encode(struct buf *out, const struct eio_open *open)
{
    struct json_writer w;
    buf_add_char(out, '0' + EIO_OPEN);
    json_begin(&w, out);
    json_object(&w, NULL);
    json_cstr(&w, "sid", open->sid);
    json_array(&w, "upgrades");
    if (open->can_upgrade)
        json_cstr(&w, NULL, "websocket");
    json_array_end(&w);
    json_int(&w, "pingInterval", open->ping_interval_ms);
    json_int(&w, "pingTimeout", open->ping_timeout_ms);
    json_int(&w, "maxPayload", (int64_t)open->max_payload);
    json_object_end(&w);
}

/* Engine.IO protocol v4: the codes are clients' contract, the messages what people search for. */
static const struct {
    const char *message;
    int status;
} refusals[] = {
    [EIO_TRANSPORT_UNKNOWN] = {"Transport unknown", 400},
    [EIO_SID_UNKNOWN] = {"Session ID unknown", 400},
    [EIO_BAD_METHOD] = {"Bad handshake method", 400},
    [EIO_BAD_REQUEST] = {"Bad request", 400},
    [EIO_FORBIDDEN] = {"Forbidden", 403},
    [EIO_BAD_VERSION] = {"Unsupported protocol version", 400},
};

const char *eio_refusal_message(enum eio_refusal refusal)
{
    return refusals[refusal].message;
}

int eio_refusal_status(enum eio_refusal refusal)
{
    return refusals[refusal].status;
}

void eio_refusal_encode(struct buf *out, enum eio_refusal refusal, const char *message)
{
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w, NULL);
    json_int(&w, "code", refusal);
    json_cstr(&w, "message", message ? message : eio_refusal_message(refusal));
    json_object_end(&w);
}
