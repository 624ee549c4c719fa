/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "openwebui.h"

#include "base/clock.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define REPLY_BYTES ((size_t)32 * 1024 * 1024)
#define REPLY_MS    30000
#define MOST_USERS  100000u
#define MOST_GROUPS 20000u
#define MOST_PAGES  (MOST_USERS / 10)

static om_status
no_memory(om_err *e)
{
	return om_fail(e, OM_NOMEM, "out of memory");
}

/* ---- reading ---- */

/* parse: the parser's error tells a word of the text, which may be a person's; it is cut off. */
static om_status
parse(const char *body, size_t n, json_t **out, om_err *e)
{
	om_err why = {.text = ""};
	om_status s = om_json_parse_mended(n > 0 ? body : "", n, (struct om_json_place){.line = 0}, out, &why);
	char *word = strstr(why.text, " near ");

	if (word != NULL)
		*word = '\0';
	return s == OM_OK ? OM_OK : om_fail(e, s == OM_NOMEM ? s : OM_PROTOCOL, "%.120s", why.text);
}

/* take_text copies a text; *out stays NULL where there is none. */
static om_status
take_text(const json_t *o, const char *list, size_t i, const char *key, struct om_arena *a, const char **out, om_err *e)
{
	const json_t *v = json_object_get(o, key);

	if (v == NULL || json_is_null(v))
		return OM_OK;
	if (!json_is_string(v))
		return om_fail(e, OM_PROTOCOL, "%s[%zu].%s: not a text", list, i, key);
	*out = om_arena_strndup(a, json_string_value(v), json_string_length(v));
	return *out != NULL ? OM_OK : no_memory(e);
}

static om_status
take_id(const json_t *o, const char *list, size_t i, struct om_arena *a, const char **out, om_err *e)
{
	om_status s = json_is_object(o) ? take_text(o, list, i, "id", a, out, e)
					: om_fail(e, OM_PROTOCOL, "%s[%zu]: not an object", list, i);

	return s == OM_OK && *out == NULL ? om_fail(e, OM_PROTOCOL, "%s[%zu].id: missing", list, i) : s;
}

/* take_ids copies an array of ids; *has is set when there is one. */
static om_status
take_ids(const json_t *o, const char *key, struct om_arena *a, struct cd_ow_ids *out, bool *has, om_err *e)
{
	const json_t *v = json_object_get(o, key);

	*has = v != NULL && !json_is_null(v);
	if (!*has)
		return OM_OK;
	if (!json_is_array(v))
		return om_fail(e, OM_PROTOCOL, "%s: not an array", key);
	if (json_array_size(v) > MOST_USERS)
		return om_fail(e, OM_TOO_LARGE, "%s: more than %u", key, MOST_USERS);
	out->of = om_arena_array(a, json_array_size(v) + 1, sizeof *out->of);
	if (out->of == NULL)
		return no_memory(e);
	for (out->n = 0; out->n < json_array_size(v); out->n++) {
		const json_t *id = json_array_get(v, out->n);

		if (!json_is_string(id))
			return om_fail(e, OM_PROTOCOL, "%s[%zu]: not a text", key, out->n);
		out->of[out->n] = om_arena_strndup(a, json_string_value(id), json_string_length(id));
		if (out->of[out->n] == NULL)
			return no_memory(e);
	}
	return OM_OK;
}

static om_status
take_user(const json_t *o, size_t i, struct om_arena *a, struct cd_ow_user *u, om_err *e)
{
	static const char list[] = "users";
	bool has = false;
	om_status s = take_id(o, list, i, a, &u->id, e);

	if (s == OM_OK)
		s = take_text(o, list, i, "name", a, &u->name, e);
	if (s == OM_OK)
		s = take_text(o, list, i, "email", a, &u->email, e);
	if (s == OM_OK)
		s = take_text(o, list, i, "role", a, &u->role, e);
	return s == OM_OK ? take_ids(o, "group_ids", a, &u->groups, &has, e) : s;
}

