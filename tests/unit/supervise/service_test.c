/* deploy/supervise/service: the list's lines, the restart plan, and real processes in a folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/supervise/service.h"

static void a_line_makes_a_service(void **state)
{
    struct service service;

    (void)state;
    assert_true(service_parse(&service, "broker-1 4 TERM 15\n"));
    assert_string_equal(service.name, "broker-1");
    assert_int_equal(service.rank, 4);
    assert_int_equal(service.stop_signal, SIGTERM);
    assert_int_equal(service.grace_ms, 15000);
    assert_int_equal(service.state, SERVICE_WAITING);
    assert_int_equal(service.due_ms, 0);
    assert_true(service_parse(&service, "postgres 1 INT 30"));
    assert_int_equal(service.stop_signal, SIGINT);
    assert_false(service.reloads);
    assert_true(service_parse(&service, "fcgi 3 TERM 15 HUP\n"));
    assert_true(service.reloads);
}

static void other_lines_do_not(void **state)
{
    static const char *const bad[] = {"",
                                      "\n",
                                      "postgres",
                                      "postgres 1 INT",
                                      "postgres one INT 30",
                                      "postgres 1 KILL 30",
                                      "postgres 1 INT -1",
                                      "postgres 1 INT 30 USR1",
                                      "../postgres 1 INT 30",
                                      "-postgres 1 INT 30",
                                      "a-name-that-is-longer-than-thirty-two-bytes 1 INT 3"};
    struct service service;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (service_parse(&service, bad[i]))
            fail_msg("'%s' was taken", bad[i]);
}

/* However often it dies: started again within a second. */
static void early_deaths_are_backed_off_within_a_second(void **state)
{
    static const int64_t delays[] = {50, 100, 200, 400, 800, 900, 900};
    struct service service;
    int64_t now = 1000;

    (void)state;
    assert_true(service_parse(&service, "x 1 TERM 1"));
    for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
        service.state = SERVICE_RUNNING;
        service.started_ms = now;
        service_ended(&service, SIGKILL, now + 10);
        assert_int_equal(service.state, SERVICE_WAITING);
        assert_int_equal(service.due_ms - (now + 10), delays[i]);
        now = service.due_ms;
    }
    service.state = SERVICE_RUNNING;
    service.started_ms = now;
    service_ended(&service, 0, now + 5000);
    assert_int_equal(service.due_ms - (now + 5000), 50);
}

static void a_waiting_service_stops_at_once(void **state)
{
    struct service service;

    (void)state;
    assert_true(service_parse(&service, "x 1 TERM 1"));
    service_stop(&service, 5);
    assert_int_equal(service.state, SERVICE_STOPPED);
}

static void write_script(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0700), 0);
}

/* The pid that run/x.pid records, once the child has written it. */
static long recorded_pid(unsigned long long *start)
{
    long pid = 0;

    for (int i = 0; i < 2000 && pid == 0; i++) {
        FILE *file = fopen("run/x.pid", "r");

        if (file != NULL) {
            assert_int_equal(fscanf(file, "%ld %llu", &pid, start), 2);
            fclose(file);
        }
        usleep(1000);
    }
    return pid;
}

static void start_one(struct service *service, const char *script)
{
    unlink("run/x.pid");
    write_script("run/x.run", script);
    assert_true(service_parse(service, "x 1 TERM 1"));
    service_start(service, 0);
    assert_int_equal(service->state, SERVICE_RUNNING);
}

static void a_process_is_recorded_and_leads_its_own_session(void **state)
{
    struct service service;
    unsigned long long start = 0;
    int status;

    (void)state;
    start_one(&service, "#!/bin/sh\nexec sleep 60\n");
    assert_int_equal(recorded_pid(&start), service.pid);
    assert_true(start > 0);
    assert_int_equal(getsid(service.pid), service.pid);
    service_stop(&service, 10);
    assert_int_equal(service.state, SERVICE_STOPPING);
    assert_int_equal(service.due_ms, 1010);
    assert_int_equal(waitpid(service.pid, &status, 0), service.pid);
    assert_int_equal(WTERMSIG(status), SIGTERM);
    service_ended(&service, status, 20);
    assert_int_equal(service.state, SERVICE_STOPPED);
    assert_int_not_equal(access("run/x.pid", F_OK), 0);
}

static void one_that_will_not_stop_is_killed(void **state)
{
    struct service service;
    unsigned long long start;
    int status;

    (void)state;
    start_one(&service, "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 60; done\n");
    recorded_pid(&start);
    kill(service.pid, SIGSTOP);
    service_stop(&service, 0);
    service_kill(&service, 1000);
    assert_int_equal(waitpid(service.pid, &status, 0), service.pid);
    service_ended(&service, status, 1001);
    assert_int_equal(service.state, SERVICE_STOPPED);
}

static void a_script_that_is_missing_ends_with_127(void **state)
{
    struct service service;
    int status;

    (void)state;
    assert_true(service_parse(&service, "missing 1 TERM 1"));
    service_start(&service, 0);
    assert_int_equal(waitpid(service.pid, &status, 0), service.pid);
    assert_int_equal(WEXITSTATUS(status), 127);
    assert_int_equal(access("log/missing.log", F_OK), 0);
    unlink("log/missing.log");
    unlink("run/missing.pid");
}

static int enter_folder(void **state)
{
    static char folder[] = "/tmp/parley-service-XXXXXX";

    *state = mkdtemp(folder);
    return *state != NULL && chdir(folder) == 0 && mkdir("run", 0700) == 0 &&
                   mkdir("log", 0700) == 0
               ? 0
               : -1;
}

static int leave_folder(void **state)
{
    unlink("run/x.run");
    unlink("run/x.pid");
    unlink("log/x.log");
    rmdir("run");
    rmdir("log");
    return rmdir(*state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_makes_a_service),
        cmocka_unit_test(other_lines_do_not),
        cmocka_unit_test(early_deaths_are_backed_off_within_a_second),
        cmocka_unit_test(a_waiting_service_stops_at_once),
        cmocka_unit_test(a_process_is_recorded_and_leads_its_own_session),
        cmocka_unit_test(one_that_will_not_stop_is_killed),
        cmocka_unit_test(a_script_that_is_missing_ends_with_127),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
