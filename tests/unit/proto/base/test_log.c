/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int saved, pipe_fd[2];

static void
capture(void)
{
	assert_int_equal(pipe(pipe_fd), 0);
	saved = dup(STDERR_FILENO);
	assert_true(dup2(pipe_fd[1], STDERR_FILENO) >= 0);
}

static char *
release(char *buf, size_t size)
{
	ssize_t n;

	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	(void)close(pipe_fd[1]);
	n = read(pipe_fd[0], buf, size - 1);
	(void)close(pipe_fd[0]);
	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

static void
test_values_cannot_forge_lines(void **state)
{
	char out[8192];

	(void)state;
	om_log_init("gateway", OM_LOG_INFO);
	om_log_request("7c01");
	capture();
	om_log(OM_LOG_DEBUG, "not shown", NULL);
	om_log(OM_LOG_INFO, "hello there", "plain", "abc", "evil", "x\nlevel=error \"\\\x1b[31m", "gone", NULL, "n",
	    OM_I64(-7), "utf8", "Ä\xff", NULL);
	om_log_request(NULL);
	(void)release(out, sizeof out);
	assert_int_equal(strncmp(out, "ts=20", 5), 0);
	assert_non_null(strstr(out,
	    "Z level=info service=gateway msg=\"hello there\" request_id=7c01 plain=abc evil=\"x\\u000alevel=error "
	    "\\\"\\\\\\u001b[31m\" n=-7 "
	    "utf8=\"Ä\xef\xbf\xbd\"\n"));
	assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
}

static void
test_long_lines_are_cut_and_ended(void **state)
{
	char big[9000], out[10000];

	(void)state;
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	capture();
	om_log(OM_LOG_ERROR, "long", "value", big, NULL);
	(void)release(out, sizeof out);
	memset(big + OM_LOG_VALUE, '\0', 1);
	assert_non_null(strstr(out, big)); /* as much of it as is shown, */
	assert_null(strstr(out, "xxxx\" xxx"));
	assert_non_null(strstr(out, "x\" value_bytes=8999\n")); /* and how much there was */
	assert_true(strlen(out) < OM_LOG_VALUE + 128);
}

static void
test_many_long_values_are_one_line_with_its_request(void **state)
{
	char big[OM_LOG_VALUE * 2], out[10000];

	(void)state;
	memset(big, '\x01', sizeof big - 1); /* each is written as six bytes */
	big[sizeof big - 1] = '\0';
	om_log_request("7c01");
	capture();
	om_log(OM_LOG_ERROR, "long", "a", big, "b", big, "c", big, "d", big, NULL);
	om_log_request(NULL);
	(void)release(out, sizeof out);
	assert_int_equal(strlen(out), 4096);
	assert_int_equal(out[4095], '\n');
	assert_non_null(strstr(out, "msg=long request_id=7c01 a="));
}

static void
test_long_values_are_cut_between_characters(void **state)
{
	char big[OM_LOG_VALUE + 16] = "", out[10000];

	(void)state;
	memset(big, 'x', OM_LOG_VALUE - 1);
	(void)snprintf(big + OM_LOG_VALUE - 1, sizeof big - OM_LOG_VALUE + 1, "%s", "\xc3\x84 and more");
	capture();
	om_log(OM_LOG_ERROR, "long", "value", big, NULL);
	(void)release(out, sizeof out);
	assert_non_null(strstr(out, "xxx\" value_bytes=266\n"));
}

static void
test_request_ids_differ(void **state)
{
	char a[OM_REQUEST_ID], b[OM_REQUEST_ID];

	(void)state;
	om_request_id_make(a);
	om_request_id_make(b);
	assert_int_equal(strlen(a), 32);
	assert_string_not_equal(a, b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_values_cannot_forge_lines),
	    cmocka_unit_test(test_long_lines_are_cut_and_ended),
	    cmocka_unit_test(test_many_long_values_are_one_line_with_its_request),
	    cmocka_unit_test(test_long_values_are_cut_between_characters),
	    cmocka_unit_test(test_request_ids_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
