/* Counting requests, see stats.h. What a request is, is not known here. */
#include "fcgi/stats.h"

#include <string.h>

#include "fcgi/app.h"
#include "shared/base/mem.h"
#include "shared/base/metrics.h"

/* The first prefix that fits. */
static const struct {
    const char *prefix;
    const char *name;
} classes[STATS_CLASSES] = {
    {API_BASE "/auth/", "auth"},
    {API_BASE "/users/", "users"},
    {API_BASE "/channels/{name}/messages", "messages"},
    {API_BASE "/channels/{name}/", "members"}, /* members, roles, sanctions, markers */
    {API_BASE "/channels", "channels"},
    {API_BASE "/search", "search"},
    {API_BASE "/history", "history"},
    {API_BASE "/sync", "sync"},
    {API_BASE "/publish", "publish"},
    {"/", "health"},
    {"", "none"},
};

/* Those of the error table and those we succeed with; the last is for any other. */
static const int statuses[STATS_STATUSES] = {200, 201, 204, 400, 401, 403, 404, 405,
                                             409, 413, 415, 429, 500, 503, 0};

int stats_class(const char *pattern)
{
    int i = 0;

    while (i < STATS_CLASSES - 1 &&
           (!pattern || strncmp(pattern, classes[i].prefix, strlen(classes[i].prefix)) != 0))
        i++;
    return i;
}

const char *stats_class_name(int index)
{
    return classes[index].name;
}

static int status_index(int status)
{
    int i = 0;

    while (i < STATS_STATUSES - 1 && statuses[i] != status)
        i++;
    return i;
}

void stats_begin(struct stats *stats)
{
    counter_add(&stats->begun, 1);
}

void stats_end(struct stats *stats, const char *pattern, int status, int64_t us)
{
    int class = stats_class(pattern);

    counter_add(&stats->answers[class][status_index(status)], 1);
    histogram_add_us(&stats->seconds[class], us);
    counter_add(&stats->ended, 1);
}

void stats_page(struct stats *stats, bool was_kept)
{
    counter_add(&stats->pages[was_kept], 1);
}

static void sum_up(const struct stats *const *threads, int count, struct stats *sum)
{
    for (int i = 0; i < count; i++) {
        sum->ended += counter_read(&threads[i]->ended);
        sum->begun += counter_read(&threads[i]->begun);
        sum->pages[0] += counter_read(&threads[i]->pages[0]);
        sum->pages[1] += counter_read(&threads[i]->pages[1]);
        for (int class = 0; class < STATS_CLASSES; class ++) {
            histogram_sum(&sum->seconds[class], &threads[i]->seconds[class]);
            for (int status = 0; status < STATS_STATUSES; status++)
                sum->answers[class][status] += counter_read(&threads[i]->answers[class][status]);
        }
    }
}

/* Statuses that never came are left out, but each class has at least one line. */
static void put_answers(const struct stats *sum, struct buf *out)
{
    char labels[64];

    metrics_family(out, "counter", "requests_total", "Requests answered, by route and status.");
    for (int class = 0; class < STATS_CLASSES; class ++) {
        for (int i = 0; i < STATS_STATUSES; i++) {
            if (i > 0 && sum->answers[class][i] == 0)
                continue;
            if (statuses[i])
                snprintf(labels, sizeof labels, "route=\"%s\",status=\"%d\"", classes[class].name,
                         statuses[i]);
            else
                snprintf(labels, sizeof labels, "route=\"%s\",status=\"other\"",
                         classes[class].name);
            metrics_sample(out, "requests_total", labels, sum->answers[class][i]);
        }
    }
}

void stats_metrics(const struct stats *const *threads, int count, struct buf *out)
{
    struct stats *sum = mem_alloc(sizeof *sum);
    char labels[64];

    sum_up(threads, count, sum);
    metrics_gauge(out, "requests_running", "Requests being answered.", sum->begun - sum->ended);
    put_answers(sum, out);
    metrics_family(out, "counter", "message_pages_total",
                   "Pages of messages, by where they came from.");
    metrics_sample(out, "message_pages_total", "from=\"database\"", sum->pages[0]);
    metrics_sample(out, "message_pages_total", "from=\"memory\"", sum->pages[1]);
    metrics_family(out, "histogram", "request_seconds",
                   "From a request's headers to the end of its answer.");
    for (int class = 0; class < STATS_CLASSES; class ++) {
        snprintf(labels, sizeof labels, "route=\"%s\"", classes[class].name);
        metrics_histogram_samples(out, "request_seconds", labels, HISTOGRAM_TIME,
                                  &sum->seconds[class]);
    }
    mem_free(sum);
}
