/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The whole gateway with a costd: records arrive there, answers come back. */
#include "fixture/gateway.h"

#include "peers/peers.h"
#include "spool/spool.h"
#include "base/clock.h"
#include "base/json.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fx_costd costd;
static struct fx_gateway g;

static int
set_up(void **state)
{
	struct gw_costd_status status;
	int64_t until = om_mono_ms() + FX_PATIENCE_MS;

	(void)state;
	fx_costd_start(&costd, "tcp://127.0.0.1:0");
	fx_gateway_start(&g, om_wire_server_url(costd.server, 0));
	do {
		(void)poll(NULL, 0, 10);
		gw_peers_costd_status(g.app->parts.peers, &status);
	} while (!status.reachable && om_mono_ms() < until);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	fx_gateway_stop(&g);
	fx_costd_stop(&costd);
	fx_dir_remove(&g.dir);
	return 0;
}

static char *
get(const char *path, int status)
{
	char *reply = fx_request(g.port, "GET", path, FX_READ, NULL);

	if (fx_status(reply) != status)
		fail_msg("%s: %s", path, reply);
	return reply;
}

static void
test_records_reach_costd_once(void **state)
{
	static const char body[] =
	    "[{\"v\":1,\"generation_id\":\"g1\",\"user\":{\"id\":\"u\"},\"started_at\":\"2026-11-23T10:00:00Z\"},"
	    "{\"v\":1,\"generation_id\":\"g2\",\"user\":{\"id\":\"u\"},\"started_at\":\"2026-11-23T10:00:00Z\"}]";
	int64_t until = om_mono_ms() + FX_PATIENCE_MS;
	struct gw_store_totals t;

	(void)state;
	for (int i = 0; i < 3; i++) {
		char *reply = fx_request(g.port, "POST", "/api/v1/events", FX_INGEST FX_JSON, body);

		assert_int_equal(fx_status(reply), 200);
		free(reply);
	}
	do {
		(void)poll(NULL, 0, 10);
		(void)gw_spool_status(g.app->parts.spool, &t);
	} while (t.pending > 0 && om_mono_ms() < until);
	assert_int_equal(t.pending, 0);
	assert_int_equal(t.new_records, 2);
	assert_int_equal(t.duplicate_records, 4);
	assert_int_equal(fx_costd_booked(&costd), 2);
}

static void
test_usage_is_passed_on_and_written_exactly(void **state)
{
	char *reply = get("/api/v1/usage?from=2026-11-01&to=2026-12-01&group_by=day,user,model&user=a%26b", 200);
	json_t *doc = NULL;
	om_err e = {.text = ""};
	const json_t *row;

	(void)state;
	assert_status(om_json_parse(fx_body(reply), strlen(fx_body(reply)), &doc, &e), OM_OK, e);
	assert_string_equal(json_string_value(json_object_get(doc, "from")), "20758");
	assert_string_equal(json_string_value(json_object_get(doc, "to")), "a&b");
	assert_string_equal(json_string_value(json_object_get(doc, "currency")), "USD");
	row = json_array_get(json_object_get(doc, "rows"), 0);
	assert_int_equal(json_object_size(row), 4 + 11);
	assert_string_equal(json_string_value(json_object_get(row, "day")), "2026-11-23");
	assert_string_equal(json_string_value(json_object_get(row, "user_name")), "Ada \"<b>\"");
	assert_true(json_is_null(json_object_get(row, "model")));
	assert_string_equal(json_string_value(json_object_get(row, "cost")), "0.000000125");
	assert_true(json_is_false(json_object_get(doc, "truncated")));
	json_decref(doc);
	free(reply);
}

