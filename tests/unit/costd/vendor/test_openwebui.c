/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Open WebUI's list of users and groups: each reply by itself, and as the versions give them. */
#include "http_fixture.h"

#include "vendor/openwebui.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

static struct om_arena arena;

static int
set_up(void **state)
{
	om_err e = {.text = ""};

	(void)state;
	om_arena_init(&arena, (size_t)64 * 1024 * 1024);
	return cd_http_global(&e) == OM_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	om_arena_fini(&arena);
	return 0;
}

/* ---- the replies ---- */

static void
test_users_are_read(void **state)
{
	static const char body[] = "{\"users\":[{\"id\":\"u-1\",\"name\":\"Ada \\u00dc\",\"email\":\"a@example.org\","
				   "\"role\":\"admin\",\"groups\":[],\"is_active\":false,\"bio\":null},"
				   "{\"id\":\"\",\"name\":null,\"group_ids\":[\"g-1\",\"g-2\"]}],\"total\":7}";
	struct cd_ow_users u;
	om_err e = {.text = ""};

	(void)state;
	assert_int_equal(cd_ow_read_users(body, strlen(body), &arena, &u, &e), OM_OK);
	assert_int_equal(u.n, 2);
	assert_int_equal(u.total, 7);
	assert_true(u.is_page);
	assert_string_equal(u.of[0].id, "u-1");
	assert_string_equal(u.of[0].name, "Ada \xc3\x9c");
	assert_string_equal(u.of[0].email, "a@example.org");
	assert_string_equal(u.of[0].role, "admin");
	assert_int_equal(u.of[0].groups.n, 0);
	assert_string_equal(u.of[1].id, "");
	assert_null(u.of[1].name);
	assert_null(u.of[1].email);
	assert_int_equal(u.of[1].groups.n, 2);
	assert_string_equal(u.of[1].groups.of[1], "g-2");
	assert_int_equal(cd_ow_read_users("[{\"id\":\"u-1\"}]", 14, &arena, &u, &e), OM_OK); /* up to 0.6.5 */
	assert_int_equal(u.n, 1);
	assert_int_equal(u.total, -1);
	assert_false(u.is_page);
}

static void
test_groups_and_members_are_read(void **state)
{
	static const char body[] = "[{\"id\":\"g-1\",\"name\":\"School\",\"parent_group_id\":null,\"member_count\":0},"
				   "{\"id\":\"g-2\",\"name\":\"Class\",\"parent_group_id\":\"g-1\",\"member_count\":2},"
				   "{\"id\":\"g-3\",\"name\":\"Old\",\"user_ids\":[\"u-1\"]}]";
	struct cd_ow_groups g;
	struct cd_ow_ids ids;
	om_err e = {.text = ""};

	(void)state;
	assert_int_equal(cd_ow_read_groups(body, strlen(body), &arena, &g, &e), OM_OK);
	assert_int_equal(g.n, 3);
	assert_null(g.of[0].above);
	assert_int_equal(g.of[0].n_members, 0);
	assert_string_equal(g.of[1].above, "g-1");
	assert_false(g.of[1].tells_members);
	assert_true(g.of[2].tells_members);
	assert_int_equal(g.of[2].n_members, -1);
	assert_string_equal(g.of[2].members.of[0], "u-1");
	assert_int_equal(cd_ow_read_members("{\"user_ids\":[\"a\",\"b\"]}", 22, &arena, &ids, &e), OM_OK);
	assert_int_equal(ids.n, 2);
	assert_int_equal(cd_ow_read_members("{\"user_ids\":null}", 17, &arena, &ids, &e), OM_OK);
	assert_int_equal(ids.n, 0);
}

enum what { USERS, GROUPS, MEMBERS };

static om_status
read_any(enum what what, const char *body, size_t n, om_err *e)
{
	struct cd_ow_groups g;
	struct cd_ow_users u;
	struct cd_ow_ids ids;

	e->text[0] = '\0';
	return what == USERS ? cd_ow_read_users(body, n, &arena, &u, e)
	    : what == GROUPS ? cd_ow_read_groups(body, n, &arena, &g, e)
			     : cd_ow_read_members(body, n, &arena, &ids, e);
}

