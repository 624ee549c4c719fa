/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "base/stats.h"

#include <pthread.h>
#include <string.h>

static struct om_stat ok_requests = OM_COUNTER("t_requests_total", "code=\"200\"", "Requests.");
static struct om_stat bad_requests = OM_COUNTER("t_requests_total", "code=\"400\"", "Requests.");
static struct om_stat depth = OM_GAUGE("t_depth", NULL, "Depth.");
static struct om_stat took = OM_HISTOGRAM("t_took_seconds", NULL, "Time.");

static void *
count(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10000; i++)
		om_stat_add(&ok_requests, 1);
	return NULL;
}

static void
test_metrics_are_written_in_the_text_format(void **state)
{
	pthread_t t[4];
	struct om_buf out;

	(void)state;
	om_stat_register(&bad_requests);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, count, NULL), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	om_stat_set(&depth, 12);
	om_stat_set(&depth, 3);
	om_stat_observe_us(&took, 700);
	om_stat_observe_us(&took, 1500000);
	om_buf_init(&out, 10000);
	om_stats_write(&out);
	assert_int_equal(om_buf_done(&out, NULL), OM_OK);
	assert_non_null(strstr(out.data,
	    "# HELP t_requests_total Requests.\n# TYPE t_requests_total counter\n"
	    "t_requests_total{code=\"200\"} 40000\nt_requests_total{code=\"400\"} 0\n"));
	assert_non_null(strstr(out.data, "# TYPE t_depth gauge\nt_depth 3\n"));
	assert_non_null(strstr(out.data, "t_took_seconds_bucket{le=\"0.000500\"} 0\n"));
	assert_non_null(strstr(out.data, "t_took_seconds_bucket{le=\"0.001000\"} 1\n"));
	assert_non_null(strstr(out.data, "t_took_seconds_bucket{le=\"5.000000\"} 2\n"));
	assert_non_null(strstr(
	    out.data, "t_took_seconds_bucket{le=\"+Inf\"} 2\nt_took_seconds_sum 1.500700\nt_took_seconds_count 2\n"));
	om_buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_metrics_are_written_in_the_text_format)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
