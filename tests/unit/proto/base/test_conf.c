/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "base/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct conf {
	char *name;
	char *secret;
	char *mode;
	int64_t port, wait_us;
	om_money fee;
	bool fast;
};

static om_status
check_name(const char *value, om_err *e)
{
	return strcmp(value, "bad") == 0 ? om_fail(e, OM_INVALID, "must not be bad") : OM_OK;
}

static const struct om_conf_opt tab[] = {
    {.name = "T_NAME",
	.kind = OM_CONF_TEXT,
	.offset = offsetof(struct conf, name),
	.def = "owl",
	.check = check_name,
	.help = "A name."},
    {.name = "T_SECRET",
	.kind = OM_CONF_SECRET,
	.offset = offsetof(struct conf, secret),
	.min = 8,
	.max = 64,
	.mend = "make one with: openssl rand -hex 24",
	.help = "A secret."},
    {.name = "T_MODE",
	.kind = OM_CONF_CHOICE,
	.offset = offsetof(struct conf, mode),
	.def = "add",
	.choices = "add|floor",
	.help = "A choice."},
    {.name = "T_PORT",
	.kind = OM_CONF_INT,
	.offset = offsetof(struct conf, port),
	.def = "45000",
	.min = 1,
	.max = 65535,
	.help = "A port."},
    {.name = "T_FEE",
	.kind = OM_CONF_MONEY,
	.offset = offsetof(struct conf, fee),
	.def = "0",
	.max = 1000,
	.unit = "USD",
	.help = "A fee."},
    {.name = "T_WAIT",
	.kind = OM_CONF_DURATION,
	.offset = offsetof(struct conf, wait_us),
	.def = "90",
	.min = 1,
	.max = 86400,
	.help = "A wait."},
    {.name = "T_FAST", .kind = OM_CONF_BOOL, .offset = offsetof(struct conf, fast), .def = "false", .help = "Fast?"},
};
#define N (sizeof tab / sizeof tab[0])

static int
clear(void **state)
{
	static const char *const names[] = {
	    "T_NAME", "T_SECRET", "T_SECRET_FILE", "T_MODE", "T_PORT", "T_FEE", "T_WAIT", "T_FAST"};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_int_equal(unsetenv(names[i]), 0);
	return 0;
}

static void
set(const char *name, const char *value)
{
	assert_int_equal(setenv(name, value, 1), 0);
}

static void
assert_refused(const char *text)
{
	struct conf c = {0};
	om_err e = {.text = ""};

	assert_int_equal(om_conf_load(tab, N, &c, &e), OM_INVALID);
	assert_string_equal(e.text, text);
	om_conf_fini(tab, N, &c);
}

static void
test_defaults_and_values(void **state)
{
	struct conf c = {0};
	om_err e = {.text = ""};
	char text[OM_MONEY_TEXT];

	(void)state;
	set("T_SECRET", "12345678");
	set("T_FEE", "0.50");
	set("T_FAST", "yes");
	set("T_MODE", "floor");
	set("T_NAME", ""); /* empty is not set */
	assert_status(om_conf_load(tab, N, &c, &e), OM_OK, e);
	assert_string_equal(c.name, "owl");
	assert_string_equal(c.secret, "12345678");
	assert_string_equal(c.mode, "floor");
	assert_int_equal(c.port, 45000);
	assert_string_equal(om_money_text(c.fee, text), "0.5");
	assert_true(c.fast);
	om_conf_fini(tab, N, &c);
	assert_null(c.secret);
}

