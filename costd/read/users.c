/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Users: persons as they are shown, with those who were merged into them. */
#include "users.h"

#include "read.h"
#include "database/fill.h"
#include "names/persons.h"
#include "value/cursor.h"
#include "record.pb-c.h"
#include "usage.pb-c.h"

/* What is merged into a person counts as theirs: since when and until when they were seen. */
#define OF_ALL(what, column) \
	"(SELECT " what "(m." column ") FROM person AS m WHERE m.id=p.id OR m.shown=p.id) AS " column

void
cd_users_select(struct cd_sql *q)
{
	cd_sql_add(q,
	    "SELECT p.external_id AS "
	    "id,p.name,p.email,p.role,p.groups_json,p.inherited_json,p.listed_us,p.gone_us," OF_ALL(
		"MIN", "first_seen_us") "," OF_ALL("MAX", "last_seen_us"));
	cd_sql_add(q,
	    ",(SELECT JSON_ARRAYAGG(m.external_id ORDER BY m.external_id) FROM person AS m WHERE m.shown=p.id) AS "
	    "merged "
	    "FROM person AS p");
}

struct ask_users {
	const Om__UsersQuery *q;
	struct cd_cursor after;
	struct om_arena *a;
	size_t limit;
	Om__User **items;
	size_t n;
	bool more;
};

static om_status
keep_user(void *arg, void *user, const struct cd_val *v, om_err *e)
{
	struct ask_users *ask = arg;

	(void)v;
	(void)e;
	if (ask->n == ask->limit)
		ask->more = true;
	else
		ask->items[ask->n++] = user;
	return OM_OK;
}

static om_status
read_users(struct cd_db *db, void *arg, om_err *e)
{
	struct ask_users *ask = arg;
	struct cd_sql q;
	om_status s;

	ask->n = 0;
	ask->more = false;
	cd_sql_init(&q, ask->a);
	cd_users_select(&q);
	cd_sql_add(&q,
	    " WHERE p.shown IS NULL AND (COALESCE(p.first_seen_us,p.listed_us) IS NOT NULL OR EXISTS(SELECT 1 FROM "
	    "person AS m "
	    "WHERE m.shown=p.id AND m.first_seen_us IS NOT NULL))");
	if (ask->q->q != NULL && ask->q->q[0] != '\0') {
		cd_sql_add(&q,
		    " AND EXISTS(SELECT 1 FROM person AS s WHERE (s.id=p.id OR s.shown=p.id) AND "
		    "(LOCATE(?,s.external_id COLLATE utf8mb4_general_ci)>0 OR "
		    "LOCATE(?,s.name COLLATE utf8mb4_general_ci)>0 OR "
		    "LOCATE(?,s.email COLLATE utf8mb4_general_ci)>0))");
		for (unsigned i = 0; i < 3; i++)
			cd_sql_value(&q, cd_t(ask->q->q));
	}
	if (ask->after.key != NULL) {
		cd_sql_add(&q, " AND p.external_id>?");
		cd_sql_value(&q, cd_t(ask->after.key));
	}
	cd_sql_add(&q, " ORDER BY p.external_id LIMIT ?");
	cd_sql_value(&q, CD_I((int64_t)ask->limit + 1));
	s = cd_fill_sql(db, &q, &om__user__descriptor, keep_user, ask, e);
	cd_sql_fini(&q);
	return s;
}

om_status
cd_users_read(
    struct cd_pool *p, const Om__UsersQuery *q, int64_t deadline_ms, struct om_arena *a, Om__UsersReply *out, om_err *e)
{
	struct ask_users ask = {.q = q, .a = a};
	om_status s = cd_page_size(q->has_limit != 0, q->limit, &ask.limit, e);

	if (s == OM_OK && q->cursor != NULL)
		s = cd_cursor_read(CD_CURSOR_USERS, q->cursor, &ask.after, a, e);
	if (s != OM_OK)
		return s;
	ask.items = om_arena_array(a, ask.limit, sizeof(Om__User *));
	if (ask.items == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = cd_pool_run(p, CD_TX_SNAPSHOT, deadline_ms, read_users, &ask, e);
	if (s != OM_OK)
		return s;
	out->n_items = ask.n;
	out->items = ask.items;
	if (ask.more)
		out->next_cursor =
		    cd_cursor_text(CD_CURSOR_USERS, &(struct cd_cursor){.key = ask.items[ask.n - 1]->id}, a);
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

/* ---- one user ---- */

struct one {
	Om__User *found;
};

static om_status
keep_one(void *arg, void *user, const struct cd_val *v, om_err *e)
{
	(void)v;
	(void)e;
	((struct one *)arg)->found = user;
	return OM_OK;
}

om_status
cd_user_load(struct cd_db *db, const char *id, struct om_arena *a, Om__User **out, om_err *e)
{
	struct one one = {.found = NULL};
	int64_t shown = 0;
	struct cd_sql q;
	om_status s = cd_person_shown(db, id, &shown, e);

	*out = NULL;
	if (s != OM_OK)
		return s;
	cd_sql_init(&q, a);
	cd_users_select(&q);
	cd_sql_add(&q, " WHERE p.id=?");
	cd_sql_value(&q, CD_I(shown));
	s = cd_fill_sql(db, &q, &om__user__descriptor, keep_one, &one, e);
	cd_sql_fini(&q);
	*out = one.found;
	return s == OM_OK && one.found == NULL ? om_fail(e, OM_NOT_FOUND, "no such user") : s;
}

struct ask_user {
	const char *id;
	struct om_arena *a;
	Om__User *found;
};

static om_status
read_user(struct cd_db *db, void *arg, om_err *e)
{
	struct ask_user *ask = arg;

	return cd_user_load(db, ask->id, ask->a, &ask->found, e);
}

om_status
cd_user_read(
    struct cd_pool *p, const Om__UserQuery *q, int64_t deadline_ms, struct om_arena *a, Om__UserReply *out, om_err *e)
{
	struct ask_user ask = {.id = q->id, .a = a};
	om_status s = cd_pool_run(p, CD_TX_SNAPSHOT, deadline_ms, read_user, &ask, e);

	out->user = s == OM_OK ? ask.found : NULL;
	return s;
}
