/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "rows.h"

#include "database/fill.h"
#include "database/meta.h"
#include "base/json.h"
#include "base/text.h"
#include "wire/terms.h"

#include <string.h>

#define TERMS_BYTES ((size_t)64 * 1024)
#define CHECK_BYTES ((size_t)256 * 1024 * 1024)
#define LOCK        "terms_changed_us" /* the row of meta, which holds the newest */

void
cd_terms_unconfirm(Om__Terms *t)
{
	t->has_exchange_rate_confirmed = t->exchange_rate_confirmed = false;
}

om_status
cd_terms_clean(Om__Terms *t, om_err *e)
{
	for (unsigned i = 0; i < OM_TERMS_TEXTS; i++) {
		const char *text = *om_terms_text(t, i);
		const size_t n = text != NULL ? strlen(text) : 0;

		if (n > 0 && (!om_utf8_valid(text, n) || !om_text_clean(text, n)))
			return om_fail(e, OM_INVALID, "%s: must be text without control characters", om_terms_name(i));
	}
	return OM_OK;
}

/* ---- JSON ---- */

char *
cd_terms_text(const Om__Terms *t, struct om_arena *a)
{
	char *text = NULL;
	struct om_buf b;
	struct om_jw w;

	om_buf_init(&b, TERMS_BYTES);
	om_jw_init(&w, &b);
	om_jw_open(&w, '{');
	om_terms_write(t, OM_TERMS_LOWER, &w);
	om_jw_close(&w, '}');
	if (om_buf_done(&b, NULL) == OM_OK)
		text = om_arena_strndup(a, b.data, b.len);
	om_buf_fini(&b);
	return text;
}