static om_status
take_users(const json_t *root, struct om_arena *a, struct cd_ow_users *out, om_err *e)
{
	const json_t *list = json_is_array(root) ? root : json_object_get(root, "users");
	bool has = false;
	om_status s;

	out->total = -1;
	out->is_page = !json_is_array(root);
	if (!json_is_array(list))
		return om_fail(e, OM_PROTOCOL, "users: not an array");
	if (json_array_size(list) > MOST_USERS)
		return om_fail(e, OM_TOO_LARGE, "users: more than %u", MOST_USERS);
	s = json_is_object(root) ? om_json_int(root, "", "total", 0, INT64_MAX, &out->total, &has, e) : OM_OK;
	if (s == OM_OK && out->is_page && !has)
		s = om_fail(e, OM_PROTOCOL, "total: missing");
	if (s != OM_OK)
		return s == OM_INVALID ? OM_PROTOCOL : s;
	out->of = om_arena_array(a, json_array_size(list) + 1, sizeof *out->of);
	if (out->of == NULL)
		return no_memory(e);
	for (; s == OM_OK && out->n < json_array_size(list); out->n++)
		s = take_user(json_array_get(list, out->n), out->n, a, &out->of[out->n], e);
	return s;
}

om_status
cd_ow_read_users(const char *body, size_t n, struct om_arena *a, struct cd_ow_users *out, om_err *e)
{
	json_t *root = NULL;
	om_status s = parse(body, n, &root, e);

	*out = (struct cd_ow_users){.total = -1};
	if (s == OM_OK)
		s = take_users(root, a, out, e);
	json_decref(root);
	return s;
}

static om_status
take_group(const json_t *o, size_t i, struct om_arena *a, struct cd_ow_group *g, om_err *e)
{
	static const char list[] = "groups";
	bool has = false;
	om_status s = take_id(o, list, i, a, &g->id, e);

	g->n_members = -1;
	if (s == OM_OK)
		s = take_text(o, list, i, "name", a, &g->name, e);
	if (s == OM_OK)
		s = take_text(o, list, i, "parent_group_id", a, &g->above, e);
	if (s == OM_OK)
		s = take_ids(o, "user_ids", a, &g->members, &g->tells_members, e);
	if (s == OM_OK && om_json_int(o, "", "member_count", 0, INT64_MAX, &g->n_members, &has, NULL) != OM_OK)
		s = om_fail(e, OM_PROTOCOL, "groups[%zu].member_count: not a number", i);
	return s;
}

om_status
cd_ow_read_groups(const char *body, size_t n, struct om_arena *a, struct cd_ow_groups *out, om_err *e)
{
	json_t *root = NULL;
	om_status s = parse(body, n, &root, e);

	*out = (struct cd_ow_groups){.n = 0};
	if (s == OM_OK && !json_is_array(root))
		s = om_fail(e, OM_PROTOCOL, "groups: not an array");
	if (s == OM_OK && json_array_size(root) > MOST_GROUPS)
		s = om_fail(e, OM_TOO_LARGE, "groups: more than %u", MOST_GROUPS);
	if (s == OM_OK && (out->of = om_arena_array(a, json_array_size(root) + 1, sizeof *out->of)) == NULL)
		s = no_memory(e);
	for (; s == OM_OK && out->n < json_array_size(root); out->n++)
		s = take_group(json_array_get(root, out->n), out->n, a, &out->of[out->n], e);
	json_decref(root);
	return s;
}

om_status
cd_ow_read_members(const char *body, size_t n, struct om_arena *a, struct cd_ow_ids *out, om_err *e)
{
	json_t *root = NULL;
	bool has = false;
	om_status s = parse(body, n, &root, e);

	*out = (struct cd_ow_ids){.n = 0};
	if (s == OM_OK)
		s = take_ids(root, "user_ids", a, out, &has, e);
	/* a group without members has null there */
	if (s == OM_OK && json_object_get(root, "user_ids") == NULL)
		s = om_fail(e, OM_PROTOCOL, "user_ids: missing");
	json_decref(root);
	return s;
}

/* ---- sorting ---- */

static int
cmp_user(const void *a, const void *b)
{
	return strcmp(((const struct cd_ow_user *)a)->id, ((const struct cd_ow_user *)b)->id);
}

static int
cmp_group(const void *a, const void *b)
{
	return strcmp(((const struct cd_ow_group *)a)->id, ((const struct cd_ow_group *)b)->id);
}

