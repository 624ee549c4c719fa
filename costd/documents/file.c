/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The files of issued documents.  Their bytes lie in document_chunk in parts of
 * CD_CHUNK_BYTES, those of a number's second file after those of the first.
 */
#include "document.h"

#include "documents.pb-c.h"
#include "jobs.pb-c.h"
#include "base/digest.h"

#include <string.h>

/* parts_of tells how many parts so many bytes take. */
static int64_t
parts_of(uint64_t bytes)
{
	return (int64_t)((bytes + CD_CHUNK_BYTES - 1) / CD_CHUNK_BYTES);
}

/* ---- writing ---- */

struct place {
	int64_t n, first_part;
};

static om_status
keep_place(void *arg, const struct cd_val *v, om_err *e)
{
	struct place *place = arg;

	(void)e;
	place->n = v[0].i;
	place->first_part = v[1].i;
	return OM_OK;
}

/* find_place tells where the next file of a number goes. */
static om_status
find_place(struct cd_db *db, struct cd_number n, struct place *out, om_err *e)
{
	const struct cd_val v[] = {
	    CD_I((int64_t)CD_CHUNK_BYTES - 1), CD_I((int64_t)CD_CHUNK_BYTES), CD_I(n.year), CD_I(n.seq)};
	om_status s = cd_db_query(db,
	    "SELECT COUNT(*),CAST(COALESCE(MAX(first_part+(bytes+?) DIV ?),0) AS SIGNED) FROM document_file WHERE "
	    "year=? AND seq=?",
	    v, 4, keep_place, out, e);

	if (s == OM_OK && out->n >= (int64_t)CD_DOCUMENT_FILES)
		s = om_fail(e, OM_CONFLICT, "the document has %u files already", CD_DOCUMENT_FILES);
	return s;
}

static om_status
store_chunks(struct cd_db *db, struct cd_number number, int64_t first_part, const ProtobufCBinaryData *data,
    struct om_arena *a, om_err *e)
{
	size_t n = (size_t)parts_of(data->len);
	struct cd_val *v = om_arena_array(a, 4 * n + 1, sizeof *v);

	if (v == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		size_t at = i * CD_CHUNK_BYTES, left = data->len - at;

		v[4 * i] = CD_I(number.year);
		v[4 * i + 1] = CD_I(number.seq);
		v[4 * i + 2] = CD_I(first_part + (int64_t)i);
		v[4 * i + 3] = CD_B(data->data + at, left < CD_CHUNK_BYTES ? left : CD_CHUNK_BYTES);
	}
	return cd_db_exec(db, "INSERT INTO document_chunk (year,seq,part,data) VALUES (?,?,?,?)", v, 4, n, NULL, e);
}

om_status
cd_document_add_file(struct cd_db *db, struct cd_number n, const struct cd_file *file, struct om_arena *a, om_err *e)
{
	struct place at = {.n = 0};
	om_status s = find_place(db, n, &at, e);
	const struct cd_val v[] = {CD_I(n.year), CD_I(n.seq), CD_I(at.n), CD_I((int64_t)file->format),
	    CD_I(file->duplicate), cd_t(file->locale), cd_t(file->paper), CD_I(at.first_part),
	    CD_I((int64_t)file->data.len), CD_B(file->sha256, OM_SHA256), cd_t(file->filename),
	    cd_t(file->content_type), CD_I(file->made_us)};

	if (s == OM_OK)
		s = cd_db_exec(db,
		    "INSERT INTO document_file (year,seq,n,format,duplicate,locale,paper,first_part,bytes,sha256,"
		    "filename,content_type,made_us) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
		    v, sizeof v / sizeof v[0], 1, NULL, e);
	return s == OM_OK ? store_chunks(db, n, at.first_part, &file->data, a, e) : s;
}

static om_status
keep_int(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(int64_t *)arg = v[0].kind == CD_INT ? v[0].i : 0;
	return OM_OK;
}

om_status
cd_document_has_duplicate(struct cd_db *db, struct cd_number n, Om__Format format, const char *locale,
    const char *paper, bool *out, om_err *e)
{
	const struct cd_val v[] = {CD_I(n.year), CD_I(n.seq), CD_I((int64_t)format), cd_t(locale), cd_t(paper)};
	int64_t found = 0;
	om_status s = cd_db_query(db,
	    "SELECT COUNT(*) FROM document_file WHERE year=? AND seq=? AND format=? AND duplicate=1 AND locale<=>? AND "
	    "paper<=>?",
	    v, 5, keep_int, &found, e);

	*out = s == OM_OK && found > 0;
	return s;
}