om_status
cd_terms_parse(const char *json, size_t n, struct om_arena *a, Om__Terms **out, om_err *e)
{
	Om__Terms *t = om_msg_new(a, &om__terms__descriptor);
	json_t *o = NULL;
	om_status s;

	*out = NULL;
	if (t == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = om_json_parse(json, n, &o, e);
	if (s == OM_OK && !json_is_object(o))
		s = om_fail(e, OM_INVALID, "is no JSON object");
	if (s == OM_OK)
		s = om_terms_read(o, OM_TERMS_LOWER, a, t, e);
	json_decref(o);
	if (s == OM_OK)
		s = om_terms_check(t, e);
	if (s == OM_OK)
		*out = t;
	return s;
}

/* ---- rows ---- */

/* The columns before those that are named like the fields of TermsVersion. */
enum { V_ID, V_FROM, V_TERMS, V_OFFERED };
#define LEADING "id AS _id,DATE_FORMAT(valid_from,'%Y-%m-%d') AS _from,terms AS _terms"
#define COLUMNS LEADING ",changed_us,IF(source=0,'settings','api') AS source,withdrawn"

/* read_text reads a column of JSON; `id` names the row. */
static om_status
read_text(const struct cd_val *v, int64_t id, const char *column, struct om_arena *a, Om__Terms **out, om_err *e)
{
	om_err why = {.text = ""};
	om_status s = cd_terms_parse(v->p, v->n, a, out, &why);

	if (s == OM_OK || s == OM_NOMEM)
		return s == OM_OK ? s : om_fail(e, s, "out of memory");
	return om_fail(e, OM_DAMAGED, "terms_version: %s of row %lld: %s", column, (long long)id, why.text);
}

static om_status
read_day(const struct cd_val *v, int64_t id, om_day *out, om_err *e)
{
	int year, month, day;

	*out = CD_TERMS_EVER;
	if (v->kind != CD_TEXT)
		return OM_OK;
	if (om_day_parse(v->p, out, NULL) == OM_OK) {
		om_day_to_civil(*out, &year, &month, &day);
		if (day == 1)
			return OM_OK;
	}
	return om_fail(
	    e, OM_DAMAGED, "terms_version: valid_from of row %lld is not the first day of a month", (long long)id);
}

struct one {
	struct om_arena *a;
	Om__Terms *terms; /* NULL: not found */
	om_day from;
};

static om_status
keep_row(void *arg, const struct cd_val *v, om_err *e)
{
	struct one *o = arg;
	om_status s = read_day(&v[V_FROM], v[V_ID].i, &o->from, e);

	return s == OM_OK ? read_text(&v[V_TERMS], v[V_ID].i, "terms", o->a, &o->terms, e) : s;
}

om_status
cd_terms_in_force(struct cd_db *db, om_day day, struct om_arena *a, Om__Terms **out, om_day *from_out, om_err *e)
{
	static const char sql[] =
	    "SELECT " LEADING " FROM terms_version AS t WHERE (valid_from IS NULL OR valid_from<=?) AND "
	    "withdrawn=0 AND NOT EXISTS (SELECT 1 FROM terms_version AS n WHERE "
	    "n.valid_from<=>t.valid_from AND (n.changed_us>t.changed_us OR "
	    "(n.changed_us=t.changed_us AND n.id>t.id))) ORDER BY valid_from DESC LIMIT 1";
	struct one o = {.a = a, .from = CD_TERMS_EVER};
	char text[OM_DAY_TEXT];
	/* nothing is before or equal to null */
	const struct cd_val on = day == CD_TERMS_EVER ? CD_NONE : cd_t(om_day_text(day, text));
	om_status s = cd_db_query(db, sql, &on, 1, keep_row, &o, e);

	*out = s == OM_OK ? o.terms : NULL;
	*from_out = o.from;
	return s;
}

static om_status
keep_int(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(int64_t *)arg = v[0].i;
	return OM_OK;
}

om_status
cd_terms_count(struct cd_db *db, int64_t *out, om_err *e)
{
	*out = 0;
	return cd_db_query(db, "SELECT COUNT(*) FROM terms_version", NULL, 0, keep_int, out, e);
}

om_status
cd_terms_of_month(struct cd_db *db, om_day first, struct om_arena *a, Om__Terms **out, om_err *e)
{
	om_day from;
	int64_t rows = 0;
	om_status s = cd_terms_in_force(db, first, a, out, &from, e);

	if (s == OM_OK && *out == NULL) {
		s = cd_terms_count(db, &rows, e);
		if (s == OM_OK && rows > 0 && (*out = om_msg_new(a, &om__terms__descriptor)) == NULL)
			s = om_fail(e, OM_NOMEM, "out of memory");
	}
	if (s == OM_OK && *out != NULL && from != first)
		cd_terms_unconfirm(*out);
	return s;
}

static om_status
keep_offered(void *arg, const struct cd_val *v, om_err *e)
{
	struct one *o = arg;

	return read_text(&v[0], v[1].i, "offered", o->a, &o->terms, e);
}

om_status
cd_terms_last_offered(struct cd_db *db, struct om_arena *a, Om__Terms **out, om_err *e)
{
	struct one o = {.a = a};
	om_status s = cd_db_query(db,
	    "SELECT offered,id FROM terms_version WHERE source=0 AND offered IS NOT NULL ORDER BY changed_us DESC,id "
	    "DESC LIMIT 1",
	    NULL, 0, keep_offered, &o, e);

	*out = s == OM_OK ? o.terms : NULL;
	return s;
}

/* ---- the history ---- */

struct list {
	struct om_arena *a;
	Om__TermsReply *out;
	size_t room;
	om_day last; /* of the row before */
};

static om_status
keep_version(void *arg, void *message, const struct cd_val *v, om_err *e)
{
	struct list *l = arg;
	Om__TermsVersion *t = message;
	bool newest = l->out->n_items == 0;
	om_day from;
	om_status s;

	if (l->out->n_items == l->room)
		return om_fail(e, OM_INTERNAL, "terms_version has more rows than were counted");
	s = read_day(&v[V_FROM], v[V_ID].i, &from, e);
	if (s == OM_OK)
		s = read_text(&v[V_TERMS], v[V_ID].i, "terms", l->a, &t->terms, e);
	if (s != OM_OK)
		return s;
	newest = newest || from != l->last;
	l->last = from;
	t->has_valid_from_day = from != CD_TERMS_EVER;
	t->valid_from_day = t->has_valid_from_day ? from : 0;
	t->counts = newest && !t->withdrawn;
	l->out->items[l->out->n_items++] = t;
	return OM_OK;
}

om_status
cd_terms_list(struct cd_db *db, struct om_arena *a, Om__TermsReply *out, om_err *e)
{
	struct list l = {.a = a, .out = out};
	int64_t n = 0;
	om_status s = cd_terms_count(db, &n, e);

	out->n_items = 0;
	if (s != OM_OK)
		return s;
	l.room = (size_t)n;
	out->items = om_arena_array(a, l.room + 1, sizeof(Om__TermsVersion *));
	if (out->items == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	/* null is less than any day */
	return cd_fill_query(db,
	    "SELECT " COLUMNS " FROM terms_version ORDER BY valid_from DESC,changed_us DESC,id DESC", NULL, 0,
	    &om__terms_version__descriptor, a, keep_version, &l, e);
}

/* ---- adding ---- */

om_status
cd_terms_changed(struct cd_db *db, om_time *out, om_err *e)
{
	*out = 0;
	return cd_db_query(db, "SELECT COALESCE(MAX(changed_us),0) FROM terms_version", NULL, 0, keep_int, out, e);
}

om_status
cd_terms_take(struct cd_db *db, om_time now, om_time *changed_out, om_err *e)
{
	int64_t last = 0, newest = 0;
	om_status s = cd_meta_take_int(db, LOCK, &last, e);

	if (s == OM_OK)
		s = cd_terms_changed(db, &newest, e);
	if (newest > last)
		last = newest;
	*changed_out = now > last ? now : last + 1;
	return s;
}

om_status
cd_terms_add(struct cd_db *db, const struct cd_terms_row *r, struct om_arena *a, om_err *e)
{
	const char *terms = cd_terms_text(r->terms, a);
	const char *offered = r->offered != NULL ? cd_terms_text(r->offered, a) : NULL;
	char day[OM_DAY_TEXT];
	om_status s;

	if (terms == NULL || (r->offered != NULL && offered == NULL))
		return om_fail(e, OM_NOMEM, "out of memory");
	s = cd_db_exec(db,
	    "INSERT INTO terms_version (valid_from,changed_us,source,withdrawn,terms,offered) VALUES (?,?,?,?,?,?)",
	    (struct cd_val[]){r->from == CD_TERMS_EVER ? CD_NONE : cd_t(om_day_text(r->from, day)), CD_I(r->changed_us),
		CD_I(r->source), CD_I(r->withdrawn), cd_t(terms), cd_t(offered)},
	    6, 1, NULL, e);
	/* in a cluster it is this that keeps another node from adding one at the same time */
	return s == OM_OK ? cd_meta_set_int(db, LOCK, r->changed_us, e) : s;
}

/* ---- checking ---- */

static om_status
check_row(void *arg, const struct cd_val *v, om_err *e)
{
	struct om_arena a;
	Om__Terms *t = NULL;
	om_day from;
	om_status s = read_day(&v[V_FROM], v[V_ID].i, &from, e);

	(void)arg;
	om_arena_init(&a, CHECK_BYTES);
	if (s == OM_OK)
		s = read_text(&v[V_TERMS], v[V_ID].i, "terms", &a, &t, e);
	if (s == OM_OK && v[V_OFFERED].kind == CD_TEXT)
		s = read_text(&v[V_OFFERED], v[V_ID].i, "offered", &a, &t, e);
	om_arena_fini(&a);
	return s;
}

om_status
cd_terms_check_rows(struct cd_db *db, om_err *e)
{
	return cd_db_query(
	    db, "SELECT " LEADING ",offered FROM terms_version ORDER BY changed_us,id", NULL, 0, check_row, NULL, e);
}
