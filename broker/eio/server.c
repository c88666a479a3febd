/* The Engine.IO server as a whole: its tables, the turn's end, time. Not the transports. */
#include "broker/eio/impl.h"

#include <assert.h>

#include "shared/base/log.h"
#include "shared/base/mem.h"

void eio_options_init(struct eio_options *options)
{
    *options = (struct eio_options){
        .path = "/engine.io/",
        .ping_interval_ms = 25000,
        .ping_timeout_ms = 20000,
        .upgrade_timeout_ms = 10000,
        .max_payload = 1000000,
        .polling = true,
        .websocket = true,
        .gzip = true,
        .output_bytes = (size_t)1 << 20,
        .output_packets = 16384,
        .process_output_bytes = (size_t)256 << 20,
        .max_sessions = 20000,
        .max_per_address = 20000,
    };
}

struct eio_server *eio_server_new(const struct eio_options *options,
                                  const struct eio_app_ops *app_ops, void *app, int64_t now)
{
    struct eio_server *server = mem_alloc(sizeof *server);

    server->options = *options;
    server->options.path = mem_strdup(options->path);
    server->options.origins = mem_strdup(options->origins ? options->origins : "");
    server->options.cookie = mem_strdup(options->cookie ? options->cookie : "");
    server->options.sid_prefix = mem_strdup(options->sid_prefix ? options->sid_prefix : "");
    assert(strlen(server->options.sid_prefix) <= EIO_SID_PREFIX_MAX);
    server->app_ops = app_ops;
    server->app = app;
    server->now = now;
    strtab_init(&server->sessions);
    strtab_init(&server->addresses);
    eio_timers_init(&server->timers);
    list_init(&server->dirty_wires);
    list_init(&server->dirty_sessions);
    list_init(&server->wanting);
    list_init(&server->dead);
    return server;
}

void eio_server_bind(struct eio_server *server, const struct eio_net_ops *net_ops, void *net)
{
    server->net_ops = net_ops;
    server->net = net;
}

void eio_server_free(struct eio_server *server)
{
    if (!server)
        return;
    assert(server->sessions.count == 0 && list_is_empty(&server->dead));
    strtab_release(&server->sessions);
    strtab_release(&server->addresses);
    eio_timers_release(&server->timers);
    free((char *)server->options.path);
    free((char *)server->options.origins);
    free((char *)server->options.cookie);
    free((char *)server->options.sid_prefix);
    mem_free(server);
}

void eio_server_refuse_new(struct eio_server *server)
{
    server->refuse_new = true;
}

void eio_server_wake(struct eio_server *server)
{
    server->net_ops->wake(server->net);
}

struct eio_session *eio_server_find(const struct eio_server *server, struct span sid)
{
    struct strtab_node *node = strtab_find(&server->sessions, sid);

    struct eio_session *session = node ? list_entry(node, struct eio_session, node) : NULL;

    return session && session->state != EIO_STATE_CLOSED ? session : NULL;
}

/* The sessions there are now; closing them takes them out of the table. */
static struct eio_session **all_sessions(const struct eio_server *server, size_t *count)
{
    struct eio_session **all = mem_array(server->sessions.count, sizeof *all);
    struct strtab_node *node = NULL;
    size_t bucket = 0;

    *count = 0;
    while ((node = strtab_next(&server->sessions, &bucket, node)))
        all[(*count)++] = list_entry(node, struct eio_session, node);
    return all;
}

void eio_server_close_all(struct eio_server *server)
{
    size_t count;
    struct eio_session **all = all_sessions(server, &count);

    server->ending = true;
    for (size_t i = 0; i < count; i++) {
        if (all[i]->state == EIO_STATE_PARKED)
            eio_session_unpark(all[i]);
        else
            eio_session_close(all[i], EIO_REASON_SHUTDOWN);
    }
    mem_free(all);
}

void eio_server_tick(struct eio_server *server, int64_t now)
{
    server->now = now;
    eio_timers_run(&server->timers, now);
}

int64_t eio_server_next(const struct eio_server *server)
{
    return eio_timers_next(&server->timers);
}

struct eio_timers *eio_server_timers(struct eio_server *server)
{
    return &server->timers;
}

int64_t eio_server_now(const struct eio_server *server)
{
    return server->now;
}

/* Past the bound of all queues together, those who read slowest make room. */
static void shed_output(struct eio_server *server)
{
    size_t count;
    struct eio_session **all;

    if (server->bytes_queued <= server->options.process_output_bytes)
        return;
    all = all_sessions(server, &count);
    while (server->bytes_queued > server->options.process_output_bytes) {
        struct eio_session *fullest = NULL;

        for (size_t i = 0; i < count; i++)
            if (all[i]->state == EIO_STATE_OPEN &&
                (!fullest ||
                 eio_session_output(all[i])->bytes > eio_session_output(fullest)->bytes))
                fullest = all[i];
        if (!fullest || eio_session_output(fullest)->bytes == 0)
            break;
        eio_session_close(fullest, EIO_REASON_SLOW_READER);
    }
    mem_free(all);
}

bool eio_server_flush(struct eio_server *server, int64_t now)
{
    struct list *node;

    server->now = now;
    while ((node = list_take_first(&server->dirty_sessions)))
        eio_polling_flush(list_entry(node, struct eio_session, dirty));
    while ((node = list_take_first(&server->dirty_wires)))
        server->net_ops->write(list_entry(node, struct eio_wire, dirty));
    shed_output(server);
    eio_streams_ask(&server->wanting);
    while ((node = list_take_first(&server->dead)))
        eio_session_sweep(list_entry(node, struct eio_session, dead));
    return !list_is_empty(&server->dirty_sessions) || !list_is_empty(&server->dirty_wires) ||
           !list_is_empty(&server->wanting) || !list_is_empty(&server->dead);
}

void eio_server_stats(const struct eio_server *server, struct eio_stats *out)
{
    *out = server->stats;
    out->sessions = server->sessions.count;
    out->bytes_queued = server->bytes_queued;
}

void eio_server_survey(const struct eio_server *server, struct eio_survey *out)
{
    struct strtab_node *node = NULL;
    size_t bucket = 0;

    *out = (struct eio_survey){0};
    while ((node = strtab_next(&server->sessions, &bucket, node))) {
        struct eio_session *session = list_entry(node, struct eio_session, node);
        const struct eio_queue *output = eio_session_output(session);

        out->websockets += session->websocket;
        out->packets_queued += output->count;
        if (output->bytes > out->longest_bytes)
            out->longest_bytes = output->bytes;
    }
}

void eio_server_change(struct eio_server *server, const struct eio_options *options)
{
    free((char *)server->options.origins);
    server->options.origins = mem_strdup(options->origins ? options->origins : "");
    server->options.check_origins = options->check_origins;
    server->options.output_bytes = options->output_bytes;
    server->options.output_packets = options->output_packets;
    server->options.process_output_bytes = options->process_output_bytes;
    server->options.max_sessions = options->max_sessions;
    server->options.max_per_address = options->max_per_address;
}

bool eio_server_owns(const struct eio_server *server, struct span path)
{
    size_t len = strlen(server->options.path);

    return path.len >= len && memcmp(path.ptr, server->options.path, len) == 0;
}

size_t eio_server_max_payload(const struct eio_server *server)
{
    return server->options.max_payload;
}
