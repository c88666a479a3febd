/*
 * One supervised process: its start, its end, and when it is started again. It does not wait for
 * anything itself; supervise.c owns the loop, the order and the signals.
 */
#include "deploy/supervise/service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A process that lived this long was healthy: its next death counts as the first. */
#define HEALTHY_MS 2000
#define FIRST_DELAY_MS 50
#define MAX_DELAY_MS 900
#define RETRY_KILL_MS 1000
#define PATH_LEN (SERVICE_NAME_MAX + 16)

void service_log(const char *event, const char *name, long value)
{
    char at[32];
    time_t now = time(NULL);
    struct tm utc;

    strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    fprintf(stderr, "time=%s component=supervise event=%s service=%s value=%ld\n", at, event, name,
            value);
}

static bool name_ok(const char *name)
{
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0' && name[0] != '-';
}

bool service_parse(struct service *service, const char *line)
{
    char signal_name[8], hup[8] = "";
    int seconds;

    *service = (struct service){.state = SERVICE_WAITING};
    /* NOLINTNEXTLINE(cert-err34-c): numbers that deploy/dev/instance.sh wrote */
    if (sscanf(line, "%31s %d %7s %d %7s", service->name, &service->rank, signal_name, &seconds,
               hup) < 4)
        return false;
    service->reloads = strcmp(hup, "HUP") == 0;
    if (*hup && !service->reloads)
        return false;
    if (strcmp(signal_name, "INT") == 0)
        service->stop_signal = SIGINT;
    else if (strcmp(signal_name, "TERM") == 0)
        service->stop_signal = SIGTERM;
    else
        return false;
    service->grace_ms = (int64_t)seconds * 1000;
    return name_ok(service->name) && seconds >= 0;
}

/* Field 22 of /proc/self/stat: start time in clock ticks since boot. The name in field 2 may hold
 * anything, so count from its closing parenthesis. */
static unsigned long long own_start_time(void)
{
    char text[1024];
    unsigned long long start = 0;
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    const char *field;

    if (fd >= 0)
        close(fd);
    if (len <= 0)
        return 0;
    text[len] = '\0';
    field = strrchr(text, ')');
    for (int i = 2; field != NULL && i < 22; i++)
        field = strchr(field + 1, ' ');
    if (field != NULL)
        start = strtoull(field + 1, NULL, 10);
    return start;
}

bool service_write_pid(const char *path)
{
    char fresh[PATH_LEN + 8];
    int fd;
    bool ok;

    snprintf(fresh, sizeof fresh, "%s.new", path);
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    ok = dprintf(fd, "%ld %llu\n", (long)getpid(), own_start_time()) > 0;
    ok = close(fd) == 0 && ok;
    return ok && rename(fresh, path) == 0;
}

/* In the child: become the service's program. Only returns on failure. */
static void become(const struct service *service)
{
    char path[PATH_LEN];
    sigset_t none;
    int in = open("/dev/null", O_RDONLY);
    int out;

    snprintf(path, sizeof path, "log/%s.log", service->name);
    out = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        return;
    close(in);
    close(out);
    setsid();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (service->reloads)
        signal(SIGHUP, SIG_IGN); /* until it listens */
    snprintf(path, sizeof path, "run/%s.pid", service->name);
    if (!service_write_pid(path)) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return;
    }
    snprintf(path, sizeof path, "run/%s.run", service->name);
    execl(path, path, (char *)NULL);
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
}

static void plan_restart(struct service *service, int64_t now_ms)
{
    int64_t delay = FIRST_DELAY_MS;

    if (now_ms - service->started_ms >= HEALTHY_MS)
        service->failures = 0;
    for (unsigned i = 0; i < service->failures && delay < MAX_DELAY_MS; i++)
        delay *= 2;
    if (delay > MAX_DELAY_MS)
        delay = MAX_DELAY_MS;
    service->failures++;
    service->state = SERVICE_WAITING;
    service->due_ms = now_ms + delay;
}

void service_start(struct service *service, int64_t now_ms)
{
    pid_t pid = fork();

    if (pid == 0) {
        become(service);
        _exit(127);
    }
    service->started_ms = now_ms;
    if (pid < 0) {
        service_log("fork_failed", service->name, errno);
        plan_restart(service, now_ms);
        return;
    }
    service->pid = pid;
    service->state = SERVICE_RUNNING;
    service_log("started", service->name, pid);
}

void service_ended(struct service *service, int status, int64_t now_ms)
{
    char path[PATH_LEN];

    if (WIFSIGNALED(status))
        service_log("killed_by_signal", service->name, WTERMSIG(status));
    else
        service_log("exited", service->name, WEXITSTATUS(status));
    service->pid = 0;
    if (service->state != SERVICE_STOPPING) {
        plan_restart(service, now_ms);
        return;
    }
    service->state = SERVICE_STOPPED;
    snprintf(path, sizeof path, "run/%s.pid", service->name);
    unlink(path);
}

void service_stop(struct service *service, int64_t now_ms)
{
    if (service->state == SERVICE_WAITING)
        service->state = SERVICE_STOPPED;
    if (service->state != SERVICE_RUNNING)
        return;
    kill(service->pid, service->stop_signal);
    kill(service->pid, SIGCONT);
    service->state = SERVICE_STOPPING;
    service->due_ms = now_ms + service->grace_ms;
}

void service_reload(const struct service *service)
{
    if (service->reloads && service->state == SERVICE_RUNNING)
        kill(service->pid, SIGHUP);
}

void service_kill(struct service *service, int64_t now_ms)
{
    service_log("grace_over", service->name, service->pid);
    kill(service->pid, SIGKILL);
    service->due_ms = now_ms + RETRY_KILL_MS;
}
