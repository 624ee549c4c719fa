/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Open WebUI's list in the table of persons, against a real database and a made-up Open WebUI. */
#include "fixture.h"
#include "http_fixture.h"

#include "directory/directory.h"
#include "directory/listed.h"
#include "store/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL   "/api/v1/users/all"
#define GROUP "/api/v1/groups/"

/* An installation and its Open WebUI. */
struct place {
	struct fx f;
	struct fx_server *owui;
	struct cd_provider_opts opts;
	struct cd_directory *directory;
	struct om_duties *duties;
	om_status status; /* of the last turn */
	om_err why;
};

static int64_t clock_ms;

static int64_t
read_clock(void)
{
	return clock_ms;
}

static om_status
run_turn(void *arg, struct om_duty_turn *t, om_err *e)
{
	struct place *p = arg;

	(void)e;
	p->why.text[0] = '\0';
	p->status = cd_directory_turn(p->directory, t, &p->why);
	om_duty_next_in(t, 1);
	return OM_OK;
}

/* begin starts a process: one without a list when there is no server. */
static void
begin(struct place *p, om_time interval_us)
{
	const struct om_duty row = {.name = "openwebui", .failed = "failed", .run = run_turn, .arg = p};
	om_err e = {.text = ""};

	fx_ok(om_duties_new(0, read_clock, &p->duties, &e), &e);
	p->opts = (struct cd_provider_opts){.base_url = p->owui != NULL ? fx_server_url(p->owui) : NULL,
	    .api_key = p->owui != NULL ? "sk-admin" : NULL};
	fx_ok(cd_directory_new(p->f.pool, &p->opts, interval_us, om_duties_stopping(p->duties), &p->directory, &e), &e);
	fx_ok(om_duties_add(p->duties, &row, NULL, &e), &e);
	fx_ok(om_duties_start(p->duties, &e), &e);
}

static void
end(struct place *p)
{
	om_duties_stop(p->duties);
	om_duties_free(&p->duties);
	cd_directory_free(&p->directory);
}

static void
open_place(struct place *p)
{
	memset(p, 0, sizeof *p);
	fx_open(&p->f);
	assert_int_equal(cd_http_global(&p->why), OM_OK);
	p->owui = fx_server_open();
	begin(p, 1); /* due again at once */
}

static void
close_place(struct place *p)
{
	end(p);
	if (p->owui != NULL)
		fx_server_close(&p->owui);
	fx_close(&p->f);
}

static om_status
turn(struct place *p)
{
	clock_ms += INT64_C(3600000);
	assert_true(om_duties_step(p->duties));
	return p->status;
}

static void
must_turn(struct place *p)
{
	if (turn(p) != OM_OK)
		fail_msg("%s", p->why.text);
}

/* put_users: the list, as Open WebUI gives it. */
static void
put_users(struct place *p, const char *users)
{
	char *body = om_arena_printf(&p->f.a, "[%s]", users);

	assert_non_null(body);
	fx_server_put(p->owui, ALL, 200, NULL, body);
}

static void
put_groups(struct place *p, const char *groups)
{
	char *body = om_arena_printf(&p->f.a, "[%s]", groups);

	assert_non_null(body);
	fx_server_put(p->owui, GROUP, 200, NULL, body);
}

#define ADA "{\"id\":\"u-ada\",\"name\":\"Ada\",\"email\":\"ada@example.org\",\"role\":\"admin\"}"
#define BOB "{\"id\":\"u-bob\",\"name\":\"Bob\",\"email\":\"bob@example.org\",\"role\":\"user\"}"
#define TREE                                                                                        \
	"{\"id\":\"g-s\",\"name\":\"School\",\"parent_group_id\":\"g-t\",\"user_ids\":[]},"         \
	"{\"id\":\"g-c\",\"name\":\"Class\",\"parent_group_id\":\"g-s\",\"user_ids\":[\"u-ada\"]}," \
	"{\"id\":\"g-t\",\"name\":\"Town\",\"user_ids\":[\"u-bob\"]}"

/* persons: everyone but the unknown one, as one text. */
static const char *
persons(struct place *p)
{
	return fx_text(&p->f,
	    "SELECT "
	    "CONCAT_WS('|',external_id,IFNULL(name,'-'),IFNULL(email,'-'),IFNULL(role,'-'),IFNULL(groups_json,'-'),"
	    "IFNULL(inherited_json,'-'),IF(listed_us IS NULL,'','listed'),IF(gone_us IS NULL,'','gone')) FROM person "
	    "WHERE id>1 ORDER BY external_id");
}

