/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "people.h"

#include "value/group_set.h"
#include "value/record.h"
#include "base/invariant.h"

#include <stdlib.h>
#include <string.h>

/* The attributes, each with its instant. */
enum { NAME, EMAIL, ROLE, GROUPS, N_ATTRS };

struct sighting {
	const char *handle;
	const char *attr[N_ATTRS];
	om_time attr_us[N_ATTRS];
	const char *inherited; /* of GROUPS, those that are inherited; "": none */
	om_time first_us, last_us;
};

static int
cmp_id(const void *pa, const void *pb)
{
	const struct sighting *a = pa, *b = pb;

	return strcmp(a->handle, b->handle);
}

/* cmp_attr orders what two sightings say of an attribute: by time, then by value;
 * groups then by those that are inherited. */
static int
cmp_attr(const struct sighting *a, const struct sighting *b, unsigned i)
{
	int c = a->attr_us[i] < b->attr_us[i] ? -1 : a->attr_us[i] > b->attr_us[i];

	if (c == 0)
		c = strcmp(a->attr[i], b->attr[i]);
	return c == 0 && i == GROUPS ? strcmp(a->inherited, b->inherited) : c;
}

static void
merge(struct sighting *into, const struct sighting *s)
{
	if (s->first_us < into->first_us)
		into->first_us = s->first_us;
	if (s->last_us > into->last_us)
		into->last_us = s->last_us;
	for (unsigned i = 0; i < N_ATTRS; i++) {
		if (s->attr[i] == NULL)
			continue;
		if (into->attr[i] != NULL && cmp_attr(s, into, i) <= 0)
			continue;
		into->attr[i] = s->attr[i];
		into->attr_us[i] = s->attr_us[i];
		if (i == GROUPS)
			into->inherited = s->inherited;
	}
}

