/*
 * The plugin's thread: all that waits for PostgreSQL. It loads what a device's user may read, and
 * sweeps the logs for inbox rows of which MQTT lost the news. mosquitto's loop hands it loads and
 * takes them back answered, on a turn that the thread calls for (waker.h).
 */
#ifndef PARLEY_MQTT_PLUGIN_WORKER_H
#define PARLEY_MQTT_PLUGIN_WORKER_H

#include "shared/base/list.h"
#include "shared/chat/read.h"

struct worker;
struct waker;

/* A question and its answer; allocated by the loop, which also frees it (load_free). */
struct load {
    struct list node;
    uint64_t device; /* whose it is: a number of the loop's */
    struct chat_actor actor;
    char *token;                /* not NULL: who it is of is to be found out, nothing else */
    struct chat *identified_in; /* whose chat_authenticate knows it afterwards */
    enum err err;               /* ERR_UNAUTHENTICATED: the session has ended */
    struct chat_admission admission;
};
void load_free(struct load *load);

/* Starts the thread; both are kept. */
struct worker *worker_new(const struct conf *conf, struct waker *waker);
/* Ends it: waits for the statement in hand, two seconds at most. Takes NULL. */
void worker_free(struct worker *worker);

/* ---- on mosquitto's loop ---- */

/* Have it answered; it is the worker's until it comes back: with ERR_UNAVAILABLE at once, if
 * limits.queue wait already. */
void worker_ask(struct worker *worker, struct load *load);

/* Have it found out whose token of an outside issuer this is; `chat` knows it afterwards. mosquitto
 * cannot wait for the answer: it comes as a load of device 0. */
void worker_identify(struct worker *worker, struct chat *chat, const char *token);

/* The next answer, or NULL. */
struct load *worker_take(struct worker *worker);

/* What sweeps have found since the last time: heads of logs, for the caller to free; NULL: none. */
struct chat_head *worker_take_heads(struct worker *worker, size_t *count);

#endif
