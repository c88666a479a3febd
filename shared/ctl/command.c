/* The table of subcommands, see command.h. What they do is in files of their own. */
#include "shared/ctl/command.h"

#include <string.h>

#include "shared/ctl/account.h"
#include "shared/ctl/drain.h"
#include "shared/ctl/inspect.h"
#include "shared/ctl/key.h"
#include "shared/ctl/migrate.h"
#include "shared/ctl/who.h"

static const struct ctl_command commands[] = {
    {"migrate", NULL, ctl_migrate, CTL_AS_OWNER, "bring the schema up to date",
     "Applies, in order, each migration that the database has not had, each in one\n"
     "transaction. Connects as the owner of the schema: --conninfo, else\n"
     "$PARLEY_MIGRATE_CONNINFO, else pg.conninfo. Several at once wait for each other.\n"},
    {"user add", "NAME", ctl_user_add, CTL_AS_APPLICATION, "make a user",
     "The password is one line on standard input, never an argument; from a terminal\n"
     "it is asked for. The rules are those of signing up.\n"},
    {"user list", NULL, ctl_user_list, CTL_AS_APPLICATION, "all users", "Deleted ones are not.\n"},
    {"user show", "NAME", ctl_user_show, CTL_AS_APPLICATION, "one user", ""},
    {"user disable", "NAME", ctl_user_disable, CTL_AS_APPLICATION,
     "disable a user and end its sessions",
     "Its sockets and devices are disconnected within a second, on every broker; it\n"
     "cannot log in. Its channels and messages stay.\n"},
    {"user enable", "NAME", ctl_user_enable, CTL_AS_APPLICATION, "let a disabled user log in again",
     "Sessions that have ended stay ended.\n"},
    {"session list", "NAME", ctl_session_list, CTL_AS_APPLICATION, "a user's sessions", ""},
    {"session revoke", "SESSION", ctl_token_revoke, CTL_AS_APPLICATION, "end a session",
     "Its tokens are refused from now on, and its sockets are closed within a second,\n"
     "on every broker. SESSION is a number that session list or token issue printed.\n"},
    {"token issue", "NAME", ctl_token_issue, CTL_AS_APPLICATION,
     "open a session and print an access token",
     "With --json the refresh token and the session's number, too. Needs auth.secret.\n"},
    {"token revoke", "SESSION", ctl_token_revoke, CTL_AS_APPLICATION, "the same as session revoke",
     "All tokens of a session end with it.\n"},
    {"key add", "NAME", ctl_key_add, CTL_AS_APPLICATION, "make an API key and print it, this once",
     "A key lets a site's backend publish.\n"},
    {"key list", NULL, ctl_key_list, CTL_AS_APPLICATION, "all API keys",
     "Not the keys themselves.\n"},
    {"key revoke", "NAME", ctl_key_revoke, CTL_AS_APPLICATION, "end an API key", ""},
    {"room list", NULL, ctl_room_list, CTL_AS_APPLICATION, "all rooms",
     "Direct and archived ones, too.\n"},
    {"room show", "NAME", ctl_room_show, CTL_AS_APPLICATION, "one room",
     "By a name that it has or had.\n"},
    {"stats", NULL, ctl_stats, CTL_AS_APPLICATION, "counts of users, sessions, rooms and events",
     "What is in the database. What goes on at this moment each broker and worker tells\n"
     "at its /metrics.\n"},
    {"drain", "PID", ctl_drain, CTL_OFFLINE, "have a broker of this machine finish and go",
     "As SIGTERM does: it is no longer ready, takes no more connections, finishes what\n"
     "it has accepted, hands recoverable sessions over and closes connections, spread\n"
     "over broker.drain_spread_ms. Returns when it has ended. What keeps it running\n"
     "starts another; to be rid of it, stop its unit instead.\n"},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

/* Is `word` the next of *words? Then move on. */
static bool take_word(const char **words, const char *word)
{
    size_t len = strcspn(*words, " ");
    if (len == 0 || strlen(word) != len || memcmp(*words, word, len) != 0)
        return false;
    *words += len + ((*words)[len] == ' ');
    return true;
}

/* How many of `given` are the first words of the command; *rest is what is left of its words. */
static int match(const struct ctl_command *command, int count, char **given, const char **rest)
{
    int taken = 0;
    *rest = command->words;
    while (taken < count && take_word(rest, given[taken]))
        taken++;
    return taken;
}

const struct ctl_command *ctl_command_find(int count, char **words, const char **name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        const char *rest;
        int taken = match(&commands[i], count, words, &rest);
        int wanted = commands[i].argument ? 1 : 0;
        if (!*rest && count == taken + wanted) {
            *name = wanted ? words[taken] : NULL;
            return &commands[i];
        }
    }
    return NULL;
}

static void print_synopsis(FILE *out, const struct ctl_command *command)
{
    fprintf(out, "%s%s%s", command->words, command->argument ? " " : "",
            command->argument ? command->argument : "");
}

void ctl_command_list(FILE *out)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        print_synopsis(out, &commands[i]);
        fputc('\n', out);
    }
}

static const char options[] =
    "\noptions:\n"
    "  -c, --config FILE    the configuration file (default: $PARLEY_CONFIG, if set)\n"
    "  -j, --json           print one JSON object\n"
    "      --conninfo CONNINFO\n"
    "                       migrate: how to connect as the owner of the schema\n"
    "      --dir SQLDIR     migrate: the folder of the migrations\n"
    "      --commands       print the commands, one a line\n"
    "  -h, --help           this; after a command, what it does\n"
    "      --version        print the version\n"
    "\nexit codes: 0 done; 1 refused, not found or not valid; 2 bad command line or\n"
    "configuration; 3 PostgreSQL did not answer\n";

void ctl_help(FILE *out)
{
    fputs("usage: parleyctl [--config FILE] [--json] COMMAND [ARGUMENT]\n\ncommands:\n", out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-14s %-8s %s\n", commands[i].words,
                commands[i].argument ? commands[i].argument : "", commands[i].summary);
    fputs(options, out);
}

/* An argument after the whole of the words is none of them. */
static bool begins_with(const struct ctl_command *command, int count, char **words)
{
    const char *rest;
    int taken = match(command, count, words, &rest);
    return taken == count || (!*rest && command->argument && count == taken + 1);
}

bool ctl_help_on(FILE *out, int count, char **words)
{
    bool found = false;
    for (size_t i = 0; i < COMMANDS; i++) {
        if (!begins_with(&commands[i], count, words))
            continue;
        fputs(found ? "\nusage: parleyctl " : "usage: parleyctl ", out);
        print_synopsis(out, &commands[i]);
        fprintf(out, "\n\n%s.\n%s", commands[i].summary, commands[i].details);
        found = true;
    }
    return found;
}
