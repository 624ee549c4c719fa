/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "issuing.h"

#include "base/zone.h"

#include <string.h>

#define QUERY_BYTES ((size_t)64 * 1024)

/* ---- the row ---- */

const struct cd_lease_of cd_issuing_lease = {.table = "issuing", .key = "id"};

static om_status
keep_state(void *arg, const struct cd_val *v, om_err *e)
{
	struct cd_issuing *st = arg;

	st->found = true;
	st->last = (struct cd_number){.year = (int)v[0].i, .seq = (int)v[1].i};
	st->last_us = v[2].i;
	st->held = v[3].kind == CD_TEXT && v[3].n == CD_LEASE_ID;
	if (!st->held)
		return OM_OK;
	if (v[7].kind != CD_TEXT || v[7].n != CD_CODE)
		return om_fail(e, OM_DAMAGED, "issuing: the code is malformed");
	memcpy(st->lease_id, v[3].p, CD_LEASE_ID);
	st->next = (struct cd_number){.year = (int)v[4].i, .seq = (int)v[5].i};
	st->next_us = v[6].i;
	memcpy(st->code, v[7].p, CD_CODE + 1);
	return OM_OK;
}

om_status
cd_issuing_lock(struct cd_db *db, struct cd_issuing *out, om_err *e)
{
	om_status s;

	*out = (struct cd_issuing){.found = false};
	s = cd_db_query(db,
	    "SELECT year,seq,issued_us,lease_id,lease_year,lease_seq,lease_us,lease_code FROM issuing "
	    "WHERE id=1 FOR UPDATE",
	    NULL, 0, keep_state, out, e);
	return s == OM_OK && !out->found ? om_fail(e, OM_DAMAGED, "issuing: its row is missing") : s;
}

bool
cd_issuing_is_mine(const struct cd_issuing *st, const ProtobufCBinaryData *lease)
{
	return st->held && lease->len == CD_LEASE_ID && memcmp(st->lease_id, lease->data, CD_LEASE_ID) == 0;
}

om_status
cd_issuing_check_clock(om_time dated_us, om_time now, om_err *e)
{
	char dated[OM_TIME_TEXT], clock[OM_TIME_TEXT];

	if (dated_us <= now + CD_AHEAD_US)
		return OM_OK;
	return om_fail(e, OM_CONFLICT,
	    "the last date of issue, %s, lies ahead of costd's clock, %s: set the clock right, or, if it is right and "
	    "was ahead before, run costd --accept-clock",
	    om_time_text(dated_us, dated), om_time_text(now, clock));
}

static om_status
keep_int(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(int64_t *)arg = v[0].kind == CD_INT ? v[0].i : 0;
	return OM_OK;
}

static int
year_of(om_time t)
{
	int year, month, day;

	om_day_to_civil(om_zone_day(t), &year, &month, &day);
	return year;
}

om_status
cd_issuing_next(struct cd_db *db, const struct cd_issuing *st, om_time now, struct cd_number *number_out,
    om_time *dated_us_out, om_err *e)
{
	int64_t most = 0;
	om_status s;

	/* dates of issue rise, even where clocks differ a little or are set back */
	*dated_us_out = now > st->last_us ? now : st->last_us + 1;
	*number_out = (struct cd_number){.year = year_of(*dated_us_out)};
	/* a clock that was ahead may have given numbers of this year before; and the counter may be
	 * ahead of the documents, when the database was put back and a person raised it */
	s = cd_db_query(db, "SELECT COALESCE(MAX(seq),0) FROM document WHERE year=?",
	    (struct cd_val[]){CD_I(number_out->year)}, 1, keep_int, &most, e);
	if (number_out->year == st->last.year && st->last.seq > most)
		most = st->last.seq;
	number_out->seq = (int)most + 1;
	return s;
}

/* ---- requests ---- */

om_status
cd_request_hash(const Om__IssueQuery *q, unsigned char out[OM_SHA256], om_err *e)
{
	Om__IssueAsked asked = OM__ISSUE_ASKED__INIT;
	char none[] = "";
	struct om_buf b;
	om_status s;

	asked.request = none;
	asked.kind = q->kind;
	asked.user = q->user;
	asked.group = q->group;
	asked.year = q->year;
	asked.month = q->month;
	asked.format = q->format;
	asked.locale = q->locale;
	asked.paper = q->paper;
	asked.corrects = q->act == OM__ISSUE_ACT__ISSUE_CORRECTION ? q->of_number : NULL;
	asked.has_duplicate = asked.duplicate = q->act == OM__ISSUE_ACT__ISSUE_DUPLICATE;
	asked.cancels = q->act == OM__ISSUE_ACT__ISSUE_CANCELLATION ? q->of_number : NULL;
	asked.reason = q->reason;
	asked.has_month_terms = asked.month_terms = q->has_month_terms && q->month_terms;
	om_buf_init(&b, QUERY_BYTES);
	om_msg_pack(&asked.base, &b);
	s = om_buf_done(&b, e);
	if (s == OM_OK && om_sha256(&(struct om_bytes){.data = b.data, .n = b.len}, 1, out) != OM_OK)
		s = om_fail(e, OM_INTERNAL, "SHA-256 failed");
	om_buf_fini(&b);
	return s;
}

struct request_scan {
	bool found;
	unsigned char params[OM_SHA256];
	struct cd_number number;
};

static om_status
keep_request(void *arg, const struct cd_val *v, om_err *e)
{
	struct request_scan *scan = arg;

	if (v[0].n != OM_SHA256)
		return om_fail(e, OM_DAMAGED, "document_request: a hash is malformed");
	scan->found = true;
	memcpy(scan->params, v[0].p, OM_SHA256);
	scan->number = (struct cd_number){.year = (int)v[1].i, .seq = (int)v[2].i};
	return OM_OK;
}

om_status
cd_request_find(struct cd_db *db, const Om__IssueQuery *q, const unsigned char params[OM_SHA256], bool *found_out,
    struct cd_number *out, om_err *e)
{
	struct request_scan scan = {.found = false};
	om_status s = cd_db_query(db, "SELECT params,year,seq FROM document_request WHERE request=?",
	    (struct cd_val[]){cd_t(q->request)}, 1, keep_request, &scan, e);

	*found_out = s == OM_OK && scan.found;
	*out = scan.number;
	if (*found_out && memcmp(scan.params, params, OM_SHA256) != 0)
		return om_fail(e, OM_CONFLICT, "a request of this name issued another document");
	return s;
}

om_status
cd_request_remember(
    struct cd_db *db, const Om__IssueQuery *q, const unsigned char params[OM_SHA256], struct cd_number n, om_err *e)
{
	/* one that takes what is issued may be led to a newer document than the last time */
	return cd_db_exec(db,
	    "INSERT INTO document_request (request,params,year,seq) VALUES (?,?,?,?) "
	    "ON DUPLICATE KEY UPDATE year=VALUES(year),seq=VALUES(seq)",
	    (struct cd_val[]){cd_t(q->request), CD_B(params, OM_SHA256), CD_I(n.year), CD_I(n.seq)}, 4, 1, NULL, e);
}
