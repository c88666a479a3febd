/* How many cores this process may run on. */
#ifndef PARLEY_BASE_CORES_H
#define PARLEY_BASE_CORES_H

/* By its affinity (taskset, cpusets; not the bandwidth of a cgroup); 1 or more. */
int cores_count(void);

#endif
