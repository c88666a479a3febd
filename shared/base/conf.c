/*
 * The settings table: values of each type, their bounds and rules, the sample file. Reading files
 * and the environment is conf_read.c. What a setting means is known only to who uses it.
 */
#include "shared/base/conf_table.h"

#include <assert.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "shared/base/log.h"
#include "shared/base/mem.h"

#define SECRET_MIN_BYTES 32
#define BROKER_ID_MAX 64
#define SID_PREFIX_MAX 11

enum conf_type { TYPE_STR, TYPE_SECRET, TYPE_INT, TYPE_BOOL };

static const struct setting {
    const char *name;
    enum conf_type type;
    const char *fallback;
    int64_t min;
    int64_t max;
    const char *doc;
} settings[CONF_COUNT] = {
#define SETTING(id, name, type, fallback, min, max, doc)                                           \
    [CONF_##id] = {name, TYPE_##type, fallback, min, max, doc},
#include "shared/base/settings.def"
#undef SETTING
};

struct value {
    char *text;     /* as it was given; atomic */
    int64_t number; /* of an INT or BOOL; atomic */
    char *origin;   /* "parley.conf:12", "PARLEY_LIMITS_PAGE"; NULL: the default or conf_set */
};

/* A text that was replaced: somebody may still read it. */
struct retired {
    char *text;
    struct retired *next;
};

struct conf {
    struct value values[CONF_COUNT];
    struct retired *retired;
};

/* Rules of single values beyond their type: NULL, or what is wrong. */

static const char *check_log_level(const char *text)
{
    enum log_level level;
    return log_level_parse(text, &level) == ERR_OK ? NULL : "must be debug, info, warn or error";
}

static const char *check_secret(const char *text)
{
    size_t len = strlen(text);
    return len == 0 || len >= SECRET_MIN_BYTES ? NULL : "must have at least 32 bytes";
}

/* It becomes part of an MQTT topic. */
static const char *check_broker_id(const char *text)
{
    size_t len = strlen(text);
    size_t fit = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
    return fit == len && len <= BROKER_ID_MAX ? NULL
                                              : "must be at most 64 of letters, digits, _ . -";
}

/* It stands in URLs as it is. */
static const char *check_sid_prefix(const char *text)
{
    size_t len = strlen(text);
    size_t fit = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    return fit == len && len <= SID_PREFIX_MAX ? NULL
                                               : "must be at most 11 of letters, digits, _ -";
}

static const char *check_path(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && text[0] == '/' && text[len - 1] == '/' ? NULL : "must begin and end with /";
}

/* Does `fits` hold for every word of a list separated by spaces? */
static bool all_words(const char *text, bool (*fits)(const char *word))
{
    char word[256];

    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        size_t len = strcspn(text, " ");
        if (len >= sizeof word)
            return false;
        memcpy(word, text, len);
        word[len] = '\0';
        if (!fits(word))
            return false;
        text += len;
    }
    return true;
}

static bool is_address(const char *word)
{
    unsigned char binary[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, word, binary) == 1 || inet_pton(AF_INET6, word, binary) == 1;
}

/* A name or a network would be compared as it is, and match nobody. */
static const char *check_proxies(const char *text)
{
    return all_words(text, is_address) ? NULL : "must be IP addresses, separated by spaces";
}

static bool is_origin(const char *word)
{
    const char *host = strstr(word, "://");
    return strcmp(word, "*") == 0 || (host && host != word && host[3] && !strpbrk(host + 3, "/,"));
}

static const char *check_origins(const char *text)
{
    return all_words(text, is_origin) ? NULL
                                      : "must be * or origins like https://a.example, "
                                        "separated by spaces";
}

static const struct {
    enum conf_key key;
    const char *(*check)(const char *text);
} rules[] = {
    {CONF_LOG_LEVEL, check_log_level},     {CONF_AUTH_SECRET, check_secret},
    {CONF_BROKER_ID, check_broker_id},     {CONF_BROKER_SID_PREFIX, check_sid_prefix},
    {CONF_SIO_PATH, check_path},           {CONF_SIO_ORIGINS, check_origins},
    {CONF_TRUSTED_PROXIES, check_proxies}, {CONF_FCGI_TRUSTED_PROXIES, check_proxies},
};

