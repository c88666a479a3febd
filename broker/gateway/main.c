/* parley-broker: the push broker's process. Arguments, configuration, signals, the loop. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "broker/gateway/gateway.h"
#include "broker/gateway/reload.h"
#include "shared/base/log.h"

static const char usage[] = "usage: parley-broker [--config FILE]\n"
                            "The push broker of parley: Socket.IO in front, MQTT and PostgreSQL\n"
                            "behind. Settings: parley.conf.sample; PARLEY_* in the environment\n"
                            "overrides the file. SIGHUP reads it again.\n";

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static struct conf *load(const char *path)
{
    struct conf *conf = NULL;
    struct buf problem;

    buf_init(&problem, 4096);
    if (conf_load(path, &conf, &problem) != ERR_OK ||
        conf_require(conf, CONF_AUTH_SECRET, &problem) != ERR_OK) {
        fprintf(stderr, "parley-broker: %s\n", problem.data);
        conf_free(conf);
        conf = NULL;
    }
    buf_release(&problem);
    return conf;
}

static void open_log(const struct conf *conf)
{
    enum log_level level = LOG_INFO;

    if (log_level_parse(conf_str(conf, CONF_LOG_LEVEL), &level) != ERR_OK)
        level = LOG_INFO;
    log_open("parley-broker", level, conf_bool(conf, CONF_LOG_JSON));
}

/* As many descriptors as the system lets us have: each connection is one. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_event(LOG_WARN, "descriptor_limit", "wanted=%llu", (unsigned long long)limit.rlim_max);
}

static void on_terminate(void *arg)
{
    log_event(LOG_INFO, "draining", "id=%s", ((struct gateway *)arg)->id);
    gateway_drain(arg);
}

static int run(struct conf *conf, const char *path)
{
    struct loop *loop = loop_new();
    struct gateway *gateway;
    struct reload *reload;
    int port;

    if (gateway_start(loop, conf, &gateway, &port) != ERR_OK)
        return 1;
    reload = reload_new(gateway, conf, path);
    loop_signal(loop, SIGHUP, reload_begin, reload);
    loop_signal(loop, SIGTERM, on_terminate, gateway);
    loop_signal(loop, SIGINT, on_terminate, gateway);
    log_event(LOG_INFO, "listening", "host=%s port=%d id=%s", conf_str(conf, CONF_BROKER_HOST),
              port, gateway->id);
    loop_run(loop);
    gateway_stop(gateway);
    reload_free(reload);
    loop_free(loop);
    log_event(LOG_INFO, "stopped", "port=%d", port);
    return 0;
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    struct conf *conf;
    int c, status;

    while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        if (c == 'c') {
            path = optarg;
        } else {
            fputs(usage, c == 'h' ? stdout : stderr);
            return c == 'h' ? 0 : 2;
        }
    }
    signal(SIGHUP, SIG_IGN); /* until there is something to reload */
    conf = load(path);
    if (!conf)
        return 2;
    open_log(conf);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    status = run(conf, path);
    conf_free(conf);
    return status;
}