static void
test_what_is_no_list_is_refused_with_the_place(void **state)
{
	static const struct {
		enum what what;
		const char *body, *why;
	} bad[] = {
	    {USERS, "", "not valid JSON"},
	    {USERS, "<html>", "not valid JSON"},
	    {USERS, "null", "users: not an array"},
	    {USERS, "{}", "users: not an array"},
	    {USERS, "{\"users\":{}}", "users: not an array"},
	    {USERS, "{\"users\":[]}", "total: missing"},
	    {USERS, "{\"users\":[],\"total\":-1}", "total: "},
	    {USERS, "{\"users\":[],\"total\":\"7\"}", "total: "},
	    {USERS, "[{\"id\":\"a\"},7]", "users[1]: not an object"},
	    {USERS, "[{\"id\":\"a\"},{\"name\":\"Ada\"}]", "users[1].id: missing"},
	    {USERS, "[{\"id\":7}]", "users[0].id: not a text"},
	    {USERS, "[{\"id\":\"a\",\"name\":[]}]", "users[0].name: not a text"},
	    {USERS, "[{\"id\":\"a\",\"email\":1}]", "users[0].email: not a text"},
	    {USERS, "[{\"id\":\"a\",\"role\":true}]", "users[0].role: not a text"},
	    {USERS, "[{\"id\":\"a\",\"group_ids\":\"g\"}]", "group_ids: not an array"},
	    {USERS, "[{\"id\":\"a\",\"group_ids\":[\"g\",null]}]", "group_ids[1]: not a text"},
	    {GROUPS, "{}", "groups: not an array"},
	    {GROUPS, "[[]]", "groups[0]: not an object"},
	    {GROUPS, "[{\"name\":\"x\"}]", "groups[0].id: missing"},
	    {GROUPS, "[{\"id\":\"g\",\"parent_group_id\":{}}]", "groups[0].parent_group_id: not a text"},
	    {GROUPS, "[{\"id\":\"g\",\"member_count\":1.5}]", "groups[0].member_count: not a number"},
	    {MEMBERS, "[]", "user_ids: missing"},
	    {MEMBERS, "{}", "user_ids: missing"},
	    {MEMBERS, "{\"user_ids\":[7]}", "user_ids[0]: not a text"},
	};
	om_err e;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (read_any(bad[i].what, bad[i].body, strlen(bad[i].body), &e) != OM_PROTOCOL)
			fail_msg("taken: %s", bad[i].body);
		if (strstr(e.text, bad[i].why) == NULL)
			fail_msg("%s: %s", bad[i].body, e.text);
	}
	/* what is wrong is told, and nobody's name */
	for (const char *const *text =
		 (const char *const[]){"[{\"id\":\"u\",\"name\":\"Ada Lovelace\" \"x\"}]", "[Ada]", "[\"Ada", NULL};
	     *text != NULL; text++) {
		assert_int_equal(read_any(USERS, *text, strlen(*text), &e), OM_PROTOCOL);
		assert_non_null(strstr(e.text, "not valid JSON"));
		assert_null(strstr(e.text, "Ada"));
	}
}

/* Any cut of a good reply, and any byte in place of one of its bytes, is taken or refused. */
static void
test_reading_is_total(void **state)
{
	static const char *const good[] = {"{\"users\":[{\"id\":\"u-1\",\"name\":\"A\\u0000b\\ud800\",\"email\":\"e\","
					   "\"group_ids\":[\"g\"]}],\"total\":1}",
	    "[{\"id\":\"g\",\"name\":\"n\",\"parent_group_id\":\"p\",\"user_ids\":[\"u\"],\"member_count\":1e3}]"};
	char text[256];
	om_err e;

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		const size_t n = strlen(good[k]);

		for (size_t i = 0; i < n; i++) {
			assert_int_equal(read_any(k == 0 ? USERS : GROUPS, good[k], i, &e), OM_PROTOCOL);
			for (unsigned byte = 0; byte < 256; byte++) {
				memcpy(text, good[k], n);
				text[i] = (char)byte;
				if (read_any(k == 0 ? USERS : GROUPS, text, n, &e) != OM_OK)
					assert_true(e.text[0] != '\0');
			}
		}
		assert_int_equal(read_any(k == 0 ? USERS : GROUPS, good[k], n, &e), OM_OK);
	}
}

