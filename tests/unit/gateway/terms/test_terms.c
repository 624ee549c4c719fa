/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Terms over HTTP: what costd is told of a change, and how its answer reads. */
#include "fixture/gateway.h"
#include "fixture/sessions.h"

#include "peers/peers.h"
#include "envelope.pb-c.h"
#include "terms.pb-c.h"
#include "base/clock.h"
#include "wire/terms.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TERMS "/api/v1/terms"

static struct om_wire_server *costd;
static struct fx_gateway g;
static char session[600];

/* told writes a change, as it came, in place of a conflict. */
static char *
told(const Om__TermsChange *q, struct om_arena *a)
{
	char *text = om_arena_printf(a, "from %d%s%s", q->has_valid_from_day ? q->valid_from_day : -1,
	    q->has_withdrawn ? " withdrawn" : "", q->terms->has_exchange_rate_confirmed ? " confirmed" : "");

	for (unsigned i = 0; i < OM_TERMS_TEXTS; i++)
		if (*om_terms_text(q->terms, i) != NULL)
			text = om_arena_printf(a, "%s; %s %s", text, om_terms_name(i), *om_terms_text(q->terms, i));
	for (size_t i = 0; i < q->n_unset; i++)
		text = om_arena_printf(a, "%s; no %s", text, q->unset[i]);
	return text;
}

static Om__TermsVersion *
version(struct om_arena *a, bool counts)
{
	Om__TermsVersion *v = om_msg_new(a, &om__terms_version__descriptor);

	v->terms = om_msg_new(a, &om__terms__descriptor);
	v->terms->markup_percent = om_arena_strdup(a, counts ? "1.5" : "1");
	v->has_valid_from_day = counts;
	v->valid_from_day = 20758;
	v->changed_us = 1795452001120000;
	v->source = om_arena_strdup(a, counts ? "api" : "settings");
	v->withdrawn = !counts;
	v->counts = counts;
	v->terms->has_exchange_rate_confirmed = v->terms->exchange_rate_confirmed = counts;
	return v;
}

static om_status
serve(void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	om_status s = OM_OK;

	(void)arg;
	(void)deadline_ms;
	if (fx_sessions_answer(req, a, rep, &s, e))
		return s;
	switch (req->body_case) {
	case OM__REQUEST__BODY_STATUS:
		rep->status_reply = om_msg_new(a, &om__status_reply__descriptor);
		rep->status_reply->version = om_arena_strdup(a, "1");
		rep->status_reply->has_database_ok = rep->status_reply->database_ok = 1;
		rep->body_case = OM__REPLY__BODY_STATUS_REPLY;
		return OM_OK;
	case OM__REQUEST__BODY_PIPELINE:
		rep->pipeline = om_msg_new(a, &om__pipeline_reply__descriptor);
		rep->pipeline->held_month = om_arena_strdup(a, "2026-10");
		rep->pipeline->held_reason = om_arena_strdup(a, "the rate is of 2026-09-30");
		rep->pipeline->terms_conflict = om_arena_strdup(a, "TAX_RATE: 19 and 7");
		rep->body_case = OM__REPLY__BODY_PIPELINE;
		return OM_OK;
	case OM__REQUEST__BODY_TERMS:
	case OM__REQUEST__BODY_TERMS_CHANGE:
		rep->terms = om_msg_new(a, &om__terms_reply__descriptor);
		rep->terms->items = om_arena_array(a, 2, sizeof(void *));
		rep->terms->items[rep->terms->n_items++] = version(a, true);
		rep->terms->items[rep->terms->n_items++] = version(a, false);
		if (req->body_case == OM__REQUEST__BODY_TERMS_CHANGE)
			rep->terms->conflict = told(req->terms_change, a);
		rep->body_case = OM__REPLY__BODY_TERMS;
		return OM_OK;
	default:
		return om_fail(e, OM_STORE, "not known here");
	}
}

static int
set_up(void **state)
{
	struct om_wire_server_opts o = {
	    .urls = "tcp://127.0.0.1:0", .workers = 4, .arena_bytes = 1u << 20, .handler = serve};
	int64_t until = om_mono_ms() + FX_PATIENCE_MS;
	struct gw_costd_status status;
	om_err e = {.text = ""};

	(void)state;
	assert_status(om_wire_server_open(&o, &costd, &e), OM_OK, e);
	fx_gateway_start(&g, om_wire_server_url(costd, 0));
	do {
		(void)poll(NULL, 0, 10);
		gw_peers_costd_status(g.app->parts.peers, &status);
	} while (!status.reachable && om_mono_ms() < until);
	(void)fx_login(g.port, session);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	fx_gateway_stop(&g);
	om_wire_server_close(&costd);
	fx_dir_remove(&g.dir);
	return 0;
}

static char *
put(const char *body, int status)
{
	char extra[700], *reply;

	(void)snprintf(extra, sizeof extra, "%s%s", session, FX_JSON);
	reply = fx_request(g.port, "PUT", TERMS, extra, body);
	if (fx_status(reply) != status)
		fail_msg("%s: %s", body, reply);
	return reply;
}

#define TEXTS(percent)                                                                           \
	"\"minimum_charge_fee\":null,\"minimum_charge_mode\":null,\"markup_percent\":\"" percent \
	"\",\"markup_per_million_tokens\":null,\"tax_rate\":null,\"tax_name\":null,"             \
	"\"currency\":null,\"exchange_rate\":null,\"exchange_rate_date\":null,\"exchange_rate_source\":null"
