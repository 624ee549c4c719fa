/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "base/invariant.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* break_one runs in a child, whose standard error is the pipe. */
static _Noreturn void
break_one(int fd, int sum)
{
	(void)dup2(fd, STDERR_FILENO);
	om_check(sum == 2);
	_exit(0);
}

static int
run_child(int sum, char *text, size_t bytes)
{
	int fds[2], status = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		break_one(fds[1], sum);
	(void)close(fds[1]);
	n = read(fds[0], text, bytes - 1);
	text[n > 0 ? n : 0] = '\0';
	(void)close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
test_invariant_that_holds_says_nothing(void **state)
{
	char text[256];
	int status = run_child(2, text, sizeof text);

	(void)state;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_string_equal(text, "");
}

static void
test_invariant_that_is_broken_names_its_place_and_aborts(void **state)
{
	char text[256];
	int status = run_child(3, text, sizeof text);

	(void)state;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(text, "test_invariant.c:"));
	assert_non_null(strstr(text, "sum == 2"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_invariant_that_holds_says_nothing),
	    cmocka_unit_test(test_invariant_that_is_broken_names_its_place_and_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
