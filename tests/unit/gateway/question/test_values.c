/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "http/arguments.h"
#include "question/question.h"

#include <string.h>

static struct om_arena arena;

static int
set_up(void **state)
{
	(void)state;
	om_arena_init(&arena, 1 << 20);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	om_arena_fini(&arena);
	return 0;
}

static om_status
parse(struct gw_req *rq, const char *query, om_err *e)
{
	*rq = (struct gw_req){.query = query, .arena = &arena};
	return gw_arguments_read(rq, "from to user limit ", e);
}

static void
test_period_is_days_or_instants(void **state)
{
	static const char *const bad[] = {"from=2026-11-1", "from=2026-13-01", "from=2026-02-30", "from=yesterday",
	    "from=2026-11-01&to=2026-11-02T00:00:00Z", "from=2026-11-02&to=2026-11-01",
	    "from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z", "from=2026-11-02T00:00:00", "from=", "to=2026-11-01x"};
	Om__Period p = OM__PERIOD__INIT;
	struct gw_req rq;
	om_err e = {.text = ""};

	(void)state;
	assert_status(parse(&rq, "", &e), OM_OK, e);
	assert_status(gw_argument_period(&rq, &p, &e), OM_OK, e);
	assert_false(p.has_from_day || p.has_to_day || p.has_from_us || p.has_to_us);
	assert_status(parse(&rq, "from=2026-11-01&to=2026-11-01", &e), OM_OK, e);
	assert_status(gw_argument_period(&rq, &p, &e), OM_OK, e);
	assert_true(p.has_from_day && p.has_to_day && p.from_day == p.to_day);
	om__period__init(&p);
	assert_status(parse(&rq, "from=2026-11-01T00:00:00%2B01:00", &e), OM_OK, e);
	assert_status(gw_argument_period(&rq, &p, &e), OM_OK, e);
	assert_true(p.has_from_us && !p.has_to_us && p.from_us == 1793487600000000);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		om__period__init(&p);
		assert_status(parse(&rq, bad[i], &e), OM_OK, e);
		if (gw_argument_period(&rq, &p, &e) != OM_INVALID)
			fail_msg("%s was taken", bad[i]);
	}
}

static void
test_limit_has_its_bounds(void **state)
{
	static const char *const bad[] = {
	    "limit=0", "limit=1001", "limit=-1", "limit=1e2", "limit=", "limit=+5", "limit=99999999999999999999"};
	struct gw_req rq;
	om_err e = {.text = ""};
	uint32_t n;

	(void)state;
	assert_status(parse(&rq, "limit=1000", &e), OM_OK, e);
	assert_status(gw_argument_limit(&rq, 1000, 100, &n, &e), OM_OK, e);
	assert_int_equal(n, 1000);
	assert_status(parse(&rq, "", &e), OM_OK, e);
	assert_status(gw_argument_limit(&rq, 1000, 100, &n, &e), OM_OK, e);
	assert_int_equal(n, 100);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_status(parse(&rq, bad[i], &e), OM_OK, e);
		assert_int_equal(gw_argument_limit(&rq, 1000, 100, &n, &e), OM_INVALID);
	}
}

int
main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    WITH(test_period_is_days_or_instants),
	    WITH(test_limit_has_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
