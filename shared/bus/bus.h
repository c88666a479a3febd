/*
 * The MQTT 5 connection; the only folder that sees libmosquitto. One thread owns a bus: all calls
 * but bus_thread_* are made by that thread. It owns no loop: the caller watches bus_fd() and calls
 * bus_ready and bus_tick. Connecting (DNS, TCP) happens on a thread of the bus's own; the caller is
 * woken through `wake` (any thread) and then calls bus_tick.
 *
 * While not connected, or with more than `inflight` unacknowledged publishes, bus_publish refuses
 * (ERR_FULL): nothing is queued, the sweep delivers instead. TCP_NODELAY on. Clean start always;
 * retained messages are not asked for. Callbacks may publish and (un)subscribe. The process ignores
 * SIGPIPE: libmosquitto writes to its socket without MSG_NOSIGNAL.
 */
#ifndef PARLEY_BUS_BUS_H
#define PARLEY_BUS_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/err.h"
#include "shared/base/span.h"

struct bus;

#define BUS_PROPS_MAX 10

/* An MQTT 5 user property. */
struct bus_prop {
    struct span name;
    struct span value;
};

struct bus_message {
    struct span topic;
    struct span payload;
    struct bus_prop props[BUS_PROPS_MAX]; /* further ones are dropped */
    int prop_count;
    struct span correlation; /* correlation data; SPAN_NONE: none */
    bool retained;
};
/* Spans are valid during the callback only. */

struct bus_options {
    const char *host; /* name or address; or the path of a unix socket, which has no port */
    int port;
    const char *username; /* NULL or "": anonymous */
    const char *password;
    const char *client_id; /* unique among all parley processes */
    int keepalive_s;
    int inflight;
    bool keep_first; /* bus_thread: what is published before it is first connected waits for that */
};

struct bus_handlers {
    /* Connection state changed; on true nothing is subscribed yet (clean start). */
    void (*state)(void *app, bool connected);
    void (*message)(void *app, const struct bus_message *message);
    /* SUBACK of the bus_subscribe that returned `id`; `granted` false: refused. */
    void (*subscribed)(void *app, int id, bool granted);
    /* May be called from any thread: have the owner's thread call bus_tick soon. */
    void (*wake)(void *app);
};

/* Strings are copied; `handlers` is kept (const data). Starts to connect, and reconnects for ever,
 * 100 ms to 2 s apart. */
struct bus *bus_new(const struct bus_options *options, const struct bus_handlers *handlers,
                    void *app);
/* Disconnects cleanly; sends no callbacks. Not from inside a callback. */
void bus_free(struct bus *bus);

bool bus_is_connected(const struct bus *bus);
/* -1: none now. It may change in any call; between two connections it is -1 at the end of at least
 * one call, so comparing after each call is enough to notice another socket of the same number. */
int bus_fd(const struct bus *bus);
bool bus_wants_write(const struct bus *bus);
void bus_ready(struct bus *bus, bool readable, bool writable);
/* Call at least every 500 ms, and after wake. */
void bus_tick(struct bus *bus);

enum { BUS_NO_LOCAL = 1 };

/* Topic filters, all in one SUBSCRIBE packet. *id names the request in `subscribed`.
 * ERR_UNAVAILABLE when not connected. */
enum err bus_subscribe(struct bus *bus, const char *const *topics, int count, int qos, int flags,
                       int *id) MUST_CHECK;
enum err bus_unsubscribe(struct bus *bus, const char *const *topics, int count) MUST_CHECK;

enum err bus_publish(struct bus *bus, const char *topic, struct span payload,
                     const struct bus_prop *props, int prop_count, int qos) MUST_CHECK;
/* The answer to a message, with its correlation data (SPAN_NONE: none), QoS 1. */
enum err bus_answer(struct bus *bus, const char *topic, struct span payload,
                    struct span correlation) MUST_CHECK;
/* Publishes not yet through: QoS 1 until PUBACK, QoS 0 until written. 0 after a loss. */
int bus_inflight(const struct bus *bus);
/* Publish an empty message at QoS 1, one at a time; and has the last of them been acknowledged? Not
 * after the connection it went over is lost. */
enum err bus_probe(struct bus *bus, const char *topic) MUST_CHECK;
bool bus_probe_answered(const struct bus *bus);

/*
 * For processes without a loop (parley-fcgi): a thread that owns a publish-only bus. Any thread may
 * publish: the message is copied into a bounded queue (`limit` messages), never waits; ERR_FULL
 * when full or not connected (but see keep_first).
 */
struct bus_thread;
struct bus_thread *bus_thread_new(const struct bus_options *options, int limit);
void bus_thread_free(struct bus_thread *thread); /* flushes for up to 500 ms */
bool bus_thread_is_connected(const struct bus_thread *thread);
/* Does a message really go through? Publishes one to parley/v1/brokers/{client_id}, where nobody
 * listens, and waits up to timeout_ms for its PUBACK; an answer within the last second is good
 * enough, and who waited in vain within it did so for all. Blocks. */
bool bus_thread_probe(struct bus_thread *thread, int64_t timeout_ms);
enum err bus_thread_publish(struct bus_thread *thread, const char *topic, struct span payload,
                            const struct bus_prop *props, int prop_count, int qos) MUST_CHECK;

#endif