static void
test_persons_and_their_tree_of_groups(void **state)
{
	struct place p;

	(void)state;
	open_place(&p);
	put_users(&p,
	    ADA "," BOB ",{\"id\":\"u-eve\",\"name\":\"Eve\"},{\"id\":\"\",\"name\":\"Nobody\"},"
		"{\"id\":\"unknown\",\"name\":\"Nobody\"}");
	put_groups(&p, TREE);
	must_turn(&p);
	assert_string_equal(persons(&p),
	    "u-ada|Ada|ada@example.org|admin|[\"Class\",\"School\",\"Town\"]|[\"School\",\"Town\"]|listed|\n"
	    "u-bob|Bob|bob@example.org|user|[\"Town\"]|-|listed|\n"
	    "u-eve|Eve|-|-|-|-|listed|\n");
	assert_int_equal(fx_int(&p.f, "SELECT COUNT(*) FROM person WHERE name='Nobody'"), 0);
	/* nobody of them was seen */
	assert_int_equal(fx_int(&p.f, "SELECT COUNT(first_seen_us)+COUNT(last_seen_us) FROM person WHERE id>1"), 0);
	assert_int_equal(fx_int(&p.f, "SELECT COUNT(*) FROM person WHERE name_us-listed_us=1<<60 AND id>1"), 3);
	/* the next list has them otherwise */
	put_users(&p, "{\"id\":\"u-ada\",\"name\":\"Ada King\",\"email\":\"ada@example.org\",\"role\":\"user\"}," BOB);
	put_groups(&p, "{\"id\":\"g-t\",\"name\":\"Town\",\"parent_group_id\":\"g-none\",\"user_ids\":[\"u-ada\"]}");
	must_turn(&p);
	assert_string_equal(persons(&p),
	    "u-ada|Ada King|ada@example.org|user|[\"Town\"]|-|listed|\n"
	    "u-bob|Bob|bob@example.org|user|-|-|listed|\n"
	    "u-eve|Eve|-|-|-|-|listed|gone\n");
	close_place(&p);
}

static void
test_groups_of_one_name_and_in_a_circle(void **state)
{
	struct place p;

	(void)state;
	open_place(&p);
	put_users(&p, ADA);
	/* a group has its parent's name; two are above each other */
	put_groups(&p,
	    "{\"id\":\"a\",\"name\":\"Same\",\"parent_group_id\":\"b\",\"user_ids\":[\"u-ada\",\"u-ada\"]},"
	    "{\"id\":\"b\",\"name\":\"Same\",\"parent_group_id\":\"c\",\"user_ids\":[]},"
	    "{\"id\":\"c\",\"name\":\"Top\",\"parent_group_id\":\"a\",\"user_ids\":[]},"
	    "{\"id\":\"d\",\"name\":null,\"parent_group_id\":\"d\",\"user_ids\":[\"u-ada\"]}");
	must_turn(&p);
	assert_string_equal(persons(&p), "u-ada|Ada|ada@example.org|admin|[\"Same\",\"Top\"]|[\"Top\"]|listed|\n");
	close_place(&p);
}

static void
test_gone_and_back(void **state)
{
	int64_t since;
	struct place p;

	(void)state;
	open_place(&p);
	put_users(&p, ADA "," BOB);
	put_groups(&p, "");
	must_turn(&p);
	put_users(&p, ADA);
	must_turn(&p);
	assert_int_equal(
	    fx_int(&p.f, "SELECT COUNT(*) FROM person WHERE external_id='u-bob' AND gone_us>listed_us"), 1);
	since = fx_int(&p.f, "SELECT gone_us FROM person WHERE external_id='u-bob'");
	must_turn(&p);
	assert_int_equal(fx_int(&p.f, "SELECT gone_us FROM person WHERE external_id='u-bob'"), since);
	assert_int_equal(fx_int(&p.f, "SELECT COUNT(*) FROM person WHERE name='Bob'"), 1); /* and known as before */
	put_users(&p, ADA "," BOB);
	must_turn(&p);
	assert_int_equal(
	    fx_int(&p.f, "SELECT COUNT(*) FROM person WHERE listed_us IS NOT NULL AND gone_us IS NULL"), 2);
	close_place(&p);
}

