/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "intake.h"
#include "intake_in.h"
#include "quota.h"
#include "record.h"
#include "refusal.h"
#include "answer/reply.h"
#include "http/arguments.h"
#include "spool/spool.h"
#include "tags/tags.h"
#include "record.pb-c.h"
#include "base/invariant.h"
#include "base/json.h"
#include "base/stats.h"

static struct om_stat st_rejected =
    OM_COUNTER("owui_metering_records_rejected_total", NULL, "Records refused because of what they say.");

/* write_note writes what became of one record, or of a field of it. */
static void
write_note(struct om_jw *w, size_t index, const char *field, const char *reason)
{
	om_jw_open(w, '{');
	gw_write_int(w, "index", (int64_t)index);
	if (field != NULL)
		gw_write_text(w, "field", field);
	gw_write_text(w, "reason", reason);
	om_jw_close(w, '}');
}

static void
write_result(struct om_jw *w, const struct gw_records *rs)
{
	gw_write_int(w, "accepted", (int64_t)rs->n_accepted);
	gw_write_open(w, "rejected", '[');
	for (size_t i = 0; i < rs->n_rejected; i++)
		write_note(w, rs->rejected[i].index, NULL, rs->rejected[i].reason);
	om_jw_close(w, ']');
	gw_write_open(w, "repaired", '[');
	for (size_t i = 0; i < rs->n_repaired; i++)
		write_note(w, rs->repaired[i].index, om_fit_name(rs->repaired[i].field), rs->repaired[i].reason);
	om_jw_close(w, ']');
}

static om_status
refuse_all(const struct gw_req *rq, struct gw_reply *rp, const struct gw_records *rs, om_err *e)
{
	struct om_buf extra;
	struct om_jw w;
	char detail[400];
	om_status s;

	om_buf_init(&extra, (size_t)16 * 1024 * 1024);
	om_jw_init(&w, &extra);
	w.comma = true;
	write_result(&w, rs);
	s = om_buf_done(&extra, e);
	(void)snprintf(detail, sizeof detail, "no record was accepted; record %zu: %s", rs->rejected[0].index,
	    rs->rejected[0].reason);
	if (s == OM_OK)
		gw_reply_problem(rp, rq, OM_INVALID, detail, extra.data);
	om_buf_fini(&extra);
	return s;
}

static void
keep_refusals(const struct gw_parts *parts, const struct gw_req *rq, const struct gw_records *rs)
{
	struct gw_refusals r = {.n = 0};

	om_stat_add(&st_rejected, (int64_t)rs->n_rejected);
	for (size_t i = 0; i < rs->n_rejected; i++)
		gw_refusals_add(&r, rs->rejected[i].kind, 1);
	gw_refusals_keep(parts->spool, rq, "events", &r);
}

/* key_of names the key that a request came with; as yet there is one that may send. */
static const char *
key_of(const struct gw_req *rq)
{
	om_check(rq->who == GW_INGEST);
	return "API_KEY";
}

om_status
gw_intake_begin(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	int64_t wait_s;
	om_status s = gw_quota_begin(parts->quota, key_of(rq), rq->n_body, om_now(), &wait_s, e);

	if (s == OM_THROTTLED)
		gw_reply_header(rp, "Retry-After", "%lld", (long long)wait_s);
	return s;
}

om_status
gw_intake_append(const struct gw_parts *parts, const struct gw_req *rq, struct gw_reply *rp, struct gw_batch **b,
    om_time now, om_err *e)
{
	int64_t wait_s;
	om_status s = gw_quota_append(parts->quota, key_of(rq), b, now, &wait_s, e);

	if (s == OM_THROTTLED)
		gw_reply_header(rp, "Retry-After", "%lld", (long long)wait_s);
	return s;
}

om_status
gw_records_take(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	om_status s = gw_intake_begin(parts, rq, rp, e);
	struct gw_batch *b;
	om_time now = om_now();
	struct gw_records rs;
	struct om_jw w;

	if (s != OM_OK)
		return s;
	b = gw_batch_new();
	if (b == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (gw_media_is_lines(rq))
		s = gw_records_ndjson(rq->body, rq->n_body, now, rq->arena, b, &rs, e);
	else
		s = gw_records_json(rq->body, rq->n_body, now, rq->arena, b, &rs, e);
	if (s == OM_OK && rs.n_accepted > 0)
		s = gw_intake_append(parts, rq, rp, &b, now, e);
	gw_batch_free(&b);
	if (s == OM_INVALID)
		gw_refusals_keep_body(parts->spool, rq, "events", GW_REFUSED_NO_JSON);
	if (s != OM_OK)
		return s;
	keep_refusals(parts, rq, &rs);
	if (rs.n_accepted == 0 && rs.n_rejected > 0)
		return refuse_all(rq, rp, &rs, e);
	rp->quiet = true;
	gw_reply_header(rp, GW_TAG_KEY_HEADER, "%s", parts->tag_key);
	w = gw_reply_json(rp);
	om_jw_open(&w, '{');
	write_result(&w, &rs);
	om_jw_close(&w, '}');
	return OM_OK;
}

static void
write_success(struct gw_reply *rp, const struct om_fit *notes)
{
	struct om_jw w = gw_reply_json(rp);

	rp->quiet = true;
	om_jw_open(&w, '{');
	gw_write_bool(&w, "success", true);
	if (om_fit_any(notes)) {
		gw_write_open(&w, "repaired", '[');
		for (unsigned f = 0; f < OM_N_FIT; f++)
			if (notes->why[f] != NULL)
				write_note(&w, 0, om_fit_name((om_fit_field)f), notes->why[f]);
		om_jw_close(&w, ']');
	}
	om_jw_close(&w, '}');
}

om_status
gw_legacy_take(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	struct gw_batch *b = NULL;
	om_time now = om_now();
	struct om_fit notes;
	json_t *doc = NULL;
	Om__Record r;
	const char *why = GW_REFUSED_NO_JSON;
	om_status s = gw_intake_begin(parts, rq, rp, e);

	if (s == OM_OK)
		s = om_json_parse_mended(rq->body, rq->n_body, (struct om_json_place){.line = 0}, &doc, e);
	if (s == OM_OK) {
		why = json_is_object(doc) ? "no activity with an id" : GW_REFUSED_OBJECT;
		s = gw_legacy_read(doc, now, rq->arena, &r, &notes, e);
		json_decref(doc);
	}
	if (s == OM_INVALID) {
		om_stat_add(&st_rejected, 1);
		gw_refusals_keep_body(parts->spool, rq, "record", why);
	}
	if (s != OM_OK)
		return s;
	b = gw_batch_new();
	s = b != NULL ? gw_batch_add(b, &r, e) : om_fail(e, OM_NOMEM, "out of memory");
	if (s == OM_OK)
		s = gw_intake_append(parts, rq, rp, &b, now, e);
	gw_batch_free(&b);
	if (s != OM_OK)
		return s;
	gw_record_count_repairs(&notes);
	write_success(rp, &notes);
	return OM_OK;
}
