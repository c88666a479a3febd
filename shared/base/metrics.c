/*
 * Prometheus's text format, and what there is to say about any process. What is counted, and where,
 * is not known here.
 */
#include "shared/base/metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "shared/base/clock.h"

#define US_PER_S 1000000

/* Sizes are told apart up to this many bounds only: 4096, as many as a batch can have. */
#define SIZE_BOUNDS 13

void metrics_family(struct buf *out, const char *type, const char *name, const char *help)
{
    buf_addf(out, "# HELP parley_%s %s\n# TYPE parley_%s %s\n", name, help, name, type);
}

void metrics_sample(struct buf *out, const char *name, const char *labels, uint64_t value)
{
    if (*labels)
        buf_addf(out, "parley_%s{%s} %" PRIu64 "\n", name, labels, value);
    else
        buf_addf(out, "parley_%s %" PRIu64 "\n", name, value);
}

void metrics_counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
    metrics_family(out, "counter", name, help);
    metrics_sample(out, name, "", value);
}

void metrics_gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
    metrics_family(out, "gauge", name, help);
    metrics_sample(out, name, "", value);
}

static void put_seconds(struct buf *out, uint64_t us)
{
    buf_addf(out, "%" PRIu64 ".%06u", us / US_PER_S, (unsigned)(us % US_PER_S));
}

static void put_value(struct buf *out, enum histogram_kind kind, uint64_t value)
{
    if (kind == HISTOGRAM_TIME)
        put_seconds(out, value);
    else
        buf_addf(out, "%" PRIu64, value);
}

static void put_bucket(struct buf *out, const char *name, const char *labels)
{
    buf_addf(out, "parley_%s_bucket{%s%sle=\"", name, labels, *labels ? "," : "");
}

void metrics_histogram_samples(struct buf *out, const char *name, const char *labels,
                               enum histogram_kind kind, const struct histogram *histogram)
{
    const char *open = *labels ? "{" : "", *close = *labels ? "}" : "";
    int bounds = kind == HISTOGRAM_TIME ? HISTOGRAM_BOUNDS : SIZE_BOUNDS;
    uint64_t count = 0;

    for (int i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        count += counter_read(&histogram->counts[i]);
        if (i >= bounds)
            continue;
        put_bucket(out, name, labels);
        put_value(out, kind, UINT64_C(1) << ((int)kind + i));
        buf_addf(out, "\"} %" PRIu64 "\n", count);
    }
    put_bucket(out, name, labels);
    buf_addf(out, "+Inf\"} %" PRIu64 "\nparley_%s_sum%s%s%s ", count, name, open, labels, close);
    put_value(out, kind, counter_read(&histogram->sum));
    buf_addf(out, "\nparley_%s_count%s%s%s %" PRIu64 "\n", name, open, labels, close, count);
}

void metrics_histogram(struct buf *out, const char *name, const char *help,
                       enum histogram_kind kind, const struct histogram *histogram)
{
    metrics_family(out, "histogram", name, help);
    metrics_histogram_samples(out, name, "", kind, histogram);
}

/* ---- the process ---- */

/* A file of /proc, as text; "" if it cannot be read. */
static void read_proc(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, size - 1);

    if (fd >= 0)
        close(fd);
    text[len > 0 ? len : 0] = '\0';
}

/* proc(5), statm: pages in all, pages resident. */
static void read_memory(uint64_t *size, uint64_t *resident)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    char text[128];
    char *rest;

    read_proc("/proc/self/statm", text, sizeof text);
    *size = strtoull(text, &rest, 10) * page;
    *resident = strtoull(rest, NULL, 10) * page;
}

/* proc(5), stat: field 22, in ticks since the system's start. The name in field 2 may hold
 * anything, so count from its end. As microseconds since 1970. (A unit may see no more of /proc
 * than processes: no /proc/uptime.) */
static int64_t started_at(void)
{
    struct timespec up;
    int64_t ticks = 0;
    char text[1024];
    const char *field;

    read_proc("/proc/self/stat", text, sizeof text);
    field = strrchr(text, ')');
    for (int i = 2; field && i < 22; i++)
        field = strchr(field + 1, ' ');
    if (field)
        ticks = strtoll(field + 1, NULL, 10);
    clock_gettime(CLOCK_BOOTTIME, &up);
    return clock_wall_us() - (int64_t)up.tv_sec * US_PER_S - up.tv_nsec / 1000 +
           ticks * (US_PER_S / sysconf(_SC_CLK_TCK));
}

int64_t metrics_open_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int64_t count = -1; /* its own */

    if (!folder)
        return -1;
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void put_plain(struct buf *out, const char *type, const char *name, const char *help)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s ", name, help, name, type, name);
}

static void put_plain_number(struct buf *out, const char *name, const char *help, uint64_t value)
{
    put_plain(out, "gauge", name, help);
    buf_addf(out, "%" PRIu64 "\n", value);
}

static uint64_t cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * US_PER_S +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

void metrics_process(struct buf *out, int64_t open_fds)
{
    struct rlimit files = {0};
    uint64_t size, resident;

    metrics_family(out, "gauge", "build_info", "1, with the version.");
    metrics_sample(out, "build_info", "version=\"" PACKAGE_VERSION "\"", 1);
    put_plain(out, "counter", "process_cpu_seconds_total", "CPU time, all threads.");
    put_seconds(out, cpu_us());
    buf_add_char(out, '\n');
    read_memory(&size, &resident);
    put_plain_number(out, "process_resident_memory_bytes", "Resident memory.", resident);
    put_plain_number(out, "process_virtual_memory_bytes", "Address space.", size);
    if (open_fds >= 0)
        put_plain_number(out, "process_open_fds", "Open descriptors.", (uint64_t)open_fds);
    getrlimit(RLIMIT_NOFILE, &files);
    put_plain_number(out, "process_max_fds", "Descriptors there may be.", files.rlim_cur);
    put_plain(out, "gauge", "process_start_time_seconds", "When it was started, since 1970.");
    put_seconds(out, (uint64_t)started_at());
    buf_add_char(out, '\n');
}