static void
test_a_list_that_failed_changes_nothing(void **state)
{
	static const char *const bad[] = {"[]", "{\"users\":[" ADA "]}", "{\"users\":[" ADA "],\"total\":2}",
	    "[" ADA ",{}]", "[{\"id\":\"\"}]", "", "\xff\xfe"};
	const char *before;
	struct place p;

	(void)state;
	open_place(&p);
	put_users(&p, ADA "," BOB);
	put_groups(&p, TREE);
	must_turn(&p);
	before = fx_text(
	    &p.f, "SELECT CONCAT_WS('|',external_id,name_us,groups_us,listed_us,IFNULL(gone_us,'-')) FROM person");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		fx_server_put(p.owui, ALL, 200, NULL, bad[i]);
		assert_int_not_equal(turn(&p), OM_OK);
		assert_true(p.why.text[0] != '\0');
		assert_int_equal(fx_int(&p.f, "SELECT attempts FROM lease WHERE name='openwebui'"), (int64_t)i + 1);
	}
	assert_string_equal(om_arena_printf(&p.f.a, "%s\n", p.why.text),
	    fx_text(&p.f, "SELECT last_error FROM lease WHERE name='openwebui'"));
	put_users(&p, ADA);
	fx_server_put(p.owui, GROUP, 500, NULL, "[]"); /* half of it is there */
	assert_int_not_equal(turn(&p), OM_OK);
	assert_string_equal(
	    fx_text(
		&p.f, "SELECT CONCAT_WS('|',external_id,name_us,groups_us,listed_us,IFNULL(gone_us,'-')) FROM person"),
	    before);
	put_groups(&p, TREE);
	must_turn(&p);
	assert_int_equal(fx_int(&p.f, "SELECT attempts FROM lease WHERE name='openwebui'"), 0);
	assert_int_equal(fx_int(&p.f, "SELECT COUNT(gone_us) FROM person"), 1);
	close_place(&p);
}

/* ---- what records say ---- */

static void
submit(struct place *p, uint64_t id, const char *source, const char *name, const char *group)
{
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	char generation[32];
	Om__Record *r;

	(void)snprintf(generation, sizeof generation, "gen-%llu", (unsigned long long)id);
	r = fx_record(&p->f.a, id, generation, "u-ada", "0.1");
	r->source = om_arena_strdup(&p->f.a, source);
	r->user->name = om_arena_strdup(&p->f.a, name);
	r->user->email = om_arena_strdup(&p->f.a, "of-a-record@example.org");
	r->user->role = om_arena_strdup(&p->f.a, "user");
	r->user->groups = om_arena_array(&p->f.a, 1, sizeof(char *));
	r->user->groups[0] = om_arena_strdup(&p->f.a, group);
	r->user->n_groups = 1;
	r->received_us = om_now() + (om_time)id * OM_SECOND; /* later than any list of the test */
	r->started_us = r->received_us;
	r->has_started_us = true;
	r->has_finished_us = false;
	assert_int_equal(fx_submit(&p->f, &r, 1, id, &out), OM_OK);
}

static const char of_list[] =
    "u-ada|Ada|ada@example.org|admin|[\"Class\",\"School\",\"Town\"]|[\"School\",\"Town\"]|listed|\n";

/* The list, then the plugin, then a trace; in all six orders. */
static void
test_the_list_goes_before_the_plugin_and_that_before_a_trace(void **state)
{
	static const char *const orders[] = {"LPT", "LTP", "PLT", "PTL", "TLP", "TPL"};

	(void)state;
	for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
		struct place p;

		open_place(&p);
		put_users(&p, ADA);
		put_groups(&p, TREE);
		for (const char *step = orders[i]; *step != '\0'; step++) {
			if (*step == 'L')
				must_turn(&p);
			else
				submit(&p, *step == 'P' ? 1 : 2, *step == 'P' ? "filter-stream" : OM_SOURCE_OTLP,
				    *step == 'P' ? "Of the plugin" : "Of a trace", *step == 'P' ? "P" : "T");
		}
		assert_string_equal(persons(&p), of_list);
		assert_int_equal(fx_int(&p.f, "SELECT COUNT(first_seen_us) FROM person WHERE external_id='u-ada'"), 1);
		/* without the list, the plugin goes before the trace again, when it says something newer */
		fx_server_close(&p.owui);
		end(&p);
		begin(&p, 1);
		must_turn(&p);
		submit(&p, 3, OM_SOURCE_OTLP, "Of a trace", "T");
		assert_int_equal(fx_int(&p.f, "SELECT COUNT(*) FROM person WHERE name='Ada'"), 1);
		submit(&p, 4, "filter-stream", "Of the plugin", "P");
		assert_string_equal(persons(&p), "u-ada|Of the plugin|of-a-record@example.org|user|[\"P\"]|-||\n");
		fx_no_differences(&p.f);
		close_place(&p);
	}
}

