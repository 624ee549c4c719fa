/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What becomes of a request to issue, against a costd of ours that says so: which
 * figures and terms the document is made of, what costd gets, and what is refused.
 */
#include "issue/issue.h"
#include "documents.pb-c.h"
#include "envelope.pb-c.h"
#include "jobs.pb-c.h"
#include "usage.pb-c.h"
#include "base/clock.h"
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CODE "0123456789ABCDEF"

/* What the made-up costd answers, and what it was given; changed between requests. */
static struct {
	bool file; /* not a number */
	Om__IssueRole role;
	const char *total; /* of the document that stands */
	bool no_standing;
	struct om_arena a; /* of what follows */
	unsigned begun, finished, given_back;
	Om__IssueRole finished_role;
	char adds_to[32], of_number[32], terms[64];
} costd;

/* What the made-up maker of documents was asked, and what it says. */
static struct {
	const char *total;
	bool figures, duplicate, reading;
	char terms[64], number[32], corrects[32], cancels[32], code[32], locale[8];
} maker;

static void
keep(char *out, size_t room, const char *text)
{
	(void)snprintf(out, room, "%s", text != NULL ? text : "");
}

static Om__Document *
document(struct om_arena *a, const char *number, const char *total)
{
	Om__Document *d = om_msg_new(a, &om__document__descriptor);

	d->number = om_arena_strdup(a, number);
	d->total = om_arena_strdup(a, total);
	d->currency = om_arena_strdup(a, "EUR");
	d->verification_code = om_arena_strdup(a, CODE);
	d->filename = d->content_type = om_arena_strdup(a, "x");
	d->locale = om_arena_strdup(a, "de");
	d->issued_us = 5;
	return d;
}

static Om__Standing *
standing(struct om_arena *a)
{
	static unsigned char figures[] = "F";
	Om__Standing *st = om_msg_new(a, &om__standing__descriptor);

	st->document = document(a, "2026-000004", costd.total);
	st->figures = (ProtobufCBinaryData){.len = 1, .data = figures};
	st->terms = om_arena_strdup(a, "{kept}");
	return st;
}

static Om__IssueBeginReply *
begin(struct om_arena *a)
{
	static unsigned char lease[] = "L";
	Om__IssueBeginReply *r = om_msg_new(a, &om__issue_begin_reply__descriptor);
	Om__Zone *zone = om_msg_new(a, &om__zone__descriptor);

	costd.begun++;
	zone->name = om_arena_strdup(a, "UTC");
	if (costd.file) {
		r->next_case = OM__ISSUE_BEGIN_REPLY__NEXT_FILE;
		r->file = om_msg_new(a, &om__wanted_file__descriptor);
		r->file->zone = zone;
		r->file->standing = costd.no_standing ? NULL : standing(a);
		return r;
	}
	r->next_case = OM__ISSUE_BEGIN_REPLY__NEXT_NUMBER;
	r->number = om_msg_new(a, &om__held_number__descriptor);
	r->number->role = costd.role;
	r->number->lease_id = (ProtobufCBinaryData){.len = 1, .data = lease};
	r->number->number = om_arena_strdup(a, "2026-000009");
	r->number->verification_code = om_arena_strdup(a, "FEDCBA9876543210");
	r->number->issued_us = 7;
	r->number->zone = zone;
	if (costd.role != OM__ISSUE_ROLE__ROLE_ORIGINAL && !costd.no_standing)
		r->number->standing = standing(a);
	return r;
}

static om_status
answer(void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	(void)arg;
	(void)deadline_ms;
	switch (req->body_case) {
	case OM__REQUEST__BODY_ISSUE_BEGIN:
		rep->body_case = OM__REPLY__BODY_ISSUE_BEGIN;
		rep->issue_begin = begin(a);
		return OM_OK;
	case OM__REQUEST__BODY_ISSUE_KEEP:
		rep->body_case = OM__REPLY__BODY_ISSUE_KEEP;
		rep->issue_keep = om_msg_new(a, &om__issue_keep_reply__descriptor);
		return OM_OK;
	case OM__REQUEST__BODY_ISSUE_DROP:
		costd.given_back++;
		rep->body_case = OM__REPLY__BODY_ISSUE_DROP;
		rep->issue_drop = om_msg_new(a, &om__issue_drop_reply__descriptor);
		return OM_OK;
	case OM__REQUEST__BODY_ISSUE_FINISH:
		costd.finished++;
		costd.finished_role = req->issue_finish->role;
		keep(costd.of_number, sizeof costd.of_number, req->issue_finish->of_number);
		keep(costd.terms, sizeof costd.terms, req->issue_finish->terms);
		rep->body_case = OM__REPLY__BODY_ISSUE_FINISH;
		rep->issue_finish = om_msg_new(a, &om__issue_finish_reply__descriptor);
		rep->issue_finish->document = document(a, "2026-000009", "1");
		return OM_OK;
	case OM__REQUEST__BODY_FILE_ADD:
		costd.finished++;
		keep(costd.adds_to, sizeof costd.adds_to, req->file_add->number);
		rep->body_case = OM__REPLY__BODY_FILE_ADD;
		rep->file_add = om_msg_new(a, &om__file_add_reply__descriptor);
		rep->file_add->document = document(a, "2026-000004", "1");
		return OM_OK;
	default:
		return om_fail(e, OM_INVALID, "not for costd");
	}
}

