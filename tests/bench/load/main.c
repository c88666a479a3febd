/*
 * The load generator of ./dev bench: load MODE --port N [OPTION VALUE]... prints one JSON object.
 * rooms: messages into rooms, or with --hold 1 idle connections; handshakes; rest. Not a judge:
 * main.mjs compares.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "tests/bench/load/load.h"

#define FIELD(member) offsetof(struct load_options, member)

static const struct {
    const char *name;
    size_t offset;
} numbers[] = {
    {"--port", FIELD(port)},         {"--clients", FIELD(clients)},   {"--rooms", FIELD(rooms)},
    {"--lanes", FIELD(lanes)},       {"--rate", FIELD(rate)},         {"--seconds", FIELD(seconds)},
    {"--warmup", FIELD(warmup)},     {"--messages", FIELD(messages)}, {"--drain", FIELD(drain)},
    {"--parallel", FIELD(parallel)}, {"--payload", FIELD(payload)},   {"--history", FIELD(history)},
    {"--hold", FIELD(hold)},
};

static bool set_number(const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(numbers[i].name, name) != 0)
            continue;
        *(long *)((char *)&load.options + numbers[i].offset) = strtol(value, NULL, 10);
        return true;
    }
    return false;
}

static void parse(char **argv)
{
    load.options = (struct load_options){.path = "/socket.io/",
                                         .clients = 1,
                                         .rooms = 1,
                                         .lanes = 1,
                                         .seconds = 5,
                                         .warmup = 1,
                                         .parallel = -1,
                                         .payload = 80,
                                         .drain = 10};
    load.options.mode = argv[1];
    for (argv += 2; argv[0] && argv[1]; argv += 2) {
        if (strcmp(argv[0], "--file") == 0)
            load.options.file = argv[1];
        else if (strcmp(argv[0], "--path") == 0)
            load.options.path = argv[1];
        else if (strcmp(argv[0], "--events") == 0)
            load.options.chat = strcmp(argv[1], "chat") == 0;
        else if (!set_number(argv[0], argv[1]))
            exit(2);
    }
}

/* A line's text, which its fields are parts of, is kept to the end. */
static void add_line(char *text)
{
    struct line *line;
    char *field;

    load.lines = realloc(load.lines, (size_t)(load.line_count + 1) * sizeof *load.lines);
    if (!load.lines)
        abort();
    line = &load.lines[load.line_count++];
    text[strcspn(text, "\n")] = '\0';
    for (int i = 0; i < 4; i++) {
        field = strsep(&text, "\t");
        line->field[i] = field ? field : "";
    }
}

static void read_lines(void)
{
    FILE *file = load.options.file ? fopen(load.options.file, "r") : NULL;
    char *text = NULL;
    size_t size = 0;

    while (file && getline(&text, &size, file) > 0) {
        add_line(text);
        text = NULL;
        size = 0;
    }
    free(text);
    if (file)
        fclose(file);
}

int main(int argc, char **argv)
{
    struct rlimit files = {65536, 65536};

    if (argc < 4)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    setrlimit(RLIMIT_NOFILE, &files);
    parse(argv);
    read_lines();
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.conns = calloc((size_t)load.options.clients, sizeof *load.conns);
    if (!load.conns || (load.options.payload < 0 || load.options.payload > 120))
        return 2;
    for (long i = 0; i < load.options.clients; i++)
        load.conns[i].id = (int)i;
    if (strcmp(load.options.mode, "rooms") == 0)
        run_rooms();
    else if (strcmp(load.options.mode, "handshakes") == 0)
        run_handshakes();
    else if (strcmp(load.options.mode, "rest") == 0)
        run_rest();
    else
        return 2;
    return 0;
}
