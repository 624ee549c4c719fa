/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * samples.c - writes sample documents of every kind into a folder:
 *
 *   reportd_samples FOLDER [NAME]
 *
 * For people to look at, and for test_documents.py, which reads them.
 */
#include "fixture.h"
#include "workbook_fixture.h"
#include "document/statement.h"
#include "job/workdir.h"
#include "pdf/pdf.h"
#include "terms/logo.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA ((size_t)1024 * 1024 * 1024)

static const char long_name[] =
    "A-name-of-two-hundred-characters-without-a-single-space-that-no-column-of-any-table-could-ever-hold-in-one-"
    "line-and-which-therefore-has-to-be-broken-somewhere-or-cut-with-an-ellipsis-at-its-very-end-as-here-200x";

static const char *const hostile[] = {"<script>alert(1)</script>", "=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1:A9)",
    long_name, "_x0041_ \xff\xfe bad bytes, a\ttab and \xe2\x80\xae turned", "http://example.org/?a=1&b=2"};

static const char *const team[] = {"Ada Lovelace", "Grace Hopper", "Alan Turing", "Edsger Dijkstra", "Barbara Liskov",
    "Donald Knuth", "Frances Allen", "Ken Thompson"};

static const char *const models[] = {"anthropic/claude-sonnet-4.5", "openai/gpt-5-mini", "google/gemini-2.5-pro",
    "deepseek/deepseek-chat-v3.1", "qwen/qwen3-235b-a22b-instruct"};

struct sample {
	const char *name;
	struct fx_shape shape;
	const char *fee;
	bool floor;
	rd_paper paper;
	const char *locale;
	bool issuer; /* one with a logo, tax, markups and another currency */
	bool issued; /* with number and code */
	const char *corrects;
	const char *currency, *rate; /* of the terms with an issuer; NULL: EUR */
	bool duplicate;
	const char *cancels, *reason;
	bool rate_outside;
	unsigned sheet_rows; /* of the workbook; 0: as many as go */
};

/* An installation with everything set. */
static struct rd_image logo;
static const struct rd_issuer issuer = {
    .name = "Example Research GmbH",
    .address = "Musterstra\xc3\x9f"
	       "e 17\n10115 Berlin\nGermany",
    .vat_id = "DE123456789",
    .contact = "billing@example.org\n+49 30 1234567",
    .footer = "Example Research GmbH \xc2\xb7 Amtsgericht Berlin HRB 12345 \xc2\xb7 Managing directors: A. Lovelace, "
	      "G. Hopper\nIBAN DE02 1001 0010 0006 8201 01 \xc2\xb7 payable within 14 days",
    .logo = &logo,
};

#define COUNT(array) (unsigned)(sizeof(array) / sizeof(array)[0])