static void
test_settings_removed(void **state)
{
	struct place p;

	(void)state;
	open_place(&p);
	put_users(&p, ADA "," BOB);
	put_groups(&p, TREE);
	must_turn(&p);
	put_users(&p, ADA);
	must_turn(&p);
	fx_server_close(&p.owui);
	end(&p);
	begin(&p, 1);
	must_turn(&p);
	assert_int_equal(fx_int(&p.f, "SELECT COUNT(listed_us)+COUNT(gone_us) FROM person"), 0);
	assert_int_equal(fx_int(&p.f,
			     "SELECT COUNT(*) FROM person WHERE name_us>=1<<60 OR email_us>=1<<60 OR role_us>=1<<60 OR "
			     "groups_us>=1<<60"),
	    0);
	assert_int_equal(fx_int(&p.f, "SELECT COUNT(*) FROM person WHERE name IN ('Ada','Bob') AND name_us>0"), 2);
	must_turn(&p); /* and once more nothing happens */
	assert_int_equal(fx_int(&p.f, "SELECT COUNT(*) FROM person WHERE name_us>0 AND id>1"), 2);
	/* the list is back */
	p.owui = fx_server_open();
	put_users(&p, ADA);
	put_groups(&p, "");
	end(&p);
	begin(&p, 1);
	must_turn(&p);
	assert_int_equal(fx_int(&p.f, "SELECT COUNT(listed_us) FROM person"), 1);
	assert_int_equal(fx_int(&p.f, "SELECT COUNT(gone_us) FROM person"), 0);
	close_place(&p);
}

/* ---- odd persons ---- */

static char *
repeat(struct place *p, const char *text, size_t n)
{
	const size_t len = strlen(text);
	char *out = om_arena_alloc(&p->f.a, n * len + 1);

	assert_non_null(out);
	for (size_t i = 0; i < n * len; i++)
		out[i] = text[i % len];
	return out;
}

static void
test_long_names_and_ids_are_made_to_fit_as_records_are(void **state)
{
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	Om__Record *r;
	struct place p;

	(void)state;
	open_place(&p);
	put_users(&p,
	    om_arena_printf(&p.f.a,
		"{\"id\":\"u-1\",\"name\":\"%s\"},{\"id\":\"u-2\",\"name\":\"%s\",\"email\":\"%s\",\"role\":\"%s\"},"
		"{\"id\":\"%s\",\"name\":\"Long\"},{\"id\":\"u-\\u0007\\t\",\"name\":\"a\\u0000\\u001fb\"}",
		repeat(&p, "\xc3\xbc", 300), repeat(&p, "\xf0\x9f\x98\x80", 600), repeat(&p, "e", 400),
		repeat(&p, "r", 65), repeat(&p, "i", 129)));
	put_groups(
	    &p, om_arena_printf(&p.f.a, "{\"id\":\"g\",\"name\":\"%s\",\"user_ids\":[\"u-1\"]}", repeat(&p, "g", 300)));
	must_turn(&p);
	assert_int_equal(fx_int(&p.f, "SELECT COUNT(*) FROM person WHERE listed_us IS NOT NULL"), 4);
	assert_string_equal(fx_text(&p.f, "SELECT name FROM person WHERE external_id='u-1'"),
	    om_arena_printf(&p.f.a, "%s\n", repeat(&p, "\xc3\xbc", 300)));
	assert_int_equal(fx_int(&p.f, "SELECT CHAR_LENGTH(name) FROM person WHERE external_id='u-2'"), 512);
	assert_int_equal(fx_int(&p.f, "SELECT COUNT(email)+COUNT(role) FROM person WHERE external_id='u-2'"), 0);
	assert_int_equal(fx_int(&p.f,
			     "SELECT JSON_LENGTH(groups_json)*1000+CHAR_LENGTH(JSON_VALUE(groups_json,'$[0]')) FROM "
			     "person WHERE external_id='u-1'"),
	    1256);
	assert_int_equal(
	    fx_int(&p.f, "SELECT COUNT(*) FROM person WHERE external_id LIKE 'long:%' AND name IN ('Long','ab')"), 2);
	/* a record of the same id is the same person's */
	r = fx_record(&p.f.a, 1, "gen-1", repeat(&p, "i", 129), "0.1");
	assert_int_equal(fx_submit(&p.f, &r, 1, 1, &out), OM_OK);
	assert_int_equal(
	    fx_int(&p.f, "SELECT COUNT(*) FROM person WHERE name='Long' AND first_seen_us IS NOT NULL"), 1);
	assert_int_equal(fx_int(&p.f, "SELECT COUNT(*) FROM person WHERE id>1"), 4);
	close_place(&p);
}

