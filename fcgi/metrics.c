/* A worker's metrics, written down from what its parts count. */
#include "fcgi/metrics.h"

#include "shared/base/metrics.h"

/* The limits that are counted here, each under the name it has in the configuration. */
static const enum conf_key limits[] = {
    CONF_LIMIT_BODY_BYTES,
    CONF_LIMIT_SENDS_PER_S,
    CONF_LIMIT_MARKS_PER_S,
    CONF_LIMIT_COMMANDS_PER_S,
    CONF_LIMIT_PUBLISHES_PER_S,
    CONF_LIMIT_ROOMS_PER_USER,
    CONF_LIMIT_PRIVATE_CREATIONS_PER_HOUR,
    CONF_LIMIT_PASSWORD_TRIES,
    CONF_LIMIT_PASSWORD_TRIES_ADDRESS,
    CONF_LIMIT_SIGNUPS_PER_HOUR,
    CONF_LIMIT_HASH_QUEUE,
};

static void refusal_metrics(const struct chat *chat, struct buf *out)
{
    char labels[96];

    metrics_family(out, "counter", "refusals_total",
                   "What a limit refused, by limits.* of the configuration.");
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        snprintf(labels, sizeof labels, "limit=\"%s\"", strchr(conf_name(limits[i]), '.') + 1);
        metrics_sample(out, "refusals_total", labels, chat_refusals(chat, limits[i]));
    }
}

void worker_metrics_fill(void *arg, struct buf *out)
{
    const struct worker_metrics *metrics = arg;

    metrics_process(out, metrics_open_fds());
    metrics_gauge(out, "mqtt_connected", "1 if connected to the MQTT broker.",
                  mqtt_is_connected(metrics->app->mqtt));
    worker_pool_metrics(metrics->pool, out);
    refusal_metrics(metrics->app->chat, out);
}
