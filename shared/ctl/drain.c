/*
 * parleyctl drain, see drain.h. The process is held by a descriptor before its name is looked at,
 * so that what is told to stop is what was looked at, even if the number is given to another
 * meanwhile.
 */
#include "shared/ctl/drain.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/ctl/output.h"

#define BROKER "parley-broker"
#define PATIENCE_MS 5000 /* beyond broker.drain_ms: to close what it has and exit */

static bool parse_pid(const char *text, pid_t *pid)
{
    char *rest = NULL;
    errno = 0;
    long value = strtol(text, &rest, 10);
    *pid = (pid_t)value;
    return !errno && rest != text && !*rest && value > 1 && value == *pid;
}

static bool is_broker(pid_t pid)
{
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool got = fgets(name, sizeof name, file) != NULL;
    fclose(file);
    return got && strcmp(name, BROKER "\n") == 0;
}

/* Until it has ended; false: not in time. */
static bool wait_for_end(int process, int64_t until_ms)
{
    struct pollfd fd = {.fd = process, .events = POLLIN};
    int64_t left;
    while ((left = until_ms - clock_mono_ms()) > 0) {
        int ready = poll(&fd, 1, (int)left);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
    }
    return false;
}

static enum ctl_exit drain(struct ctl *ctl, pid_t pid, int process)
{
    int64_t began_ms = clock_mono_ms();
    struct output out;
    if (syscall(SYS_pidfd_send_signal, process, SIGTERM, NULL, 0) != 0) {
        ctl_complain("process %d: %s", (int)pid, strerror(errno));
        return CTL_FAILED;
    }
    if (!wait_for_end(process,
                      began_ms + conf_int(ctl->conf, CONF_BROKER_DRAIN_MS) + PATIENCE_MS)) {
        ctl_complain("broker %d was told to stop and has not ended yet", (int)pid);
        return CTL_FAILED;
    }
    output_init(&out);
    json_int(&out.w, "pid", pid);
    json_bool(&out.w, "ended", true);
    json_int(&out.w, "ms", clock_mono_ms() - began_ms);
    buf_addf(&out.text, "broker %d has drained and ended", (int)pid);
    return output_end(ctl, &out, ERR_OK);
}

enum ctl_exit ctl_drain(struct ctl *ctl)
{
    pid_t pid;
    if (!parse_pid(ctl->name, &pid)) {
        ctl_complain("%s is no process id", ctl->name);
        return CTL_USAGE;
    }
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    if (process < 0 || !is_broker(pid)) {
        ctl_complain("process %d is no " BROKER, (int)pid);
        if (process >= 0)
            close(process);
        return CTL_FAILED;
    }
    enum ctl_exit status = drain(ctl, pid, process);
    close(process);
    return status;
}
