/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Numbers without gaps, against a real database. */
#include "issue_fixture.h"

#include "documents.pb-c.h"
#include "jobs.pb-c.h"
#include "base/digest.h"
#include "base/text.h"
#include "base/zone.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW  IFX_NOW
#define KEEP ((om_time)CD_ISSUE_KEEP_MS * 1000)

#define ok ifx_ok

/* query asks for a document of a user of the request's own. */
static Om__IssueQuery
query(struct om_arena *a, const char *request)
{
	return ifx_query(a, request, om_arena_printf(a, "user of %s", request));
}

static om_status
begin(struct cd_pool *p, Om__IssueQuery *q, om_time now, struct om_arena *a, Om__IssueBeginReply *out, om_err *e)
{
	return ifx_begin(p, q, NULL, now, a, out, e);
}

static om_status
finish(struct cd_pool *p, Om__IssueQuery *q, const Om__IssueBeginReply *begun, const void *file, size_t n,
    struct om_arena *a, struct ifx_done *out, om_err *e)
{
	return ifx_finish(p, q, begun, file, n, begun->number->issued_us, a, out, e);
}

/* issue makes a document from begin to end and gives its number. */
static const char *
issue(const char *request, om_time now)
{
	Om__IssueQuery q = query(&ifx.a, request);

	return ifx_issue(&q, now)->number;
}

static void
test_numbers_and_codes_as_text(void **state)
{
	static const char *const bad[] = {"", "2026", "2026-", "2026-12", "2026-00012", "2026-0000012", "2026-000000",
	    "2026-00001x", "26-000001", "2026-000012 ", "2026-99999999999"};
	struct cd_number n;
	char text[CD_NUMBER], code[CD_CODE + 1], again[CD_CODE + 1];

	(void)state;
	assert_true(cd_number_parse("2026-000012", &n));
	assert_int_equal(n.seq, 12);
	assert_true(cd_number_parse("2026-1000000", &n));
	assert_string_equal(cd_number_text(n, text), "2026-1000000");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(cd_number_parse(bad[i], &n));
	assert_true(cd_code_read("7k3m-oil1-  ABCD-efgh", code));
	assert_string_equal(code, "7K3M0111ABCDEFGH");
	assert_false(cd_code_read("7K3M-0111-ABCD-EFG", code));
	assert_false(cd_code_read("7K3M-0111-ABCD-EFGHJ", code));
	assert_false(cd_code_read("7K3M-0111-ABCD-EFGU", code));
	assert_int_equal(cd_code_make(code, NULL), OM_OK);
	assert_true(cd_code_read(code, again));
	assert_string_equal(code, again);
}

