/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One original for each person, group and month; one number for all its files. */
#include "issue_fixture.h"
#include "documents.pb-c.h"
#include "jobs.pb-c.h"
#include "usage.pb-c.h"

#include <stdio.h>
#include <string.h>

#define NOW  IFX_NOW
#define PDF  OM__FORMAT__FORMAT_PDF
#define XLSX OM__FORMAT__FORMAT_XLSX
#define ok   ifx_ok

static void
test_a_second_original_is_refused_and_names_the_first(void **state)
{
	Om__IssueQuery other;

	(void)state;
	fx_open(&ifx);
	assert_string_equal(ifx_issue_now(ifx_user("a"))->number, "2026-000001");
	ifx_expect_refused(
	    ifx_user("b"), "2026-000001 is issued for this already; correct it, cancel it, or ask for a duplicate");
	/* documents of another user, month or kind are others */
	other = ifx_query(&ifx.a, "c", "u-2");
	assert_string_equal(ifx_issue_now(other)->number, "2026-000002");
	other = ifx_user("d");
	other.month = 9;
	assert_string_equal(ifx_issue_now(other)->number, "2026-000003");
	other = ifx_user("e");
	other.kind = OM__DOCUMENT_KIND__DOCUMENT_GROUP_STATEMENT;
	other.group = other.user;
	other.user = NULL;
	assert_string_equal(ifx_issue_now(other)->number, "2026-000004");
	other.request = om_arena_strdup(&ifx.a, "e2");
	ifx_expect_refused(other, "2026-000004 is issued");
	other = ifx_user("f");
	other.kind = OM__DOCUMENT_KIND__DOCUMENT_REPORT;
	other.user = NULL;
	assert_string_equal(ifx_issue_now(other)->number, "2026-000005");
	other.request = om_arena_strdup(&ifx.a, "f2");
	ifx_expect_refused(other, "2026-000005 is issued");
	/* what was corrected stands no more: the correction is the one */
	assert_string_equal(ifx_issue_now(ifx_correction("g", "2026-000001"))->number, "2026-000006");
	ifx_expect_refused(ifx_user("h"), "2026-000006 is issued");
	fx_close(&ifx);
}

static void
test_formats_share_a_number(void **state)
{
	size_t big = CD_CHUNK_BYTES + 3;
	char *first = NULL;
	Om__IssueQuery q;
	Om__IssueBeginReply begun;
	struct ifx_done done;
	const Om__Standing *standing;
	Om__Document *d;
	Om__DocumentFileQuery fq = OM__DOCUMENT_FILE_QUERY__INIT;
	Om__DocumentFileReply part = OM__DOCUMENT_FILE_REPLY__INIT;
	om_err e = {.text = ""};

	(void)state;
	fx_open(&ifx);
	first = om_arena_alloc(&ifx.a, big);
	memset(first, 'p', big);
	q = ifx_user("pdf");
	ok(ifx_begin_now(&q, &begun, &e), &e);
	(void)ifx_held(&begun, OM__ISSUE_ROLE__ROLE_ORIGINAL);
	assert_null(begun.number->standing);
	ok(ifx_finish(ifx.pool, &q, &begun, first, big, NOW, &ifx.a, &done, &e), &e);
	assert_false(done.added);

	/* while another request issues, a file is added: it needs no number */
	q = ifx_query(&ifx.a, "other", "u-2");
	ok(ifx_begin_now(&q, &begun, &e), &e);
	q = ifx_user_of("xlsx", XLSX);
	ok(ifx_begin_now(&q, &begun, &e), &e);
	standing = ifx_wanted(&begun)->standing;
	assert_string_equal(standing->document->number, "2026-000001");
	assert_int_equal(standing->document->issued_us, NOW);
	assert_int_equal(strlen(standing->document->verification_code), CD_CODE);
	assert_true(standing->figures.len > 0);
	assert_string_equal(standing->terms, "{\"CURRENCY\":\"USD\"}");
	assert_non_null(begun.file->zone);
	ok(ifx_finish(ifx.pool, &q, &begun, "sheet", 5, NOW + 7, &ifx.a, &done, &e), &e);
	assert_true(done.added);
	assert_false(done.known);

	d = ifx_load("2026-000001");
	assert_int_equal(d->n_files, 2);
	assert_int_equal(d->format, PDF);
	assert_int_equal(d->files[0]->format, PDF);
	assert_int_equal(d->files[0]->made_us, NOW);
	assert_int_equal(d->files[1]->format, XLSX);
	assert_int_equal(d->files[1]->bytes, 5);
	assert_int_equal(d->files[1]->made_us, NOW + 7);
	assert_string_equal(d->files[1]->filename, "x.xlsx");
	assert_int_equal(fx_int(&ifx, "SELECT first_part FROM document_file WHERE n=1"), 2);
	ifx_expect_file("2026-000001", XLSX, false, "sheet");
	fq.number = d->number;
	ok(cd_document_file(ifx.pool, &fq, FX_DEADLINE, &ifx.a, &part, &e), &e);
	assert_int_equal(part.data.len, big);
	assert_memory_equal(part.data.data, first, big);
	assert_int_equal(part.file->format, PDF);
	fq.offset = CD_PART_BYTES; /* beyond its end another file's parts are not its own */
	ok(cd_document_file(ifx.pool, &fq, FX_DEADLINE, &ifx.a, &part, &e), &e);
	assert_int_equal(part.data.len, 0);
	fq.has_duplicate = fq.duplicate = true;
	assert_int_equal(cd_document_file(ifx.pool, &fq, FX_DEADLINE, &ifx.a, &part, &e), OM_NOT_FOUND);

	/* the same request finds it, the finish too; another one is refused */
	ok(ifx_begin_now(&q, &begun, &e), &e);
	assert_string_equal(ifx_known(&begun)->number, "2026-000001");
	ifx_expect_refused(ifx_user_of("xlsx-again", XLSX), "2026-000001 is issued");
	fx_close(&ifx);
}

