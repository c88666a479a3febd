/*
 * Watching the file of an outside issuer's keys. A thread, since a look at a file may block, and
 * workers, brokers and devices all need it; who verifies takes a lock for as long as it takes to
 * count a reference.
 */
#include "shared/chat/identity_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/buf.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"

#define LOOK_MS 1000
#define FILE_MAX ((size_t)256 * 1024)

/* Keys in use; freed with their last reference. */
struct loaded {
    struct keyset *set;
    int refs;
};

struct identity_keys {
    const char *path;
    enum keyset_algorithm algorithm;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool stop;
    struct loaded *now; /* NULL: never read any */
    struct stat seen;   /* the file that was read last, good or bad; the thread's */
    int seen_errno;
};

static void unref(struct identity_keys *keys, struct loaded *loaded)
{
    bool last;
    if (!loaded)
        return;
    pthread_mutex_lock(&keys->lock);
    last = --loaded->refs == 0;
    pthread_mutex_unlock(&keys->lock);
    if (last) {
        keyset_free(loaded->set);
        mem_free(loaded);
    }
}

static struct loaded *ref(struct identity_keys *keys)
{
    pthread_mutex_lock(&keys->lock);
    struct loaded *loaded = keys->now;
    if (loaded)
        loaded->refs++;
    pthread_mutex_unlock(&keys->lock);
    return loaded;
}

/* ---- the file ---- */

static bool read_all(int fd, struct buf *out)
{
    char block[4096];
    ssize_t got;
    while ((got = read(fd, block, sizeof block)) > 0)
        buf_add_span(out, span_make(block, (size_t)got));
    return got == 0 && buf_ok(out);
}

static void put_in_use(struct identity_keys *keys, struct keyset *set)
{
    struct loaded *loaded = mem_alloc(sizeof *loaded);
    *loaded = (struct loaded){.set = set, .refs = 1};
    pthread_mutex_lock(&keys->lock);
    struct loaded *before = keys->now;
    keys->now = loaded;
    pthread_mutex_unlock(&keys->lock);
    unref(keys, before);
    log_event(LOG_INFO, "foreign_keys_read", "file=%s keys=%d", keys->path, keyset_count(set));
}

static void load(struct identity_keys *keys, int fd)
{
    struct buf text;
    const char *problem = "it cannot be read, or is too big";
    struct keyset *set = NULL;
    buf_init(&text, FILE_MAX);
    if (read_all(fd, &text))
        set = keyset_parse(buf_span(&text), keys->algorithm, &problem);
    buf_release(&text);
    if (set)
        put_in_use(keys, set);
    else
        log_event(LOG_ERROR, "foreign_keys_bad", "file=%s kept=%s problem=\"%s\"", keys->path,
                  keys->now ? "true" : "false", problem);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* What is opened is what is read, even if the name leads elsewhere by then. A file that is being
 * written in place is read again when that is over: its times change. */
static void look(struct identity_keys *keys)
{
    struct stat now = {0};
    int fd = open(keys->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int problem = fd < 0 || fstat(fd, &now) != 0 ? errno : S_ISREG(now.st_mode) ? 0 : EINVAL;
    if (problem) {
        if (problem != keys->seen_errno)
            log_event(LOG_ERROR, "foreign_keys_unreadable", "file=%s problem=\"%s\"", keys->path,
                      strerror(problem));
    } else if (keys->seen_errno || !is_same(&now, &keys->seen)) {
        keys->seen = now;
        load(keys, fd);
    }
    keys->seen_errno = problem;
    if (fd >= 0)
        close(fd);
}

/* ---- the thread ---- */

static bool wait_for_next(struct identity_keys *keys)
{
    struct timespec until = clock_mono_after_us(INT64_C(1000) * LOOK_MS);

    pthread_mutex_lock(&keys->lock);
    while (!keys->stop && pthread_cond_timedwait(&keys->wake, &keys->lock, &until) == 0) {
    }
    bool stop = keys->stop;
    pthread_mutex_unlock(&keys->lock);
    return !stop;
}

static void *run(void *arg)
{
    struct identity_keys *keys = arg;
    while (wait_for_next(keys))
        look(keys);
    return NULL;
}

struct identity_keys *identity_keys_new(const char *path, enum keyset_algorithm algorithm)
{
    struct identity_keys *keys = mem_alloc(sizeof *keys);
    sigset_t all, old;
    keys->path = path;
    keys->algorithm = algorithm;
    pthread_mutex_init(&keys->lock, NULL);
    clock_mono_cond_init(&keys->wake);
    look(keys);
    sigfillset(&all); /* signals are the process's own threads' */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&keys->thread, NULL, run, keys) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return keys;
}

void identity_keys_free(struct identity_keys *keys)
{
    pthread_mutex_lock(&keys->lock);
    keys->stop = true;
    pthread_cond_signal(&keys->wake);
    pthread_mutex_unlock(&keys->lock);
    pthread_join(keys->thread, NULL);
    unref(keys, keys->now);
    pthread_cond_destroy(&keys->wake);
    pthread_mutex_destroy(&keys->lock);
    mem_free(keys);
}

enum err identity_keys_verify(struct identity_keys *keys, const struct foreign_policy *policy,
                              struct span token, struct foreign_claims *out)
{
    struct loaded *loaded = ref(keys);
    enum err err = ERR_UNAUTHENTICATED;
    if (loaded)
        err = foreign_verify(policy, loaded->set, token, clock_wall_us() / 1000000, out);
    unref(keys, loaded);
    return err;
}
