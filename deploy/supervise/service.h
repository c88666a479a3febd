/*
 * One supervised process: started from a script, started again when it dies, ended with its own
 * signal. All times are CLOCK_MONOTONIC milliseconds, given by the caller.
 */
#ifndef PARLEY_DEPLOY_SERVICE_H
#define PARLEY_DEPLOY_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SERVICE_NAME_MAX 32

enum service_state {
    SERVICE_WAITING,  /* will be started at `due_ms` */
    SERVICE_RUNNING,  /* `pid` lives */
    SERVICE_STOPPING, /* was sent its signal; killed at `due_ms` */
    SERVICE_STOPPED   /* gone for good */
};

struct service {
    char name[SERVICE_NAME_MAX];
    int rank; /* stopped after all services of a higher rank are gone */
    int stop_signal;
    int64_t grace_ms; /* from stop_signal to SIGKILL */
    bool reloads;     /* SIGHUP makes it read its configuration again */

    enum service_state state;
    pid_t pid;
    int64_t started_ms;
    int64_t due_ms;
    unsigned failures; /* early deaths in a row */
};

/*
 * Read one line "NAME RANK SIGNAL SECONDS [HUP]" (SIGNAL: TERM or INT) into a service that waits to
 * be started at once. False: the line is not one; *service is then undefined.
 */
bool service_parse(struct service *service, const char *line);

/*
 * Run "run/NAME.run" (relative to the current directory) in a session of its own, standard input
 * from /dev/null, output appended to "log/NAME.log". The child writes "run/NAME.pid" itself before
 * it becomes the program, so that no process ever runs unrecorded. A fork that fails is tried again
 * like an early death.
 */
void service_start(struct service *service, int64_t now_ms);

/* The process ended: plan the next start, at most 900 ms away; or, when stopping, be stopped. */
void service_ended(struct service *service, int status, int64_t now_ms);

/* Send the stop signal (and SIGCONT, a stopped process cannot act on it). Safe in any state. */
void service_stop(struct service *service, int64_t now_ms);

/* Pass a SIGHUP on, if the service reloads and runs. */
void service_reload(const struct service *service);

/* The grace is over: SIGKILL, and again later should that not help. */
void service_kill(struct service *service, int64_t now_ms);

/* Record the calling process in the file `path` as "PID STARTTIME" (proc(5), stat field 22), which
 * no later process with the same number can match. False with errno on failure. */
bool service_write_pid(const char *path);

/* One line about a service on standard error. */
void service_log(const char *event, const char *name, long value);

#endif