static void
test_an_issued_document_is_read_back_and_a_repeated_request_finds_it(void **state)
{
	size_t n = 2 * CD_CHUNK_BYTES + 5, big = CD_PART_BYTES + 7;
	unsigned char *file;
	Om__IssueQuery q;
	Om__IssueBeginReply begun;
	struct ifx_done done;
	Om__DocumentFileQuery fq = OM__DOCUMENT_FILE_QUERY__INIT;
	Om__DocumentFileReply part = OM__DOCUMENT_FILE_REPLY__INIT;
	Om__DocumentQuery dq = OM__DOCUMENT_QUERY__INIT;
	Om__DocumentReply found = OM__DOCUMENT_REPLY__INIT;
	om_err e = {.text = ""};

	(void)state;
	fx_open(&ifx);
	q = query(&ifx.a, "r-1");
	file = om_arena_alloc(&ifx.a, big);
	for (size_t i = 0; i < big; i++)
		file[i] = (unsigned char)(i * i / 1000);
	ok(begin(ifx.pool, &q, NOW, &ifx.a, &begun, &e), &e);
	assert_string_equal(ifx_number(&begun), "2026-000001");
	assert_int_equal(begun.number->issued_us, NOW);
	ok(finish(ifx.pool, &q, &begun, file, n, &ifx.a, &done, &e), &e);
	assert_string_equal(done.document->verification_code, begun.number->verification_code);
	assert_int_equal(done.document->month, 10);
	assert_string_equal(done.document->user_name, "Ada");
	assert_int_equal(done.document->unsettled, 3);

	fq.number = begun.number->number;
	ok(cd_document_file(ifx.pool, &fq, FX_DEADLINE, &ifx.a, &part, &e), &e);
	assert_int_equal(part.data.len, n);
	assert_memory_equal(part.data.data, file, n);
	fq.offset = CD_PART_BYTES;
	ok(cd_document_file(ifx.pool, &fq, FX_DEADLINE, &ifx.a, &part, &e), &e);
	assert_int_equal(part.data.len, 0);
	fq.offset = 5;
	assert_int_equal(cd_document_file(ifx.pool, &fq, FX_DEADLINE, &ifx.a, &part, &e), OM_INVALID);

	/* the finish again, its reply was lost; then the whole request; then another under its name */
	ok(finish(ifx.pool, &q, &begun, file, n, &ifx.a, &done, &e), &e);
	assert_true(done.known);
	ok(begin(ifx.pool, &q, NOW, &ifx.a, &begun, &e), &e);
	assert_string_equal(ifx_known(&begun)->number, "2026-000001");
	q.month = 9;
	assert_int_equal(begin(ifx.pool, &q, NOW, &ifx.a, &begun, &e), OM_CONFLICT);
	assert_int_equal(fx_int(&ifx, "SELECT COUNT(*) FROM document"), 1);

	dq.by_case = OM__DOCUMENT_QUERY__BY_VERIFICATION_CODE;
	dq.verification_code =
	    om_arena_printf(&ifx.a, "%.4s-%s", done.document->verification_code, done.document->verification_code + 4);
	ok(cd_document_find(ifx.pool, &dq, FX_DEADLINE, &ifx.a, &found, &e), &e);
	assert_string_equal(found.document->number, done.document->number);
	dq.verification_code = om_arena_strdup(&ifx.a, "0000-0000-0000-0000");
	assert_int_equal(cd_document_find(ifx.pool, &dq, FX_DEADLINE, &ifx.a, &found, &e), OM_NOT_FOUND);

	/* a file of several parts, and one that lost a chunk */
	q = query(&ifx.a, "r-2");
	ok(begin(ifx.pool, &q, NOW, &ifx.a, &begun, &e), &e);
	ok(finish(ifx.pool, &q, &begun, file, big, &ifx.a, &done, &e), &e);
	fq.number = begun.number->number;
	fq.offset = CD_PART_BYTES;
	ok(cd_document_file(ifx.pool, &fq, FX_DEADLINE, &ifx.a, &part, &e), &e);
	assert_int_equal(part.data.len, 7);
	assert_memory_equal(part.data.data, file + CD_PART_BYTES, 7);
	fx_run(&ifx, "DELETE FROM document_chunk WHERE seq=2 AND part=4");
	assert_int_equal(cd_document_file(ifx.pool, &fq, FX_DEADLINE, &ifx.a, &part, &e), OM_DAMAGED);
	fx_close(&ifx);
}

