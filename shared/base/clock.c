/*
 * Reading the clocks, and writing dates. The calendar is computed here because gmtime_r takes a
 * process-wide lock for the time zone, and history writes a date per message on several threads.
 */
#include "shared/base/clock.h"

#include <time.h>

static int64_t clock_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_mono_ms(void)
{
    return clock_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

struct timespec clock_mono_after_us(int64_t us)
{
    int64_t at = clock_mono_us() + us;

    return (struct timespec){.tv_sec = at / 1000000, .tv_nsec = at % 1000000 * 1000};
}

void clock_mono_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

int64_t clock_wall_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

struct date {
    int64_t year;
    int month;
    int day;
};

/* The proleptic Gregorian date of a day counted from 1970-01-01. Years begin in March here, so that
 * the leap day is the last of its year; an era is 400 years of 146097 days. */
static struct date date_of_day(int64_t day)
{
    int64_t shifted = day + 719468; /* days from 0000-03-01 */
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int month = (int)((5 * of_year + 2) / 153);
    struct date date = {
        .year = year + era * 400 + (month >= 10),
        .month = month < 10 ? month + 3 : month - 9,
        .day = (int)(of_year - (153 * month + 2) / 5 + 1),
    };
    return date;
}

static char *put_digits(char *at, int64_t value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + digits;
}

void clock_iso(int64_t wall_us, char out[CLOCK_ISO_SIZE])
{
    const int64_t day_ms = 86400000;
    int64_t ms = wall_us / 1000 - (wall_us % 1000 < 0);
    int64_t day = ms / day_ms - (ms % day_ms < 0);
    int64_t of_day = ms - day * day_ms;
    struct date date = date_of_day(day);

    char *at = put_digits(out, date.year, 4);
    *at++ = '-';
    at = put_digits(at, date.month, 2);
    *at++ = '-';
    at = put_digits(at, date.day, 2);
    *at++ = 'T';
    at = put_digits(at, of_day / 3600000, 2);
    *at++ = ':';
    at = put_digits(at, of_day / 60000 % 60, 2);
    *at++ = ':';
    at = put_digits(at, of_day / 1000 % 60, 2);
    *at++ = '.';
    at = put_digits(at, of_day % 1000, 3);
    *at++ = 'Z';
    *at = '\0';
}

/* Days from 1970-01-01; the inverse of date_of_day. */
static int64_t day_of_date(const struct date *date)
{
    int64_t year = date->year - (date->month <= 2);
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (date->month + (date->month > 2 ? -3 : 9)) + 2) / 5 + date->day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

bool clock_iso_parse(struct span text, int64_t *wall_us)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
    int64_t part[8] = {0};
    int at = 0;

    if (text.len != sizeof form - 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)text.ptr[i] - '0';

        if (form[i] == 'd' && digit <= 9)
            part[at] = part[at] * 10 + (int64_t)digit;
        else if (form[i] == 'd' || text.ptr[i] != form[i])
            return false;
        else
            at++;
    }
    const struct date date = {part[0], (int)part[1], (int)part[2]};
    if (date.month < 1 || date.month > 12 || date.day < 1 || date.day > 31 || part[3] > 23 ||
        part[4] > 59 || part[5] > 59)
        return false;
    *wall_us =
        ((((day_of_date(&date) * 24 + part[3]) * 60 + part[4]) * 60 + part[5]) * 1000 + part[6]) *
        1000;
    return true;
}
