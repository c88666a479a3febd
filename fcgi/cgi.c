/* One request as a CGI program. */
#include "fcgi/cgi.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "shared/base/clock.h"

#define MQTT_WAIT_MS 300

static const char *cgi_param(void *ctx, const char *name)
{
    (void)ctx;
    return getenv(name);
}

static ssize_t cgi_read(void *ctx, char *out, size_t len)
{
    ssize_t got;

    (void)ctx;
    do {
        got = read(STDIN_FILENO, out, len);
    } while (got < 0 && errno == EINTR);
    return got;
}

static bool cgi_write(void *ctx, const char *bytes, size_t len)
{
    (void)ctx;
    while (len > 0) {
        ssize_t sent = write(STDOUT_FILENO, bytes, len);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

static bool cgi_flush(void *ctx)
{
    (void)ctx;
    return true;
}

/* The process is only just born: give MQTT a moment, so that what a write causes is live at once
 * and not with the brokers' next sweep, and so that /readyz tells the truth. */
static void wait_for_mqtt(const struct app *app)
{
    int64_t until = clock_mono_ms() + MQTT_WAIT_MS;

    while (!bus_thread_is_connected(app->bus) && clock_mono_ms() < until)
        poll(NULL, 0, 2);
}

void cgi_run(const struct app *app)
{
    static const struct transport transport = {cgi_param, cgi_read, cgi_write, cgi_flush, NULL};
    struct db *db = app_open_db(app);

    wait_for_mqtt(app);
    app_dispatch(app, db, &transport);
    db_close(db);
}
