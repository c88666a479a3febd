/* One request as a CGI program. */
#include "fcgi/cgi.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define BODY_MAX ((size_t)16 << 20)

static const char *cgi_param(void *ctx, const char *name)
{
    (void)ctx;
    return getenv(name);
}

/* How much of the body was read is what `ctx` points to. */
static ssize_t cgi_read(void *ctx, char *out, size_t len)
{
    size_t *taken = ctx;
    ssize_t got;

    do {
        got = read(STDIN_FILENO, out, len);
    } while (got < 0 && errno == EINTR);
    if (got > 0)
        *taken += (size_t)got;
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

/* What there is to read. Not to the end of standard input where the length is known: a web server
 * need not end it (RFC 3875 section 4.2). */
static size_t body_length(void)
{
    const char *length = getenv("CONTENT_LENGTH");

    if (length)
        return strtoul(length, NULL, 10);
    return getenv("HTTP_TRANSFER_ENCODING") ? BODY_MAX : 0;
}

/* A web server that hands the body over through a socket loses the answer if some of it was not
 * read: take the rest, within what web servers let through. */
static void discard_body(size_t taken)
{
    size_t length = body_length();
    char piece[16384];

    if (length > BODY_MAX)
        length = BODY_MAX;
    while (taken < length) {
        size_t left = length - taken;

        if (cgi_read(&taken, piece, left < sizeof piece ? left : sizeof piece) <= 0)
            return;
    }
}

/* The answer is complete: let the client have it. What is still to be done is not waited for. */
static void end_answer(void)
{
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (nowhere < 0 || dup2(nowhere, STDIN_FILENO) < 0 || dup2(nowhere, STDOUT_FILENO) < 0 ||
        dup2(nowhere, STDERR_FILENO) < 0)
        close(STDOUT_FILENO);
    if (nowhere > STDERR_FILENO)
        close(nowhere);
}

bool cgi_run(const struct app *app)
{
    size_t taken = 0;
    const struct transport transport = {.param = cgi_param,
                                        .read = cgi_read,
                                        .write = cgi_write,
                                        .flush = cgi_flush,
                                        .ctx = &taken,
                                        .redirects = true};
    struct db *db = app_open_db(app);

    bool complete = app_dispatch(app, db, &transport);
    discard_body(taken);
    if (complete)
        end_answer();
    db_close(db);
    return complete;
}
