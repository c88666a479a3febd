/*
 * Socket.IO v5 packets: the text inside an Engine.IO message, to its parts and back.
 *
 *     <type>[<attachments>-][<namespace>,][<ack id>][<JSON payload>]
 *
 * The decoder is strict where the reference server is lax (Socket.IO protocol v5, "Packet
 * encoding"; docs/CONFORMANCE.md lists the differences): digits only, ids up to 2^53, RFC 8259
 * JSON. It checks the form of one packet; whether the packet may come now is the session's
 * business. Every error means: close the connection.
 */
#ifndef PARLEY_SIO_PACKET_H
#define PARLEY_SIO_PACKET_H

#include <stdint.h>

#include "shared/base/buf.h"

/* The values are the digits on the wire. */
enum sio_packet_type {
    SIO_PACKET_CONNECT,
    SIO_PACKET_DISCONNECT,
    SIO_PACKET_EVENT,
    SIO_PACKET_ACK,
    SIO_PACKET_CONNECT_ERROR,
    SIO_PACKET_BINARY_EVENT,
    SIO_PACKET_BINARY_ACK
};

/* Attachments of one packet, as the reference server has it. */
#define SIO_ATTACHMENTS_MAX 10
/* The largest ack id: what a JavaScript number holds exactly. */
#define SIO_ACK_ID_MAX ((uint64_t)1 << 53)

struct sio_packet {
    enum sio_packet_type type;
    struct span nsp; /* "/" if none was written */
    bool has_id;
    uint64_t id;
    struct span payload; /* JSON, verbatim, without white space around it; SPAN_NONE if absent */
    int attachments;     /* binary messages that follow: 1..10 for the two binary types, else 0 */
    struct span name;    /* of an event: the first element unescaped (a number: its text); else
                            SPAN_NONE */
};

/* ---- decoding ---- */

/* Decode one packet. `text` must be valid UTF-8 (the transport checked it). `max_depth` is that of
 * json_scan. All spans of *out point into `text`, but for an event name with escapes, which is
 * written to `scratch` (content replaced). Checked: type, attachment count, namespace, id, strict
 * JSON, fit of payload and type, reserved event names, and for binary packets every placeholder
 * (its num is an integer within the count). ERR_SYNTAX on any of these.
 * An ack without payload is let through (payload SPAN_NONE): it is to be ignored. */
enum err sio_packet_decode(struct span text, int max_depth, struct buf *scratch,
                           struct sio_packet *out) MUST_CHECK;

/* May no client send an event of this name (connect, disconnect, ...)? `name` unescaped. */
bool sio_event_name_reserved(struct span name);

/* Are all `{"_placeholder":true,"num":N}` objects in `json` right, with integer N in
 * [0, attachments)? `json` must have passed json_scan with max_depth. Linear in its length. Other
 * members are allowed; a number may be used twice or not at all. */
enum err sio_placeholders_check(struct span json, int max_depth, int attachments) MUST_CHECK;

/* Elements of a payload array (the event name counts). */
int sio_args_count(struct span payload);

/* Element `index` of a payload array; SPAN_NONE past its end. */
struct span sio_args_get(struct span payload, int index);

/* ---- encoding ---- */

/* Append the packet: type, attachments (binary types), namespace (unless "/" or absent), id (if
 * has_id), payload (if present). `name` is not looked at. `offset` (SPAN_NONE: none) is a recovery
 * offset: plain text that becomes one more string argument at the end of the payload array. */
void sio_packet_encode(struct buf *out, const struct sio_packet *packet, struct span offset);

#endif