static void
test_duplicates_are_files_that_say_so(void **state)
{
	Om__IssueQuery q;
	Om__IssueBeginReply begun, late;
	struct ifx_done done;
	om_err e;

	(void)state;
	fx_open(&ifx);
	ifx_expect_refused(ifx_duplicate("early", PDF), "nothing is issued");
	(void)ifx_issue_now(ifx_user("a"));
	assert_string_equal(ifx_issue_now(ifx_duplicate("b", PDF))->number, "2026-000001");
	/* an equal one is there; in another language it is another; so is one of another format */
	q = ifx_duplicate("c", PDF);
	ok(ifx_begin_now(&q, &begun, &e), &e);
	assert_string_equal(ifx_known(&begun)->number, "2026-000001");
	assert_int_equal(ifx_known(&begun)->n_files, 2);
	q = ifx_duplicate("d", PDF);
	q.locale = om_arena_strdup(&ifx.a, "de");
	assert_int_equal(ifx_issue_now(q)->n_files, 3);
	assert_int_equal(ifx_issue_now(ifx_duplicate("e", XLSX))->n_files, 4);
	ifx_expect_file("2026-000001", PDF, false, "a");
	ifx_expect_file("2026-000001", PDF, true, "d");
	ifx_expect_file("2026-000001", XLSX, true, "e");
	assert_string_equal(ifx_load("2026-000001")->files[2]->locale, "de");
	/* a duplicate is not the original of its format */
	assert_int_equal(ifx_issue_now(ifx_user_of("f", XLSX))->n_files, 5);
	ifx_expect_file("2026-000001", XLSX, false, "f");
	/* two that began at once: the second finds the first's */
	q = ifx_duplicate("g", PDF);
	q.paper = om_arena_strdup(&ifx.a, "letter");
	ok(ifx_begin_now(&q, &begun, &e), &e);
	ok(ifx_begin_now(&q, &late, &e), &e);
	ok(ifx_finish(ifx.pool, &q, &begun, "g", 1, NOW, &ifx.a, &done, &e), &e);
	q.request = om_arena_strdup(&ifx.a, "h");
	ok(ifx_finish(ifx.pool, &q, &late, "h", 1, NOW, &ifx.a, &done, &e), &e);
	assert_true(done.known);
	assert_false(done.added);
	ifx_expect_file("2026-000001", PDF, true, "g");
	/* each request is known by its name */
	assert_string_equal(
	    fx_text(&ifx, "SELECT request FROM document_request WHERE year=2026 AND seq=1 ORDER BY request"),
	    "a\nb\nc\nd\ne\nf\ng\nh\n");
	fx_close(&ifx);
}

static void
test_the_number_of_files_is_bounded(void **state)
{
	Om__IssueQuery q;
	Om__IssueBeginReply begun;
	struct ifx_done done;
	char name[24];
	om_err e;

	(void)state;
	fx_open(&ifx);
	(void)ifx_issue_now(ifx_user("a"));
	for (unsigned i = 1; i <= CD_DOCUMENT_FILES; i++) {
		(void)snprintf(name, sizeof name, "l-%u", i);
		q = ifx_duplicate(name, PDF);
		q.locale = om_arena_strdup(&ifx.a, name);
		ok(ifx_begin_now(&q, &begun, &e), &e);
		assert_int_equal(ifx_finish(ifx.pool, &q, &begun, "x", 1, NOW, &ifx.a, &done, &e),
		    i < CD_DOCUMENT_FILES ? OM_OK : OM_CONFLICT);
	}
	assert_int_equal(ifx_load("2026-000001")->n_files, CD_DOCUMENT_FILES);
	fx_close(&ifx);
}