static void
sort_users(struct cd_ow_users *u)
{
	size_t kept = 0;

	if (u->n > 0)
		qsort(u->of, u->n, sizeof *u->of, cmp_user);
	for (size_t i = 0; i < u->n; i++)
		if (kept == 0 || cmp_user(&u->of[kept - 1], &u->of[i]) != 0)
			u->of[kept++] = u->of[i];
	u->n = kept;
}

static void
sort_groups(struct cd_ow_groups *g)
{
	size_t kept = 0;

	if (g->n > 0)
		qsort(g->of, g->n, sizeof *g->of, cmp_group);
	for (size_t i = 0; i < g->n; i++)
		if (kept == 0 || cmp_group(&g->of[kept - 1], &g->of[i]) != 0)
			g->of[kept++] = g->of[i];
	g->n = kept;
}

static struct cd_ow_user *
find_user(const struct cd_ow_users *sorted, const char *id)
{
	const struct cd_ow_user key = {.id = id};

	return sorted->n > 0 ? bsearch(&key, sorted->of, sorted->n, sizeof *sorted->of, cmp_user) : NULL;
}

const struct cd_ow_group *
cd_ow_group_find(const struct cd_ow_groups *sorted, const char *id)
{
	const struct cd_ow_group key = {.id = id};

	return sorted->n > 0 ? bsearch(&key, sorted->of, sorted->n, sizeof *sorted->of, cmp_group) : NULL;
}

/* ---- asking ---- */

struct fetch {
	struct cd_http *http;
	int64_t deadline_ms;
	struct om_arena *a;
	struct cd_ow_list *out;
};

/* A call: what is asked for, and how errors name it (a path may hold an id). */
struct call {
	const char *path, *shown;
	const char *query, *value; /* NULL: none */
	int unknown;               /* a status that this call gives for an id that is not there any more */
};

static om_status
tell_status(const struct call *c, const struct cd_http_reply *r, om_err *e)
{
	const char *why = "";

	if (r->status == 401 || r->status == 403)
		why = ": OPENWEBUI_API_KEY must be the key of an admin, and API keys be allowed there";
	else if (r->status >= 300 && r->status < 400)
		why = ": redirects are not followed, OPENWEBUI_ENDPOINT must be where it answers itself";
	else if (r->status == 200)
		return om_fail(e, OM_PROTOCOL, "Open WebUI answers %s with something else than JSON", c->shown);
	return om_fail(e, OM_UNAVAILABLE, "Open WebUI answers %s with HTTP status %d%s", c->shown, r->status, why);
}

/* ask: *there is false where this version does not have the call.  Then it says 404 or 405, takes the last
 * word of the path for a user's id that it does not know (400), or shows its page. */
static om_status
ask(struct fetch *f, const struct call *c, bool *there, struct cd_http_reply *reply, om_err *e)
{
	int64_t left = f->deadline_ms - om_mono_ms();
	om_err why = {.text = ""};
	om_status s;

	*reply = (struct cd_http_reply){.status = 0};
	*there = false;
	if (left <= 0)
		return om_fail(e, OM_UNAVAILABLE, "Open WebUI's list takes too long");
	s = cd_http_get(
	    f->http, c->path, c->query, c->value, REPLY_BYTES, left < REPLY_MS ? (long)left : REPLY_MS, reply, &why);
	if (s != OM_OK)
		return om_fail(e, s, "Open WebUI, %s: %s", c->shown, om_err_text(&why, s));
	*there = reply->status == 200 && cd_http_is_json(reply);
	if (*there || reply->status == 400 || reply->status == 404 || reply->status == 405 || reply->status == 200 ||
	    reply->status == c->unknown)
		return OM_OK;
	return tell_status(c, reply, e);
}

/* place puts the call before what is wrong in its reply. */
static om_status
place(const struct call *c, om_status s, const om_err *why, om_err *e)
{
	return s == OM_OK ? OM_OK : om_fail(e, s, "Open WebUI, %s: %s", c->shown, om_err_text(why, s));
}

static om_status
read_users(struct fetch *f, const struct call *c, const struct cd_http_reply *reply, struct cd_ow_users *out, om_err *e)
{
	om_err why = {.text = ""};
	om_status s = cd_ow_read_users(reply->body.data, reply->body.len, f->a, out, &why);

	return place(c, s, &why, e);
}