static const struct sample samples[] = {
    {.name = "statement",
	.shape = {.models = models, .n_models = 5, .n_requests = 40, .unsettled = 3, .max_rows = 100000}},
    {.name = "statement-fee",
	.shape = {.models = models, .n_models = 2, .n_requests = 9, .byok = true, .max_rows = 100000, .running = true},
	.fee = "5.00",
	.floor = true,
	.paper = RD_LETTER},
    {.name = "statement-none", .shape = {.max_rows = 100000}, .fee = "5", .floor = false},
    {.name = "statement-one", .shape = {.models = models, .n_models = 1, .n_requests = 1, .max_rows = 100000}},
    {.name = "statement-500",
	.shape = {.n_models = 500, .n_requests = 3, .max_rows = 100000, .user = long_name, .email = long_name}},
    {.name = "statement-huge",
	.shape = {.models = models,
	    .n_models = 5,
	    .n_requests = 60,
	    .price = "1234.567890123456789",
	    .byok = true,
	    .max_rows = 100}},
    {.name = "statement-hostile",
	.shape = {.models = hostile,
	    .n_models = COUNT(hostile),
	    .n_requests = 2,
	    .user = "=HYPERLINK(\"http://evil.example\",\"x\")",
	    .max_rows = 100000}},
    {.name = "report",
	.shape = {.users = team,
	    .n_users = COUNT(team),
	    .models = models,
	    .n_models = 5,
	    .n_requests = 12,
	    .max_rows = 100000},
	.fee = "2.50"},
    {.name = "report-scripts",
	.shape = {.users = fx_scripts,
	    .n_users = 7,
	    .models = models,
	    .n_models = 3,
	    .n_requests = 4,
	    .byok = true,
	    .max_rows = 100000},
	.paper = RD_LETTER},
    {.name = "statement-issued",
	.shape =
	    {.models = models, .n_models = 5, .n_requests = 40, .estimated = 2, .unsettled = 3, .max_rows = 100000},
	.fee = "5.00",
	.floor = true,
	.issuer = true,
	.issued = true},
    {.name = "statement-german",
	.shape = {.models = models, .n_models = 5, .n_requests = 40, .price = "23.456789", .max_rows = 100000},
	.fee = "5.00",
	.locale = "de",
	.issuer = true},
    {.name = "group",
	.shape = {.users = team,
	    .n_users = 5,
	    .models = models,
	    .n_models = 5,
	    .n_requests = 12,
	    .group = "Forschung und Entwicklung",
	    .max_rows = 100000},
	.fee = "2.50",
	.locale = "de",
	.issuer = true,
	.issued = true,
	.corrects = "2026-000007"},
    {.name = "report-issued",
	.shape = {.users = team,
	    .n_users = COUNT(team),
	    .n_models = 24,
	    .n_requests = 6,
	    .price = "2.3456789",
	    .groups = true,
	    .before = true,
	    .max_rows = 100000},
	.fee = "2.50",
	.issuer = true,
	.issued = true},
    {.name = "report-german",
	.shape = {.users = team,
	    .n_users = COUNT(team),
	    .models = models,
	    .n_models = 5,
	    .n_requests = 12,
	    .groups = true,
	    .before = true,
	    .running = true,
	    .max_rows = 100000},
	.locale = "de",
	.paper = RD_LETTER},
    {.name = "statement-rests",
	.shape = {.models = models, .n_models = 3, .n_requests = 8, .unsettled = 1, .rests = 3, .max_rows = 100000}},
    {.name = "report-none", .shape = {.users = team, .max_rows = 100000}},
    {.name = "report-large",
	.shape = {.users = team,
	    .n_users = COUNT(team),
	    .n_models = 60,
	    .n_requests = 6,
	    .price = "0.000000125",
	    .max_rows = 100000}},
    {.name = "statement-split",
	.shape = {.models = models, .n_models = 5, .n_requests = 40, .unsettled = 3, .max_rows = 100000},
	.sheet_rows = 100},
    {.name = "statement-euro",
	.shape =
	    {.models = models, .n_models = 3, .n_requests = 9, .price = "1.2345", .byok = true, .max_rows = 100000},
	.fee = "5.00",
	.issuer = true,
	.rate_outside = true},
    {.name = "report-yen",
	.shape = {.users = team,
	    .n_users = 3,
	    .models = models,
	    .n_models = 2,
	    .n_requests = 9,
	    .price = "0.12345",
	    .byok = true,
	    .max_rows = 100000},
	.fee = "25.00",
	.floor = true,
	.issuer = true,
	.currency = "JPY",
	.rate = "150.25"},
    {.name = "statement-duplicate",
	.shape = {.models = models, .n_models = 5, .n_requests = 40, .max_rows = 100000},
	.issuer = true,
	.issued = true,
	.duplicate = true},
    {.name = "group-duplicate",
	.shape = {.users = team, .n_users = 2, .models = models, .n_models = 2, .n_requests = 5, .group = "staff"},
	.locale = "de",
	.issued = true,
	.duplicate = true},
    {.name = "statement-cancelled",
	.shape = {.models = models,
	    .n_models = 3,
	    .n_requests = 9,
	    .price = "12.345",
	    .byok = true,
	    .unsettled = 2,
	    .max_rows = 100000},
	.fee = "5000",
	.floor = true,
	.issuer = true,
	.issued = true,
	.cancels = "2026-000011",
	.reason = "Issued for the wrong person"},
    {.name = "group-cancelled",
	.shape = {.users = team,
	    .n_users = 3,
	    .models = models,
	    .n_models = 3,
	    .n_requests = 9,
	    .price = "23.456789",
	    .group = "Forschung und Entwicklung",
	    .max_rows = 100000},
	.fee = "2.50",
	.locale = "de",
	.issuer = true,
	.issued = true,
	.cancels = "2026-000011"},
    {.name = "report-cancelled",
	.shape = {.users = team, .n_users = 2, .models = models, .n_models = 2, .n_requests = 5, .max_rows = 100000},
	.issued = true,
	.cancels = "2026-000011",
	.reason = "=1+1"},
    {.name = "statement-full", /* the last row of figures and the total end a sheet */
	.shape = {.models = models, .n_models = 4, .n_requests = 49, .byok = true, .max_rows = 100000},
	.sheet_rows = 100},
};

