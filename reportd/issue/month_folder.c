/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "month_folder.h"

#include "base/invariant.h"
#include "base/json.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST       "manifest.json"
#define SUMS           "SHA256SUMS"
#define MANIFEST_BYTES ((size_t)64 * 1024 * 1024)
#define DIR_FLAGS      (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static om_status
fail_errno(int number, const char *what, const char *name, om_err *e)
{
	return om_fail(e, number == ENOSPC || number == EDQUOT ? OM_FULL : OM_IO, "DELIVERY_DIR: %s %.120s: %s", what,
	    name, strerror(number));
}

om_status
rd_month_folder_check(const char *dir, om_err *e)
{
	struct stat st;

	if (dir[0] != '/')
		return om_fail(e, OM_INVALID, "must be an absolute path");
	if (stat(dir, &st) != 0)
		return om_fail(e, OM_INVALID, "%.120s: %s; make the folder first", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode) || access(dir, W_OK | X_OK) != 0)
		return om_fail(e, OM_INVALID, "%.120s: is not a folder that can be written to", dir);
	return OM_OK;
}

/* remove_tree removes a folder with what is in it, two levels deep as made here. */
static void
remove_tree(int parent, const char *name, int depth)
{
	int fd = openat(parent, name, DIR_FLAGS);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (d == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((entry = readdir(d)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, entry->d_name, 0) != 0 && depth > 0)
			remove_tree(fd, entry->d_name, depth - 1);
	}
	(void)closedir(d);
	(void)unlinkat(parent, name, AT_REMOVEDIR);
}

static struct rd_folder_file *
add_file(struct rd_month_folder *o)
{
	struct rd_folder_file *files;

	if (o->n == o->room) {
		o->room = o->room == 0 ? 16 : 2 * o->room;
		files = om_arena_array(o->arena, o->room, sizeof *files);
		if (files == NULL)
			return NULL;
		for (size_t i = 0; i < o->n; i++)
			files[i] = o->files[i];
		o->files = files;
	}
	o->files[o->n] = (struct rd_folder_file){.name = ""};
	return &o->files[o->n++];
}

static const char *
copy(struct rd_month_folder *o, const char *text)
{
	return text != NULL ? om_arena_strdup(o->arena, text) : NULL;
}

static om_status
set_document(struct rd_month_folder *o, struct rd_folder_file *f, const struct rd_folder_document *of, om_err *e)
{
	f->number = copy(o, of->number);
	f->total = copy(o, of->total);
	f->currency = copy(o, of->currency);
	return o->arena->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

/* ---- reading ---- */

/* map_file gives a file's bytes as they are on the disk; *n_out 0 and NULL for an
 * empty one. */
static om_status
map_file(int dir, const char *name, void **out, size_t *n_out, om_err *e)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	om_status s = OM_OK;

	*out = NULL;
	*n_out = 0;
	if (fd < 0)
		return fail_errno(errno, "cannot open", name, e);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		s = om_fail(e, OM_IO, "DELIVERY_DIR: %.120s is not a file", name);
	if (s == OM_OK && st.st_size > 0) {
		*n_out = (size_t)st.st_size;
		*out = mmap(NULL, *n_out, PROT_READ, MAP_PRIVATE, fd, 0);
		if (*out == MAP_FAILED) {
			*out = NULL;
			s = fail_errno(errno, "cannot read", name, e);
		}
	}
	(void)close(fd);
	return s;
}

static om_status
hash_file(int dir, const char *name, uint64_t *bytes, unsigned char sum[OM_SHA256], om_err *e)
{
	void *data;
	size_t n;
	om_status s = map_file(dir, name, &data, &n, e);

	if (s == OM_OK)
		s = om_sha256(&(struct om_bytes){.data = n > 0 ? data : "", .n = n}, 1, sum);
	if (data != NULL)
		(void)munmap(data, n);
	*bytes = n;
	return s;
}