static void
test_refusals_name_the_setting_and_the_mend(void **state)
{
	(void)state;
	assert_refused("T_SECRET: is required and not set; make one with: openssl rand -hex 24");
	set("T_SECRET", "short");
	assert_refused("T_SECRET: must have 8 to 64 characters, it has 5; make one with: openssl rand -hex 24");
	set("T_SECRET", "12345678");
	set("T_MODE", "flo");
	assert_refused("T_MODE: must be one of add|floor");
	set("T_MODE", "add");
	set("T_PORT", "70000");
	assert_refused("T_PORT: must be a whole number from 1 to 65535");
	set("T_PORT", "45x");
	assert_refused("T_PORT: must be a whole number from 1 to 65535");
	set("T_PORT", "1");
	set("T_FEE", "-1");
	assert_refused("T_FEE: must be an amount from 0 to 1000 USD, like 0.50");
	set("T_FEE", "1000.01");
	assert_refused("T_FEE: must be an amount from 0 to 1000 USD, like 0.50");
	set("T_FEE", "1");
	set("T_FAST", "maybe");
	assert_refused("T_FAST: must be true or false");
	set("T_FAST", "1");
	set("T_NAME", "bad");
	assert_refused("T_NAME: must not be bad");
	set("T_NAME", "a\nb");
	assert_refused("T_NAME: must not contain control characters or line breaks");
}

static void
test_secret_from_file(void **state)
{
	char path[] = "/tmp/om-conf-XXXXXX";
	int fd = mkstemp(path);
	struct conf c = {0};
	om_err e = {.text = ""};

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "from-a-file\n", 12), 12);
	assert_int_equal(close(fd), 0);
	set("T_SECRET_FILE", path);
	assert_status(om_conf_load(tab, N, &c, &e), OM_OK, e);
	assert_string_equal(c.secret, "from-a-file");
	om_conf_fini(tab, N, &c);
	set("T_SECRET", "12345678");
	assert_refused("T_SECRET and T_SECRET_FILE are both set; keep one");
	assert_int_equal(unsetenv("T_SECRET"), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(om_conf_load(tab, N, &c, &e), OM_INVALID);
	assert_non_null(strstr(e.text, "T_SECRET_FILE: cannot open"));
	om_conf_fini(tab, N, &c);
}

static void
test_outputs_mask_secrets(void **state)
{
	struct conf c = {0};
	struct om_buf out;
	om_err e = {.text = ""};

	(void)state;
	set("T_SECRET", "hunter2hunter2");
	assert_status(om_conf_load(tab, N, &c, &e), OM_OK, e);
	om_buf_init(&out, 10000);
	om_conf_dump(tab, N, &c, &out);
	assert_string_equal(
	    out.data, "T_NAME=owl\nT_SECRET=********\nT_MODE=add\nT_PORT=45000\nT_FEE=0\nT_WAIT=90s\nT_FAST=false\n");
	om_buf_reset(&out);
	om_conf_help(tab, N, &out);
	om_conf_markdown(tab, N, &out);
	assert_int_equal(om_buf_done(&out, NULL), OM_OK);
	assert_null(strstr(out.data, "hunter2"));
	assert_non_null(strstr(out.data, "| `T_PORT` | 1 to 65535 | `45000` | A port. |"));
	assert_non_null(strstr(out.data, "T_MODE (add, floor; default add)"));
	om_buf_fini(&out);
	om_conf_fini(tab, N, &c);
}

static void
test_durations_have_units(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} good[] = {{"5", 5000000}, {"5s", 5000000}, {"1500ms", 1500000}, {"15m", 900000000}, {"6h", 21600000000},
	    {"1d", 86400000000}};
	static const char *const bad[] = {
	    "999ms", "86401", "2d", "-5", "5 s", "5x", "s", "1.5h", "9223372036854775807d"};
	struct conf c = {0};
	om_err e;

	(void)state;
	set("T_SECRET", "0123456789");
	set("T_NAME", "owl");
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		set("T_WAIT", good[i].text);
		assert_int_equal(om_conf_load(tab, N, &c, &e), OM_OK);
		assert_int_equal(c.wait_us, good[i].us);
		om_conf_fini(tab, N, &c);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		set("T_WAIT", bad[i]);
		assert_refused("T_WAIT: must be a time from 1 to 86400 seconds, a whole number with ms, s, m, h or d "
			       "after it (s, if nothing)");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_durations_have_units, clear),
	    cmocka_unit_test_setup(test_defaults_and_values, clear),
	    cmocka_unit_test_setup(test_refusals_name_the_setting_and_the_mend, clear),
	    cmocka_unit_test_setup(test_secret_from_file, clear),
	    cmocka_unit_test_setup(test_outputs_mask_secrets, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
