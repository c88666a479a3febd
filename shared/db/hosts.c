/*
 * The hosts of a connection string that names several, one to be tried at a time: libpq, when it
 * must not block, has no time limit for each of them, and would spend all the time there is on a
 * first host that does not answer.
 */
#include "shared/db/db_internal.h"

#include "shared/base/mem.h"

enum { HOST, HOSTADDR, PORT };
static const char *const keywords[] = {[HOST] = "host", [HOSTADDR] = "hostaddr", [PORT] = "port"};

/* The n-th of a comma-separated list, "" past its end; owned by the caller. */
static char *item(const char *list, int n)
{
    size_t len;

    for (; n > 0 && *list; n--) {
        list += strcspn(list, ",");
        list += *list == ',';
    }
    len = strcspn(list, ",");
    return mem_span_dup(span_make(list, len));
}

static int count_of(const char *list)
{
    int count = *list != '\0';

    for (; *list; list++)
        count += *list == ',';
    return count;
}

void db_hosts_init(struct db_hosts *hosts, const char *conninfo)
{
    PQconninfoOption *parsed = PQconninfoParse(conninfo, NULL);

    *hosts = (struct db_hosts){.count = 1};
    for (int i = 0; i < DB_HOST_WORDS; i++)
        hosts->lists[i] = mem_strdup("");
    for (PQconninfoOption *option = parsed; option && option->keyword; option++) {
        for (int i = 0; i < DB_HOST_WORDS; i++) {
            if (!option->val || strcmp(option->keyword, keywords[i]) != 0)
                continue;
            free(hosts->lists[i]);
            hosts->lists[i] = mem_strdup(option->val);
        }
    }
    PQconninfoFree(parsed);
    for (int i = HOST; i <= HOSTADDR; i++) {
        if (count_of(hosts->lists[i]) > hosts->count)
            hosts->count = count_of(hosts->lists[i]);
    }
}

void db_hosts_release(struct db_hosts *hosts)
{
    for (int i = 0; i < DB_HOST_WORDS; i++)
        mem_free(hosts->lists[i]);
}

int db_hosts_pick(const struct db_hosts *hosts, const char *names[], char *values[])
{
    int count = 0;

    for (int i = 0; i < DB_HOST_WORDS && hosts->count > 1; i++) {
        /* One port is for all hosts. */
        bool shared = i == PORT && count_of(hosts->lists[i]) == 1;

        names[count] = keywords[i];
        values[count++] = item(hosts->lists[i], shared ? 0 : hosts->at);
    }
    return count;
}

void db_hosts_next(struct db_hosts *hosts)
{
    hosts->at = (hosts->at + 1) % hosts->count;
}
