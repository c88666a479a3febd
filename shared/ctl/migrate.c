/*
 * parleyctl migrate: reads the migration files and compares them with what the database remembers
 * (shared/store/migration). It writes no SQL of its own and never goes backward.
 */
#include "shared/ctl/migrate.h"

#include <dirent.h>
#include <errno.h>

#include "shared/auth/digest.h"
#include "shared/base/json_write.h"
#include "shared/base/mem.h"
#include "shared/store/migration.h"

#define MIGRATIONS_MAX 9999

struct plan {
    struct migration *items;
    size_t count;
};

/* "0001_init.sql": four digits, an underscore, letters, digits and underscores. */
static bool is_migration_file(const struct dirent *entry)
{
    const char *name = entry->d_name;
    size_t len = strlen(name);
    if (len < 10 || strspn(name, "0123456789") != 4 || name[4] != '_' ||
        strcmp(name + len - 4, ".sql") != 0)
        return false;
    return strspn(name, "0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
           len - 4;
}

static int filter(const struct dirent *entry)
{
    return is_migration_file(entry);
}

static bool read_file(const char *dir, const char *name, struct buf *out)
{
    struct buf path;
    buf_init(&path, BUF_MAX_DEFAULT);
    buf_addf(&path, "%s/%s", dir, name);
    FILE *file = fopen(path.data, "re");
    char block[4096];
    size_t got;
    while (file && (got = fread(block, 1, sizeof block, file)) > 0)
        buf_add(out, block, got);
    bool ok = file && !ferror(file) && buf_ok(out);
    if (!ok)
        ctl_complain("cannot read %s: %s", path.data, strerror(errno));
    else if (out->len == 0 || memchr(out->data, '\0', out->len)) {
        ctl_complain("%s is empty or not text", path.data);
        ok = false;
    }
    if (file)
        fclose(file);
    buf_release(&path);
    return ok;
}

static void checksum_of(struct span text, char out[33])
{
    unsigned char digest[DIGEST_SIZE];
    digest_make(text, digest);
    for (size_t i = 0; i < DIGEST_SIZE; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static bool plan_add(struct plan *plan, const char *dir, const char *file)
{
    struct buf text;
    buf_init(&text, BUF_MAX_DEFAULT);
    if (!read_file(dir, file, &text)) {
        buf_release(&text);
        return false;
    }
    struct migration *migration = &plan->items[plan->count++];
    migration->version = strtol(file, NULL, 10);
    migration->name = mem_span_dup(span_make(file, strlen(file) - 4));
    checksum_of(buf_span(&text), migration->checksum);
    migration->sql = buf_take(&text, NULL);
    if (migration->version != (int64_t)plan->count) {
        ctl_complain("%s/%s: expected number %zu", dir, file, plan->count);
        return false;
    }
    return true;
}

static bool plan_load(struct plan *plan, const char *dir)
{
    struct dirent **entries = NULL;
    int count = scandir(dir, &entries, filter, alphasort);
    bool ok = count > 0 && count <= MIGRATIONS_MAX;
    if (count < 0)
        ctl_complain("cannot read %s: %s", dir, strerror(errno));
    else if (!ok)
        ctl_complain("%s: no migrations (NNNN_name.sql)", dir);
    plan->items = mem_array(ok ? (size_t)count : 1, sizeof *plan->items);
    for (int i = 0; i < count; i++) {
        ok = ok && plan_add(plan, dir, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

static void plan_release(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        mem_free(plan->items[i].name);
        mem_free(plan->items[i].sql);
    }
    mem_free(plan->items);
}

/* Has the database exactly a beginning of the plan? *applied: how much of it. */
static enum ctl_exit compare(struct ctl *ctl, const struct plan *plan, size_t *applied)
{
    int64_t version = 0;
    enum err err = migration_version(ctl->db, &version);
    if (err)
        return ctl_failed(err, "reading schema_migration");
    if (version > (int64_t)plan->count) {
        ctl_complain("the database is at %lld, newer than %s", (long long)version, ctl->dir);
        return CTL_FAILED;
    }
    for (size_t i = 0; i < (size_t)version; i++) {
        struct buf checksum;
        buf_init(&checksum, 1024);
        bool found = false;
        err = migration_find(ctl->db, plan->items[i].version, &found, &checksum);
        bool same = found && span_is(buf_span(&checksum), plan->items[i].checksum);
        buf_release(&checksum);
        if (err)
            return ctl_failed(err, "reading schema_migration");
        if (!same) {
            ctl_complain("%s.sql has changed since it was applied; add a new migration instead",
                         plan->items[i].name);
            return CTL_FAILED;
        }
    }
    *applied = (size_t)version;
    return CTL_OK;
}

static void report(const struct ctl *ctl, const struct plan *plan, size_t from)
{
    struct buf json, text;
    struct json_writer w;
    buf_init(&json, BUF_MAX_DEFAULT);
    buf_init(&text, BUF_MAX_DEFAULT);
    json_begin(&w, &json);
    json_object(&w, NULL);
    json_int(&w, "version", (int64_t)plan->count);
    json_array(&w, "applied");
    for (size_t i = from; i < plan->count; i++) {
        json_cstr(&w, NULL, plan->items[i].name);
        buf_addf(&text, "applied %s\n", plan->items[i].name);
    }
    json_array_end(&w);
    json_object_end(&w);
    buf_addf(&text, "the schema is at version %zu", plan->count);
    ctl_print(ctl, &json, &text);
    buf_release(&json);
    buf_release(&text);
}

static enum ctl_exit migrate(struct ctl *ctl, const struct plan *plan)
{
    size_t applied = 0;
    enum err err = migration_begin(ctl->db);
    if (err)
        return ctl_failed(err, "preparing to migrate");
    enum ctl_exit status = compare(ctl, plan, &applied);
    for (size_t i = applied; status == CTL_OK && i < plan->count; i++) {
        err = migration_apply(ctl->db, &plan->items[i]);
        if (err)
            status = ctl_failed(err, plan->items[i].name);
    }
    if (status == CTL_OK) {
        err = migration_settle(ctl->db);
        if (err)
            status = ctl_failed(err, "looking for rows of another cluster");
    }
    if (status == CTL_OK)
        report(ctl, plan, applied);
    return status;
}

enum ctl_exit ctl_migrate(struct ctl *ctl)
{
    struct plan plan = {0};
    enum ctl_exit status = plan_load(&plan, ctl->dir) ? migrate(ctl, &plan) : CTL_FAILED;
    plan_release(&plan);
    return status;
}