static om_status
make(void *arg, Om__RenderQuery *q, const struct rd_asked *more, int64_t deadline_ms, struct om_arena *a,
    struct rd_made *out, om_err *e)
{
	static unsigned char page[] = "P";
	Om__RenderReply *r = om_msg_new(a, &om__render_reply__descriptor);

	(void)arg;
	(void)deadline_ms;
	(void)e;
	maker.figures = more->kept;
	maker.duplicate = more->issue.duplicate;
	maker.reading = more->reading.n > 0;
	keep(maker.terms, sizeof maker.terms, more->terms);
	keep(maker.number, sizeof maker.number, more->issue.number);
	keep(maker.corrects, sizeof maker.corrects, more->issue.corrects);
	keep(maker.cancels, sizeof maker.cancels, more->issue.cancels);
	keep(maker.code, sizeof maker.code, more->issue.code);
	keep(maker.locale, sizeof maker.locale, q->locale);
	r->document = (ProtobufCBinaryData){.len = 1, .data = page};
	r->filename = r->content_type = om_arena_strdup(a, "x");
	r->total = om_arena_strdup(a, maker.total);
	r->currency = om_arena_strdup(a, "EUR");
	*out = (struct rd_made){.file = r, .terms = om_arena_strdup(a, "{used}")};
	return OM_OK;
}

static struct om_wire_server *server;
static struct rd_issuing issuing;

static int
set_up(void **state)
{
	struct om_wire_server_opts s = {
	    .urls = "tcp://127.0.0.1:0", .workers = 2, .arena_bytes = (size_t)1 << 22, .handler = answer};
	struct om_wire_client_opts c = {.peer = "costd", .sockets = 2};

	(void)state;
	assert_int_equal(om_wire_server_open(&s, &server, NULL), OM_OK);
	c.urls = om_wire_server_url(server, 0);
	assert_int_equal(om_wire_client_open(&c, &issuing.costd, NULL), OM_OK);
	assert_int_equal(om_duties_new(2, NULL, &issuing.duties, NULL), OM_OK);
	assert_int_equal(om_duties_start(issuing.duties, NULL), OM_OK);
	issuing.make = make;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	om_wire_server_close(&server);
	om_duties_free(&issuing.duties);
	om_wire_client_free(&issuing.costd);
	return 0;
}

static int
calm(void **state)
{
	(void)state;
	memset(&costd, 0, sizeof costd);
	memset(&maker, 0, sizeof maker);
	costd.total = "10";
	maker.total = "10";
	return 0;
}

/* issue sends a request with what `fill` puts into it. */
static om_status
issue(void (*fill)(Om__IssueQuery *q), om_err *e)
{
	static char name[] = "request", user[] = "u-1";
	Om__IssueQuery q = OM__ISSUE_QUERY__INIT;
	Om__IssueReply *out = NULL;
	struct om_arena a;
	om_status s;

	om_arena_init(&a, (size_t)1 << 22);
	q.request = name;
	q.user = user;
	q.year = 2026;
	q.month = 10;
	if (fill != NULL)
		fill(&q);
	s = rd_issue(&issuing, &q, NULL, om_mono_ms() + 60000, &a, &out, e);
	om_arena_fini(&a);
	return s;
}

static void
test_an_original_is_of_the_ledger(void **state)
{
	om_err e = {.text = ""};

	(void)state;
	assert_int_equal(issue(NULL, &e), OM_OK);
	assert_false(maker.figures);
	assert_string_equal(maker.terms, ""); /* those of the month */
	assert_string_equal(maker.number, "2026-000009");
	assert_string_equal(maker.code, "FEDC-BA98-7654-3210");
	assert_string_equal(costd.terms, "{used}");
	assert_int_equal(costd.finished_role, OM__ISSUE_ROLE__ROLE_ORIGINAL);
	assert_string_equal(costd.of_number, "");
	assert_string_equal(costd.adds_to, "");
}

