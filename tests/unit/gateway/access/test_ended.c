/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "access/ended.h"

#include "fixture/dir.h"
#include "spool/spool.h"

#include <stdio.h>

static struct gw_spool *
open_spool(const char *dir)
{
	const struct gw_spool_opts o = {.dir = dir, .limit_bytes = 1 << 20};
	struct gw_spool *s = NULL;
	om_err e = {.text = ""};

	assert_status(gw_spool_open(&o, &s, &e), OM_OK, e);
	return s;
}

static void
remember(void *arg, const struct gw_session *ended)
{
	char *text = arg;

	(void)snprintf(text, 64, "%s %d", ended->id, (int)(ended->expires_at > om_now()));
}

static void
test_ended_session_is_remembered_until_it_expires(void **state)
{
	const struct gw_session old = {.id = "old", .expires_at = om_now() - 1};
	const struct gw_session one = {.id = "one", .expires_at = om_now() + OM_DAY};
	char *dir = fx_dir_make(), text[64] = "";
	struct gw_spool *s = open_spool(dir);
	om_err e = {.text = ""};

	(void)state;
	assert_status(gw_ended_open(s, remember, text, &e), OM_OK, e);
	assert_string_equal(text, "");
	assert_status(gw_ended_keep(s, &old, &e), OM_OK, e);
	assert_status(gw_ended_keep(s, &one, &e), OM_OK, e);
	gw_spool_close(&s);
	s = open_spool(dir);
	assert_status(gw_ended_open(s, remember, text, &e), OM_OK, e);
	assert_string_equal(text, "one 1");
	gw_spool_close(&s);
	fx_dir_remove(&dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ended_session_is_remembered_until_it_expires),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
