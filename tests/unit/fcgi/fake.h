/* A transport for tests: meta-variables from a list, a body from a string, the answer in a buffer.
 */
#ifndef PARLEY_TESTS_FCGI_FAKE_H
#define PARLEY_TESTS_FCGI_FAKE_H

#include "fcgi/transport.h"
#include "shared/base/buf.h"

struct fake {
    const char *const *params; /* name, value, ..., NULL */
    struct span body;
    size_t body_read;
    size_t piece;    /* bytes a read gives at most; 0: all */
    bool read_fails; /* at the end of `body` */
    struct buf out;
    int writes_left; /* then the client is gone; negative: never */
    struct transport transport;
};

static inline const char *fake_param(void *ctx, const char *name)
{
    const struct fake *fake = ctx;

    for (const char *const *at = fake->params; *at; at += 2) {
        if (strcmp(at[0], name) == 0)
            return at[1];
    }
    return NULL;
}

static inline ssize_t fake_read(void *ctx, char *out, size_t len)
{
    struct fake *fake = ctx;
    size_t left = fake->body.len - fake->body_read;

    if (left == 0)
        return fake->read_fails ? -1 : 0;
    if (len > left)
        len = left;
    if (fake->piece && len > fake->piece)
        len = fake->piece;
    memcpy(out, fake->body.ptr + fake->body_read, len);
    fake->body_read += len;
    return (ssize_t)len;
}

static inline bool fake_write(void *ctx, const char *bytes, size_t len)
{
    struct fake *fake = ctx;

    if (fake->writes_left == 0)
        return false;
    fake->writes_left--;
    buf_add(&fake->out, bytes, len);
    return true;
}

static inline bool fake_flush(void *ctx)
{
    const struct fake *fake = ctx;

    return fake->writes_left != 0;
}

static inline void fake_init(struct fake *fake, const char *const *params, struct span body)
{
    *fake = (struct fake){.params = params, .body = body, .writes_left = -1};
    buf_init(&fake->out, BUF_MAX_DEFAULT);
    fake->transport = (struct transport){.param = fake_param,
                                         .read = fake_read,
                                         .write = fake_write,
                                         .flush = fake_flush,
                                         .ctx = fake};
}

static inline void fake_release(struct fake *fake)
{
    buf_release(&fake->out);
}

#endif