static void
test_a_correction_takes_the_terms_of_what_it_corrects(void **state)
{
	om_err e = {.text = ""};

	(void)state;
	costd.role = OM__ISSUE_ROLE__ROLE_CORRECTION;
	maker.total = "11";
	assert_int_equal(issue(NULL, &e), OM_OK);
	assert_false(maker.figures);
	assert_string_equal(maker.terms, "{kept}");
	assert_string_equal(maker.corrects, "2026-000004");
	assert_string_equal(maker.locale, "de");
	assert_int_equal(costd.finished_role, OM__ISSUE_ROLE__ROLE_CORRECTION);
	assert_string_equal(costd.of_number, "2026-000004");
	assert_string_equal(costd.terms, "{used}");
}

static void
ask_for_the_months_terms(Om__IssueQuery *q)
{
	q->act = OM__ISSUE_ACT__ISSUE_CORRECTION;
	q->has_month_terms = q->month_terms = true;
}

static void
test_a_correction_takes_the_terms_of_its_month_when_asked(void **state)
{
	om_err e = {.text = ""};

	(void)state;
	costd.role = OM__ISSUE_ROLE__ROLE_CORRECTION;
	assert_int_equal(issue(ask_for_the_months_terms, &e), OM_OK);
	assert_string_equal(maker.terms, "");
}

static void
ask_for_a_duplicate(Om__IssueQuery *q)
{
	q->act = OM__ISSUE_ACT__ISSUE_DUPLICATE;
}

static void
test_another_file_is_of_what_the_document_kept(void **state)
{
	om_err e = {.text = ""};

	(void)state;
	costd.file = true;
	assert_int_equal(issue(ask_for_a_duplicate, &e), OM_OK);
	assert_true(maker.figures && maker.duplicate);
	assert_string_equal(maker.terms, "{kept}");
	assert_string_equal(maker.number, "2026-000004");
	assert_string_equal(maker.code, "0123-4567-89AB-CDEF");
	assert_string_equal(costd.adds_to, "2026-000004");
	assert_int_equal(costd.given_back, 0);
}

static void
test_another_file_of_another_amount_is_not_made(void **state)
{
	om_err e = {.text = ""};

	(void)state;
	costd.file = true;
	maker.total = "9.99";
	assert_int_equal(issue(NULL, &e), OM_INTERNAL);
	assert_non_null(strstr(e.text, "2026-000004 is of 10 EUR"));
	assert_int_equal(costd.finished, 0);
}

static void
give_a_reason(Om__IssueQuery *q)
{
	static char number[] = "2026-000004", why[] = "the wrong person";

	q->act = OM__ISSUE_ACT__ISSUE_CANCELLATION;
	q->of_number = number;
	q->reason = why;
}

static void
test_a_cancellation_takes_the_amount_back(void **state)
{
	om_err e = {.text = ""};

	(void)state;
	costd.role = OM__ISSUE_ROLE__ROLE_CANCELLATION;
	assert_int_equal(issue(give_a_reason, &e), OM_INTERNAL); /* made with the wrong sign */
	assert_int_equal(costd.given_back, 1);
	maker.total = "-10.00";
	assert_int_equal(issue(give_a_reason, &e), OM_OK);
	assert_true(maker.figures);
	assert_string_equal(maker.cancels, "2026-000004");
	assert_string_equal(maker.number, "2026-000009");
	assert_int_equal(costd.finished, 1);
	assert_int_equal(costd.finished_role, OM__ISSUE_ROLE__ROLE_CANCELLATION);
	assert_string_equal(costd.of_number, "2026-000004");
}

static void
test_a_costd_that_leaves_out_what_is_needed_is_not_followed(void **state)
{
	om_err e = {.text = ""};

	(void)state;
	costd.no_standing = true;
	costd.file = true;
	assert_int_equal(issue(NULL, &e), OM_PROTOCOL);
	costd.file = false;
	costd.role = OM__ISSUE_ROLE__ROLE_CANCELLATION;
	assert_int_equal(issue(give_a_reason, &e), OM_PROTOCOL);
	assert_int_equal(costd.finished, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_an_original_is_of_the_ledger, calm),
	    cmocka_unit_test_setup(test_a_correction_takes_the_terms_of_what_it_corrects, calm),
	    cmocka_unit_test_setup(test_a_correction_takes_the_terms_of_its_month_when_asked, calm),
	    cmocka_unit_test_setup(test_another_file_is_of_what_the_document_kept, calm),
	    cmocka_unit_test_setup(test_another_file_of_another_amount_is_not_made, calm),
	    cmocka_unit_test_setup(test_a_cancellation_takes_the_amount_back, calm),
	    cmocka_unit_test_setup(test_a_costd_that_leaves_out_what_is_needed_is_not_followed, calm),
	};

	om_log_init("test", OM_LOG_ERROR);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