static om_status
tell_change(om_err *e)
{
	return om_fail(e, OM_UNAVAILABLE, "Open WebUI's users changed while they were read");
}

static om_status
join_page(struct fetch *f, struct cd_ow_users *all, const struct cd_ow_users *page, size_t *cap, om_err *e)
{
	if (all->n > 0 && all->total != page->total)
		return tell_change(e);
	if (all->n + page->n > *cap) {
		size_t more = 2 * (all->n + page->n);
		struct cd_ow_user *of = om_arena_array(f->a, more, sizeof *of);

		if (of == NULL)
			return no_memory(e);
		if (all->n > 0)
			memcpy(of, all->of, all->n * sizeof *of);
		all->of = of;
		*cap = more;
	}
	if (page->n > 0)
		memcpy(&all->of[all->n], page->of, page->n * sizeof *page->of);
	all->n += page->n;
	all->total = page->total;
	return all->n <= MOST_USERS ? OM_OK : om_fail(e, OM_TOO_LARGE, "users: more than %u", MOST_USERS);
}

/* fetch_pages reads all users with their groups.  They are ordered by what no two of them share, so that
 * none is between two pages. */
static om_status
fetch_pages(struct fetch *f, struct cd_ow_users *out, om_err *e)
{
	size_t cap = 0;
	bool more = true;
	om_status s = OM_OK;

	*out = (struct cd_ow_users){.total = -1};
	for (unsigned number = 1; s == OM_OK && more; number++) {
		char *value = om_arena_printf(f->a, "%u", number);
		const struct call c = {.path = "/api/v1/users/",
		    .shown = "/api/v1/users/",
		    .query = "order_by=email&direction=asc&page",
		    .value = value};
		struct cd_ow_users page = {.n = 0};
		struct cd_http_reply reply;
		bool there = false;

		if (value == NULL)
			return no_memory(e);
		if (number > MOST_PAGES)
			return om_fail(e, OM_TOO_LARGE, "Open WebUI, %s: more than %u pages", c.shown, MOST_PAGES);
		s = ask(f, &c, &there, &reply, e);
		if (s == OM_OK && !there)
			s = tell_status(&c, &reply, e);
		if (s == OM_OK)
			s = read_users(f, &c, &reply, &page, e);
		cd_http_reply_fini(&reply);
		if (s == OM_OK)
			s = join_page(f, out, &page, &cap, e);
		more = page.is_page && page.n > 0 && ((int64_t)out->n < page.total);
	}
	return s;
}

/* check_whole: as many came as there are. */
static om_status
check_whole(const struct cd_ow_users *u, om_err *e)
{
	if (u->n == 0)
		return om_fail(e, OM_PROTOCOL, "Open WebUI's list of users is empty");
	if (u->total > (int64_t)u->n)
		return om_fail(e, OM_PROTOCOL, "Open WebUI's list has %zu of %lld users", u->n, (long long)u->total);
	return OM_OK;
}

static om_status
fetch_users(struct fetch *f, om_err *e)
{
	static const struct call c = {.path = "/api/v1/users/all", .shown = "/api/v1/users/all"};
	struct cd_ow_users *u = &f->out->users;
	struct cd_http_reply reply;
	bool there = false;
	om_status s = ask(f, &c, &there, &reply, e);

	if (s == OM_OK && there)
		s = read_users(f, &c, &reply, u, e);
	cd_http_reply_fini(&reply);
	if (s == OM_OK && !there)
		s = fetch_pages(f, u, e);
	if (s != OM_OK)
		return s;
	sort_users(u); /* a user who moved between two pages while they were read is there twice */
	return check_whole(u, e);
}

static om_status
fetch_groups(struct fetch *f, om_err *e)
{
	static const struct call c = {.path = "/api/v1/groups/", .shown = "/api/v1/groups/"};
	struct cd_http_reply reply;
	om_err why = {.text = ""};
	bool there = false;
	om_status s = ask(f, &c, &there, &reply, e);

	if (s == OM_OK && !there)
		s = tell_status(&c, &reply, e);
	if (s == OM_OK) {
		s = cd_ow_read_groups(reply.body.data, reply.body.len, f->a, &f->out->groups, &why);
		s = place(&c, s, &why, e);
	}
	cd_http_reply_fini(&reply);
	if (s == OM_OK)
		sort_groups(&f->out->groups);
	return s;
}