static const char *
said(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

/* tells says whether a record is a sighting.  A look-up's user is one only when the
 * row has that user from the look-up: another sender may have named another user. */
static om_status
tells(struct cd_db *db, const Om__Record *r, bool *out, om_err *e)
{
	*out = !cd_record_is_look_up(r);
	if (*out || strcmp(r->user->id, OM_USER_UNKNOWN) == 0 || r->generation_id == NULL)
		return OM_OK;
	return cd_db_query(db,
	    "SELECT 1 FROM generation AS g WHERE g.generation_id=? AND g.user_id=(SELECT p.id FROM person AS p WHERE "
	    "p.handle=?)",
	    (struct cd_val[]){cd_t(r->generation_id), cd_t(r->user->id)}, 2, cd_found, out, e);
}

/* seen_at is the time that the record says, but not after its receipt: a record dated tomorrow is not the
 * newest until then. */
static om_time
seen_at(const Om__Record *r)
{
	om_time at = cd_record_seen_us(r);

	return at < r->received_us ? at : r->received_us;
}

/* fills_gaps: a trace or an import says only what nobody closer to the person has said. */
static bool
fills_gaps(const Om__Record *r)
{
	return r->source != NULL && (strcmp(r->source, OM_SOURCE_OTLP) == 0 || strcmp(r->source, CD_IMPORT) == 0);
}

static om_status
collect(struct cd_db *db, const struct cd_item *const *items, size_t n, struct sighting *out, size_t *n_out,
    struct om_arena *a, om_err *e)
{
	size_t found = 0, kept = 0;
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < n; i++) {
		const Om__Record *r = items[i]->rec;
		const Om__User *user = items[i]->user;
		om_time at = seen_at(r), weight = at - (fills_gaps(r) ? CD_PEOPLE_GAP_US : 0);
		bool is_one = false;

		s = tells(db, r, &is_one, e);
		if (!is_one)
			continue;
		out[found] = (struct sighting){
		    .handle = items[i]->entry.handle,
		    .attr = {said(user->name), said(user->email), said(user->role), said(items[i]->entry.groups)},
		    .attr_us = {weight, weight, weight, weight},
		    .inherited = cd_group_set_text(user->inherited_groups, user->n_inherited_groups, a),
		    .first_us = at,
		    .last_us = at,
		};
		if (out[found++].inherited == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
	}
	qsort(out, found, sizeof *out, cmp_id);
	for (size_t i = 0; i < found; i++) {
		if (kept > 0 && strcmp(out[kept - 1].handle, out[i].handle) == 0)
			merge(&out[kept - 1], &out[i]);
		else
			out[kept++] = out[i];
	}
	*n_out = kept;
	return s;
}

/* The instant of an attribute is set after the attribute, for MariaDB carries
 * the assignments out from left to right. */
#define TAKE(c, us)                                                                                           \
	c "=IF(VALUES(" c ") IS NOT NULL AND (" us " IS NULL OR VALUES(" us ")>" us " OR (VALUES(" us ")=" us \
	  " AND VALUES(" c ")>" c ")),VALUES(" c ")," c ")," us "=IF(VALUES(" us ") IS NULL," us              \
	  ",GREATEST(COALESCE(" us ",VALUES(" us ")),VALUES(" us "))),"
/* Those that are inherited go with the groups, and are set before them. */
#define TAKE_INHERITED                                                                                             \
	"inherited_json=IF(VALUES(groups_json) IS NOT NULL AND (groups_us IS NULL OR VALUES(groups_us)>groups_us " \
	"OR (VALUES(groups_us)=groups_us AND (VALUES(groups_json)>groups_json OR "                                 \
	"(VALUES(groups_json)=groups_json AND "                                                                    \
	"COALESCE(VALUES(inherited_json),'')>COALESCE(inherited_json,''))))),VALUES(inherited_json),inherited_json),"
#define N_COLUMNS (5u + 2u * N_ATTRS)

om_status
cd_people_see(struct cd_db *db, const struct cd_item *const *items, size_t n, struct om_arena *a, om_err *e)
{
	static const char sql[] =
	    "INSERT INTO person (id,handle,external_id,name,name_us,email,email_us,role,role_us,groups_json,groups_us,"
	    "inherited_json,first_seen_us,last_seen_us) VALUES (?,?,'',?,?,?,?,?,?,?,?,?,?,?) ON DUPLICATE KEY "
	    "UPDATE " TAKE("name", "name_us") TAKE("email", "email_us") TAKE("role", "role_us") TAKE_INHERITED TAKE(
		"groups_json",
		"groups_us") "first_seen_us=LEAST(COALESCE(first_seen_us,VALUES(first_seen_us)),VALUES(first_seen_us)),"
			     "last_seen_us=GREATEST(COALESCE(last_seen_us,VALUES(last_seen_us)),VALUES(last_seen_us))";
	struct sighting *seen = om_arena_array(a, n + 1, sizeof *seen);
	struct cd_val *v = om_arena_array(a, (n + 1) * N_COLUMNS, sizeof *v), *p = v;
	size_t n_seen = 0;
	om_status s;

	if (seen == NULL || v == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = collect(db, items, n, seen, &n_seen, a, e);
	if (s != OM_OK)
		return s;
	for (size_t i = 0; s == OM_OK && i < n_seen; i++) {
		int64_t number = 0;

		/* with its number the statement uses up none */
		s = cd_names_number(db, CD_PERSON, seen[i].handle, strlen(seen[i].handle), &number, e);
		*p++ = CD_I(number);
		*p++ = cd_t(seen[i].handle);
		for (unsigned k = 0; k < N_ATTRS; k++) {
			*p++ = cd_t(seen[i].attr[k]);
			*p++ = seen[i].attr[k] != NULL ? CD_I(seen[i].attr_us[k]) : CD_NONE;
		}
		*p++ = seen[i].attr[GROUPS] != NULL ? cd_t(said(seen[i].inherited)) : CD_NONE;
		*p++ = CD_I(seen[i].first_us);
		*p++ = CD_I(seen[i].last_us);
	}
	if (s != OM_OK || a->failed)
		return s != OM_OK ? s : om_fail(e, OM_NOMEM, "out of memory");
	om_check(n_seen <= n && p == v + n_seen * N_COLUMNS);
	return n_seen == 0 ? OM_OK : cd_db_exec(db, sql, v, N_COLUMNS, n_seen, NULL, e);
}