static void
test_a_number_that_was_not_finished_is_the_next_ones(void **state)
{
	Om__IssueQuery dead, next;
	Om__IssueBeginReply lost, begun;
	Om__IssueKeep k = OM__ISSUE_KEEP__INIT;
	Om__IssueDrop drop = OM__ISSUE_DROP__INIT;
	struct ifx_done done;
	om_err e = {.text = ""};

	(void)state;
	fx_open(&ifx);
	dead = query(&ifx.a, "dead");
	next = query(&ifx.a, "next");
	(void)issue("first", NOW);
	ok(begin(ifx.pool, &dead, NOW + 1, &ifx.a, &lost, &e), &e);
	assert_string_equal(ifx_number(&lost), "2026-000002");
	assert_int_equal(begin(ifx.pool, &next, NOW + 2, &ifx.a, &begun, &e), OM_THROTTLED);
	/* kept in time it stays; afterwards it is given away, and the late one finds out */
	k.lease_id = lost.number->lease_id;
	ok(cd_issue_keep(ifx.pool, &k, NOW + KEEP, FX_DEADLINE, &e), &e);
	assert_int_equal(begin(ifx.pool, &next, NOW + KEEP + 2, &ifx.a, &begun, &e), OM_THROTTLED);
	ok(begin(ifx.pool, &next, NOW + 2 * KEEP, &ifx.a, &begun, &e), &e);
	assert_string_equal(ifx_number(&begun), "2026-000002");
	assert_string_not_equal(begun.number->verification_code, lost.number->verification_code);
	assert_int_equal(cd_issue_keep(ifx.pool, &k, NOW + 2 * KEEP, FX_DEADLINE, &e), OM_CONFLICT);
	assert_int_equal(finish(ifx.pool, &dead, &lost, "x", 1, &ifx.a, &done, &e), OM_CONFLICT);
	drop.lease_id = lost.number->lease_id;
	ok(cd_issue_drop(ifx.pool, &drop, FX_DEADLINE, &e), &e); /* not its to give */
	ok(finish(ifx.pool, &next, &begun, "y", 1, &ifx.a, &done, &e), &e);
	assert_string_equal(done.document->number, "2026-000002");

	/* one that is late but was not taken over is stored; one given back is free at once */
	ok(begin(ifx.pool, &dead, NOW + 3 * KEEP, &ifx.a, &lost, &e), &e);
	ok(finish(ifx.pool, &dead, &lost, "x", 1, &ifx.a, &done, &e), &e);
	assert_string_equal(done.document->number, "2026-000003");
	next = query(&ifx.a, "again");
	ok(begin(ifx.pool, &next, NOW + 4 * KEEP, &ifx.a, &begun, &e), &e);
	drop.lease_id = begun.number->lease_id;
	ok(cd_issue_drop(ifx.pool, &drop, FX_DEADLINE, &e), &e);
	assert_string_equal(issue("after", NOW + 4 * KEEP), "2026-000004");
	fx_close(&ifx);
}

static void
test_years_and_dates_of_issue_rise_whatever_the_clock_does(void **state)
{
	om_time silvester = om_zone_day_start(om_day_from_civil(2027, 1, 1)) - 1;

	(void)state;
	fx_open(&ifx);
	assert_string_equal(issue("a", silvester - 5), "2026-000001");
	assert_string_equal(issue("b", silvester), "2026-000002");
	assert_string_equal(issue("c", silvester + 1), "2027-000001");
	/* the clock is set back */
	assert_string_equal(issue("d", silvester - 100), "2027-000002");
	assert_string_equal(issue("e", silvester - 50), "2027-000003");
	assert_int_equal(fx_int(&ifx,
			     "SELECT COUNT(*) FROM document AS a JOIN document AS b ON (a.year,a.seq)<(b.year,b.seq) "
			     "WHERE a.issued_us>=b.issued_us"),
	    0);
	fx_close(&ifx);
}

static void
test_corrections_name_one_that_stands_and_is_about_the_same(void **state)
{
	Om__IssueQuery q;
	Om__IssueBeginReply begun;
	Om__DocumentsQuery dq = OM__DOCUMENTS_QUERY__INIT;
	Om__DocumentsReply list = OM__DOCUMENTS_REPLY__INIT;
	om_err e = {.text = ""};

	(void)state;
	fx_open(&ifx);
	q = ifx_query(&ifx.a, "a", "u-1");
	assert_string_equal(ifx_issue(&q, NOW)->number, "2026-000001");
	q = ifx_correction("b", "2026-000001");
	assert_string_equal(ifx_issue(&q, NOW)->number, "2026-000002");
	q = ifx_correction("bad", "2026-000001");
	assert_int_equal(begin(ifx.pool, &q, NOW, &ifx.a, &begun, &e), OM_CONFLICT);
	assert_non_null(strstr(e.text, "was corrected by 2026-000002"));
	q.of_number = om_arena_strdup(&ifx.a, "2026-000099");
	assert_int_equal(begin(ifx.pool, &q, NOW, &ifx.a, &begun, &e), OM_NOT_FOUND);
	q.of_number = om_arena_strdup(&ifx.a, "what?");
	assert_int_equal(begin(ifx.pool, &q, NOW, &ifx.a, &begun, &e), OM_NOT_FOUND);
	q.of_number = om_arena_strdup(&ifx.a, "2026-000002");
	q.month = 9;
	assert_int_equal(begin(ifx.pool, &q, NOW, &ifx.a, &begun, &e), OM_CONFLICT);
	q.month = 10;
	q.user = om_arena_strdup(&ifx.a, "u-2");
	assert_int_equal(begin(ifx.pool, &q, NOW, &ifx.a, &begun, &e), OM_CONFLICT);
	ok(cd_documents_list(ifx.pool, &dq, FX_DEADLINE, &ifx.a, &list, &e), &e);
	assert_int_equal(list.n_items, 2);
	assert_string_equal(list.items[0]->corrects, "2026-000001");
	assert_null(list.items[0]->corrected_by);
	assert_string_equal(list.items[1]->corrected_by, "2026-000002");
	fx_close(&ifx);
}

