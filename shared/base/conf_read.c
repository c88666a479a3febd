/*
 * Where settings come from: a file, read with inih, then the environment. Knows names and lines;
 * what a value may be is conf.c.
 */
#include "shared/base/conf_table.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/base/mem.h"

#define LINE_MAX_BYTES 8192
#define ENV_NAME_SIZE 128

/* A file being read. inih tells its handler no line numbers, so its reader counts them. */
struct source {
    const char *path;
    FILE *file;
    int line;
    char *text; /* getline's */
    size_t text_cap;
    bool failed;
    struct conf *conf;
    struct buf *problem;
};

static void source_fail(struct source *source, const char *wrong)
{
    source->failed = true;
    buf_addf(source->problem, "%s:%d: %s", source->path, source->line, wrong);
}

/* inih's reader: the next line, whole or not at all. fgets would cut a long line in two and hide
 * what is behind a NUL. */
static char *source_read_line(char *into, int size, void *arg)
{
    struct source *source = arg;
    ssize_t len = getline(&source->text, &source->text_cap, source->file);
    if (len < 0)
        return NULL;
    source->line++;
    if (len + 1 > size)
        source_fail(source, "the line is too long");
    else if (memchr(source->text, '\0', (size_t)len))
        source_fail(source, "the line has a NUL byte");
    if (source->failed)
        return NULL;
    memcpy(into, source->text, (size_t)len + 1);
    return into;
}

/* inih's handler: 0 ends the parse. */
static int source_take(void *arg, const char *section, const char *name, const char *value)
{
    struct source *source = arg;
    struct buf origin, full_name;
    buf_init(&origin, BUF_MAX_DEFAULT);
    buf_init(&full_name, BUF_MAX_DEFAULT);
    buf_addf(&origin, "%s:%d", source->path, source->line);
    buf_addf(&full_name, "%s.%s", section, name);
    enum err err = conf_put(source->conf, full_name.data, value, origin.data, source->problem);
    buf_release(&origin);
    buf_release(&full_name);
    source->failed |= err != ERR_OK;
    return err == ERR_OK;
}

static enum err read_file(const char *path, struct conf *conf, struct buf *problem)
{
    struct source source = {.path = path, .conf = conf, .problem = problem};
    source.file = fopen(path, "re");
    if (!source.file) {
        buf_addf(problem, "%s: %s", path, strerror(errno));
        return ERR_VALIDATION_FAILED;
    }
    /* Debian's inih is configured through these. Its defaults cut lines at 200 bytes and values at
     * " ;", both of which occur in connection strings and secrets. */
    ini_use_stack = false;
    ini_initial_alloc = LINE_MAX_BYTES;
    ini_max_line = LINE_MAX_BYTES;
    ini_allow_inline_comments = false;
    ini_allow_multiline = false;
    ini_stop_on_first_error = true;
    int line = ini_parse_stream(source_read_line, &source, source_take, &source);
    if (line != 0 && !source.failed)
        source_fail(&source, "neither a [section] nor \"name = value\"");
    if (!source.failed && ferror(source.file)) {
        source.failed = true;
        buf_addf(problem, "%s: cannot be read", path);
    }
    fclose(source.file);
    free(source.text);
    return source.failed ? ERR_VALIDATION_FAILED : ERR_OK;
}

/* "limits.page" -> "PARLEY_LIMITS_PAGE". */
static void env_name(const char *name, char out[ENV_NAME_SIZE])
{
    int len = snprintf(out, ENV_NAME_SIZE, "PARLEY_%s", name);
    for (int i = 0; i < len && i < ENV_NAME_SIZE; i++)
        out[i] = out[i] == '.' ? '_' : (char)toupper((unsigned char)out[i]);
}

static enum err read_environment(struct conf *conf, struct buf *problem)
{
    for (enum conf_key key = 0; key < CONF_COUNT; key++) {
        char variable[ENV_NAME_SIZE];
        env_name(conf_name(key), variable);
        const char *text = getenv(variable);
        enum err err = text ? conf_put(conf, conf_name(key), text, variable, problem) : ERR_OK;
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

enum err conf_load(const char *path, struct conf **out, struct buf *problem)
{
    struct conf *conf = conf_new();
    enum err err = path ? read_file(path, conf, problem) : ERR_OK;
    if (err == ERR_OK)
        err = read_environment(conf, problem);
    if (err == ERR_OK)
        err = conf_check(conf, problem);
    if (err != ERR_OK) {
        conf_free(conf);
        return err;
    }
    *out = conf;
    return ERR_OK;
}