/* ---- the delivery takes what is issued ---- */

static void
test_a_delivery_takes_what_shows_the_same(void **state)
{
	Om__IssueQuery q;
	Om__IssueBeginReply begun;
	Om__Figures shown = ifx_figures();
	char same[] = "12.300";
	om_err e;

	(void)state;
	fx_open(&ifx);
	q = ifx_user("hand");
	(void)ifx_issue_now(q);
	q = ifx_user("delivery:1");
	assert_int_equal(ifx_take(&q, NULL, &begun, &e), OM_INVALID);
	shown.cost = same; /* the same amount in other words */
	shown.unsettled = 0;
	ok(ifx_take(&q, &shown, &begun, &e), &e);
	assert_string_equal(ifx_known(&begun)->number, "2026-000001");
	/* the other format is a file of it */
	q = ifx_user_of("delivery:2", XLSX);
	ok(ifx_take(&q, &shown, &begun, &e), &e);
	(void)ifx_wanted(&begun);
	assert_string_equal(ifx_issue_now(q)->number, "2026-000001");
	/* nothing is issued of this user yet: an original */
	q = ifx_query(&ifx.a, "delivery:3", "u-2");
	ok(ifx_take(&q, &shown, &begun, &e), &e);
	(void)ifx_held(&begun, OM__ISSUE_ROLE__ROLE_ORIGINAL);
	assert_string_equal(ifx_number(&begun), "2026-000002");
	fx_close(&ifx);
}

static void
expect_correction(Om__Figures shown)
{
	static int count;
	Om__IssueQuery q = ifx_user(om_arena_printf(&ifx.a, "changed:%d", count++));
	Om__IssueBeginReply begun;
	Om__IssueDrop drop = OM__ISSUE_DROP__INIT;
	om_err e;

	ok(ifx_take(&q, &shown, &begun, &e), &e);
	(void)ifx_held(&begun, OM__ISSUE_ROLE__ROLE_CORRECTION);
	assert_string_equal(begun.number->standing->document->number, "2026-000001");
	drop.lease_id = begun.number->lease_id;
	ok(cd_issue_drop(ifx.pool, &drop, FX_DEADLINE, &e), &e);
}

static void
test_a_delivery_corrects_what_shows_something_else(void **state)
{
	Om__Figures shown = ifx_figures();
	char more[] = "12.300000000000000001", key[] = "0.1";
	Om__IssueQuery q;
	Om__IssueBeginReply begun;
	struct ifx_done done;
	om_err e;

	(void)state;
	fx_open(&ifx);
	(void)ifx_issue_now(ifx_user("hand"));
#define CHANGED(member, value)             \
	do {                               \
		Om__Figures other = shown; \
		other.member = (value);    \
		expect_correction(other);  \
	} while (0)
	CHANGED(requests, 8);
	CHANGED(prompt_tokens, 1);
	CHANGED(completion_tokens, 1);
	CHANGED(reasoning_tokens, 1);
	CHANGED(cached_tokens, 1);
	CHANGED(cache_write_tokens, 1);
	CHANGED(cost, more);
	CHANGED(byok_cost, key);
	/* one that is carried through: the correction is linked though the request names none */
	shown.requests++;
	q = ifx_user("delivery:1");
	ok(ifx_take(&q, &shown, &begun, &e), &e);
	ok(ifx_finish(ifx.pool, &q, &begun, "new", 3, NOW, &ifx.a, &done, &e), &e);
	assert_string_equal(done.document->corrects, "2026-000001");
	assert_string_equal(ifx_load("2026-000001")->corrected_by, "2026-000002");
	/* the finish again, its reply was lost */
	ok(ifx_finish(ifx.pool, &q, &begun, "new", 3, NOW, &ifx.a, &done, &e), &e);
	assert_true(done.known);
	assert_string_equal(done.document->number, "2026-000002");
	fx_close(&ifx);
}

