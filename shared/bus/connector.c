/*
 * Connects to the MQTT broker on a detached thread. Knows nothing of what is done with the
 * connection afterwards, nor of when to try again: that is bus.c.
 */
#include "shared/bus/connector.h"

#include <mqtt_protocol.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/dial.h"
#include "shared/base/mem.h"

/* How long a host may take to answer a connection. */
#define REACH_MS 3000
/* How long it may leave what was sent without an acknowledgement of TCP's. */
#define SILENCE_MS 5000

struct connector {
    pthread_mutex_t lock;
    bool done;      /* the thread has finished with `mosq` */
    bool abandoned; /* the thread frees everything */
    struct mosquitto *mosq;
    int code;
    struct bus_options options;
    void (*wake)(void *app);
    void *app;
};

static char *copy_or_null(const char *string)
{
    return string && *string ? mem_strdup(string) : NULL;
}

static void connector_free(struct connector *connector)
{
    if (connector->mosq)
        mosquitto_destroy(connector->mosq);
    free((char *)connector->options.host);
    free((char *)connector->options.username);
    free((char *)connector->options.password);
    free((char *)connector->options.client_id);
    pthread_mutex_destroy(&connector->lock);
    free(connector);
}

static int prepare(struct mosquitto *mosq, const struct bus_options *options)
{
    int maximum = options->inflight < 65535 ? options->inflight : 65535;

    mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    /* Nagle and delayed ACKs together would stall a client that both publishes and subscribes. */
    mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_int_option(mosq, MOSQ_OPT_SEND_MAXIMUM, maximum);
    mosquitto_int_option(mosq, MOSQ_OPT_RECEIVE_MAXIMUM, 65535);
    if (!options->username)
        return MOSQ_ERR_SUCCESS;
    return mosquitto_username_pw_set(mosq, options->username, options->password);
}

/*
 * libmosquitto's connect() has no time limit but the kernel's two minutes, with tries ever farther
 * apart: after a network that lost packets in silence, it would find out up to a minute late. So
 * see first whether anybody is there. (An attempt cannot be left to itself instead: when it
 * succeeds late, it takes the client id from the connection that was made since.)
 */
static bool host_answers(const struct bus_options *options)
{
    int fd = dial(options->host, options->port, REACH_MS);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* What is sent and never acknowledged ends the connection: keep-alive alone would take as long as
 * its interval is, and TCP's own tries come ever more seldom. */
static void limit_silence(struct mosquitto *mosq)
{
    unsigned int ms = SILENCE_MS;

    (void)setsockopt(mosquitto_socket(mosq), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
}

static void connector_connect(struct connector *connector)
{
    const struct bus_options *options = &connector->options;
    int port = dial_is_path(options->host) ? 0 : options->port; /* as libmosquitto has it */

    connector->code = MOSQ_ERR_ERRNO;
    if (!host_answers(options))
        return;

    /* A NULL userdata would arrive in callbacks as the handle itself: give it something. */
    connector->mosq = mosquitto_new(options->client_id, true, connector);
    connector->code = MOSQ_ERR_NOMEM;
    if (!connector->mosq)
        return;
    connector->code = prepare(connector->mosq, options);
    if (connector->code == MOSQ_ERR_SUCCESS)
        connector->code = mosquitto_connect_bind_v5(connector->mosq, options->host, port,
                                                    options->keepalive_s, NULL, NULL);
    if (connector->code != MOSQ_ERR_SUCCESS) {
        mosquitto_destroy(connector->mosq);
        connector->mosq = NULL;
        return;
    }
    limit_silence(connector->mosq);
}

static void *connector_main(void *arg)
{
    struct connector *connector = arg;

    connector_connect(connector);
    pthread_mutex_lock(&connector->lock);
    connector->done = true;
    bool abandoned = connector->abandoned;
    if (!abandoned)
        connector->wake(connector->app); /* under the lock: abandoning waits for it */
    pthread_mutex_unlock(&connector->lock);
    if (abandoned)
        connector_free(connector);
    return NULL;
}

static void library_begin(void)
{
    mosquitto_lib_init();
}

/* A detached thread that takes no signals: those are the main thread's. */
static int thread_begin(void *arg)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, &attr, connector_main, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return failed;
}

struct connector *connector_begin(const struct bus_options *options, void (*wake)(void *app),
                                  void *app)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct connector *connector = mem_alloc(sizeof *connector);

    pthread_once(&once, library_begin);
    pthread_mutex_init(&connector->lock, NULL);
    connector->options = *options;
    connector->options.host = mem_strdup(options->host);
    connector->options.username = copy_or_null(options->username);
    connector->options.password = copy_or_null(options->password);
    connector->options.client_id = copy_or_null(options->client_id);
    connector->wake = wake;
    connector->app = app;
    if (thread_begin(connector) == 0)
        return connector;
    connector_free(connector);
    return NULL;
}

bool connector_take(struct connector *connector, struct mosquitto **mosq, int *code)
{
    pthread_mutex_lock(&connector->lock);
    bool done = connector->done;
    pthread_mutex_unlock(&connector->lock);
    if (!done)
        return false;
    *mosq = connector->mosq;
    *code = connector->code;
    connector->mosq = NULL;
    connector_free(connector);
    return true;
}

void connector_abandon(struct connector *connector)
{
    pthread_mutex_lock(&connector->lock);
    bool done = connector->done;
    connector->abandoned = true;
    pthread_mutex_unlock(&connector->lock);
    if (done)
        connector_free(connector);
}