static void
test_what_cannot_be_issued_is_refused(void **state)
{
	Om__IssueQuery q;
	Om__IssueBeginReply begun;
	om_err e = {.text = ""};

	(void)state;
	fx_open(&ifx);
	q = query(&ifx.a, "r");
	q.year = 2026;
	q.month = 12;
	assert_int_equal(begin(ifx.pool, &q, NOW, &ifx.a, &begun, &e), OM_INVALID); /* to come */
	q.month = 11;
	q.format = (Om__Format)99;
	assert_int_equal(begin(ifx.pool, &q, NOW, &ifx.a, &begun, &e), OM_INVALID);
	q.format = OM__FORMAT__FORMAT_XLSX;
	q.group = q.user;
	assert_int_equal(begin(ifx.pool, &q, NOW, &ifx.a, &begun, &e), OM_INVALID);
	q.group = NULL;
	q.kind = OM__DOCUMENT_KIND__DOCUMENT_REPORT;
	assert_int_equal(begin(ifx.pool, &q, NOW, &ifx.a, &begun, &e), OM_INVALID);
	q.user = NULL;
	ok(begin(ifx.pool, &q, NOW, &ifx.a, &begun, &e), &e); /* the running month */
	fx_close(&ifx);
}

static void
test_each_act_has_what_it_needs_and_nothing_else(void **state)
{
	static const struct {
		Om__IssueAct act;
		bool number, terms, reason, now;
		Om__Format format;
		const char *says; /* NULL: nothing is wrong with what is asked */
	} cases[] = {
	    {OM__ISSUE_ACT__ISSUE_ORIGINAL, .says = NULL},
	    {OM__ISSUE_ACT__ISSUE_ORIGINAL, .number = true, .says = "of_number"},
	    {OM__ISSUE_ACT__ISSUE_ORIGINAL, .terms = true, .says = "month_terms"},
	    {OM__ISSUE_ACT__ISSUE_ORIGINAL, .reason = true, .says = "reason"},
	    {OM__ISSUE_ACT__ISSUE_ORIGINAL, .now = true, .says = "now"},
	    {OM__ISSUE_ACT__ISSUE_CORRECTION, .number = true, .terms = true, .says = NULL},
	    {OM__ISSUE_ACT__ISSUE_CORRECTION, .says = "of_number"},
	    {OM__ISSUE_ACT__ISSUE_CORRECTION, .number = true, .reason = true, .says = "reason"},
	    {OM__ISSUE_ACT__ISSUE_CORRECTION, .number = true, .now = true, .says = "now"},
	    {OM__ISSUE_ACT__ISSUE_CANCELLATION, .number = true, .reason = true, .says = NULL},
	    {OM__ISSUE_ACT__ISSUE_CANCELLATION, .says = "of_number"},
	    {OM__ISSUE_ACT__ISSUE_CANCELLATION, .number = true, .terms = true, .says = "month_terms"},
	    {OM__ISSUE_ACT__ISSUE_CANCELLATION, .number = true, .now = true, .says = "now"},
	    {OM__ISSUE_ACT__ISSUE_CANCELLATION, .number = true, .format = OM__FORMAT__FORMAT_XLSX, .says = "format"},
	    {OM__ISSUE_ACT__ISSUE_DUPLICATE, .says = NULL},
	    {OM__ISSUE_ACT__ISSUE_DUPLICATE, .number = true, .says = "of_number"},
	    {OM__ISSUE_ACT__ISSUE_DUPLICATE, .terms = true, .says = "month_terms"},
	    {OM__ISSUE_ACT__ISSUE_DUPLICATE, .reason = true, .says = "reason"},
	    {OM__ISSUE_ACT__ISSUE_DUPLICATE, .now = true, .says = "now"},
	    {OM__ISSUE_ACT__ISSUE_TAKE, .now = true, .says = NULL},
	    {OM__ISSUE_ACT__ISSUE_TAKE, .says = "now"},
	    {OM__ISSUE_ACT__ISSUE_TAKE, .number = true, .now = true, .says = "of_number"},
	    {OM__ISSUE_ACT__ISSUE_TAKE, .terms = true, .now = true, .says = "month_terms"},
	    {OM__ISSUE_ACT__ISSUE_TAKE, .reason = true, .now = true, .says = "reason"},
	    {(Om__IssueAct)99, .says = "act"},
	};

	(void)state;
	fx_open(&ifx);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		Om__IssueQuery q = ifx_user("r");
		Om__Figures now = ifx_figures();
		Om__IssueBeginReply begun;
		om_err e = {.text = ""};
		om_status s;

		q.act = cases[i].act;
		q.of_number = cases[i].number ? om_arena_strdup(&ifx.a, "2026-000009") : NULL;
		q.has_month_terms = q.month_terms = cases[i].terms;
		q.reason = cases[i].reason ? om_arena_strdup(&ifx.a, "why") : NULL;
		q.format = cases[i].format;
		s = ifx_begin(ifx.pool, &q, cases[i].now ? &now : NULL, NOW, &ifx.a, &begun, &e);
		if ((s == OM_INVALID) != (cases[i].says != NULL) ||
		    (s == OM_INVALID && strncmp(e.text, cases[i].says, strlen(cases[i].says)) != 0))
			fail_msg("case %zu: %d, %s", i, (int)s, e.text);
	}
	fx_close(&ifx);
}

