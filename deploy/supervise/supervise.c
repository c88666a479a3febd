/*
 * parley-supervise: keeps the processes of one development instance running, and ends them in
 * order. `./dev up` writes what to run; this program knows nothing of what the services are. It is
 * not meant for production, where systemd does the same work (deploy/systemd).
 *
 *   parley-supervise [--tether] DIR
 *
 * DIR/run/services has one line "NAME RANK SIGNAL SECONDS [HUP]" per service, DIR/run/NAME.run
 * starts it. SIGHUP reads the list again, starts what is new, and goes on to the services marked
 * with HUP. SIGTERM and SIGINT end all, the highest rank first, each rank when the one before is
 * gone. With --tether, so does the end of standard input: the foreground `./dev up` holds its other
 * end and may die of anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "deploy/supervise/service.h"

#define SERVICES_MAX 64

struct supervisor {
    struct service services[SERVICES_MAX];
    size_t count;
    bool stopping;
    bool tethered;
    int signals;
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct service *find_name(struct supervisor *sup, const char *name)
{
    for (size_t i = 0; i < sup->count; i++)
        if (strcmp(sup->services[i].name, name) == 0)
            return &sup->services[i];
    return NULL;
}

static struct service *find_pid(struct supervisor *sup, pid_t pid)
{
    for (size_t i = 0; i < sup->count; i++)
        if (sup->services[i].pid == pid)
            return &sup->services[i];
    return NULL;
}

/* Add the services of the list that are not known yet. */
static void read_list(struct supervisor *sup)
{
    char line[128];
    struct service fresh;
    FILE *list = fopen("run/services", "re");

    if (list == NULL) {
        service_log("no_list", "run/services", errno);
        return;
    }
    while (fgets(line, sizeof line, list) != NULL) {
        if (!service_parse(&fresh, line) || sup->count == SERVICES_MAX)
            service_log("bad_line", "run/services", (long)sup->count);
        else if (find_name(sup, fresh.name) == NULL)
            sup->services[sup->count++] = fresh;
    }
    fclose(list);
}

static void reload(struct supervisor *sup)
{
    read_list(sup);
    for (size_t i = 0; i < sup->count; i++)
        service_reload(&sup->services[i]);
}

/* Reap all that ended, also orphans of a service that was killed (we are their subreaper). */
static void reap(struct supervisor *sup)
{
    pid_t pid;
    int status;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct service *service = find_pid(sup, pid);

        if (service != NULL)
            service_ended(service, status, now_ms());
    }
}

static void take_signals(struct supervisor *sup)
{
    struct signalfd_siginfo info;

    while (read(sup->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            reload(sup);
        else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            sup->stopping = true;
    }
    reap(sup);
}

/* The tether is cut when standard input is at its end; what is written to it is ignored. */
static void check_tether(struct supervisor *sup)
{
    char ignored[64];
    ssize_t len = read(STDIN_FILENO, ignored, sizeof ignored);

    if (len == 0 || (len < 0 && errno != EINTR && errno != EAGAIN)) {
        sup->tethered = false;
        sup->stopping = true;
    }
}

static void start_due(struct supervisor *sup, int64_t now)
{
    for (size_t i = 0; i < sup->count; i++) {
        struct service *service = &sup->services[i];

        if (service->state == SERVICE_WAITING && service->due_ms <= now)
            service_start(service, now);
    }
}

/* Tell the highest rank that is still there to stop, kill what did not. True when all are gone. */
static bool stop_next(struct supervisor *sup, int64_t now)
{
    int rank = -1;

    for (size_t i = 0; i < sup->count; i++)
        if (sup->services[i].state != SERVICE_STOPPED && sup->services[i].rank > rank)
            rank = sup->services[i].rank;
    for (size_t i = 0; i < sup->count; i++) {
        struct service *service = &sup->services[i];

        if (service->rank != rank)
            continue;
        if (service->state == SERVICE_STOPPING && service->due_ms <= now)
            service_kill(service, now);
        service_stop(service, now);
    }
    return rank < 0;
}

/* Milliseconds until something is due; -1: nothing is. While stopping, only ends are awaited: when
 * there is none, the next rank's turn has come. */
static int next_due(const struct supervisor *sup, int64_t now)
{
    int64_t soonest = INT64_MAX;

    for (size_t i = 0; i < sup->count; i++) {
        const struct service *service = &sup->services[i];

        if (service->state != (sup->stopping ? SERVICE_STOPPING : SERVICE_WAITING))
            continue;
        if (service->due_ms < soonest)
            soonest = service->due_ms;
    }
    if (soonest == INT64_MAX)
        return sup->stopping ? 0 : -1;
    return soonest > now ? (int)(soonest - now) : 0;
}

static void run(struct supervisor *sup)
{
    bool done = false;

    while (!done) {
        struct pollfd fds[2] = {{.fd = sup->signals, .events = POLLIN},
                                {.fd = sup->tethered ? STDIN_FILENO : -1, .events = POLLIN}};
        int64_t now;

        if (poll(fds, 2, next_due(sup, now_ms())) > 0) {
            if (fds[1].revents != 0)
                check_tether(sup);
            take_signals(sup);
        }
        now = now_ms();
        if (sup->stopping)
            done = stop_next(sup, now);
        else
            start_due(sup, now);
    }
}

/* Only one supervisor per directory; the lock goes with the process, whatever ends it. */
static bool take_lock(void)
{
    int fd = open("run/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static bool prepare(struct supervisor *sup, const char *dir)
{
    sigset_t wanted;
    struct rlimit files;

    if (chdir(dir) != 0 || !take_lock() || !service_write_pid("run/supervisor.pid"))
        return false;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, SIGHUP);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    sup->signals = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    return sup->signals >= 0;
}

int main(int argc, char **argv)
{
    static struct supervisor sup;
    int dir = 1;

    umask(077);
    if (argc > 1 && strcmp(argv[1], "--tether") == 0) {
        sup.tethered = true;
        dir = 2;
    }
    if (argc != dir + 1) {
        fprintf(stderr, "usage: parley-supervise [--tether] DIR\n");
        return 2;
    }
    if (!prepare(&sup, argv[dir])) {
        fprintf(stderr, "parley-supervise: %s: %s\n", argv[dir], strerror(errno));
        return 1;
    }
    read_list(&sup);
    start_due(&sup, now_ms());
    run(&sup);
    unlink("run/supervisor.pid");
    return 0;
}