/* read_entry takes one file of the manifest, and holds it against the disk. */
static om_status
read_entry(struct rd_month_folder *o, int dir, const json_t *entry, om_err *e)
{
	const char *name = json_string_value(json_object_get(entry, "name"));
	const char *hex = json_string_value(json_object_get(entry, "sha256"));
	const struct rd_folder_document of = {json_string_value(json_object_get(entry, "number")),
	    json_string_value(json_object_get(entry, "total")), json_string_value(json_object_get(entry, "currency"))};
	unsigned char told[OM_SHA256];
	struct rd_folder_file *f = add_file(o);
	om_status s;

	if (f == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (name == NULL || strlen(name) >= sizeof f->name || hex == NULL || strlen(hex) != (size_t)2 * OM_SHA256 ||
	    !om_unhex(hex, (size_t)2 * OM_SHA256, told))
		return om_fail(e, OM_DAMAGED, MANIFEST " is malformed");
	(void)snprintf(f->name, sizeof f->name, "%s", name);
	s = set_document(o, f, &of, e);
	if (s == OM_OK)
		s = hash_file(dir, f->name, &f->bytes, f->sha256, e);
	if (s == OM_OK && memcmp(told, f->sha256, OM_SHA256) != 0)
		s = om_fail(e, OM_DAMAGED, "%.120s was changed", f->name);
	return s;
}

/* read_totals: an older folder does not say them. */
static om_status
read_totals(struct rd_month_folder *o, const json_t *totals, om_err *e)
{
	const char *cost = json_string_value(json_object_get(totals, "cost"));
	const char *byok = json_string_value(json_object_get(totals, "byok_cost"));
	int64_t requests = 0, unsettled = 0;
	bool has[2] = {false, false};
	Om__Figures *f;

	if (totals == NULL)
		return OM_OK;
	f = om_msg_new(o->arena, &om__figures__descriptor);
	if (f == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (cost == NULL || byok == NULL ||
	    om_json_int(totals, "totals.", "requests", 0, INT64_MAX, &requests, &has[0], NULL) != OM_OK ||
	    om_json_int(totals, "totals.", "unsettled", 0, INT64_MAX, &unsettled, &has[1], NULL) != OM_OK || !has[0] ||
	    !has[1])
		return om_fail(e, OM_DAMAGED, MANIFEST " is malformed");
	f->requests = (uint64_t)requests;
	f->unsettled = (uint64_t)unsettled;
	f->cost = om_arena_strdup(o->arena, cost);
	f->byok_cost = om_arena_strdup(o->arena, byok);
	o->totals = f;
	return f->cost != NULL && f->byok_cost != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

static om_status
read_manifest(struct rd_month_folder *o, int dir, om_err *e)
{
	const char *id;
	json_t *doc = NULL;
	const json_t *list;
	void *data;
	size_t n;
	om_status s = map_file(dir, MANIFEST, &data, &n, e);

	if (s == OM_OK)
		s = om_json_parse(n > 0 ? data : "", n, &doc, e);
	if (data != NULL)
		(void)munmap(data, n);
	if (s != OM_OK)
		return s;
	id = json_string_value(json_object_get(doc, "id"));
	list = json_object_get(doc, "files");
	if (id == NULL || strcmp(id, o->id) != 0)
		s = om_fail(e, OM_CONFLICT, "it is of another delivery");
	if (s == OM_OK)
		s = read_totals(o, json_object_get(doc, "totals"), e);
	for (size_t i = 0; s == OM_OK && i < json_array_size(list); i++)
		s = read_entry(o, dir, json_array_get(list, i), e);
	json_decref(doc);
	return s;
}

/* look_for_done finds out whether the folder is there already. */
static om_status
look_for_done(struct rd_month_folder *o, om_err *e)
{
	om_err why = {.text = ""};
	int dir = openat(o->parent, o->month, DIR_FLAGS);
	om_status s;

	if (dir < 0 && errno == ENOENT)
		return OM_OK;
	s = dir >= 0 ? read_manifest(o, dir, &why) : om_fail(&why, OM_IO, "%s", strerror(errno));
	if (dir >= 0)
		(void)close(dir);
	o->done = s == OM_OK;
	return s == OM_OK ? s
			  : om_fail(e, OM_CONFLICT,
				"DELIVERY_DIR: %s is there already (%.120s); move it away, nothing is written over it",
				o->month, om_err_text(&why, s));
}

/* ---- writing ---- */

om_status
rd_month_folder_open(
    const char *dir, const char *month, const char *id, struct om_arena *a, struct rd_month_folder *out, om_err *e)
{
	om_status s;

	*out = (struct rd_month_folder){.id = id, .month = month, .parent = -1, .dir = -1, .file = -1, .arena = a};
	out->parent = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out->parent < 0)
		return fail_errno(errno, "cannot open", dir, e);
	s = look_for_done(out, e);
	if (s != OM_OK || out->done)
		return s;
	(void)snprintf(out->temp, sizeof out->temp, ".%s.%s", month, id);
	remove_tree(out->parent, out->temp, 1);
	if (mkdirat(out->parent, out->temp, 0777) != 0)
		return fail_errno(errno, "cannot make", out->temp, e);
	out->dir = openat(out->parent, out->temp, DIR_FLAGS);
	return out->dir >= 0 ? OM_OK : fail_errno(errno, "cannot open", out->temp, e);
}

void
rd_month_folder_close(struct rd_month_folder *o)
{
	if (o->file >= 0)
		(void)close(o->file);
	if (o->dir >= 0) {
		(void)close(o->dir);
		remove_tree(o->parent, o->temp, 1);
	}
	if (o->parent >= 0)
		(void)close(o->parent);
	o->file = o->dir = o->parent = -1;
}

/* open_new makes an empty file; a folder in its name is made when it is not there. */
static om_status
open_new(struct rd_month_folder *o, const char *name, om_err *e)
{
	const char *slash = strchr(name, '/');
	char folder[RD_FOLDER_FILE_NAME];

	if (name[0] == '.' || name[0] == '/' || strlen(name) >= RD_FOLDER_FILE_NAME ||
	    (slash != NULL && (strchr(slash + 1, '/') != NULL || slash[1] == '.' || slash[1] == '\0')))
		return om_fail(e, OM_INTERNAL, "%.120s: cannot be a file's name", name);
	if (slash != NULL) {
		(void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - name), name);
		if (mkdirat(o->dir, folder, 0777) != 0 && errno != EEXIST)
			return fail_errno(errno, "cannot make", folder, e);
	}
	o->file = openat(o->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	return o->file >= 0 ? OM_OK : fail_errno(errno, "cannot make", name, e);
}

static om_status
close_whole(struct rd_month_folder *o, const char *name, om_err *e)
{
	int fd = o->file;
	int rv = fsync(fd);

	o->file = -1;
	if (rv != 0 || close(fd) != 0) {
		rv = errno;
		return fail_errno(rv, "cannot write", name, e);
	}
	return OM_OK;
}

om_status
rd_month_folder_begin(struct rd_month_folder *o, const char *name, om_err *e)
{
	struct rd_folder_file *f;
	om_status s;

	om_check(!o->done && o->dir >= 0 && o->file < 0);
	s = open_new(o, name, e);
	if (s != OM_OK)
		return s;
	f = add_file(o);
	if (f == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	(void)snprintf(f->name, sizeof f->name, "%s", name);
	return OM_OK;
}

om_status
rd_month_folder_write(struct rd_month_folder *o, const void *data, size_t n, om_err *e)
{
	const char *p = data;

	om_check(o->file >= 0);
	while (n > 0) {
		ssize_t put = write(o->file, p, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return fail_errno(
			    put < 0 ? errno : ENOSPC, "cannot write", o->n > 0 ? o->files[o->n - 1].name : MANIFEST, e);
		p += put;
		n -= (size_t)put;
	}
	return OM_OK;
}

om_status
rd_month_folder_end(struct rd_month_folder *o, const struct rd_folder_document *of, om_err *e)
{
	struct rd_folder_file *f;
	om_status s;

	om_check(o->file >= 0 && o->n > 0);
	f = &o->files[o->n - 1];
	s = close_whole(o, f->name, e);
	if (s == OM_OK && of != NULL)
		s = set_document(o, f, of, e);
	return s == OM_OK ? hash_file(o->dir, f->name, &f->bytes, f->sha256, e) : s;
}

static void
write_totals(const Om__Figures *f, struct om_jw *w)
{
	om_jw_key(w, "totals");
	om_jw_open(w, '{');
	om_jw_key(w, "requests");
	om_jw_int(w, (int64_t)f->requests);
	om_jw_key(w, "cost");
	om_jw_text(w, f->cost);
	om_jw_key(w, "byok_cost");
	om_jw_text(w, f->byok_cost);
	om_jw_key(w, "unsettled");
	om_jw_int(w, (int64_t)f->unsettled);
	om_jw_close(w, '}');
}

static void
write_manifest(const struct rd_month_folder *o, struct om_buf *out)
{
	char hex[2 * OM_SHA256 + 1];
	struct om_jw w;

	om_jw_init(&w, out);
	om_jw_open(&w, '{');
	om_jw_key(&w, "id");
	om_jw_text(&w, o->id);
	om_jw_key(&w, "month");
	om_jw_text(&w, o->month);
	if (o->totals != NULL)
		write_totals(o->totals, &w);
	om_jw_key(&w, "files");
	om_jw_open(&w, '[');
	for (size_t i = 0; i < o->n; i++) {
		const struct rd_folder_file *f = &o->files[i];

		om_hex(f->sha256, OM_SHA256, hex);
		om_jw_open(&w, '{');
		om_jw_key(&w, "name");
		om_jw_text(&w, f->name);
		om_jw_key(&w, "bytes");
		om_jw_int(&w, (int64_t)f->bytes);
		om_jw_key(&w, "sha256");
		om_jw_text(&w, hex);
		om_jw_key(&w, "number");
		om_jw_text(&w, f->number);
		om_jw_key(&w, "total");
		om_jw_text(&w, f->total);
		om_jw_key(&w, "currency");
		om_jw_text(&w, f->currency);
		om_jw_close(&w, '}');
	}
	om_jw_close(&w, ']');
	om_jw_close(&w, '}');
	om_buf_chr(out, '\n');
}

static void
write_sums(const struct rd_month_folder *o, struct om_buf *out)
{
	char hex[2 * OM_SHA256 + 1];

	for (size_t i = 0; i < o->n; i++) {
		om_hex(o->files[i].sha256, OM_SHA256, hex);
		om_buf_printf(out, "%s  %s\n", hex, o->files[i].name);
	}
}

static om_status
write_aside(struct rd_month_folder *o, const char *name, void (*fill)(const struct rd_month_folder *, struct om_buf *),
    om_err *e)
{
	struct om_buf text;
	om_status s;

	om_buf_init(&text, MANIFEST_BYTES);
	fill(o, &text);
	s = om_buf_done(&text, e);
	if (s == OM_OK)
		s = open_new(o, name, e);
	if (s == OM_OK)
		s = rd_month_folder_write(o, text.data, text.len, e);
	if (s == OM_OK)
		s = close_whole(o, name, e);
	om_buf_fini(&text);
	return s;
}

/* sync_folder: some network file systems have no such thing for folders. */
static int
sync_folder(int fd)
{
	return fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : -1;
}

/* rename_to_month: where the file system cannot rename without replacing, a folder
 * with files in it is not replaced either. */
static int
rename_to_month(const struct rd_month_folder *o)
{
	if (renameat2(o->parent, o->temp, o->parent, o->month, RENAME_NOREPLACE) == 0)
		return 0;
	return errno == EINVAL || errno == ENOSYS ? renameat(o->parent, o->temp, o->parent, o->month) : -1;
}

/* sync_folders: the names of the files, in the folder and those below it. */
static om_status
sync_folders(struct rd_month_folder *o, om_err *e)
{
	for (size_t i = 0; i < o->n; i++) {
		const char *slash = strchr(o->files[i].name, '/');
		char folder[RD_FOLDER_FILE_NAME];
		int fd, rv;

		if (slash == NULL)
			continue;
		(void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - o->files[i].name), o->files[i].name);
		if (i > 0 && strncmp(o->files[i - 1].name, folder, strlen(folder)) == 0 &&
		    o->files[i - 1].name[strlen(folder)] == '/')
			continue;
		fd = openat(o->dir, folder, DIR_FLAGS);
		rv = fd >= 0 ? sync_folder(fd) : -1;
		if (fd >= 0)
			(void)close(fd);
		if (rv != 0)
			return fail_errno(errno, "cannot sync", folder, e);
	}
	return sync_folder(o->dir) == 0 ? OM_OK : fail_errno(errno, "cannot sync", o->temp, e);
}

om_status
rd_month_folder_publish(struct rd_month_folder *o, om_err *e)
{
	om_status s = write_aside(o, SUMS, write_sums, e);

	if (s == OM_OK)
		s = write_aside(o, MANIFEST, write_manifest, e);
	if (s == OM_OK)
		s = sync_folders(o, e);
	if (s != OM_OK)
		return s;
	if (rename_to_month(o) != 0)
		return fail_errno(errno, "cannot name", o->month, e);
	(void)close(o->dir);
	o->dir = -1;
	return sync_folder(o->parent) == 0 ? OM_OK : fail_errno(errno, "cannot sync", o->month, e);
}