static void
test_the_list_pages_and_filters(void **state)
{
	Om__DocumentsQuery q = OM__DOCUMENTS_QUERY__INIT;
	Om__DocumentsReply out;
	om_err e = {.text = ""};
	char name[24];
	int seen = 0;

	(void)state;
	fx_open(&ifx);
	for (int i = 0; i < 5; i++) {
		Om__IssueQuery one;

		(void)snprintf(name, sizeof name, "r-%d", i);
		one = ifx_query(&ifx.a, name, "u-1");
		if (i > 0) {
			char number[CD_NUMBER];

			one = ifx_correction(name, cd_number_text((struct cd_number){2026, i}, number));
		}
		(void)ifx_issue(&one, NOW);
	}
	q.has_limit = true;
	q.limit = 2;
	do {
		out = (Om__DocumentsReply)OM__DOCUMENTS_REPLY__INIT;
		ok(cd_documents_list(ifx.pool, &q, FX_DEADLINE, &ifx.a, &out, &e), &e);
		for (size_t i = 0; i < out.n_items; i++, seen++) {
			char number[CD_NUMBER];

			assert_string_equal(
			    out.items[i]->number, cd_number_text((struct cd_number){2026, 5 - seen}, number));
		}
		q.cursor = out.next_cursor;
	} while (q.cursor != NULL);
	assert_int_equal(seen, 5);
	q.has_of_year = q.has_of_month = q.has_year = q.has_kind = true;
	q.year = q.of_year = 2026;
	q.of_month = 10;
	q.user = om_arena_strdup(&ifx.a, "u-1");
	q.limit = 100;
	ok(cd_documents_list(ifx.pool, &q, FX_DEADLINE, &ifx.a, &out, &e), &e);
	assert_int_equal(out.n_items, 5);
	q.kind = OM__DOCUMENT_KIND__DOCUMENT_REPORT;
	ok(cd_documents_list(ifx.pool, &q, FX_DEADLINE, &ifx.a, &out, &e), &e);
	assert_int_equal(out.n_items, 0);
	q.has_kind = false;
	q.of_month = 9;
	ok(cd_documents_list(ifx.pool, &q, FX_DEADLINE, &ifx.a, &out, &e), &e);
	assert_int_equal(out.n_items, 0);
	q.of_month = 13;
	assert_int_equal(cd_documents_list(ifx.pool, &q, FX_DEADLINE, &ifx.a, &out, &e), OM_INVALID);
	fx_close(&ifx);
}

/* ---- many at once, some of them killed half-way ---- */

#define THREADS 8
#define EACH    6

