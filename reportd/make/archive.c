/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * archive.c - everyone's statements of a month in one ZIP file, written while
 * it is sent, with a manifest of names, totals and hashes at its end.
 *
 * Promise   A statement that cannot be made fails the whole.  All are of one
 *           moment, and amount to the month's total.  Names are unique.
 *           Same figures, same bytes.
 */
#include "make_in.h"
#include "document/statement.h"
#include "pdf/pdf.h"
#include "source/figures.h"
#include "words/clean.h"
#include "statement.pb-c.h"
#include "base/log.h"
#include "base/text.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <string.h>

#define ONE_BYTES      ((size_t)512 * 1024 * 1024) /* figures and pages of one statement */
#define MANIFEST_BYTES ((size_t)256 * 1024 * 1024)
#define ROOM_PER_USER  ((uint64_t)128 * 1024)
#define ROOM_AT_LEAST  ((uint64_t)8 * 1024 * 1024)
#define BLOCK_BYTES    65536

struct zip {
	struct archive *a; /* owned */
	struct rd_task *task;
	om_err why; /* of the task's file */
	om_status status;
	bool dropped; /* nothing is written any more */
	struct om_buf manifest;
};

/* write_block never fails towards libarchive 3.6, which leaks its buffer when it does: what went
 * wrong is kept, and nothing is written any more. */
static la_ssize_t
write_block(struct archive *a, void *arg, const void *data, size_t n)
{
	struct zip *z = arg;

	(void)a;
	if (!z->dropped && z->status == OM_OK)
		z->status = rd_task_write(z->task, data, n, &z->why);
	return (la_ssize_t)n;
}

static om_status
trouble(const struct zip *z, om_err *e)
{
	if (z->status != OM_OK)
		return om_fail(e, z->status, "%s", z->why.text);
	return om_fail(e, OM_INTERNAL, "libarchive: %.180s",
	    archive_error_string(z->a) != NULL ? archive_error_string(z->a) : "no memory");
}

static om_status
open_zip(struct zip *z, struct rd_task *t, om_err *e)
{
	*z = (struct zip){.task = t};
	om_buf_init(&z->manifest, MANIFEST_BYTES);
	z->a = archive_write_new();
	if (z->a == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	/* a PDF is compressed already */
	if (archive_write_set_format_zip(z->a) != ARCHIVE_OK ||
	    archive_write_zip_set_compression_store(z->a) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(z->a, BLOCK_BYTES) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(z->a, 1) != ARCHIVE_OK ||
	    archive_write_open(z->a, z, NULL, write_block, NULL) != ARCHIVE_OK)
		return trouble(z, e);
	return OM_OK;
}

static void
close_zip(struct zip *z)
{
	z->dropped = true;
	if (z->a != NULL)
		(void)archive_write_free(z->a);
	om_buf_fini(&z->manifest);
}

static om_status
add_file(struct zip *z, const char *name, om_time when, const void *data, size_t n, om_err *e)
{
	struct archive_entry *entry = archive_entry_new();
	om_status s = OM_OK;

	if (entry == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	archive_entry_set_pathname_utf8(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, (la_int64_t)n);
	archive_entry_set_mtime(entry, (time_t)(when / OM_SECOND), 0);
	if (archive_write_header(z->a, entry) != ARCHIVE_OK || archive_write_data(z->a, data, n) != (la_ssize_t)n ||
	    archive_write_finish_entry(z->a) != ARCHIVE_OK || z->status != OM_OK)
		s = trouble(z, e);
	archive_entry_free(entry);
	return s;
}

/* ---- the manifest: CSV by the rules of csv.h ---- */

static void
add_cell(struct om_buf *b, const char *text)
{
	om_buf_chr(b, '"');
	if (rd_is_formula(text))
		om_buf_chr(b, '\'');
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '"')
			om_buf_chr(b, '"');
		om_buf_chr(b, *p);
	}
	om_buf_str(b, "\",");
}

static om_status
add_to_manifest(struct zip *z, const char *name, const struct rd_doc *d, const Om__StatementReply *r,
    const struct rd_file *f, om_err *e)
{
	unsigned char hash[OM_SHA256];
	char hex[2 * OM_SHA256 + 1], due[OM_MONEY_TEXT];
	struct om_bytes all = {f->data, f->n};
	struct om_buf *b = &z->manifest;
	om_status s = om_sha256(&all, 1, hash);

	if (s != OM_OK)
		return om_fail(e, s, "a statement cannot be hashed");
	om_hex(hash, sizeof hash, hex);
	add_cell(b, name);
	add_cell(b, r->user->id);
	add_cell(b, r->user->name != NULL ? r->user->name : "");
	om_buf_printf(b, "%llu,%llu,%s,%s,%s,%zu,%s\r\n", (unsigned long long)r->total->requests,
	    (unsigned long long)r->total->unsettled, r->total->cost, om_money_text_fixed(d->due, d->digits, due),
	    d->currency, f->n, hex);
	return om_buf_done(b, e);
}