/* is_plain: an id that stands in a path as it is. */
static bool
is_plain(const char *id)
{
	size_t n = strspn(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_");

	return n > 0 && n <= 128 && id[n] == '\0';
}

/* fetch_members asks for the members of one group; *there as in `ask`. */
static om_status
fetch_members(struct fetch *f, struct cd_ow_group *g, bool *there, om_err *e)
{
	struct call c = {.shown = "/api/v1/groups/id/…/export", .unknown = 401};
	struct cd_http_reply reply;
	om_err why = {.text = ""};
	om_status s;

	*there = false;
	if (!is_plain(g->id))
		return OM_OK;
	c.path = om_arena_printf(f->a, "/api/v1/groups/id/%s/export", g->id);
	if (c.path == NULL)
		return no_memory(e);
	s = ask(f, &c, there, &reply, e);
	if (s == OM_OK && *there) {
		s = cd_ow_read_members(reply.body.data, reply.body.len, f->a, &g->members, &why);
		s = place(&c, s, &why, e);
	}
	if (s == OM_OK && *there && g->members.n == 0 && g->n_members > 0)
		s = om_fail(e, OM_UNAVAILABLE, "Open WebUI's groups changed while they were read");
	cd_http_reply_fini(&reply);
	g->tells_members = *there;
	return s;
}

/* take_groups gives each user the groups that a second list of the users tells. */
static om_status
take_groups(struct cd_ow_users *users, const struct cd_ow_users *told, om_err *e)
{
	for (size_t i = 0; i < users->n; i++) {
		const struct cd_ow_user *same = find_user(told, users->of[i].id);

		if (same == NULL)
			return tell_change(e);
		users->of[i].groups = same->groups;
	}
	return OM_OK;
}

/* give_members gives each user the groups that have them as a member. */
static om_status
give_members(struct fetch *f, om_err *e)
{
	struct cd_ow_users *users = &f->out->users;

	for (size_t i = 0; i < users->n; i++)
		users->of[i].groups.n = 0;
	for (unsigned turn = 0; turn < 2; turn++) { /* counts, then fills */
		for (size_t i = 0; turn == 1 && i < users->n; i++) {
			struct cd_ow_ids *ids = &users->of[i].groups;

			ids->of = om_arena_array(f->a, ids->n + 1, sizeof *ids->of);
			if (ids->of == NULL)
				return no_memory(e);
			ids->n = 0;
		}
		for (size_t g = 0; g < f->out->groups.n; g++) {
			const struct cd_ow_group *group = &f->out->groups.of[g];

			for (size_t m = 0; m < group->members.n; m++) {
				struct cd_ow_user *u = find_user(users, group->members.of[m]);

				if (u == NULL) /* who came, or went, while the list was read */
					continue;
				if (turn == 1)
					u->groups.of[u->groups.n] = group->id;
				u->groups.n++;
			}
		}
	}
	return OM_OK;
}

static om_status
fetch_memberships(struct fetch *f, om_err *e)
{
	struct cd_ow_groups *groups = &f->out->groups;
	struct cd_ow_users told;
	bool there = true;
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && there && i < groups->n; i++)
		if (!groups->of[i].tells_members && groups->of[i].n_members != 0)
			s = fetch_members(f, &groups->of[i], &there, e);
	if (s != OM_OK)
		return s;
	if (there)
		return give_members(f, e);
	s = fetch_pages(f, &told, e);
	if (s != OM_OK)
		return s;
	sort_users(&told);
	return take_groups(&f->out->users, &told, e);
}

om_status
cd_ow_fetch(struct cd_http *h, int64_t deadline_ms, struct om_arena *a, struct cd_ow_list *out, om_err *e)
{
	struct fetch f = {.http = h, .deadline_ms = deadline_ms, .a = a, .out = out};
	om_status s;

	*out = (struct cd_ow_list){.users = {.total = -1}};
	s = fetch_users(&f, e);
	if (s == OM_OK)
		s = fetch_groups(&f, e);
	return s == OM_OK ? fetch_memberships(&f, e) : s;
}