static om_money
amount(const char *text)
{
	om_money m;

	if (om_money_parse(text, &m, NULL) != OM_OK)
		abort();
	return m;
}

static struct rd_terms
terms_of(const struct sample *s)
{
	struct rd_terms t = {.floor = s->floor};

	if (s->fee != NULL)
		t.fee = amount(s->fee);
	if (!s->issuer)
		return t;
	t.issuer = issuer;
	t.markup_percent = amount("7.5");
	t.markup_per_million = amount("0.20");
	t.tax_rate = amount("19");
	t.currency = s->currency != NULL ? s->currency : "EUR";
	t.rate = amount(s->rate != NULL ? s->rate : "0.8637");
	t.rate_outside = s->rate_outside;
	t.rate_day = om_day_from_civil(2026, 11, 30);
	t.rate_source = "European Central Bank";
	return t;
}

static om_status
put_file(const char *dir, const char *name, const char *ending, const void *data, size_t size, om_err *e)
{
	char path[1024];
	FILE *out;
	size_t n;

	(void)snprintf(path, sizeof path, "%s/%s.%s", dir, name, ending);
	out = fopen(path, "wbe");
	if (out == NULL)
		return om_fail(e, OM_IO, "cannot write %.200s", path);
	n = fwrite(data, 1, size, out);
	return fclose(out) == 0 && n == size ? OM_OK : om_fail(e, OM_IO, "cannot write %.200s", path);
}

static om_status
write_sample(const struct sample *s, const char *dir, const struct rd_fonts *fonts, struct rd_workdir *work, om_err *e)
{
	const struct rd_terms terms = terms_of(s);
	struct rd_month month = fx_month(&s->shape);
	const struct rd_doc *d;
	struct rd_file file;
	struct fx_book book;
	struct om_arena a;
	om_status rc;

	om_arena_init(&a, ARENA);
	month.locale = rd_locale_named(s->locale);
	if (s->issued)
		month.issue = (struct rd_issue){.number = "2026-000012",
		    .code = "7K3M-9QXT-2HBD-R5WA",
		    .verify_url = "https://metering.example.org/verify",
		    .corrects = s->corrects,
		    .duplicate = s->duplicate,
		    .cancels = s->cancels,
		    .cancels_issued = s->cancels != NULL ? om_zone_day_start(om_day_from_civil(2026, 12, 2)) : 0,
		    .reason = s->reason,
		    .issued = om_zone_day_start(om_day_from_civil(2026, 12, 3)) + 34200 * OM_SECOND};
	rc = rd_statement_new(fx_reply(&a, &s->shape), &month, &terms, &a, &d, e);
	if (rc == OM_OK)
		rc = rd_write_pdf(d, fonts, s->paper, &a, &file, e);
	if (rc == OM_OK)
		rc = put_file(dir, s->name, "pdf", file.data, file.n, e);
	if (rc == OM_OK)
		rc = fx_xlsx(d, work, s->paper, s->sheet_rows, &a, &book, e);
	if (rc == OM_OK)
		rc = put_file(dir, s->name, "xlsx", book.data, book.n, e);
	om_arena_fini(&a);
	return rc;
}

int
main(int argc, char **argv)
{
	const char *fonts_at = getenv("FONT_DIR");
	struct rd_workdir *work = NULL;
	struct rd_fonts fonts;
	om_err e = {.text = ""};
	om_status s;

	om_log_init("reportd_samples", OM_LOG_INFO);
	if (argc < 2) {
		(void)fprintf(stderr, "usage: %s FOLDER [NAME]\n", argv[0]);
		return 2;
	}
	s = rd_fonts_open(fonts_at != NULL ? fonts_at : "/usr/share/fonts/truetype", &fonts, &e);
	if (s == OM_OK)
		s = rd_workdir_open(NULL, &work, &e);
	if (s == OM_OK)
		s = om_zone_open("Europe/Berlin", &e);
	if (s == OM_OK)
		s = rd_logo_open(RD_TEST_LOGO, &logo, &e);
	for (unsigned i = 0; s == OM_OK && i < COUNT(samples); i++)
		if (argc < 3 || strcmp(argv[2], samples[i].name) == 0)
			s = write_sample(&samples[i], argv[1], &fonts, work, &e);
	if (s != OM_OK)
		(void)fprintf(stderr, "%s: %s\n", argv[0], om_err_text(&e, s));
	rd_logo_close(&logo);
	rd_workdir_close(&work);
	rd_fonts_close(&fonts);
	return s == OM_OK ? 0 : 1;
}
