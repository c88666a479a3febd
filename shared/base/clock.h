/*
 * Time. Monotonic milliseconds for deadlines, wall-clock microseconds for dates.
 * State machines take `now` as an argument and never call these.
 */
#ifndef PARLEY_BASE_CLOCK_H
#define PARLEY_BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "shared/base/err.h"
#include "shared/base/span.h"

/* Milliseconds since an arbitrary start; never goes back. */
int64_t clock_mono_ms(void);

/* Microseconds of the same clock, for measuring. */
int64_t clock_mono_us(void);

/* A time of that clock, for pthread_cond_timedwait on what clock_mono_cond_init made. */
struct timespec clock_mono_after_us(int64_t us);

/* A condition whose time limits are of that clock. Destroyed as any other. */
void clock_mono_cond_init(pthread_cond_t *cond);

/* Microseconds since 1970-01-01T00:00:00Z. */
int64_t clock_wall_us(void);

#define CLOCK_ISO_SIZE 25

/* Write a time of clock_wall_us as "2026-11-22T18:30:00.123Z" plus NUL: ISO 8601, UTC, rounded down
 * to the millisecond. Years 0 to 9999. */
void clock_iso(int64_t wall_us, char out[CLOCK_ISO_SIZE]);

/* Read what clock_iso writes, and nothing else (of a day, only that it is 1 to 31). */
bool clock_iso_parse(struct span text, int64_t *wall_us);

#endif