static void
test_persons_who_are_alike_stay_apart(void **state)
{
	struct place p;

	(void)state;
	open_place(&p);
	put_users(&p,
	    "{\"id\":\"u-1\",\"name\":\"Ada\"},{\"id\":\"u-2\",\"name\":\"Ada\"},{\"id\":\"U-1\",\"name\":\"Big\"},"
	    "{\"id\":\"u-1 \",\"name\":\"Blank\"},{\"id\":\"u-1\",\"name\":\"Twice\"}");
	put_groups(&p, "{\"id\":\"g\",\"name\":\"G\",\"user_ids\":[\"U-1\",\"u-1 \"]}");
	must_turn(&p);
	assert_string_equal(fx_text(&p.f,
				"SELECT CONCAT('<',external_id,'> ',IF(name='Twice','Ada',name),' "
				"',IFNULL(groups_json,'-')) FROM person WHERE "
				"id>1 ORDER BY external_id"),
	    "<U-1> Big [\"G\"]\n<u-1> Ada -\n<u-1 > Blank [\"G\"]\n<u-2> Ada -\n");
	close_place(&p);
}

/* Of more than 64 groups the same stay each time, as in a record. */
static void
test_very_many_groups_and_persons(void **state)
{
	struct om_buf b;
	struct place p;

	(void)state;
	open_place(&p);
	om_buf_init(&b, (size_t)4 * 1024 * 1024);
	for (unsigned i = 0; i < 100; i++)
		om_buf_printf(&b, "%s{\"id\":\"g-%u\",\"name\":\"Group %02u\",\"user_ids\":[\"u-7\"]}",
		    i > 0 ? "," : "", i, 99 - i);
	put_groups(&p, om_arena_strndup(&p.f.a, b.data, b.len));
	om_buf_fini(&b);
	om_buf_init(&b, (size_t)4 * 1024 * 1024);
	for (unsigned i = 0; i < 3000; i++)
		om_buf_printf(&b, "%s{\"id\":\"u-%u\",\"name\":\"Number %u\"}", i > 0 ? "," : "", i, i);
	put_users(&p, om_arena_strndup(&p.f.a, b.data, b.len));
	om_buf_fini(&b);
	must_turn(&p);
	assert_int_equal(
	    fx_int(&p.f, "SELECT COUNT(*) FROM person WHERE listed_us IS NOT NULL AND name LIKE 'Number %'"), 3000);
	assert_string_equal(fx_text(&p.f,
				"SELECT CONCAT(JSON_LENGTH(groups_json),JSON_VALUE(groups_json,'$[0]'),"
				"JSON_VALUE(groups_json,'$[63]')) FROM person WHERE external_id='u-7'"),
	    "64Group 00Group 63\n");
	close_place(&p);
}

/* ---- several processes ---- */

static void
test_one_of_several_fetches_and_a_start_makes_it_due(void **state)
{
	struct place p;
	unsigned asked;

	(void)state;
	open_place(&p);
	put_users(&p, ADA);
	put_groups(&p, "");
	end(&p);
	begin(&p, 3600 * OM_SECOND);
	must_turn(&p);
	asked = fx_server_asked(p.owui, ALL);
	assert_int_equal(asked, 1);
	must_turn(&p); /* not due */
	assert_int_equal(fx_server_asked(p.owui, ALL), 1);
	end(&p);
	begin(&p, 3600 * OM_SECOND); /* another process */
	must_turn(&p);
	assert_int_equal(fx_server_asked(p.owui, ALL), 2);
	/* what another one is at is left to it, even at the start */
	fx_run(&p.f,
	    "UPDATE lease SET next_us=0,lease_id=REPEAT('x',16),lease_until_us=UNIX_TIMESTAMP()*1000000+100000000 "
	    "WHERE name='openwebui'");
	end(&p);
	begin(&p, 3600 * OM_SECOND);
	must_turn(&p);
	assert_int_equal(fx_server_asked(p.owui, ALL), 2);
	close_place(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_persons_and_their_tree_of_groups),
	    cmocka_unit_test(test_groups_of_one_name_and_in_a_circle),
	    cmocka_unit_test(test_gone_and_back),
	    cmocka_unit_test(test_a_list_that_failed_changes_nothing),
	    cmocka_unit_test(test_the_list_goes_before_the_plugin_and_that_before_a_trace),
	    cmocka_unit_test(test_settings_removed),
	    cmocka_unit_test(test_long_names_and_ids_are_made_to_fit_as_records_are),
	    cmocka_unit_test(test_persons_who_are_alike_stay_apart),
	    cmocka_unit_test(test_very_many_groups_and_persons),
	    cmocka_unit_test(test_one_of_several_fetches_and_a_start_makes_it_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