/* ---- a statement ---- */

/* What all statements have in common. */
struct all {
	struct rd_parts *w;
	struct rd_source *src;
	const struct rd_terms *terms;
	rd_paper paper;
	struct rd_figures sum; /* of those that are written */
};

static om_status
add_to_sum(struct all *of, const Om__StatementReply *r, om_err *e)
{
	struct rd_figures one;
	om_status s = rd_figures_read(r->total, &one, e);

	return s == OM_OK ? rd_figures_add(&of->sum, &one, e) : s;
}

static om_status
add_statement(struct all *of, struct zip *z, const struct rd_month *m, size_t number, om_err *e)
{
	Om__StatementReply *r = NULL;
	const struct rd_doc *d = NULL;
	struct om_arena a;
	struct rd_file f;
	char *name;
	om_status s;

	om_arena_init(&a, ONE_BYTES);
	s = rd_source_other(of->src, m, &a, &r, e);
	if (s == OM_OK)
		s = add_to_sum(of, r, e);
	if (s == OM_OK)
		s = rd_statement_new(r, m, of->terms, &a, &d, e);
	if (s == OM_OK)
		s = rd_write_pdf(d, of->w->fonts, of->paper, &a, &f, e);
	if (s == OM_OK) {
		/* the number keeps names apart that are alike once they are clean */
		name = om_arena_printf(&a, "%04zu-%s.pdf", number, d->stem);
		s = name != NULL ? add_file(z, name, d->created, f.data, f.n, e)
				 : om_fail(e, OM_NOMEM, "out of memory");
		if (s == OM_OK)
			s = add_to_manifest(z, name, d, r, &f, e);
	}
	om_arena_fini(&a);
	return s;
}

/* add_all: together they amount to the month. */
static om_status
add_all(struct all *of, struct zip *z, const struct rd_month *m, om_err *e)
{
	const Om__StatementReply *all = of->src->reply;
	struct rd_figures total;
	om_status s = rd_figures_read(all->total, &total, e);
	om_err why = {.text = ""};

	om_buf_str(
	    &z->manifest, "file,user,user_name,requests,unsettled,cost_usd,amount_due,currency,bytes,sha256\r\n");
	for (size_t i = 0; s == OM_OK && i < all->n_users; i++) {
		struct rd_month one = *m;

		s = rd_task_go_on(z->task, e);
		if (s != OM_OK)
			return s;
		one.user = all->users[i]->user;
		if (one.user == NULL)
			return om_fail(e, OM_PROTOCOL, "costd sent a user without an id");
		s = add_statement(of, z, &one, i + 1, &why);
		if (s != OM_OK)
			return om_fail(e, s, "the statement of user %.60s: %.150s", one.user, why.text);
		rd_task_progress(z->task, 1);
	}
	return s == OM_OK ? rd_figures_same("statements", &of->sum, &total, e) : s;
}

om_status
rd_make_archive(struct rd_parts *w, const struct rd_month *m, struct rd_source *src, const struct rd_terms *terms,
    rd_paper paper, struct rd_task *t, om_err *e)
{
	struct all of = {.w = w, .src = src, .terms = terms, .paper = paper};
	const Om__StatementReply *all = src->reply;
	om_time when = all->has_changed_us ? all->changed_us : all->from_us;
	struct zip z;
	om_status s = rd_task_folder(t, w->work, ROOM_AT_LEAST + all->n_users * ROOM_PER_USER, e);

	if (s == OM_OK)
		s = rd_task_begin(t, true, e);
	if (s != OM_OK)
		return s;
	rd_task_expect(t, all->n_users);
	s = open_zip(&z, t, e);
	if (s == OM_OK)
		s = add_all(&of, &z, m, e);
	if (s == OM_OK)
		s = add_file(&z, "manifest.csv", when, z.manifest.data, z.manifest.len, e);
	if (s == OM_OK && (archive_write_close(z.a) != ARCHIVE_OK || z.status != OM_OK))
		s = trouble(&z, e);
	close_zip(&z);
	return s;
}