#define T(from, at, source, withdrawn, counts, percent, confirmed)                                                   \
	"{" TEXTS(percent) ",\"exchange_rate_confirmed\":" confirmed ",\"valid_from\":" from ",\"changed_at\":\"" at \
			   "\",\"source\":\"" source "\",\"withdrawn\":" withdrawn ",\"counts\":" counts "}"
#define COUNTS T("\"2026-11-01\"", "2026-11-23T16:40:01.120000Z", "api", "false", "true", "1.5", "true")
#define GONE   T("null", "2026-11-23T16:40:01.120000Z", "settings", "true", "false", "1", "false")

static void
test_terms_are_listed_with_their_history(void **state)
{
	char *reply = fx_request(g.port, "GET", TERMS, FX_READ, NULL);

	(void)state;
	assert_int_equal(fx_status(reply), 200);
	assert_string_equal(
	    fx_body(reply), "{\"history\":[" COUNTS "," GONE "],\"conflict\":null,\"items\":[" COUNTS "]}");
	free(reply);
}

static void
test_a_change_is_told_to_costd(void **state)
{
	static const struct {
		const char *body, *told;
	} cases[] = {
	    {"{\"valid_from\":null}", "from -1"},
	    {"{\"valid_from\":\"2026-11\"}", "from 20758"},
	    {"{\"valid_from\":\"2026-11-01\",\"withdrawn\":true}", "from 20758 withdrawn"},
	    {"{\"valid_from\":\"2026-11\",\"withdrawn\":false,\"exchange_rate_confirmed\":false}", "from 20758"},
	    {"{\"valid_from\":\"2026-11\",\"exchange_rate_confirmed\":true}", "from 20758 confirmed"},
	    {"{\"valid_from\":\"2026-11\",\"markup_percent\":0.04,\"tax_rate\":19,\"tax_name\":\"MwSt.\"}",
		"from 20758; markup_percent 0.04; tax_rate 19; tax_name MwSt."},
	    {"{\"valid_from\":\"2026-11\",\"currency\":null,\"exchange_rate\":null,\"markup_percent\":\"0.1\"}",
		"from 20758; markup_percent 0.1; no currency; no exchange_rate"},
	};
	char expected[300];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *reply = put(cases[i].body, 200);

		(void)snprintf(expected, sizeof expected, ",\"conflict\":\"%s\",", cases[i].told);
		if (strstr(reply, expected) == NULL)
			fail_msg("%s: %s", cases[i].body, reply);
		free(reply);
	}
}

static void
test_bad_changes_are_400_and_name_the_member(void **state)
{
	static const struct {
		const char *body, *detail;
	} bad[] = {
	    {"[]", "must be an object"},
	    {"{}", "valid_from: is missing"},
	    {"{\"tax_rate\":\"19\"}", "valid_from: is missing"},
	    {"{\"valid_from\":202611}", "valid_from: must be"},
	    {"{\"valid_from\":\"2026-11-02\"}", "valid_from: must be"},
	    {"{\"valid_from\":\"2026-13\"}", "valid_from: must be"},
	    {"{\"valid_from\":\"2026-1\"}", "valid_from: must be"},
	    {"{\"valid_from\":\"2026-11-1\"}", "valid_from: must be"},
	    {"{\"valid_from\":\"\"}", "valid_from: must be"},
	    {"{\"valid_from\":\"1999-12\"}", "valid_from: the year"},
	    {"{\"valid_from\":\"2200-01\"}", "valid_from: the year"},
	    {"{\"valid_from\":null,\"taxrate\":\"19\"}", "taxrate: is no member"},
	    {"{\"valid_from\":null,\"TAX_RATE\":\"19\"}", "TAX_RATE: is no member"},
	    {"{\"valid_from\":null,\"source\":\"api\"}", "source: is no member"},
	    {"{\"valid_from\":null,\"tax_rate\":true}", "tax_rate: must be"},
	    {"{\"valid_from\":null,\"tax_rate\":\"much\"}", "tax_rate: "},
	    {"{\"valid_from\":null,\"tax_name\":5}", "tax_name: must be"},
	    {"{\"valid_from\":null,\"exchange_rate_confirmed\":\"yes\"}", "exchange_rate_confirmed: must be"},
	    {"{\"valid_from\":null,\"withdrawn\":1}", "withdrawn: must be"},
	    {"{\"valid_from\":null,\"withdrawn\":true,\"tax_rate\":null}", "withdrawn: goes together"},
	    {"{\"valid_from\":null,\"withdrawn\":true,\"tax_rate\":1}", "withdrawn: goes together"},
	    {"{\"valid_from\":null,\"valid_from\":null}", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char *reply = put(bad[i].body, 400);

		if (strstr(reply, bad[i].detail) == NULL)
			fail_msg("%s: %s", bad[i].body, reply);
		free(reply);
	}
}

static void
test_the_pipeline_says_what_is_held_back(void **state)
{
	char *reply = fx_request(g.port, "GET", "/api/v1/pipeline", FX_READ, NULL);

	(void)state;
	assert_non_null(strstr(reply,
	    "\"delivery\":{\"held_month\":\"2026-10\",\"held_reason\":\"the rate is of 2026-09-30\"},"
	    "\"terms_conflict\":\"TAX_RATE: 19 and 7\"}"));
	free(reply);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_terms_are_listed_with_their_history),
	    cmocka_unit_test(test_a_change_is_told_to_costd),
	    cmocka_unit_test(test_bad_changes_are_400_and_name_the_member),
	    cmocka_unit_test(test_the_pipeline_says_what_is_held_back),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
