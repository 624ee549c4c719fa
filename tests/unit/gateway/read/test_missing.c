/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Replies of a peer of another version: each call is answered with every field left
 * out in turn, and is answered, or refused with the reason.
 */
#include "sample.h"
#include "fixture/gateway.h"
#include "fixture/sessions.h"

#include "envelope.pb-c.h"
#include "base/json.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Body numbers whose reply stands under another one. */
static unsigned
reply_of(unsigned body)
{
	return body == OM__REQUEST__BODY_JOB_STATE || body == OM__REQUEST__BODY_JOB_DROP ? (unsigned)OM__REPLY__BODY_JOB
											 : body;
}

/* What the peer leaves out of the next reply of that kind: its k-th field. */
static struct {
	struct om_wire_server *server;
	atomic_uint body, unknown; /* that is answered so, and what NOT_FOUND is said to */
	atomic_size_t k;
	atomic_bool asked, stripped;
} peer;

static om_status
answer(void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	om_status s = OM_OK;

	(void)arg;
	(void)deadline_ms;
	if (fx_sessions_answer(req, a, rep, &s, e))
		return s;
	if (req->body_case == atomic_load(&peer.unknown))
		return om_fail(e, OM_NOT_FOUND, "not there");
	if (!sample_reply(&rep->base, reply_of(req->body_case), a))
		return om_fail(e, OM_INVALID, "not known");
	if (req->body_case == atomic_load(&peer.body)) {
		atomic_store(&peer.stripped, sample_strip(&rep->base, atomic_load(&peer.k)));
		atomic_store(&peer.asked, true);
	}
	return OM_OK;
}

static struct fx_gateway g;
static char session[600];

static int
set_up(void **state)
{
	struct om_wire_server_opts o = {
	    .urls = "tcp://127.0.0.1:0", .workers = 8, .arena_bytes = 64u << 20, .handler = answer};
	om_err e = {.text = ""};

	(void)state;
	assert_status(om_wire_server_open(&o, &peer.server, &e), OM_OK, e);
	g.reportd_url = om_wire_server_url(peer.server, 0);
	fx_gateway_start(&g, g.reportd_url);
	(void)fx_login(g.port, session);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	fx_gateway_stop(&g);
	fx_dir_remove(&g.dir);
	om_wire_server_close(&peer.server);
	return 0;
}

/* check: a whole JSON answer, or a problem that says what was missing. */
static void
check(const char *path, size_t k, const char *reply)
{
	const char *body = fx_body(reply);
	json_t *doc = json_loads(body, 0, NULL);

	if (fx_status(reply) == 0 || fx_status(reply) == 500 || doc == NULL)
		fail_msg("%s, field %zu: %s", path, k, reply);
	if (fx_status(reply) >= 400 && json_string_length(json_object_get(doc, "detail")) == 0)
		fail_msg("%s, field %zu: no reason: %s", path, k, reply);
	json_decref(doc);
}

static void
test_any_field_may_be_missing(void **state)
{
	static const struct {
		const char *path;
		unsigned body, least, unknown; /* so many fields at least */
	} calls[] = {
	    {"/api/v1/usage?group_by=user,day", OM__REQUEST__BODY_USAGE, 30, 0},
	    {"/api/v1/generations", OM__REQUEST__BODY_GENERATIONS, 30, 0},
	    {"/api/v1/generations/gen-1", OM__REQUEST__BODY_GENERATION, 60, 0},
	    {"/api/v1/users", OM__REQUEST__BODY_USERS, 8, 0},
	    {"/api/v1/user/u-1", OM__REQUEST__BODY_USER, 8, 0},
	    {"/api/v1/models", OM__REQUEST__BODY_MODELS, 6, 0},
	    {"/api/v1/credits", OM__REQUEST__BODY_CREDITS, 4, 0},
	    {"/api/v1/prices", OM__REQUEST__BODY_PRICES, 4, 0},
	    {"/api/v1/unsettled", OM__REQUEST__BODY_UNSETTLED, 10, 0},
	    {"/api/v1/dead-letters", OM__REQUEST__BODY_DEAD_LETTERS, 10, 0},
	    {"/api/v1/discrepancies", OM__REQUEST__BODY_DISCREPANCIES, 10, 0},
	    {"/api/v1/senders", OM__REQUEST__BODY_SENDERS, 12, 0},
	    {"/api/v1/terms", OM__REQUEST__BODY_TERMS, 12, 0},
	    {"/api/v1/documents", OM__REQUEST__BODY_DOCUMENTS, 25, 0},
	    {"/api/v1/documents/2026-000001", OM__REQUEST__BODY_DOCUMENT, 25, 0},
	    {"/api/v1/verify/0123-4567-89AB-CDEF", OM__REQUEST__BODY_DOCUMENT, 25, 0},
	    {"/api/v1/documents/requests/a", OM__REQUEST__BODY_DOCUMENT, 25, 0},
	    {"/api/v1/documents/requests/a", OM__REQUEST__BODY_ISSUE_STATE, 25, OM__REQUEST__BODY_DOCUMENT},
	    {"/api/v1/pipeline", OM__REQUEST__BODY_PIPELINE, 8, 0},
	    {"/api/v1/settings", OM__REQUEST__BODY_SETTINGS, 5, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		size_t k = 0;

		atomic_store(&peer.body, calls[i].body);
		atomic_store(&peer.unknown, calls[i].unknown);
		do {
			char *reply;

			atomic_store(&peer.k, k);
			atomic_store(&peer.asked, false);
			reply = fx_request(g.port, "GET", calls[i].path, session, NULL);
			check(calls[i].path, k, reply);
			if (!atomic_load(&peer.asked))
				fail_msg("%s did not ask: %s", calls[i].path, reply);
			free(reply);
		} while (atomic_load(&peer.stripped) && ++k < 1000);
		if (k < calls[i].least)
			fail_msg("%s: only %zu fields", calls[i].path, k);
	}
	atomic_store(&peer.body, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_field_may_be_missing)};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
