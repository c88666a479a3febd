/*
 * parley-fcgi: the REST interface as a FastCGI worker process, or as a CGI program. Reads the
 * configuration, starts the threads, waits for a signal, stops.
 */
#include <getopt.h>
#include <signal.h>
#include <unistd.h>

#include "fcgi/cgi.h"
#include "fcgi/metrics.h"
#include "fcgi/metrics_listener.h"
#include "fcgi/routes.h"
#include "fcgi/worker.h"
#include "shared/base/log.h"

#define SECRET_MIN 32

struct arguments {
    const char *config;
    bool routes;
    bool help;
};

/* The arguments of a CGI program are the client's: web servers make them of a query without "="
 * (RFC 3875 section 4.4). They are not looked at. */
static bool parse_arguments(int argc, char **argv, struct arguments *out)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"routes", no_argument, NULL, 'r'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;

    out->config = getenv("PARLEY_CONFIG");
    if (getenv("GATEWAY_INTERFACE"))
        return true;
    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        if (option == 'c')
            out->config = optarg;
        else if (option == 'r')
            out->routes = true;
        else if (option == 'h')
            out->help = true;
        else
            return false;
    }
    return optind == argc;
}

static void usage(FILE *out)
{
    fputs("usage: parley-fcgi [--config FILE]\n"
          "       parley-fcgi --routes\n"
          "\n"
          "The REST interface as a FastCGI worker on the unix socket fcgi.socket, or on standard\n"
          "input if that is a listening socket, or as a CGI program. SIGHUP reads the\n"
          "configuration again.\n"
          "\n"
          "  -c, --config FILE   configuration file; default: $PARLEY_CONFIG, else none\n"
          "      --routes        print the table of routes\n",
          out);
}

static bool load(const char *path, struct conf **conf)
{
    enum log_level level = LOG_INFO;
    struct buf problem;

    buf_init(&problem, 4096);
    enum err err = conf_load(path, conf, &problem);
    if (!err && log_level_parse(conf_str(*conf, CONF_LOG_LEVEL), &level) != ERR_OK) {
        err = ERR_VALIDATION_FAILED;
        buf_add_str(&problem, "log.level: must be debug, info, warn or error");
    }
    if (!err && strlen(conf_str(*conf, CONF_AUTH_SECRET)) < SECRET_MIN) {
        err = ERR_VALIDATION_FAILED;
        buf_add_str(&problem, "auth.secret: must have at least 32 bytes");
    }
    if (err)
        fprintf(stderr, "parley-fcgi: %s\n", problem.data ? problem.data : "no configuration");
    else
        log_open("parley-fcgi", level, conf_bool(*conf, CONF_LOG_JSON));
    buf_release(&problem);
    return !err;
}

/* What main has for the whole run. */
struct process {
    const char *config;
    struct conf *conf;
    sigset_t signals;
};

static void reload(const struct process *process, const struct app *app, struct worker_pool *pool)
{
    struct conf *fresh;

    if (conf_read_again(process->config, &fresh) != ERR_OK ||
        conf_take_over(process->conf, fresh) == 0)
        return;
    chat_reload(app->chat);
    worker_pool_reload(pool);
}

/* Signals are taken here and nowhere else: every other thread has them blocked. */
static void wait_for_end(const struct process *process, const struct app *app,
                         struct worker_pool *pool)
{
    int number = 0;

    while (sigwait(&process->signals, &number) != 0 || number == SIGHUP)
        reload(process, app, pool);
    log_event(LOG_INFO, "stopping", "signal=%d", number);
}

static struct metrics_listener *serve_metrics(struct worker_metrics *metrics)
{
    const struct conf *conf = metrics->app->conf;
    int port = (int)conf_int(conf, CONF_FCGI_METRICS_PORT);

    if (port == 0)
        return NULL;
    return metrics_listener_new(conf_str(conf, CONF_FCGI_METRICS_HOST), port, worker_metrics_fill,
                                metrics);
}

static int serve_fastcgi(const struct app *app, const struct process *process)
{
    const char *path = conf_str(app->conf, CONF_FCGI_SOCKET);
    int listen_fd = STDIN_FILENO;

    if (*path && worker_listen(path, &listen_fd) != ERR_OK)
        return 1;
    struct worker_pool *pool = worker_pool_start(app, listen_fd, !*path);
    log_event(LOG_INFO, "started", "socket=%s threads=%d", *path ? path : "(inherited)",
              (int)conf_int(app->conf, CONF_FCGI_THREADS));
    struct worker_metrics metrics = {app, pool};
    struct metrics_listener *listener = serve_metrics(&metrics);
    wait_for_end(process, app, pool);
    metrics_listener_free(listener);
    worker_pool_stop(pool);
    if (*path) {
        close(listen_fd);
        unlink(path);
    }
    log_event(LOG_INFO, "stopped", "socket=%s", *path ? path : "(inherited)");
    return 0;
}

static int run(const struct process *process)
{
    const struct conf *conf = process->conf;
    bool cgi = worker_is_cgi();
    bool cgi_request = cgi && getenv("REQUEST_METHOD");

    if (cgi && !cgi_request && !*conf_str(conf, CONF_FCGI_SOCKET)) {
        fputs("parley-fcgi: fcgi.socket is empty, standard input is no listening socket, and "
              "there is no CGI request\n",
              stderr);
        return 1;
    }
    struct db_fence fence = {0};
    struct app app = {
        .conf = conf, .chat = chat_new(conf), .mqtt = mqtt_new(conf, cgi_request), .fence = &fence};
    int code = 0;
    if (cgi_request)
        code = cgi_run(&app) ? 0 : 1;
    else
        code = serve_fastcgi(&app, process);
    mqtt_free(app.mqtt);
    chat_free(app.chat);
    return code;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct process process = {0};

    if (!parse_arguments(argc, argv, &arguments)) {
        usage(stderr);
        return 2;
    }
    if (arguments.help || arguments.routes) {
        if (arguments.help)
            usage(stdout);
        else
            route_print(stdout);
        return 0;
    }
    process.config = arguments.config;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&process.signals);
    sigaddset(&process.signals, SIGTERM);
    sigaddset(&process.signals, SIGINT);
    sigaddset(&process.signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &process.signals, NULL);
    signal(SIGHUP, SIG_DFL); /* one that is ignored, as nohup has it, would not be waited for */
    if (!load(arguments.config, &process.conf))
        return 1;
    int code = run(&process);
    conf_free(process.conf);
    return code;
}
