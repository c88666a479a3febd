/* The FastCGI side of a worker process: threads that accept requests until they are told to stop.
 */
#ifndef PARLEY_FCGI_WORKER_H
#define PARLEY_FCGI_WORKER_H

#include "fcgi/app.h"

struct worker_pool;

/* Is standard input a FastCGI listening socket, or are we a plain CGI program? */
bool worker_is_cgi(void);

/* Listen on the unix socket `path` with mode 0660; a stale one is replaced. ERR_IO, logged. */
enum err worker_listen(const char *path, int *listen_fd) MUST_CHECK;

/* Start fcgi.threads threads on `listen_fd` (not closed here), and fcgi.password_threads behind
 * them. `shared`: other processes accept from it too, so it must not be shut down when we stop. */
struct worker_pool *worker_pool_start(const struct app *app, int listen_fd, bool shared);

/* The settings have changed (conf_take_over). */
void worker_pool_reload(struct worker_pool *pool);

/* Write down what the threads have counted. Any thread. */
void worker_pool_metrics(const struct worker_pool *pool, struct buf *out);

/* Accept nothing more, let the requests in flight finish, end the threads. */
void worker_pool_stop(struct worker_pool *pool);

#endif
