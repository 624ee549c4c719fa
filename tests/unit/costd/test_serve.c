/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app.h"
#include "fixture.h"
#include "serve.h"
#include "settings.h"
#include "envelope.pb-c.h"
#include "base/stats.h"

#include <stdlib.h>
#include <string.h>

/* Asked of reportd alone. */
static const char *const reportds[] = {
    "render", "job_start", "job_state", "job_read", "job_drop", "issue", "issue_state", NULL};

static bool
is_reportds(const char *name)
{
	for (size_t i = 0; reportds[i] != NULL; i++)
		if (strcmp(reportds[i], name) == 0)
			return true;
	return false;
}

static void
test_every_request_is_answered_by_one_of_the_services(void **state)
{
	const ProtobufCMessageDescriptor *request = &om__request__descriptor, *reply = &om__reply__descriptor;

	(void)state;
	for (unsigned i = 0; i < request->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &request->fields[i];
		const struct cd_serve_call *call = cd_serve_call_of(f->id);

		if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 || is_reportds(f->name)) {
			assert_null(call);
			continue;
		}
		assert_non_null(call);
		assert_string_equal(call->request, f->name);
		assert_int_not_equal(call->who, 0);
		assert_non_null(protobuf_c_message_descriptor_get_field_by_name(reply, call->reply));
	}
	assert_null(cd_serve_call_of(0));
	assert_null(cd_serve_call_of(1000000));
}

static void
test_a_call_is_answered_in_its_place_and_timed(void **state)
{
	Om__SettingsQuery q = OM__SETTINGS_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply rep = OM__REPLY__INIT;
	struct cd_settings *conf = calloc(1, sizeof *conf);
	struct cd_parts parts = {.self = &cd_service, .conf = conf};
	struct om_arena a;
	struct om_buf b;

	(void)state;
	assert_non_null(conf);
	om_arena_init(&a, 1000000);
	req.body_case = OM__REQUEST__BODY_SETTINGS;
	req.settings = &q;
	assert_int_equal(cd_serve(&parts, &req, om_mono_ms() + 1000, &a, &rep, NULL), OM_OK);
	assert_int_equal(rep.body_case, OM__REPLY__BODY_SETTINGS);
	assert_true(rep.settings->n_settings > 10);
	om_buf_init(&b, 100000);
	om_stats_write(&b);
	assert_int_equal(om_buf_done(&b, NULL), OM_OK);
	assert_non_null(strstr(b.data, "owui_metering_call_seconds_count{call=\"settings\"} 1\n"));
	om_buf_fini(&b);
	om_arena_fini(&a);
	free(conf);
}

static void
test_what_is_reportds_is_refused(void **state)
{
	Om__RenderQuery q = OM__RENDER_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply rep = OM__REPLY__INIT;
	struct cd_parts parts = {.pool = NULL, .self = &cd_service};
	struct om_arena a;
	om_err e = {.text = ""};

	(void)state;
	om_arena_init(&a, 100000);
	req.body_case = OM__REQUEST__BODY_RENDER;
	req.render = &q;
	assert_int_equal(cd_serve(&parts, &req, om_mono_ms() + 1000, &a, &rep, &e), OM_PROTOCOL);
	assert_non_null(strstr(e.text, "costd does not answer"));
	assert_int_equal(rep.body_case, OM__REPLY__BODY__NOT_SET);
	om_arena_fini(&a);
}

/* A gateway's word is not taken for a session: what only a person may ask needs one. */
static void
test_what_a_session_alone_may_ask_is_refused_without_one(void **state)
{
	static const char *const admins[] = {
	    "unpair", "users", "user", "dead_letters", "retry", "terms_change", "sessions_end_all", "ticket_make"};
	const ProtobufCMessageDescriptor *d = &om__request__descriptor;
	struct cd_parts parts = {.self = &cd_service};

	(void)state;
	for (size_t i = 0; i < sizeof admins / sizeof admins[0]; i++) {
		const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(d, admins[i]);
		Om__Request req = OM__REQUEST__INIT;
		Om__Reply rep = OM__REPLY__INIT;
		struct om_arena a;

		om_arena_init(&a, 1000000);
		assert_int_equal(cd_serve_call_of(f->id)->viewer, CD_VIEWER_ADMIN);
		req.body_case = (Om__Request__BodyCase)f->id;
		req.status = om_msg_new(&a, f->descriptor);
		assert_int_equal(cd_serve(&parts, &req, om_mono_ms() + 1000, &a, &rep, NULL), OM_UNAUTHENTICATED);
		om_arena_fini(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_request_is_answered_by_one_of_the_services),
	    cmocka_unit_test(test_a_call_is_answered_in_its_place_and_timed),
	    cmocka_unit_test(test_what_a_session_alone_may_ask_is_refused_without_one),
	    cmocka_unit_test(test_what_is_reportds_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
