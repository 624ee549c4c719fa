/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A service from start to exit, each case in a process of its own. */
#include "check.h"
#include "run/service.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct conf {
	char *level;
	int64_t mode;
};

enum { MODE_OK, MODE_FAIL, MODE_GIVE_UP };

static int ready_fd = -1;

static om_status
start(const void *conf, void **self_out, om_err *e)
{
	static int self;
	const struct conf *c = conf;

	if (c->mode == MODE_FAIL)
		return om_fail(e, OM_UNAVAILABLE, "the port is taken");
	*self_out = &self;
	if (write(ready_fd, "+", 1) != 1)
		return OM_IO;
	if (c->mode == MODE_GIVE_UP)
		om_service_give_up("the disk lies");
	return OM_OK;
}

static void
stop(void *self)
{
	(void)self;
	if (write(ready_fd, "-", 1) != 1)
		_exit(99);
}

static const struct om_conf_opt settings[] = {
    OM_CONF_LOG_LEVEL(struct conf, level),
    {.name = "T_MODE",
	.kind = OM_CONF_INT,
	.offset = offsetof(struct conf, mode),
	.def = "0",
	.max = 2,
	.help = "How."},
};

static const struct om_service svc = {
    .name = "testd",
    .purpose = "tests",
    .settings = settings,
    .n_settings = 2,
    .conf_bytes = sizeof(struct conf),
    .start = start,
    .stop = stop,
};

/* run returns the exit code; sends `sig` once the service has started. */
static int
run(const char *mode, int sig, const char *arg, char trace[3])
{
	char name[] = "testd", arg_copy[64];
	char *argv[] = {name, arg_copy, NULL};
	int fd[2], wstatus;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	assert_int_equal(setenv("T_MODE", mode, 1), 0);
	(void)snprintf(arg_copy, sizeof arg_copy, "%s", arg != NULL ? arg : "");
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		ready_fd = fd[1];
		if (freopen("/dev/null", "w", stderr) == NULL || freopen("/dev/null", "w", stdout) == NULL)
			_exit(98);
		_exit(om_service_main(&svc, arg != NULL ? 2 : 1, argv));
	}
	(void)close(fd[1]);
	memset(trace, 0, 3);
	if (sig != 0) {
		assert_int_equal(read(fd[0], trace, 1), 1);
		assert_int_equal(kill(pid, sig), 0);
	}
	for (n = 1; n > 0 && strlen(trace) < 2;)
		n = read(fd[0], trace + strlen(trace), 1);
	(void)close(fd[0]);
	assert_int_equal(waitpid(pid, &wstatus, 0), pid);
	return WIFEXITED(wstatus) ? WEXITSTATUS(wstatus) : -1;
}

static void
test_sigterm_stops_cleanly(void **state)
{
	char trace[3];

	(void)state;
	assert_int_equal(run("0", SIGTERM, NULL, trace), 0);
	assert_string_equal(trace, "+-");
	assert_int_equal(run("0", SIGINT, NULL, trace), 0);
	assert_string_equal(trace, "+-");
}

static void
test_failures_have_their_exit_codes(void **state)
{
	char trace[3];

	(void)state;
	assert_int_equal(run("1", 0, NULL, trace), 1); /* start fails */
	assert_int_equal(run("2", 0, NULL, trace), 1); /* gives up, still stops */
	assert_string_equal(trace, "+-");
	assert_int_equal(run("9", 0, NULL, trace), 2); /* bad setting */
	assert_int_equal(run("0", 0, "--what", trace), 2);
	assert_int_equal(run("0", 0, "--help", trace), 0);
	assert_int_equal(run("0", 0, "--version", trace), 0);
	assert_int_equal(run("0", 0, "--settings", trace), 0);
	assert_int_equal(run("0", 0, "--settings-markdown", trace), 0);
	assert_string_equal(trace, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sigterm_stops_cleanly),
	    cmocka_unit_test(test_failures_have_their_exit_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
