/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Bodies of many records are read one record at a time: the memory for one record is
 * freed before the next, so that a body takes its own size and that
 * of the packed records, and no more.
 */
#include "record.h"

#include "refusal.h"
#include "record.pb-c.h"

#include <string.h>

#define RECORD_BYTES ((size_t)32 * 1024 * 1024) /* of one record while it is read: a few copies of a whole body */

static om_status
reject(struct gw_records *rs, struct om_arena *a, size_t index, const char *reason, const char *kind, om_err *e)
{
	if (rs->n_rejected == rs->cap_rejected) {
		size_t cap = rs->cap_rejected == 0 ? 16 : rs->cap_rejected * 2;
		struct gw_rejection *p = om_arena_array(a, cap, sizeof *p);

		if (p == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
		if (rs->n_rejected > 0)
			memcpy(p, rs->rejected, rs->n_rejected * sizeof *p);
		rs->rejected = p;
		rs->cap_rejected = cap;
	}
	rs->rejected[rs->n_rejected].index = index;
	rs->rejected[rs->n_rejected].kind = kind;
	rs->rejected[rs->n_rejected].reason = om_arena_strdup(a, reason);
	if (rs->rejected[rs->n_rejected].reason == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	rs->n_rejected++;
	return OM_OK;
}

/* list notes what was repaired of one record, as far as a reply lists it. */
static om_status
list(struct gw_records *rs, struct om_arena *a, size_t index, const struct om_fit *notes, om_err *e)
{
	gw_record_count_repairs(notes);
	if (!om_fit_any(notes))
		return OM_OK;
	if (rs->repaired == NULL) {
		rs->repaired = om_arena_array(a, GW_REPAIRS_MAX, sizeof *rs->repaired);
		if (rs->repaired == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
	}
	for (unsigned f = 0; f < OM_N_FIT; f++)
		if (notes->why[f] != NULL && rs->n_repaired < GW_REPAIRS_MAX)
			rs->repaired[rs->n_repaired++] =
			    (struct gw_repair){.index = index, .field = (om_fit_field)f, .reason = notes->why[f]};
	return OM_OK;
}

/* take judges one record and puts it where it belongs. */
static om_status
take(const json_t *o, size_t index, om_time now, struct om_arena *a, struct gw_batch *b, struct gw_records *rs,
    om_err *e)
{
	om_err why = {.text = ""};
	struct om_arena own;
	struct om_fit notes;
	Om__Record r;
	om_status s;

	om_arena_init(&own, RECORD_BYTES);
	s = gw_record_read(o, now, &own, &r, &notes, &why);
	if (s == OM_INVALID || s == OM_RANGE) {
		s = reject(rs, a, index, why.text, json_is_object(o) ? GW_REFUSED_NO_KEY : GW_REFUSED_OBJECT, e);
	} else if (s != OM_OK) {
		s = om_fail(e, s, "%s", why.text);
	} else {
		s = gw_batch_add(b, &r, e);
		if (s == OM_OK)
			s = list(rs, a, index, &notes, e);
		if (s == OM_OK)
			rs->n_accepted++;
	}
	om_arena_fini(&own);
	return s;
}

/* judge takes what was read of one record, or lists why it could not be. */
static om_status
judge(om_status s, const json_t *o, const om_err *why, size_t index, om_time now, struct om_arena *a,
    struct gw_batch *b, struct gw_records *rs, om_err *e)
{
	if (index >= GW_RECORDS_MAX)
		return om_fail(e, OM_TOO_LARGE, "more than %d records in one body", GW_RECORDS_MAX);
	if (s == OM_INVALID)
		return reject(rs, a, index, why->text, GW_REFUSED_NO_JSON, e);
	return s == OM_OK ? take(o, index, now, a, b, rs, e) : om_fail(e, s, "%s", why->text);
}

/* read_array judges a record and forgets it, again and again. */
static om_status
read_array(
    const char *text, size_t n, om_time now, struct om_arena *a, struct gw_batch *b, struct gw_records *out, om_err *e)
{
	struct om_json_items items;
	om_status s = OM_OK;

	om_json_items_init(&items, text, n);
	for (size_t i = 0; s == OM_OK && !items.ended; i++) {
		om_err why = {.text = ""};
		json_t *item = NULL;
		om_status got = om_json_items_next(&items, &item, &why);

		if (got != OM_OK || item != NULL)
			s = judge(got, item, &why, i, now, a, b, out, e);
		json_decref(item);
	}
	return s;
}

static bool
is_blank(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
			return false;
	return true;
}

/* are_lines tells whether a line with a whole object comes first and others follow:
 * NDJSON, whatever its sender calls it. */
static bool
are_lines(const char *text, size_t n)
{
	const char *stop;
	om_err why = {.text = ""};
	json_t *doc = NULL;
	bool whole;

	while (n > 0 && (*text == '\n' || is_blank(text, 1))) {
		text++;
		n--;
	}
	stop = n > 0 && *text == '{' ? memchr(text, '\n', n) : NULL;
	if (stop == NULL)
		return false;
	whole =
	    om_json_parse_mended(text, (size_t)(stop - text), (struct om_json_place){.line = 0}, &doc, &why) == OM_OK &&
	    json_is_object(doc);
	json_decref(doc);
	return whole;
}

static om_status
read_lines(
    const char *text, size_t n, om_time now, struct om_arena *a, struct gw_batch *b, struct gw_records *out, om_err *e)
{
	const char *end = text + n;
	om_status s = OM_OK;
	size_t index = 0;

	for (size_t line = 0; s == OM_OK && text < end; line++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)((stop != NULL ? stop : end) - text);
		om_err why = {.text = ""};
		json_t *doc = NULL;

		if (!is_blank(text, len)) {
			om_status got =
			    om_json_parse_mended(text, len, (struct om_json_place){.line = line}, &doc, &why);

			s = judge(got, doc, &why, index++, now, a, b, out, e);
			json_decref(doc);
		}
		text += len + (stop != NULL);
	}
	return s;
}

static om_status
read_json(
    const char *text, size_t n, om_time now, struct om_arena *a, struct gw_batch *b, struct gw_records *out, om_err *e)
{
	json_t *doc = NULL;
	om_status s;

	if (om_json_is_array(text, n))
		return read_array(text, n, now, a, b, out, e);
	if (are_lines(text, n))
		return read_lines(text, n, now, a, b, out, e);
	s = om_json_parse_mended(text, n, (struct om_json_place){.line = 0}, &doc, e);
	if (s != OM_OK)
		return s;
	if (json_is_object(doc))
		s = take(doc, 0, now, a, b, out, e);
	else
		s = om_fail(e, OM_INVALID, "the body must be a record or an array of records");
	json_decref(doc);
	return s;
}

om_status
gw_records_json(
    const char *text, size_t n, om_time now, struct om_arena *a, struct gw_batch *b, struct gw_records *out, om_err *e)
{
	*out = (struct gw_records){.n_accepted = 0};
	return read_json(text, n, now, a, b, out, e);
}

om_status
gw_records_ndjson(
    const char *text, size_t n, om_time now, struct om_arena *a, struct gw_batch *b, struct gw_records *out, om_err *e)
{
	*out = (struct gw_records){.n_accepted = 0};
	return read_lines(text, n, now, a, b, out, e);
}