/* ---- reading ---- */

struct file_scan {
	const Om__DocumentFileQuery *q;
	struct cd_number number;
	struct om_arena *a;
	Om__DocumentFileReply *out;
	unsigned char *data;
	size_t n;
};

/* pick_file gives the place of the file that is asked for, the document's
 * n_files if it has none. */
static size_t
pick_file(const Om__Document *d, const Om__DocumentFileQuery *q)
{
	Om__Format format = q->has_format ? q->format : d->format;
	bool duplicate = q->has_duplicate && q->duplicate;
	size_t found = d->n_files;

	for (size_t i = 0; i < d->n_files; i++)
		if (d->files[i]->format == format && d->files[i]->duplicate == duplicate)
			found = i; /* of duplicates the newest; of the others there is one */
	return found;
}

static om_status
keep_chunk(void *arg, const struct cd_val *v, om_err *e)
{
	struct file_scan *scan = arg;

	if (v[0].kind != CD_TEXT || v[0].n > CD_PART_BYTES - scan->n)
		return om_fail(e, OM_DAMAGED, "a part of the document's file is too long");
	memcpy(scan->data + scan->n, v[0].p, v[0].n);
	scan->n += v[0].n;
	return OM_OK;
}

static om_status
read_chunks(struct cd_db *db, struct file_scan *scan, int64_t first_part, const Om__DocumentPart *file, om_err *e)
{
	int64_t first = first_part + (int64_t)(scan->q->offset / CD_CHUNK_BYTES);
	int64_t end = first_part + parts_of(file->bytes), stop = first + (int64_t)(CD_PART_BYTES / CD_CHUNK_BYTES);
	const struct cd_val at[] = {
	    CD_I(scan->number.year), CD_I(scan->number.seq), CD_I(first), CD_I(stop < end ? stop : end)};
	uint64_t left = file->bytes > scan->q->offset ? file->bytes - scan->q->offset : 0;
	om_status s = cd_db_query(db,
	    "SELECT data FROM document_chunk WHERE year=? AND seq=? AND part>=? AND part<? ORDER BY part", at, 4,
	    keep_chunk, scan, e);

	if (s == OM_OK && scan->n != (left < CD_PART_BYTES ? left : CD_PART_BYTES))
		s = om_fail(e, OM_DAMAGED, "the document's file is not complete in the database");
	return s;
}

static om_status
read_file(struct cd_db *db, void *arg, om_err *e)
{
	struct file_scan *scan = arg;
	Om__Document *d = NULL;
	int64_t first_part = 0;
	size_t i;
	om_status s = cd_document_load(db, scan->number, scan->a, &d, e);

	scan->n = 0;
	if (s != OM_OK)
		return s;
	i = pick_file(d, scan->q);
	if (i == d->n_files)
		return om_fail(e, OM_NOT_FOUND, "%s has no such file", d->number);
	scan->out->document = d;
	scan->out->file = d->files[i];
	s = cd_db_query(db, "SELECT first_part FROM document_file WHERE year=? AND seq=? AND n=?",
	    (struct cd_val[]){CD_I(scan->number.year), CD_I(scan->number.seq), CD_I((int64_t)i)}, 3, keep_int,
	    &first_part, e);
	return s == OM_OK ? read_chunks(db, scan, first_part, d->files[i], e) : s;
}

om_status
cd_document_file(struct cd_pool *p, const Om__DocumentFileQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__DocumentFileReply *out, om_err *e)
{
	struct file_scan scan = {.q = q, .a = a, .out = out};
	om_status s;

	if (!cd_number_parse(q->number, &scan.number))
		return om_fail(e, OM_NOT_FOUND, "there is no such document");
	if (q->offset % CD_PART_BYTES != 0 || q->offset > (uint64_t)INT64_MAX / 2)
		return om_fail(e, OM_INVALID, "offset: must be a multiple of %zu", CD_PART_BYTES);
	scan.data = om_arena_alloc(a, CD_PART_BYTES);
	if (scan.data == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = cd_pool_run(p, CD_TX_SNAPSHOT, deadline_ms, read_file, &scan, e);
	out->data = (ProtobufCBinaryData){.len = scan.n, .data = scan.data};
	return s;
}
