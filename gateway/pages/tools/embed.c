/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * embed - turns a folder into one C file for assets.h.  Runs at build time.
 *
 *   embed FOLDER OUT.c
 */
#include "pages/assets.h"
#include "base/digest.h"
#include "base/text.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define MAX_FILES 4096
#define MAX_PATH  2048

static char *paths[MAX_FILES]; /* relative, with a leading slash */
static size_t n_paths;

static void
die(const char *what, const char *path)
{
	(void)fprintf(stderr, "embed: %s: %s\n", what, path);
	exit(1);
}

static void
collect(const char *root, const char *below)
{
	char dir[MAX_PATH * 2];
	const struct dirent *d;
	DIR *handle;

	(void)snprintf(dir, sizeof dir, "%s%s", root, below);
	handle = opendir(dir);
	if (handle == NULL)
		die("cannot open", dir);
	while ((d = readdir(handle)) != NULL) {
		char path[MAX_PATH], full[MAX_PATH * 3];
		struct stat st;

		if (d->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(path, sizeof path, "%s/%s", below, d->d_name) >= sizeof path)
			die("path too long", d->d_name);
		(void)snprintf(full, sizeof full, "%s%s", root, path);
		if (stat(full, &st) != 0)
			die("cannot look at", full);
		if (S_ISDIR(st.st_mode)) {
			collect(root, path);
		} else if (S_ISREG(st.st_mode)) {
			if (n_paths == MAX_FILES)
				die("too many files", root);
			paths[n_paths] = strdup(path);
			if (paths[n_paths++] == NULL)
				die("out of memory", root);
		}
	}
	(void)closedir(handle);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static unsigned char *
slurp(const char *root, const char *path, size_t *n_out)
{
	char full[MAX_PATH * 3];
	unsigned char *data;
	FILE *f;
	long n = -1;

	(void)snprintf(full, sizeof full, "%s%s", root, path);
	f = fopen(full, "rb");
	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) != 0)
		die("cannot read", full);
	data = malloc((size_t)n + 1);
	if (data == NULL || fread(data, 1, (size_t)n, f) != (size_t)n)
		die("cannot read", full);
	(void)fclose(f);
	*n_out = (size_t)n;
	return data;
}

static unsigned char *
compress_best(unsigned char *data, size_t n, size_t *n_out)
{
	unsigned char *out;
	z_stream z;

	memset(&z, 0, sizeof z);
	if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		die("deflate", "cannot begin");
	*n_out = deflateBound(&z, n);
	out = malloc(*n_out);
	if (out == NULL)
		die("out of memory", "deflate");
	z.next_in = data;
	z.avail_in = (unsigned)n;
	z.next_out = out;
	z.avail_out = (unsigned)*n_out;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		die("deflate", "cannot end");
	*n_out = z.total_out;
	(void)deflateEnd(&z);
	return out;
}

static void
print_bytes(FILE *f, const char *name, size_t i, const unsigned char *data, size_t n)
{
	(void)fprintf(f, "static const unsigned char %s%zu[] = {", name, i);
	for (size_t k = 0; k < n; k++)
		(void)fprintf(f, k % 32 == 0 ? "\n%u," : "%u,", data[k]);
	(void)fprintf(f, "%s};\n", n == 0 ? "0" : "");
}

int
main(int argc, char **argv)
{
	static size_t plain[MAX_FILES], packed[MAX_FILES];
	static char etag[MAX_FILES][33];
	FILE *f;

	if (argc != 3)
		die("usage", "embed FOLDER OUT.c");
	collect(argv[1], "");
	qsort(paths, n_paths, sizeof paths[0], by_name);
	f = fopen(argv[2], "w");
	if (f == NULL)
		die("cannot write", argv[2]);
	(void)fprintf(f, "/* made by embed; do not edit */\n#include \"pages/assets.h\"\n\n");
	for (size_t i = 0; i < n_paths; i++) {
		unsigned char *data = slurp(argv[1], paths[i], &plain[i]), *gz, hash[OM_SHA256];
		struct om_bytes part = {data, plain[i]};

		if (om_sha256(&part, 1, hash) != OM_OK)
			die("cannot hash", paths[i]);
		om_hex(hash, 16, etag[i]);
		gz = compress_best(data, plain[i], &packed[i]);
		if (packed[i] + 64 >= plain[i])
			packed[i] = 0;
		print_bytes(f, "plain", i, data, plain[i]);
		if (packed[i] > 0)
			print_bytes(f, "gzip", i, gz, packed[i]);
		free(gz);
		free(data);
	}
	(void)fprintf(f, "\nconst struct gw_asset gw_asset_table[] = {\n");
	for (size_t i = 0; i < n_paths; i++) {
		for (const char *p = paths[i]; *p != '\0'; p++)
			if (*p == '"' || *p == '\\' || *p < ' ')
				die("a name that cannot be served", paths[i]);
		(void)fprintf(f, "    {\"%s\", \"%s\", \"\\\"%s\\\"\", plain%zu, %zu, ", paths[i],
		    gw_asset_type(paths[i]), etag[i], i, plain[i]);
		if (packed[i] > 0)
			(void)fprintf(f, "gzip%zu, %zu},\n", i, packed[i]);
		else
			(void)fprintf(f, "0, 0},\n");
	}
	(void)fprintf(f, "};\nconst size_t gw_asset_count = %zu;\n", n_paths);
	if (n_paths == 0)
		die("is empty", argv[1]);
	return ferror(f) == 0 && fclose(f) == 0 ? 0 : 1;
}