/* Pairs of which the first must not be above the second. */
static const enum conf_key ordered[][2] = {
    {CONF_LIMIT_USERNAME_MIN, CONF_LIMIT_USERNAME_MAX},
    {CONF_LIMIT_PASSWORD_MIN, CONF_LIMIT_PASSWORD_MAX},
    {CONF_PG_LOCK_TIMEOUT_MS, CONF_PG_TIMEOUT_MS},
};

static void put_origin(struct buf *problem, const char *origin, const char *name)
{
    if (origin)
        buf_addf(problem, "%s: ", origin);
    buf_addf(problem, "%s: ", name);
}

static bool parse_bool(const char *text, int64_t *out)
{
    static const char *const words[2][4] = {{"false", "no", "off", "0"},
                                            {"true", "yes", "on", "1"}};
    for (int truth = 0; truth < 2; truth++)
        for (int i = 0; i < 4; i++)
            if (strcmp(text, words[truth][i]) == 0) {
                *out = truth;
                return true;
            }
    return false;
}

static bool parse_int(const char *text, int64_t *out)
{
    /* strtoll would take white space and a plus. */
    if (*text != '-' && (*text < '0' || *text > '9'))
        return false;
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (*end != '\0' || end == text || errno == ERANGE)
        return false;
    *out = number;
    return true;
}

/* The number of `text` by the setting's type, or a sentence about it into `problem`. */
static enum err parse_value(enum conf_key key, const char *text, int64_t *number,
                            struct buf *problem)
{
    const struct setting *setting = &settings[key];
    if (setting->type == TYPE_BOOL && !parse_bool(text, number)) {
        buf_addf(problem, "'%s' is neither true nor false", text);
        return ERR_VALIDATION_FAILED;
    }
    if (setting->type == TYPE_INT && !parse_int(text, number)) {
        buf_addf(problem, "'%s' is not a whole number", text);
        return ERR_VALIDATION_FAILED;
    }
    if (setting->type == TYPE_INT && (*number < setting->min || *number > setting->max)) {
        buf_addf(problem, "%s is not between %lld and %lld", text, (long long)setting->min,
                 (long long)setting->max);
        return ERR_VALIDATION_FAILED;
    }
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const char *wrong = rules[i].key == key ? rules[i].check(text) : NULL;
        if (wrong) {
            buf_add_str(problem, wrong);
            return ERR_VALIDATION_FAILED;
        }
    }
    return ERR_OK;
}

static void value_store(struct value *value, const char *text, int64_t number, const char *origin)
{
    free(value->text);
    free(value->origin);
    value->text = mem_strdup(text);
    value->number = number;
    value->origin = origin ? mem_strdup(origin) : NULL;
}

enum err conf_put(struct conf *conf, const char *name, const char *text, const char *origin,
                  struct buf *problem)
{
    enum conf_key key = 0;
    while (key < CONF_COUNT && strcmp(settings[key].name, name) != 0)
        key++;
    if (key == CONF_COUNT) {
        put_origin(problem, origin, name);
        buf_add_str(problem, "no such setting");
        return ERR_VALIDATION_FAILED;
    }
    struct buf wrong;
    buf_init(&wrong, BUF_MAX_DEFAULT);
    int64_t number = 0;
    enum err err = parse_value(key, text, &number, &wrong);
    if (err == ERR_OK) {
        value_store(&conf->values[key], text, number, origin);
    } else {
        put_origin(problem, origin, name);
        buf_add_span(problem, buf_span(&wrong));
    }
    buf_release(&wrong);
    return err;
}

enum err conf_set(struct conf *conf, const char *name, const char *value, struct buf *problem)
{
    return conf_put(conf, name, value, NULL, problem);
}

enum err conf_check(const struct conf *conf, struct buf *problem)
{
    for (size_t i = 0; i < sizeof ordered / sizeof ordered[0]; i++) {
        enum conf_key low = ordered[i][0], high = ordered[i][1];
        if (conf->values[low].number <= conf->values[high].number)
            continue;
        put_origin(problem, conf->values[low].origin, settings[low].name);
        buf_addf(problem, "%lld is above %s (%lld)", (long long)conf->values[low].number,
                 settings[high].name, (long long)conf->values[high].number);
        return ERR_VALIDATION_FAILED;
    }
    return ERR_OK;
}

enum err conf_require(const struct conf *conf, enum conf_key key, struct buf *problem)
{
    if (conf_str(conf, key)[0] != '\0')
        return ERR_OK;
    put_origin(problem, conf->values[key].origin, settings[key].name);
    buf_add_str(problem, "must be set");
    return ERR_VALIDATION_FAILED;
}