/* ---- asking ---- */

#define ALL   "/api/v1/users/all"
#define PAGE  "/api/v1/users/?order_by=email&direction=asc&page="
#define GROUP "/api/v1/groups/"

static om_status
fetch(struct fx_server *s, struct cd_ow_list *out, om_err *e)
{
	const struct cd_provider_opts o = {.base_url = fx_server_url(s), .api_key = "sk-of-an-admin"};
	const atomic_bool stop = false;
	struct cd_http *http = NULL;
	om_status st = cd_http_new(&o, &stop, &http, e);

	e->text[0] = '\0';
	assert_int_equal(st, OM_OK);
	st = cd_ow_fetch(http, om_mono_ms() + 30000, &arena, out, e);
	cd_http_free(&http);
	return st;
}

/* told writes a list as text: each user with their groups' names. */
static const char *
told(const struct cd_ow_list *l)
{
	struct om_buf b;
	const char *text;

	om_buf_init(&b, 65536);
	for (size_t i = 0; i < l->users.n; i++) {
		om_buf_printf(&b, "%s:", l->users.of[i].id);
		for (size_t k = 0; k < l->users.of[i].groups.n; k++) {
			const struct cd_ow_group *g = cd_ow_group_find(&l->groups, l->users.of[i].groups.of[k]);

			om_buf_printf(&b, " %s", g != NULL ? g->name : "?");
		}
		om_buf_printf(&b, "\n");
	}
	assert_int_equal(om_buf_done(&b, NULL), OM_OK);
	text = om_arena_strndup(&arena, b.data, b.len);
	om_buf_fini(&b);
	assert_non_null(text);
	return text;
}

static void
expect(struct fx_server *s, const char *wanted)
{
	struct cd_ow_list list;
	om_err e = {.text = ""};

	if (fetch(s, &list, &e) != OM_OK)
		fail_msg("%s", e.text);
	assert_string_equal(told(&list), wanted);
}

static void
expect_failure(struct fx_server *s, const char *why)
{
	struct cd_ow_list list;
	om_err e = {.text = ""};

	if (fetch(s, &list, &e) == OM_OK)
		fail_msg("taken, but: %s", why);
	if (strstr(e.text, why) == NULL)
		fail_msg("%s, not %s", e.text, why);
	assert_null(strstr(e.text, "sk-of-an-admin"));
}

static const char four[] =
    "{\"users\":[{\"id\":\"u-4\",\"name\":\"D\"},{\"id\":\"u-2\",\"name\":\"B\"},{\"id\":\"u-1\","
    "\"name\":\"A\"},{\"id\":\"u-3\",\"name\":\"C\"}],\"total\":4}";

static void
test_as_0_12_gives_them(void **state)
{
	struct fx_server *s = fx_server_open();

	(void)state;
	fx_server_put(s, ALL, 200, NULL, four);
	fx_server_put(s, GROUP, 200, NULL,
	    "[{\"id\":\"g-1\",\"name\":\"School\",\"parent_group_id\":null,\"member_count\":1},"
	    "{\"id\":\"g-2\",\"name\":\"Class\",\"parent_group_id\":\"g-1\",\"member_count\":2},"
	    "{\"id\":\"g-3\",\"name\":\"Empty\",\"member_count\":0}]");
	fx_server_put(s, GROUP "id/g-1/export", 200, NULL, "{\"id\":\"g-1\",\"user_ids\":[\"u-3\"]}");
	fx_server_put(
	    s, GROUP "id/g-2/export", 200, NULL, "{\"id\":\"g-2\",\"user_ids\":[\"u-1\",\"u-3\",\"u-gone\"]}");
	expect(s, "u-1: Class\nu-2:\nu-3: School Class\nu-4:\n");
	assert_int_equal(fx_server_asked(s, "/"), 4); /* none for a group without members */
	assert_non_null(strstr(fx_server_last(s), "Authorization: Bearer sk-of-an-admin\r\n"));
	assert_int_equal(fx_server_asked(s, GROUP "id/g-2/export"), 1); /* the key is nowhere else */
	fx_server_close(&s);
}

