/*
 * Configuration: settings.def filled from a file (ini: [section], name = value), then from the
 * environment (PARLEY_SECTION_NAME), then checked. Read-only afterwards, so any thread may read it.
 */
#ifndef PARLEY_BASE_CONF_H
#define PARLEY_BASE_CONF_H

#include <stdint.h>

#include "shared/base/buf.h"

enum conf_key {
#define SETTING(id, name, type, fallback, min, max, doc) CONF_##id,
#include "shared/base/settings.def"
#undef SETTING
    CONF_COUNT
};

struct conf;

/* Read `path` (NULL: no file) and the environment. On failure returns ERR_VALIDATION_FAILED and
 * appends one sentence to `problem` that names file, line and key ("parley.conf:12: limits.page:
 * ...") or the environment variable. Unknown keys are errors. *out is owned by the caller. */
enum err conf_load(const char *path, struct conf **out, struct buf *problem) MUST_CHECK;

/* Set one value as the file would ("limits.page", "20"); same errors. For tests and --set. */
enum err conf_set(struct conf *conf, const char *name, const char *value, struct buf *problem) MUST_CHECK;

void conf_free(struct conf *conf);

/* The value of a STR or SECRET; owned by conf; never NULL. Wrong type: assertion. */
const char *conf_str(const struct conf *conf, enum conf_key key);
int64_t conf_int(const struct conf *conf, enum conf_key key);
bool conf_bool(const struct conf *conf, enum conf_key key);

/* The documented sample file, made from the table: docs/parley.conf.sample must equal it. */
void conf_sample(struct buf *out);

#endif