static void
test_rows_say_what_they_count(void **state)
{
	char *reply = get("/api/v1/generations?limit=1&platform=ollama", 200);

	(void)state;
	assert_non_null(strstr(reply,
	    "\"platform\":\"asked for \\\"ollama\\\"\",\"marks\":[],\"requests\":1,"
	    "\"unsettled\":false,\"other_id\":null,\"kind\":null,\"images\":null,\"disputed_cost\":null,\"user_state\":"
	    "\"unknown\"}"));
	assert_null(strstr(reply, "part_of"));
	free(reply);
	reply = get("/api/v1/generations?limit=1&platform=", 200); /* rows without one */
	assert_non_null(strstr(reply, "asked for \\\"\\\""));
	free(reply);
	reply = get("/api/v1/generations/owui:a%2Fb", 200);
	assert_non_null(strstr(reply,
	    "\"platform\":\"openrouter\",\"marks\":[\"matched\"],\"requests\":0,"
	    "\"unsettled\":true,\"other_id\":\"gen-other\",\"kind\":null,\"images\":null,\"disputed_cost\":null,\"user_"
	    "state\":\"unknown\","
	    "\"part_of\":[\"gen-1\"],"
	    "\"parts\":[]}"));
	assert_non_null(strstr(reply, "\"turn_id\":\"a/b\""));
	assert_non_null(strstr(reply,
	    "\"platform\":\"openrouter\",\"other_id\":null,\"request\":2,\"kind\":null,\"images\":null,\"decision\":"
	    "null,\"reason\":null,\"not_found\":null,\"user_state\":"
	    "null,\"told_only\":null,\"groups\":[]"
	    "}"));
	free(reply);
}

static void
test_a_session_can_unpair(void **state)
{
	static const char path[] = "/api/v1/generations/owui:a%2Fb/unpair";
	char cookie[600], *reply;

	(void)state;
	reply = fx_request(g.port, "POST", path, FX_READ, NULL);
	assert_int_equal(fx_status(reply), 403);
	free(reply);
	(void)fx_login(g.port, cookie);
	reply = fx_request(g.port, "POST", path, cookie, NULL);
	assert_string_equal(fx_body(reply), "{\"unpaired\":[\"owui:a/b\"]}");
	free(reply);
	reply = fx_request(g.port, "POST", "/api/v1/generations/gen-1/unpair", cookie, NULL);
	assert_int_equal(fx_status(reply), 409);
	free(reply);
}

static void
test_generations_and_large_answers(void **state)
{
	char v[512], *reply = get("/api/v1/generations?limit=2&cost_state=looked_up", 200);

	(void)state;
	assert_non_null(strstr(reply, "\"generation_id\":\"gen-1\""));
	assert_non_null(strstr(reply, "\"cost\":null"));
	assert_non_null(strstr(reply, "\"cost_state\":\"looked_up\""));
	assert_non_null(strstr(reply, "\"started_at\":\"2026-11-23T16:40:01.120000Z\",\"finished_at\":null"));
	assert_non_null(strstr(reply, "\"next_cursor\":null}"));
	free(reply);
	reply = get("/api/v1/generations?limit=1000", 200);
	assert_string_equal(fx_header(reply, "Vary", v), "Accept-Encoding");
	assert_int_equal(strtol(fx_header(reply, "Content-Length", v), NULL, 10), strlen(fx_body(reply)));
	assert_non_null(strstr(reply, "gen-999"));
	free(reply);
	reply = fx_request(g.port, "GET", "/api/v1/generations?limit=1000", FX_READ "Accept-Encoding: gzip\r\n", NULL);
	assert_string_equal(fx_header(reply, "Content-Encoding", v), "gzip");
	free(reply);
}