static void
test_as_0_6_36_and_0_6_5_give_them(void **state)
{
	struct fx_server *s = fx_server_open();

	(void)state;
	fx_server_put(s, ALL, 200, NULL, four);
	fx_server_put(s, GROUP, 200, NULL,
	    "[{\"id\":\"g-1\",\"name\":\"Class\",\"user_ids\":[\"u-2\",\"u-1\"]},{\"id\":\"g-2\",\"name\":\"None\","
	    "\"user_ids\":[]}]");
	expect(s, "u-1: Class\nu-2: Class\nu-3:\nu-4:\n");
	assert_int_equal(fx_server_asked(s, "/"), 2);
	/* 0.6.5 takes "all" for a user's id, and gives all in one array */
	fx_server_put(s, ALL, 400, NULL, "{\"detail\":\"not found\"}");
	fx_server_put(s, PAGE "1", 200, NULL, "[{\"id\":\"u-1\"},{\"id\":\"u-2\"}]");
	expect(s, "u-1: Class\nu-2: Class\n");
	assert_int_equal(fx_server_asked(s, PAGE), 1);
	fx_server_close(&s);
}

static void
put_pages(struct fx_server *s)
{
	fx_server_put(s, PAGE "1", 200, NULL,
	    "{\"users\":[{\"id\":\"u-1\",\"group_ids\":[\"g-1\"]},{\"id\":\"u-3\",\"group_ids\":[]}],\"total\":4}");
	fx_server_put(s, PAGE "2", 200, NULL,
	    "{\"users\":[{\"id\":\"u-2\",\"group_ids\":[\"g-1\"]},{\"id\":\"u-4\",\"group_ids\":[]}],\"total\":4}");
}

/* No members in the groups, and no export of them: the page is shown instead, or 404. */
static void
test_as_0_6_37_gives_them(void **state)
{
	struct fx_server *s = fx_server_open();

	(void)state;
	fx_server_put(s, ALL, 200, NULL, four);
	fx_server_put(s, GROUP, 200, NULL, "[{\"id\":\"g-1\",\"name\":\"Class\",\"member_count\":2}]");
	put_pages(s);
	expect(s, "u-1: Class\nu-2: Class\nu-3:\nu-4:\n");
	fx_server_put(s, GROUP "id/g-1/export", 200, "text/html", "<html></html>");
	expect(s, "u-1: Class\nu-2: Class\nu-3:\nu-4:\n");
	/* 0.6.43 says 401 of a group that is not there any more */
	fx_server_put(s, GROUP "id/g-1/export", 401, NULL, "{}");
	expect(s, "u-1: Class\nu-2: Class\nu-3:\nu-4:\n");
	/* no call for all users either: pages tell both */
	fx_server_put(s, ALL, 200, "text/html", "<html></html>");
	expect(s, "u-1: Class\nu-2: Class\nu-3:\nu-4:\n");
	/* an id that no path may hold is not asked for */
	fx_server_put(
	    s, GROUP, 200, NULL, "[{\"id\":\"g-1\",\"name\":\"Class\"},{\"id\":\"../x y\",\"name\":\"Odd\"}]");
	fx_server_put(s, GROUP "id/g-1/export", 200, NULL, "{\"user_ids\":[]}");
	fx_server_put(s, ALL, 200, NULL, four);
	expect(s, "u-1: Class\nu-2: Class\nu-3:\nu-4:\n");
	fx_server_close(&s);
}

