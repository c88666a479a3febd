/* A client of four packets (MQTT 3.1.1, sections 3.1 to 3.3 and 3.14), see waker.h. */
#include "broker/mqtt-plugin/waker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/dial.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/random.h"

#define PATIENCE_MS 1000

struct waker {
    const struct conf *conf;
    int64_t period_ms;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool called, stop; /* under the lock */
    int fd;            /* the thread's; -1: not connected */
    bool failing;
};

static void hang_up(struct waker *waker)
{
    if (waker->fd >= 0)
        close(waker->fd);
    waker->fd = -1;
}

static void say_good_bye(struct waker *waker)
{
    static const unsigned char disconnect[] = {0xe0, 0};

    if (waker->fd >= 0)
        (void)!send(waker->fd, disconnect, sizeof disconnect, MSG_NOSIGNAL | MSG_DONTWAIT);
    hang_up(waker);
}

/* ---- packets ---- */

static void put_string(struct buf *out, const char *text)
{
    size_t len = strlen(text);

    buf_add_char(out, (char)(len >> 8));
    buf_add_char(out, (char)len);
    buf_add(out, text, len);
}

/* The fixed header goes in front of `body`, into `packet`. */
static void finish(struct buf *packet, char type, const struct buf *body)
{
    size_t len = body->len;

    buf_add_char(packet, type);
    for (; len > 127; len >>= 7)
        buf_add_char(packet, (char)(0x80 | (len & 0x7f)));
    buf_add_char(packet, (char)len);
    buf_add_span(packet, buf_span(body));
}

static void make_connect(const struct conf *conf, struct buf *packet)
{
    bool named = *conf_str(conf, CONF_MQTT_USERNAME) != '\0';
    char id[RANDOM_ID_SIZE], client_id[64];
    struct buf body;

    random_id(id);
    snprintf(client_id, sizeof client_id, "parley-plugin-%s", id);
    buf_init(&body, 4096);
    put_string(&body, "MQTT");
    buf_add_char(&body, 4);
    buf_add_char(&body, named ? (char)0xc2 : 0x02); /* clean session, username, password */
    buf_add_char(&body, 0);
    buf_add_char(&body, 0); /* no keep-alive: the loop it talks to is in its own process */
    put_string(&body, client_id);
    if (named) {
        put_string(&body, conf_str(conf, CONF_MQTT_USERNAME));
        put_string(&body, conf_str(conf, CONF_MQTT_PASSWORD));
    }
    finish(packet, 0x10, &body);
    buf_release(&body);
}

static void make_publish(struct buf *packet)
{
    struct buf body;

    buf_init(&body, 256);
    put_string(&body, WAKER_TOPIC);
    finish(packet, 0x30, &body);
    buf_release(&body);
}

/* ---- the connection ---- */

static bool ready(int fd, short events)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};

    return poll(&poll_fd, 1, PATIENCE_MS) == 1 && (poll_fd.revents & events);
}

/* It is short and goes out at once, or the connection is of no use. */
static bool send_all(struct waker *waker, const struct buf *packet)
{
    return ready(waker->fd, POLLOUT) &&
           send(waker->fd, packet->data, packet->len, MSG_NOSIGNAL) == (ssize_t)packet->len;
}

/* CONNACK: type, length 2, flags, return code 0. */
static bool is_accepted(struct waker *waker)
{
    unsigned char answer[4];
    size_t have = 0;

    while (have < sizeof answer) {
        ssize_t got;

        if (!ready(waker->fd, POLLIN))
            return false;
        got = recv(waker->fd, answer + have, sizeof answer - have, 0);
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return answer[0] == 0x20 && answer[3] == 0;
}

static bool open_connection(struct waker *waker)
{
    struct buf packet;
    bool done;

    buf_init(&packet, 4096);
    make_connect(waker->conf, &packet);
    waker->fd = dial(conf_str(waker->conf, CONF_MQTT_HOST),
                     (int)conf_int(waker->conf, CONF_MQTT_PORT), PATIENCE_MS);
    done = waker->fd >= 0 && send_all(waker, &packet) && is_accepted(waker);
    buf_release(&packet);
    if (!done)
        hang_up(waker);
    return done;
}

/* mosquitto says nothing to us but good-bye. */
static bool is_over(struct waker *waker)
{
    char byte;
    ssize_t got = recv(waker->fd, &byte, 1, MSG_DONTWAIT);

    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

static bool publish(struct waker *waker)
{
    struct buf packet;
    bool done;

    if (waker->fd >= 0 && is_over(waker))
        hang_up(waker);
    if (waker->fd < 0 && !open_connection(waker))
        return false;
    buf_init(&packet, 256);
    make_publish(&packet);
    done = send_all(waker, &packet);
    buf_release(&packet);
    if (!done)
        hang_up(waker);
    return done;
}

/* ---- the thread ---- */

/* Wait to be called, or for the period to end. False: stop. */
static bool await_call(struct waker *waker)
{
    int64_t until_ms = clock_mono_ms() + waker->period_ms;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    bool stop;

    pthread_mutex_lock(&waker->lock);
    while (!waker->stop && !waker->called) {
        if (pthread_cond_timedwait(&waker->wake, &waker->lock, &until) != 0)
            break;
    }
    waker->called = false;
    stop = waker->stop;
    pthread_mutex_unlock(&waker->lock);
    return !stop;
}

static void *run(void *arg)
{
    struct waker *waker = arg;

    while (await_call(waker)) {
        bool failing = !publish(waker);

        if (failing != waker->failing)
            log_event(failing ? LOG_WARN : LOG_INFO, "devices_waker", "failing=%s",
                      failing ? "true" : "false");
        waker->failing = failing;
    }
    say_good_bye(waker);
    return NULL;
}

struct waker *waker_new(const struct conf *conf, int64_t period_ms)
{
    struct waker *waker = mem_alloc(sizeof *waker);
    pthread_condattr_t attr;
    sigset_t all, old;

    waker->conf = conf;
    waker->period_ms = period_ms;
    waker->fd = -1;
    pthread_mutex_init(&waker->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&waker->wake, &attr);
    pthread_condattr_destroy(&attr);
    sigfillset(&all); /* signals are mosquitto's */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&waker->thread, NULL, run, waker) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return waker;
}

void waker_free(struct waker *waker)
{
    if (!waker)
        return;
    pthread_mutex_lock(&waker->lock);
    waker->stop = true;
    pthread_cond_signal(&waker->wake);
    pthread_mutex_unlock(&waker->lock);
    pthread_join(waker->thread, NULL);
    pthread_cond_destroy(&waker->wake);
    pthread_mutex_destroy(&waker->lock);
    free(waker);
}

void waker_call(struct waker *waker)
{
    pthread_mutex_lock(&waker->lock);
    waker->called = true;
    pthread_cond_signal(&waker->wake);
    pthread_mutex_unlock(&waker->lock);
}
