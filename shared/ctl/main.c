/*
 * parleyctl: the operator's command. This file is the command line: options, the configuration, the
 * connection. The table of subcommands is in command.c; what each does is in its own file.
 */
#include <getopt.h>
#include <stdarg.h>

#include "shared/base/log.h"
#include "shared/ctl/command.h"

#define MIGRATE_TIMEOUT_MS 60000

struct arguments {
    const char *config;
    const char *conninfo;
    const char *dir;
    bool json;
    bool help;
    bool version;
    bool commands;
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},   {"json", no_argument, NULL, 'j'},
    {"conninfo", required_argument, NULL, 'C'}, {"dir", required_argument, NULL, 'd'},
    {"help", no_argument, NULL, 'h'},           {"version", no_argument, NULL, 'V'},
    {"commands", no_argument, NULL, 'l'},       {NULL, 0, NULL, 0},
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

static bool parse_options(int argc, char **argv, struct arguments *out)
{
    int option;
    while ((option = getopt_long(argc, argv, "c:jh", long_options, NULL)) != -1) {
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
        case 'V':
            out->version = true;
            break;
        case 'l':
            out->commands = true;
            break;
        default:
            return false;
        }
    }
    return true;
}

static struct db *connect(const struct arguments *arguments, const struct conf *conf,
                          enum ctl_role role)
{
    const char *conninfo = conf_str(conf, CONF_PG_CONNINFO);
    if (role == CTL_OFFLINE)
        return NULL;
    if (role == CTL_AS_APPLICATION)
        return db_open(conninfo, conf_int(conf, CONF_PG_TIMEOUT_MS),
                       conf_int(conf, CONF_PG_LOCK_TIMEOUT_MS));
    if (arguments->conninfo)
        conninfo = arguments->conninfo;
    else if (getenv("PARLEY_MIGRATE_CONNINFO"))
        conninfo = getenv("PARLEY_MIGRATE_CONNINFO");
    return db_open(conninfo, MIGRATE_TIMEOUT_MS, MIGRATE_TIMEOUT_MS);
}

static enum ctl_exit run(const struct arguments *arguments, const struct ctl_command *command,
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
                      .db = connect(arguments, conf, command->role)};
    enum ctl_exit status = command->run(&ctl);
    db_close(ctl.db);
    conf_free(conf);
    return status;
}

/* What is asked about the program and not of a database. */
static enum ctl_exit answer(const struct arguments *arguments, int count, char **words)
{
    if (arguments->version)
        puts("parleyctl (parley) " PACKAGE_VERSION);
    else if (arguments->commands)
        ctl_command_list(stdout);
    else if (count == 0)
        ctl_help(stdout);
    else if (!ctl_help_on(stdout, count, words)) {
        ctl_help(stderr);
        return CTL_USAGE;
    }
    return CTL_OK;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    const char *name = NULL;
    log_open("parleyctl", LOG_WARN, false);
    if (!parse_options(argc, argv, &arguments))
        return CTL_USAGE;
    if (arguments.help || arguments.version || arguments.commands)
        return answer(&arguments, argc - optind, argv + optind);
    const struct ctl_command *command = ctl_command_find(argc - optind, argv + optind, &name);
    if (!command) {
        ctl_help(stderr);
        return CTL_USAGE;
    }
    return run(&arguments, command, name);
}
