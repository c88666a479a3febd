/* Cores, see cores.h. */
#include "shared/base/cores.h"

#include <sched.h>
#include <unistd.h>

int cores_count(void)
{
    cpu_set_t cores;

    if (sched_getaffinity(0, sizeof cores, &cores) == 0)
        return CPU_COUNT(&cores);
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* more of them than a cpu_set_t has room for */
    return online > 1 ? (int)online : 1;
}
