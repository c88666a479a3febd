/*
 * parleyctl: the operator's command. This file is the command line: options, the table of
 * subcommands, the connection. What each subcommand does is in its own file.
 */
#include <getopt.h>
#include <stdarg.h>

#include "shared/base/log.h"
#include "shared/ctl/account.h"
#include "shared/ctl/inspect.h"
#include "shared/ctl/key.h"
#include "shared/ctl/migrate.h"

#define MIGRATE_TIMEOUT_MS 60000

struct subcommand {
    const char *words; /* "user add" */
    const char *argument;
    ctl_run_fn *run;
    bool as_owner; /* connects as the owner of the schema */
    const char *help;
};

static const struct subcommand subcommands[] = {
    {"migrate", NULL, ctl_migrate, true, "bring the schema up to date"},
    {"user add", "NAME", ctl_user_add, false, "make a user; the password is read from stdin"},
    {"user disable", "NAME", ctl_user_disable, false, "disable a user and end its sessions"},
    {"token issue", "NAME", ctl_token_issue, false, "open a session and print an access token"},
    {"token revoke", "SESSION", ctl_token_revoke, false, "end a session"},
    {"key add", "NAME", ctl_key_add, false, "make an API key and print it, this once"},
    {"key list", NULL, ctl_key_list, false, "all API keys"},
    {"key revoke", "NAME", ctl_key_revoke, false, "end an API key"},
    {"room list", NULL, ctl_room_list, false, "all rooms"},
    {"room show", "NAME", ctl_room_show, false, "one room"},
    {"stats", NULL, ctl_stats, false, "counts of users, sessions, rooms and events"},
};

#define SUBCOMMANDS (sizeof subcommands / sizeof subcommands[0])

struct arguments {
    const char *config;
    const char *conninfo;
    const char *dir;
    bool json;
    bool help;
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},   {"json", no_argument, NULL, 'j'},
    {"conninfo", required_argument, NULL, 'C'}, {"dir", required_argument, NULL, 'd'},
    {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
};

void ctl_complain(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("parleyctl: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}

enum ctl_exit ctl_failed(enum err err, const char *what)
{
    if (err_public(err) == ERR_UNAVAILABLE) {
        ctl_complain("%s: PostgreSQL did not answer", what);
        return CTL_UNAVAILABLE;
    }
    ctl_complain("%s: %s", what,
                 err_public(err) == ERR_INTERNAL ? "failed, see the line above" : err_message(err));
    return CTL_FAILED;
}

void ctl_print(const struct ctl *ctl, const struct buf *json, const struct buf *text)
{
    struct span out = buf_span(ctl->json ? json : text);
    fwrite(out.ptr, 1, out.len, stdout);
    fputc('\n', stdout);
}

static void usage(FILE *out)
{
    fputs("usage: parleyctl [--config FILE] [--json] COMMAND [ARGUMENT]\n\ncommands:\n", out);
    for (size_t i = 0; i < SUBCOMMANDS; i++)
        fprintf(out, "  %-13s %-8s %s\n", subcommands[i].words,
                subcommands[i].argument ? subcommands[i].argument : "", subcommands[i].help);
    fputs("\noptions:\n"
          "  --config FILE        the configuration file (default: $PARLEY_CONFIG, if set)\n"
          "  --json               print one JSON object\n"
          "  --conninfo CONNINFO  migrate: how to connect as the owner of the schema\n"
          "                       (default: $PARLEY_MIGRATE_CONNINFO, then pg.conninfo)\n"
          "  --dir SQLDIR         migrate: the folder of the migrations\n"
          "\nexit codes: 0 done; 1 refused, not found or not valid; 2 bad command line or\n"
          "configuration; 3 PostgreSQL did not answer\n",
          out);
}

static bool parse_options(int argc, char **argv, struct arguments *out)
{
    int option;
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        switch (option) {
        case 'c':
            out->config = optarg;
            break;
        case 'C':
            out->conninfo = optarg;
            break;
        case 'd':
            out->dir = optarg;
            break;
        case 'j':
            out->json = true;
            break;
        case 'h':
            out->help = true;
            break;
        default:
            return false;
        }
    }
    return true;
}

/* Does `words` ("user add") begin the arguments? Returns how many it takes, 0 if not. */
static int match_words(const char *words, int argc, char **argv)
{
    int taken = 0;
    while (*words) {
        size_t len = strcspn(words, " ");
        if (taken == argc || strlen(argv[taken]) != len || memcmp(words, argv[taken], len) != 0)
            return 0;
        taken++;
        words += len + (words[len] == ' ');
    }
    return taken;
}

static const struct subcommand *find_subcommand(int argc, char **argv, const char **name)
{
    for (size_t i = 0; i < SUBCOMMANDS; i++) {
        int taken = match_words(subcommands[i].words, argc, argv);
        int wanted = subcommands[i].argument ? 1 : 0;
        if (taken > 0 && argc == taken + wanted) {
            *name = wanted ? argv[taken] : NULL;
            return &subcommands[i];
        }
    }
    return NULL;
}

static struct db *connect(const struct arguments *arguments, const struct conf *conf, bool as_owner)
{
    const char *conninfo = conf_str(conf, CONF_PG_CONNINFO);
    if (!as_owner)
        return db_open(conninfo, conf_int(conf, CONF_PG_TIMEOUT_MS),
                       conf_int(conf, CONF_PG_LOCK_TIMEOUT_MS));
    if (arguments->conninfo)
        conninfo = arguments->conninfo;
    else if (getenv("PARLEY_MIGRATE_CONNINFO"))
        conninfo = getenv("PARLEY_MIGRATE_CONNINFO");
    return db_open(conninfo, MIGRATE_TIMEOUT_MS, MIGRATE_TIMEOUT_MS);
}

static enum ctl_exit run(const struct arguments *arguments, const struct subcommand *subcommand,
                         const char *name)
{
    struct conf *conf = NULL;
    struct buf problem;
    buf_init(&problem, 65536);
    const char *path = arguments->config ? arguments->config : getenv("PARLEY_CONFIG");
    enum err err = conf_load(path, &conf, &problem);
    if (err)
        ctl_complain("%s", problem.len ? problem.data : err_message(err));
    buf_release(&problem);
    if (err)
        return CTL_USAGE;
    struct ctl ctl = {.conf = conf,
                      .json = arguments->json,
                      .dir = arguments->dir ? arguments->dir : SQL_DIR,
                      .name = name,
                      .db = connect(arguments, conf, subcommand->as_owner)};
    enum ctl_exit status = subcommand->run(&ctl);
    db_close(ctl.db);
    conf_free(conf);
    return status;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    const char *name = NULL;
    log_open("parleyctl", LOG_WARN, false);
    if (!parse_options(argc, argv, &arguments))
        return CTL_USAGE;
    if (arguments.help) {
        usage(stdout);
        return CTL_OK;
    }
    const struct subcommand *subcommand = find_subcommand(argc - optind, argv + optind, &name);
    if (!subcommand) {
        usage(stderr);
        return CTL_USAGE;
    }
    return run(&arguments, subcommand, name);
}
