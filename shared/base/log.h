/*
 * The log: one line per event on standard error, key=value or JSON. INFO and above make sense to an
 * operator. Never a token, a password or a message text.
 *
 *   log_event(LOG_WARN, "mqtt_lost", "host=%s code=%d", host, code);
 *
 * `event` is a constant in snake_case; the rest are key=value pairs. A value that may hold spaces
 * is quoted by the caller ("reason=\"%s\""). Thread-safe: one write(2) per line.
 */
#ifndef PARLEY_BASE_LOG_H
#define PARLEY_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* `component` is kept (a constant). Call once before threads start; level may change later. */
void log_open(const char *component, enum log_level level, bool json);
void log_set_level(enum log_level level);

/* Write one line if `level` is not below the open level. Control characters in it become spaces; a
 * line too long is cut and says so (cut=true). As JSON each key=value pair becomes a member. */
void log_event(enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Whose work the calling thread does: said in every line it writes, where a line does not say it
 * itself. What is 0 or NULL is not known. */
struct log_context {
    const char *request;
    uint64_t connection;
    int64_t user;
};

/* Kept until the next call; NULL: nobody's. Costs a store. */
void log_set_context(const struct log_context *context);

/* "debug", "info", "warn", "error"; ERR_VALIDATION_FAILED otherwise. */
enum err log_level_parse(const char *name, enum log_level *out) MUST_CHECK;

#endif