struct issuer {
	pthread_t thread;
	struct cd_pool *pool;
	unsigned number;
	char why[256];
};

static void *
work(void *arg)
{
	struct issuer *me = arg;
	struct om_arena a;

	om_arena_init(&a, (size_t)64 * 1024 * 1024);
	for (unsigned i = 0; i < EACH && me->why[0] == '\0'; i++) {
		char name[32];
		Om__IssueQuery q;
		Om__IssueBeginReply begun;
		struct ifx_done done;
		om_err e = {.text = ""};
		om_status s;
		bool die = (me->number + i) % 3 == 0;
		int64_t until = om_mono_ms() + 120000;

		(void)snprintf(name, sizeof name, "t-%u-%u", me->number, i);
		q = query(&a, name);
		for (;;) {
			/* clocks that run a hundred times as fast: a number that is not kept is free in 150 ms */
			s = begin(me->pool, &q, NOW + om_mono_ms() * 100000, &a, &begun, &e);
			if (s == OM_OK && die) {
				die = false; /* as if killed here; the next try is another process's */
				continue;
			}
			if (s == OM_OK && begun.next_case != OM__ISSUE_BEGIN_REPLY__NEXT_ISSUED)
				s = finish(me->pool, &q, &begun, name, strlen(name), &a, &done, &e);
			if (s == OM_OK || om_mono_ms() > until || (s != OM_THROTTLED && s != OM_CONFLICT))
				break;
		}
		if (s != OM_OK)
			(void)snprintf(me->why, sizeof me->why, "%s", om_err_text(&e, s));
	}
	om_arena_fini(&a);
	return NULL;
}

static void
test_many_at_once_leave_no_gap_and_no_duplicate(void **state)
{
	struct issuer all[THREADS];
	struct cd_pool *other = NULL;
	om_err e = {.text = ""};

	(void)state;
	fx_open(&ifx);
	ok(cd_pool_new(&ifx.opts, 4, &other, &e), &e);
	cd_pool_ready(other);
	for (unsigned i = 0; i < THREADS; i++) {
		all[i] = (struct issuer){.number = i, .pool = i % 2 == 0 ? ifx.pool : other};
		assert_int_equal(pthread_create(&all[i].thread, NULL, work, &all[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		(void)pthread_join(all[i].thread, NULL);
	for (unsigned i = 0; i < THREADS; i++)
		assert_string_equal(all[i].why, "");
	cd_pool_free(&other);
	assert_int_equal(fx_int(&ifx, "SELECT COUNT(*) FROM document"), THREADS * EACH);
	assert_int_equal(fx_int(&ifx, "SELECT COUNT(DISTINCT seq) FROM document"), THREADS * EACH);
	assert_int_equal(fx_int(&ifx, "SELECT MIN(seq) FROM document"), 1);
	assert_int_equal(fx_int(&ifx, "SELECT MAX(seq) FROM document"), THREADS * EACH);
	assert_int_equal(fx_int(&ifx, "SELECT COUNT(*) FROM document_request"), THREADS * EACH);
	assert_int_equal(fx_int(&ifx,
			     "SELECT COUNT(*) FROM document AS a JOIN document AS b ON a.seq<b.seq "
			     "WHERE a.issued_us>=b.issued_us"),
	    0);
	/* each has the file of its own request */
	assert_int_equal(fx_int(&ifx,
			     "SELECT COUNT(*) FROM document_request AS r JOIN document_chunk AS c USING (year,seq) "
			     "WHERE c.data<>r.request"),
	    0);
	fx_close(&ifx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers_and_codes_as_text),
	    cmocka_unit_test(test_an_issued_document_is_read_back_and_a_repeated_request_finds_it),
	    cmocka_unit_test(test_a_number_that_was_not_finished_is_the_next_ones),
	    cmocka_unit_test(test_years_and_dates_of_issue_rise_whatever_the_clock_does),
	    cmocka_unit_test(test_corrections_name_one_that_stands_and_is_about_the_same),
	    cmocka_unit_test(test_what_cannot_be_issued_is_refused),
	    cmocka_unit_test(test_each_act_has_what_it_needs_and_nothing_else),
	    cmocka_unit_test(test_the_list_pages_and_filters),
	    cmocka_unit_test(test_many_at_once_leave_no_gap_and_no_duplicate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
