/*
 * What a worker process has, and what one call of a resource gets: the words that the files of
 * this folder share.
 */
#ifndef PARLEY_FCGI_APP_H
#define PARLEY_FCGI_APP_H

#include "fcgi/mqtt.h"
#include "fcgi/request.h"
#include "fcgi/response.h"
#include "fcgi/stats.h"
#include "shared/base/log.h"
#include "shared/chat/chat.h"
#include "shared/chat/read.h"

#define API_BASE "/api/v1"

/* Made by main before threads start, read-only afterwards; what it points to is thread-safe, but
 * for the statistics and the kept pages: each thread has its own. */
struct app {
    const struct conf *conf;
    struct chat *chat;
    struct mqtt *mqtt;
    struct db_fence *fence;   /* of all connections to PostgreSQL */
    struct stats *stats;      /* the calling thread's own; NULL: nobody counts */
    struct page_cache *pages; /* likewise; NULL: none are kept */
};

/* One request being answered. `db` is the thread's own. */
struct call {
    const struct app *app;
    struct db *db;
    const char *pattern; /* of the route; NULL: none */
    struct request *request;
    struct response *response;
    struct chat_actor actor; /* who asks; zeroed where the route needs no authentication */
    int64_t key_id;          /* ... of an API key; 0: none */
    struct log_context log;  /* what the log says of it */
    enum err refusal;        /* not ERR_OK: answer nothing but this */
};

/* Open a connection with the configuration's deadlines; owned by the caller. */
struct db *app_open_db(const struct app *app);

/* Answer one request that the transport brings. True: answered in full. False: the answer broke off
 * and the connection must be ended without a proper end, so that the client notices. */
bool app_dispatch(const struct app *app, struct db *db, const struct transport *transport);

/* Does the request hash a password, so that it is for the slow lane? Decided by method and path. */
bool app_is_slow(const struct transport *transport);

/* Answer with `err` and a Retry-After of a second what would have been a good request. */
bool app_refuse(const struct app *app, const struct transport *transport, enum err err) MUST_CHECK;

/* Hand events to MQTT without waiting. What is refused is delivered by the brokers' sweep. */
void app_publish(const struct call *call, const struct event_list *events);

#endif