/* One attempt of a delivery was killed half-way; the next one is of another snapshot. */
static void
test_a_delivery_that_is_tried_again_takes_its_own_only_while_it_is_right(void **state)
{
	Om__IssueQuery q;
	Om__IssueBeginReply begun;
	struct ifx_done done;
	Om__Figures shown = ifx_figures(), later = shown;
	om_err e;

	(void)state;
	fx_open(&ifx);
	q = ifx_user("delivery:1");
	ok(ifx_take(&q, &shown, &begun, &e), &e);
	ok(ifx_finish(ifx.pool, &q, &begun, "one", 3, NOW, &ifx.a, &done, &e), &e);
	ok(ifx_take(&q, &shown, &begun, &e), &e);
	assert_string_equal(ifx_known(&begun)->number, "2026-000001");
	later.requests++;
	ok(ifx_take(&q, &later, &begun, &e), &e);
	(void)ifx_held(&begun, OM__ISSUE_ROLE__ROLE_CORRECTION);
	ok(ifx_finish(ifx.pool, &q, &begun, "two", 3, NOW, &ifx.a, &done, &e), &e);
	assert_false(done.known);
	assert_string_equal(done.document->number, "2026-000002");
	ifx_expect_file("2026-000002", PDF, false, "two");
	/* the fixture's documents all show the same: now it is right again */
	ok(ifx_take(&q, &shown, &begun, &e), &e);
	assert_string_equal(ifx_known(&begun)->number, "2026-000002");
	assert_int_equal(fx_int(&ifx, "SELECT COUNT(*) FROM document_request"), 1);
	fx_close(&ifx);
}

/* ---- the list ---- */

static void
test_documents_are_listed_with_all_their_files_and_found_by_request(void **state)
{
	Om__DocumentQuery by = OM__DOCUMENT_QUERY__INIT;
	Om__DocumentReply found = OM__DOCUMENT_REPLY__INIT;
	Om__DocumentsQuery q = OM__DOCUMENTS_QUERY__INIT;
	Om__DocumentsReply out = OM__DOCUMENTS_REPLY__INIT;
	om_err e = {.text = ""};

	(void)state;
	fx_open(&ifx);
	for (int i = 1; i <= 4; i++) {
		char *user = om_arena_printf(&ifx.a, "u-%d", i);
		Om__IssueQuery one = ifx_query(&ifx.a, user, user);

		(void)ifx_issue_now(one);
		one.request = om_arena_printf(&ifx.a, "sheet %d", i);
		one.request[5] = '-';
		one.format = XLSX;
		if (i % 2 == 0)
			(void)ifx_issue_now(one);
	}
	q.has_limit = true;
	q.limit = 3;
	ok(cd_documents_list(ifx.pool, &q, FX_DEADLINE, &ifx.a, &out, &e), &e);
	assert_int_equal(out.n_items, 3);
	for (size_t i = 0; i < out.n_items; i++) {
		assert_int_equal(out.items[i]->n_files, i % 2 == 0 ? 2 : 1);
		assert_int_equal(out.items[i]->files[0]->format, PDF);
	}
	q.cursor = out.next_cursor;
	ok(cd_documents_list(ifx.pool, &q, FX_DEADLINE, &ifx.a, &out, &e), &e);
	assert_string_equal(out.items[0]->number, "2026-000001");
	assert_int_equal(out.items[0]->n_files, 1);

	by.by_case = OM__DOCUMENT_QUERY__BY_REQUEST;
	by.request = om_arena_strdup(&ifx.a, "sheet-2");
	ok(cd_document_find(ifx.pool, &by, FX_DEADLINE, &ifx.a, &found, &e), &e);
	assert_string_equal(found.document->number, "2026-000002");
	assert_int_equal(found.document->n_files, 2);
	by.request = om_arena_strdup(&ifx.a, "sheet-1");
	assert_int_equal(cd_document_find(ifx.pool, &by, FX_DEADLINE, &ifx.a, &found, &e), OM_NOT_FOUND);
	by.by_case = OM__DOCUMENT_QUERY__BY__NOT_SET;
	assert_int_equal(cd_document_find(ifx.pool, &by, FX_DEADLINE, &ifx.a, &found, &e), OM_INVALID);
	fx_close(&ifx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_second_original_is_refused_and_names_the_first),
	    cmocka_unit_test(test_formats_share_a_number),
	    cmocka_unit_test(test_duplicates_are_files_that_say_so),
	    cmocka_unit_test(test_the_number_of_files_is_bounded),
	    cmocka_unit_test(test_a_delivery_takes_what_shows_the_same),
	    cmocka_unit_test(test_a_delivery_corrects_what_shows_something_else),
	    cmocka_unit_test(test_a_delivery_that_is_tried_again_takes_its_own_only_while_it_is_right),
	    cmocka_unit_test(test_documents_are_listed_with_all_their_files_and_found_by_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
