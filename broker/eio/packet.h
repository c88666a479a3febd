/*
 * Engine.IO v4 packets and polling payloads: bytes to packets and back. No session state: what a
 * packet means, and whether it may come now, is the session's business.
 *
 * Text is not checked for UTF-8 here: a websocket text message is checked by the websocket layer
 * (close 1007), the body of a POST once as a whole before it is split.
 */
#ifndef PARLEY_EIO_PACKET_H
#define PARLEY_EIO_PACKET_H

#include <stdint.h>

#include "shared/base/buf.h"

/* The values are the digits on the wire. */
enum eio_type { EIO_OPEN, EIO_CLOSE, EIO_PING, EIO_PONG, EIO_MESSAGE, EIO_UPGRADE, EIO_NOOP };

/* Between the packets of a polling payload. */
#define EIO_SEPARATOR '\x1e'

struct eio_packet {
    enum eio_type type;
    bool binary;      /* only with EIO_MESSAGE */
    struct span data; /* what follows the type digit, or the decoded bytes of a binary message */
};

/* ---- decoding ---- */

/* Decode one websocket text message, or one packet of a payload: a type digit and its data, or `b`
 * and a base64 message (Engine.IO protocol v4, "Payload encoding"; accepted on websocket too).
 * ERR_SYNTAX: empty, an unknown first character, base64 that is not. The data of a binary packet
 * lives in `binary`, whose content is replaced (only then); all other data points into `message`.
 * ERR_FULL: the decoded bytes pass the maximum of `binary`. */
enum err eio_packet_decode(struct span message, struct buf *binary,
                           struct eio_packet *out) MUST_CHECK;

/* Walks the packets of a polling payload:
 *     eio_payload_begin(&payload, body);
 *     while (eio_payload_more(&payload))
 *         if ((err = eio_payload_next(&payload, &binary, &packet)))
 *             break;      the packets before it stand, the rest is dropped, the session closes
 */
struct eio_payload {
    struct span rest; /* what is left, after a separator */
    bool more;
};

/* `body` must outlive the walk and the packets. An empty body has one packet, which is an error. */
void eio_payload_begin(struct eio_payload *payload, struct span body);

static inline bool eio_payload_more(const struct eio_payload *payload)
{
    return payload->more;
}

/* The next packet; errors and ownership as eio_packet_decode. An empty packet (empty body; leading,
 * trailing or double separator) is ERR_SYNTAX. After an error there are no more. */
enum err eio_payload_next(struct eio_payload *payload, struct buf *binary,
                          struct eio_packet *out) MUST_CHECK;

/* Standard or url-safe alphabet, line breaks ignored, padding optional but right if there is any.
 * Appends to `out`. ERR_SYNTAX on anything else (then `out` may hold a part); ERR_FULL past the
 * maximum of `out`. */
enum err eio_base64_decode(struct span text, struct buf *out) MUST_CHECK;

/* ---- encoding ---- */

/* Append a packet as a websocket text message or first part of a payload: the digit and the data;
 * a binary message as `b` and padded standard base64. */
void eio_packet_encode(struct buf *out, const struct eio_packet *packet);

/* Append a packet to a polling payload: a separator unless `payload` is empty, then as
 * eio_packet_encode. Text data must not hold a raw separator (valid JSON never does). */
void eio_payload_add(struct buf *payload, const struct eio_packet *packet);

/* The number of bytes eio_packet_encode would append. */
size_t eio_packet_encoded_size(const struct eio_packet *packet);

/* Append padded standard base64. */
void eio_base64_encode(struct buf *out, struct span bytes);

/* What the open packet tells the client (Engine.IO protocol v4, "Handshake"). */
struct eio_open {
    const char *sid;  /* URL-safe characters only */
    bool can_upgrade; /* upgrades: ["websocket"], else [] */
    int64_t ping_interval_ms;
    int64_t ping_timeout_ms;
    size_t max_payload; /* bytes */
};

/* Append `0{"sid":...}` with exactly its five keys. */
void eio_open_encode(struct buf *out, const struct eio_open *open);

/* ---- refusals ---- */

/* The values are the codes on the wire. */
enum eio_refusal {
    EIO_TRANSPORT_UNKNOWN,
    EIO_SID_UNKNOWN,
    EIO_BAD_METHOD,
    EIO_BAD_REQUEST,
    EIO_FORBIDDEN,
    EIO_BAD_VERSION
};

/* "Session ID unknown": also the whole body of a refused websocket handshake. Never NULL. */
const char *eio_refusal_message(enum eio_refusal refusal);

/* The HTTP status: 403 for EIO_FORBIDDEN, else 400. (Websocket handshakes are refused with 400.) */
int eio_refusal_status(enum eio_refusal refusal);

/* Append `{"code":1,"message":"Session ID unknown"}`. `message` NULL: the standard one; else an
 * admission hook's own, valid UTF-8. */
void eio_refusal_encode(struct buf *out, enum eio_refusal refusal, const char *message);

#endif
