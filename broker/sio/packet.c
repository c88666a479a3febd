/*
 * Decoder and encoder of Socket.IO v5 packets. Not the session: nothing here knows which namespaces
 * are joined or which packets may come when.
 */
#include "broker/sio/packet.h"

#include "shared/base/json_scan.h"
#include "shared/base/json_write.h"

/* What is left to read. */
struct reader {
    const char *at;
    const char *end;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_binary(enum sio_packet_type type)
{
    return type == SIO_PACKET_BINARY_EVENT || type == SIO_PACKET_BINARY_ACK;
}

static bool next_is_digit(const struct reader *r)
{
    return r->at < r->end && is_digit(*r->at);
}

/* Read a run of digits, at least one, as a number up to `max`. Leading zeros are allowed. */
static enum err read_number(struct reader *r, uint64_t max, uint64_t *out)
{
    if (!next_is_digit(r))
        return ERR_SYNTAX;
    uint64_t value = 0;
    for (; next_is_digit(r); r->at++) {
        /* max is at most 2^53, so this cannot overflow before it is found too big. */
        value = value * 10 + (uint64_t)(*r->at - '0');
        if (value > max)
            return ERR_SYNTAX;
    }
    *out = value;
    return ERR_OK;
}

static enum err read_type(struct reader *r, struct sio_packet *out)
{
    if (r->at == r->end || *r->at < '0' || *r->at > '0' + SIO_PACKET_BINARY_ACK)
        return ERR_SYNTAX;
    out->type = (enum sio_packet_type)(*r->at++ - '0');
    return ERR_OK;
}

static enum err read_attachments(struct reader *r, struct sio_packet *out)
{
    uint64_t count = 0;
    if (!is_binary(out->type))
        return ERR_OK;
    enum err err = read_number(r, SIO_ATTACHMENTS_MAX, &count);
    if (err != ERR_OK)
        return err;
    if (count == 0 || r->at == r->end || *r->at != '-')
        return ERR_SYNTAX;
    r->at++;
    out->attachments = (int)count;
    return ERR_OK;
}

/* The namespace ends at the first comma, or with the packet. */
static void read_namespace(struct reader *r, struct sio_packet *out)
{
    out->nsp = SPAN_LIT("/");
    if (r->at == r->end || *r->at != '/')
        return;
    size_t left = (size_t)(r->end - r->at);
    const char *comma = memchr(r->at, ',', left);
    out->nsp = span_make(r->at, comma ? (size_t)(comma - r->at) : left);
    r->at = comma ? comma + 1 : r->end;
}

static enum err read_id(struct reader *r, struct sio_packet *out)
{
    if (!next_is_digit(r))
        return ERR_OK;
    out->has_id = true;
    return read_number(r, SIO_ACK_ID_MAX, &out->id);
}

static bool is_json_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The payload must begin at once (the reference takes a space here for the ack id 0); white space
 * after it is cut off, so that its last byte is its closing bracket. */
static enum err read_payload(struct reader *r, int max_depth, struct sio_packet *out)
{
    if (r->at == r->end)
        return ERR_OK;
    if (is_json_space(*r->at))
        return ERR_SYNTAX;
    while (is_json_space(r->end[-1]))
        r->end--;
    out->payload = span_make(r->at, (size_t)(r->end - r->at));
    return json_scan(out->payload, max_depth);
}

static enum err read_parts(struct span text, int max_depth, struct sio_packet *out)
{
    struct reader r = {text.ptr, text.ptr + text.len};
    enum err err = read_type(&r, out);
    if (err == ERR_OK)
        err = read_attachments(&r, out);
    if (err != ERR_OK)
        return err;
    read_namespace(&r, out);
    err = read_id(&r, out);
    return err != ERR_OK ? err : read_payload(&r, max_depth, out);
}

/* The first element of an event: a string that is not reserved, or a number. */
static enum err check_event_name(struct buf *scratch, struct sio_packet *out)
{
    struct span first = sio_args_get(out->payload, 0);
    if (!span_present(first))
        return ERR_SYNTAX;
    enum json_type type = json_type_of(first);
    if (type == JSON_NUMBER) {
        out->name = first;
        return ERR_OK;
    }
    if (type != JSON_STRING)
        return ERR_SYNTAX;
    out->name = span_make(first.ptr + 1, first.len - 2);
    if (memchr(first.ptr, '\\', first.len) != NULL) {
        buf_clear(scratch);
        json_unescape(first, scratch);
        out->name = buf_span(scratch);
    }
    return sio_event_name_reserved(out->name) ? ERR_SYNTAX : ERR_OK;
}

static enum err check_array(struct span payload)
{
    return json_type_of(payload) == JSON_ARRAY ? ERR_OK : ERR_SYNTAX;
}

static enum err check_absent(struct span payload)
{
    return span_present(payload) ? ERR_SYNTAX : ERR_OK;
}

static enum err check_object(struct span payload, bool or_string)
{
    enum json_type type = json_type_of(payload);
    return type == JSON_OBJECT || (or_string && type == JSON_STRING) ? ERR_OK : ERR_SYNTAX;
}

static enum err check_event(struct buf *scratch, struct sio_packet *out)
{
    if (!span_present(out->payload) || check_array(out->payload) != ERR_OK)
        return ERR_SYNTAX;
    return check_event_name(scratch, out);
}

/* Does the payload fit the type? */
static enum err check_fit(struct buf *scratch, struct sio_packet *out)
{
    struct span payload = out->payload;
    switch (out->type) {
    case SIO_PACKET_CONNECT:
        return span_present(payload) ? check_object(payload, false) : ERR_OK;
    case SIO_PACKET_DISCONNECT:
        return check_absent(payload);
    case SIO_PACKET_CONNECT_ERROR:
        return span_present(payload) ? check_object(payload, true) : ERR_SYNTAX;
    case SIO_PACKET_EVENT:
    case SIO_PACKET_BINARY_EVENT:
        return check_event(scratch, out);
    case SIO_PACKET_ACK:
        return span_present(payload) ? check_array(payload) : ERR_OK;
    case SIO_PACKET_BINARY_ACK:
        return span_present(payload) ? check_array(payload) : ERR_SYNTAX;
    }
    return ERR_SYNTAX;
}

enum err sio_packet_decode(struct span text, int max_depth, struct buf *scratch,
                           struct sio_packet *out)
{
    *out = (struct sio_packet){0};
    enum err err = read_parts(text, max_depth, out);
    if (err == ERR_OK)
        err = check_fit(scratch, out);
    if (err == ERR_OK && is_binary(out->type))
        err = sio_placeholders_check(out->payload, max_depth, out->attachments);
    return err;
}

bool sio_event_name_reserved(struct span name)
{
    /* Socket.IO protocol v5; `error` is not among them. */
    static const char *const reserved[] = {"connect",       "connect_error", "disconnect",
                                           "disconnecting", "newListener",   "removeListener"};
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (span_is(name, reserved[i]))
            return true;
    return false;
}

int sio_args_count(struct span payload)
{
    int count = 0;
    struct span key;
    struct span value;
    for (size_t cursor = 0; json_next(payload, &cursor, &key, &value);)
        count++;
    return count;
}

struct span sio_args_get(struct span payload, int index)
{
    struct span key;
    struct span value;
    for (size_t cursor = 0; json_next(payload, &cursor, &key, &value);)
        if (index-- == 0)
            return value;
    return SPAN_NONE;
}

static void encode_payload(struct buf *out, struct span payload, struct span offset)
{
    if (!span_present(offset) || payload.len < 2) {
        buf_add_span(out, payload);
        return;
    }
    bool empty = sio_args_count(payload) == 0;
    buf_add(out, payload.ptr, payload.len - 1);
    if (!empty)
        buf_add_char(out, ',');
    json_quote(out, offset);
    buf_add_char(out, ']');
}

void sio_packet_encode(struct buf *out, const struct sio_packet *packet, struct span offset)
{
    buf_add_char(out, (char)('0' + packet->type));
    if (is_binary(packet->type)) {
        buf_add_int(out, packet->attachments);
        buf_add_char(out, '-');
    }
    if (span_present(packet->nsp) && !span_is(packet->nsp, "/")) {
        buf_add_span(out, packet->nsp);
        buf_add_char(out, ',');
    }
    if (packet->has_id)
        buf_add_int(out, (long long)packet->id);
    if (span_present(packet->payload))
        encode_payload(out, packet->payload, offset);
}