static void
test_a_list_that_is_not_whole_is_none(void **state)
{
	struct fx_server *s = fx_server_open();

	(void)state;
	expect_failure(s, "HTTP status 404"); /* of all calls */
	fx_server_put(s, ALL, 200, NULL, "{\"users\":[],\"total\":0}");
	expect_failure(s, "empty");
	fx_server_put(s, ALL, 200, NULL, "{\"users\":[{\"id\":\"u-1\"}],\"total\":2}");
	expect_failure(s, "1 of 2 users");
	fx_server_put(s, ALL, 200, NULL, four);
	expect_failure(s, "/api/v1/groups/ with HTTP status 404");
	fx_server_put(s, GROUP, 200, NULL, "[{\"id\":\"g-1\",\"name\":\"Class\"}]");
	fx_server_put(s, GROUP "id/g-1/export", 500, NULL, "{}");
	expect_failure(s, "HTTP status 500");
	fx_server_put(s, GROUP "id/g-1/export", 200, NULL, "{\"user_ids\":[");
	expect_failure(s, "export: not valid JSON");
	fx_server_put(s, GROUP, 200, NULL, "[{\"id\":\"g-1\",\"name\":\"Class\",\"member_count\":2}]");
	fx_server_put(s, GROUP "id/g-1/export", 200, NULL, "{\"user_ids\":null}");
	expect_failure(s, "groups changed while they were read");
	/* pages: one is not there, one is of other users, the users change in between */
	fx_server_put(s, GROUP "id/g-1/export", 404, NULL, "{}");
	put_pages(s);
	fx_server_put(s, PAGE "2", 503, NULL, "{}");
	expect_failure(s, "/api/v1/users/ with HTTP status 503");
	fx_server_put(s, PAGE "2", 200, NULL, "{\"users\":[{\"id\":\"u-2\"},{\"id\":\"u-5\"}],\"total\":4}");
	expect_failure(s, "changed while they were read");
	fx_server_put(s, PAGE "2", 200, NULL, "{\"users\":[{\"id\":\"u-2\"}],\"total\":3}");
	expect_failure(s, "changed while they were read");
	fx_server_put(s, PAGE "2", 200, NULL, "{\"users\":[],\"total\":4}");
	fx_server_put(s, ALL, 404, NULL, "{}");
	expect_failure(s, "2 of 4 users");
	fx_server_put(s, PAGE "2", 200, NULL, "{\"users\":[{\"id\":\"u-2\"},{\"id\":\"u-4\"}],\"total\":3}");
	expect_failure(s, "changed while they were read"); /* one who was to come may be on the first page now */
	fx_server_close(&s);
}

static void
test_a_refusal_says_what_to_do(void **state)
{
	struct fx_server *s = fx_server_open();

	(void)state;
	fx_server_put(s, ALL, 401, NULL, "{}");
	expect_failure(s, "OPENWEBUI_API_KEY");
	fx_server_put(s, ALL, 403, NULL, "{}");
	expect_failure(s, "API keys");
	fx_server_put(s, ALL, 307, NULL, "{}");
	fx_server_put(s, "/elsewhere", 200, NULL, four);
	expect_failure(s, "redirects are not followed");
	assert_int_equal(fx_server_asked(s, "/elsewhere"), 0);
	fx_server_put(s, ALL, 200, "text/html", "<html></html>");
	fx_server_put(s, PAGE "1", 200, "text/html", "<html></html>");
	expect_failure(s, "something else than JSON");
	fx_server_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_users_are_read, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_groups_and_members_are_read, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_is_no_list_is_refused_with_the_place, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_reading_is_total, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_as_0_12_gives_them, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_as_0_6_36_and_0_6_5_give_them, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_as_0_6_37_gives_them, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_list_that_is_not_whole_is_none, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_refusal_says_what_to_do, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