static void
test_bad_questions_are_400_and_name_the_parameter(void **state)
{
	static const struct {
		const char *path, *detail;
	} bad[] = {
	    {"/api/v1/usage?group_by=", "group_by: must be"},
	    {"/api/v1/usage?group_by=day,day", "group_by: must be"},
	    {"/api/v1/usage?group_by=minute", "group_by: must be"},
	    {"/api/v1/usage?group_by=day,", "group_by: must be"},
	    {"/api/v1/usage?limit=10001", "limit: must be"},
	    {"/api/v1/usage?user=", "user: must have 1 to 128"},
	    {"/api/v1/usage?wat=1", "wat: is not a parameter"},
	    {"/api/v1/models?x=1", "x: is not a parameter"},
	    {"/api/v1/generations?cost_state=sure", "cost_state: must be"},
	    {"/api/v1/generations?from=2026-11-02&to=2026-11-01", "to: must not be earlier"},
	    {"/api/v1/generations?cursor=", "cursor: must have"},
	    {"/api/v1/reports/2026-13.pdf", "file: must be"},
	    {"/api/v1/reports/2026-00.pdf", "file: must be"},
	    {"/api/v1/reports/2026-11.doc", "file: must be"},
	    {"/api/v1/reports/1999-11.pdf", "file: the year"},
	    {"/api/v1/reports/2026-11", "file: must be"},
	    {"/api/v1/statements/u/x", "file: must be"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char *reply = get(bad[i].path, 400);

		if (strstr(reply, bad[i].detail) == NULL)
			fail_msg("%s: %s", bad[i].path, reply);
		free(reply);
	}
	free(get("/api/v1/nothing", 404));
	free(get("/api/v1/statements//2026-11.pdf", 404));
	free(get("/api", 404));
}

static void
test_readiness_session_and_metrics(void **state)
{
	char *reply = get("/readyz", 200);

	(void)state;
	assert_non_null(strstr(reply, "{\"status\":\"ready\",\"spool\":{\"state\":\"ok\",\"pending\":0"));
	free(reply);
	reply = get("/api/v1/session", 200);
	assert_non_null(strstr(reply, "{\"expires_at\":null,\"timezone\":\"Europe/Berlin\",\"currency\":\"USD\""));
	free(reply);
	reply = get("/api/v1/metrics", 200);
	assert_non_null(strstr(reply, "owui_metering_spool_accepted_total "));
	assert_non_null(strstr(reply, "\ncostd_x 1\n"));
	assert_null(strstr(reply, "Not ours"));
	assert_null(strstr(reply, " 77\n"));
	free(reply);
}

static void
test_user_ids_may_have_any_characters(void **state)
{
	char cookie[600], both[700], *reply;

	(void)state;
	(void)fx_login(g.port, cookie);
	reply = fx_request(g.port, "GET", "/api/v1/user/a%2Fb", cookie, NULL);
	assert_int_equal(fx_status(reply), 200);
	assert_string_equal(fx_body(reply),
	    "{\"id\":\"a/b\",\"name\":null,\"email\":null,\"role\":null,\"groups\":[],"
	    "\"first_seen_at\":\"1970-01-01T00:00:00.000000Z\",\"last_seen_at\":null,\"inherited_groups\":[],"
	    "\"merged\":[],\"listed_at\":null,"
	    "\"gone_at\":null}");
	free(reply);
	reply = fx_request(g.port, "GET", "/api/v1/user/nobody", cookie, NULL);
	assert_int_equal(fx_status(reply), 404);
	free(reply);
	reply = fx_request(g.port, "GET", "/api/v1/users?q=%25", cookie, NULL);
	assert_int_equal(fx_status(reply), 200);
	free(reply);
	/* the ingest key beside a session does not become more */
	(void)snprintf(both, sizeof both, "%s%s", cookie, FX_INGEST);
	reply = fx_request(g.port, "GET", "/api/v1/users", both, NULL);
	assert_int_equal(fx_status(reply), 403);
	free(reply);
}

static void
test_what_costd_cannot_do_is_503(void **state)
{
	char *reply = get("/api/v1/models", 503);

	(void)state;
	assert_non_null(strstr(reply, "the fixture does not know that"));
	free(reply);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_records_reach_costd_once),
	    cmocka_unit_test(test_usage_is_passed_on_and_written_exactly),
	    cmocka_unit_test(test_rows_say_what_they_count),
	    cmocka_unit_test(test_a_session_can_unpair),
	    cmocka_unit_test(test_generations_and_large_answers),
	    cmocka_unit_test(test_bad_questions_are_400_and_name_the_parameter),
	    cmocka_unit_test(test_readiness_session_and_metrics),
	    cmocka_unit_test(test_user_ids_may_have_any_characters),
	    cmocka_unit_test(test_what_costd_cannot_do_is_503),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
