/*
 * Configuration: settings.def filled from a file (ini: [section], name = value), then from the
 * environment (PARLEY_SECTION_NAME), then checked. Any thread may read it; afterwards only
 * conf_take_over changes it, and only some settings.
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

/*
 * The file: a comment is a line that begins with # or ;, and nothing else is one: a # or ; further
 * on belongs to the value, as do quotes. White space around a value is dropped. The last value of a
 * name counts. A line may have 8 KiB.
 */

/* Read `path` (NULL: no file) and the environment. On failure returns ERR_VALIDATION_FAILED and
 * appends one sentence to `problem` that names file, line and key ("parley.conf:12: limits.page:
 * ...") or the environment variable. Unknown keys in the file are errors; unknown
 * variables are not ours. Not thread-safe: once, at the start. *out is owned by the caller. */
enum err conf_load(const char *path, struct conf **out, struct buf *problem) MUST_CHECK;

/* Set one value as the file would ("limits.page", "20"); same errors; on failure the old value
 * stays. For tests and --set: conf_check() after the last. */
enum err conf_set(struct conf *conf, const char *name, const char *value,
                  struct buf *problem) MUST_CHECK;

/* What concerns several settings at once (a minimum above its maximum). conf_load does it. */
enum err conf_check(const struct conf *conf, struct buf *problem) MUST_CHECK;

/* For settings that a program cannot do without (auth.secret): an error if the STR or SECRET is
 * empty. */
enum err conf_require(const struct conf *conf, enum conf_key key, struct buf *problem) MUST_CHECK;

/* ---- while the program runs ---- */

/* Can it change without a restart? */
bool conf_is_live(enum conf_key key);

/* conf_load for a program that runs: a problem is logged. *out is owned by the caller. */
enum err conf_read_again(const char *path, struct conf **out) MUST_CHECK;

/* Change the live settings of `conf` to what they are in `fresh` (which is freed) while other
 * threads read them, set the log's level, and log what changed, and what differs and needs a
 * restart. Returns how many changed. One thread at a time. */
int conf_take_over(struct conf *conf, struct conf *fresh);

/* Takes NULL. */
void conf_free(struct conf *conf);

/* The value of a STR or SECRET; owned by conf, valid as long as it also when the setting changes;
 * never NULL. Wrong type: assertion. */
const char *conf_str(const struct conf *conf, enum conf_key key);

/* The same for the other types. */
int64_t conf_int(const struct conf *conf, enum conf_key key);
bool conf_bool(const struct conf *conf, enum conf_key key);

/* "limits.page". */
const char *conf_name(enum conf_key key);

/* The documented sample file, made from the table: docs/parley.conf.sample must equal it. */
void conf_sample(struct buf *out);

#endif