struct conf *conf_new(void)
{
    struct conf *conf = mem_alloc(sizeof *conf);
    for (enum conf_key key = 0; key < CONF_COUNT; key++) {
        int64_t number = 0;
        enum err err = parse_value(key, settings[key].fallback, &number, NULL);
        assert(err == ERR_OK);
        (void)err;
        value_store(&conf->values[key], settings[key].fallback, number, NULL);
    }
    return conf;
}

void conf_free(struct conf *conf)
{
    if (!conf)
        return;
    for (enum conf_key key = 0; key < CONF_COUNT; key++) {
        free(conf->values[key].text);
        free(conf->values[key].origin);
    }
    for (struct retired *retired; (retired = conf->retired);) {
        conf->retired = retired->next;
        free(retired->text);
        free(retired);
    }
    free(conf);
}

const char *conf_name(enum conf_key key)
{
    return settings[key].name;
}

const char *conf_str(const struct conf *conf, enum conf_key key)
{
    assert(settings[key].type == TYPE_STR || settings[key].type == TYPE_SECRET);
    return __atomic_load_n(&conf->values[key].text, __ATOMIC_ACQUIRE);
}

int64_t conf_int(const struct conf *conf, enum conf_key key)
{
    assert(settings[key].type == TYPE_INT);
    return __atomic_load_n(&conf->values[key].number, __ATOMIC_RELAXED);
}

bool conf_bool(const struct conf *conf, enum conf_key key)
{
    assert(settings[key].type == TYPE_BOOL);
    return __atomic_load_n(&conf->values[key].number, __ATOMIC_RELAXED) != 0;
}

const char *conf_text(const struct conf *conf, enum conf_key key)
{
    return conf->values[key].text;
}

bool conf_is_same(const struct conf *a, const struct conf *b, enum conf_key key)
{
    return strcmp(a->values[key].text, b->values[key].text) == 0;
}

void conf_move(struct conf *conf, struct conf *from, enum conf_key key)
{
    struct value *value = &conf->values[key], *source = &from->values[key];
    struct retired *retired = mem_alloc(sizeof *retired);

    *retired = (struct retired){value->text, conf->retired};
    conf->retired = retired;
    free(value->origin);
    value->origin = source->origin;
    __atomic_store_n(&value->number, source->number, __ATOMIC_RELAXED);
    __atomic_store_n(&value->text, source->text, __ATOMIC_RELEASE);
    source->text = source->origin = NULL;
}

static void sample_setting(enum conf_key key, struct buf *out)
{
    const struct setting *setting = &settings[key];

    const char *dot = strchr(setting->name, '.');
    buf_add_char(out, '\n');
    if (*setting->doc)
        buf_addf(out, "# %s\n", setting->doc);
    if (setting->type == TYPE_INT)
        buf_addf(out, "# %lld to %lld\n", (long long)setting->min, (long long)setting->max);
    if (setting->type == TYPE_BOOL)
        buf_add_str(out, "# true or false\n");
    if (conf_is_live(key))
        buf_add_str(out, "# changes on SIGHUP\n");
    buf_addf(out, "#%s =%s%s\n", dot + 1, *setting->fallback ? " " : "", setting->fallback);
}

void conf_sample(struct buf *out)
{
    buf_add_str(
        out, "# Settings of parley, with their defaults. Made from shared/base/settings.def.\n"
             "#\n"
             "# A line is a [section], \"name = value\", or a comment, which begins with # or ;\n"
             "# at the start of the line. A # or ; further on belongs to the value, as do\n"
             "# quotes. White space around a value is dropped. The last value of a name counts.\n"
             "# The environment goes over the file: PARLEY_LIMITS_PAGE=50 sets limits.page.\n"
             "# SIGHUP makes workers and brokers read it again; what does not change on SIGHUP\n"
             "# needs a restart.\n");
    size_t section = 0; /* length of the open section's name */
    for (enum conf_key key = 0; key < CONF_COUNT; key++) {
        const char *name = settings[key].name;
        size_t len = (size_t)(strchr(name, '.') - name);
        if (key == 0 || len != section || strncmp(name, settings[key - 1].name, len) != 0)
            buf_addf(out, "\n[%.*s]\n", (int)len, name);
        section = len;
        sample_setting(key, out);
    }
}
