/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "assets.h"

#include "base/digest.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES ((size_t)32 * 1024 * 1024)

struct gw_assets {
	int dir_fd; /* -1: the built-in files */
};

om_status
gw_assets_new(const char *dir, struct gw_assets **out, om_err *e)
{
	struct gw_assets *a = calloc(1, sizeof *a);

	*out = a;
	if (a == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	a->dir_fd = dir != NULL ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (dir != NULL && a->dir_fd < 0) {
		om_status s = om_fail(e, OM_INVALID, "DASHBOARD_DIR: cannot open %.160s: %s", dir, strerror(errno));

		gw_assets_free(out);
		return s;
	}
	return OM_OK;
}

void
gw_assets_free(struct gw_assets **a)
{
	if (*a != NULL && (*a)->dir_fd >= 0)
		(void)close((*a)->dir_fd);
	free(*a);
	*a = NULL;
}

static const struct gw_asset *
find_builtin(const char *path)
{
	for (size_t i = 0; i < gw_asset_count; i++)
		if (strcmp(gw_asset_table[i].path, path) == 0)
			return &gw_asset_table[i];
	return NULL;
}

/* is_plain: no empty part, and none that begins with a dot. */
static bool
is_plain(const char *path)
{
	for (const char *p = path; *p != '\0'; p++)
		if (*p == '/' && (p[1] == '.' || p[1] == '/' || p[1] == '\0'))
			return false;
	return path[0] == '/';
}

/* load reads a file of the folder into the arena; symbolic links are followed, for
 * this is a developer's own folder. */
static bool
load(const struct gw_assets *a, const char *path, struct om_arena *arena, struct gw_asset *out)
{
	unsigned char hash[OM_SHA256], *data = NULL;
	char *etag = om_arena_alloc(arena, 2 * 16 + 3);
	int fd = is_plain(path) && etag != NULL ? openat(a->dir_fd, path + 1, O_RDONLY | O_CLOEXEC) : -1;
	struct om_bytes part;
	struct stat st;
	size_t n = 0;
	bool ok = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size <= FILE_BYTES;

	if (ok) {
		data = om_arena_alloc(arena, (size_t)st.st_size + 1);
		ok = data != NULL;
	}
	while (ok && n < (size_t)st.st_size) {
		ssize_t got = read(fd, data + n, (size_t)st.st_size - n);

		if (got > 0)
			n += (size_t)got;
		else if (got == 0 || errno != EINTR)
			ok = false;
	}
	if (fd >= 0)
		(void)close(fd);
	part.data = data;
	part.n = n;
	if (!ok || om_sha256(&part, 1, hash) != OM_OK)
		return false;
	etag[0] = '"';
	om_hex(hash, 16, etag + 1);
	memcpy(etag + 33, "\"", 2);
	*out = (struct gw_asset){.type = gw_asset_type(path), .etag = etag, .data = data, .n = n};
	return true;
}

static bool
find(const struct gw_assets *a, const char *path, struct om_arena *arena, struct gw_asset *out)
{
	const struct gw_asset *builtin;

	if (a->dir_fd >= 0)
		return load(a, path, arena, out);
	builtin = find_builtin(path);
	if (builtin != NULL)
		*out = *builtin;
	return builtin != NULL;
}

void
gw_assets_serve(const struct gw_assets *a, struct gw_req *rq, struct gw_reply *rp)
{
	const char *why = NULL;
	const char *path = gw_percent_decode(rq->arena, rq->path, strlen(rq->path), false, &why);
	struct gw_asset file;
	char etag[80];
	bool gzip;

	if (path == NULL) {
		gw_reply_problem(rp, rq, gw_decode_fault(rq), "the path cannot be read", NULL);
		return;
	}
	if (find(a, path, rq->arena, &file)) {
		rq->route = path;
	} else {
		/* a missing file of the build is an error, any other path is a page */
		if (strncmp(path, "/assets/", 8) == 0 || !find(a, "/index.html", rq->arena, &file)) {
			gw_reply_problem(rp, rq, OM_NOT_FOUND, "there is no such file", NULL);
			return;
		}
		path = "/index.html";
		rq->route = GW_PAGE_ROUTE;
	}
	gzip = file.gzip != NULL && gw_accepts_gzip(rq);
	/* the compressed form is another representation, with a tag of its own */
	(void)snprintf(etag, sizeof etag, "%.*s%s\"", (int)strlen(file.etag) - 1, file.etag, gzip ? "-gz" : "");
	rp->cache_control =
	    strncmp(path, "/assets/", 8) == 0 && a->dir_fd < 0 ? "public, max-age=31536000, immutable" : "no-cache";
	gw_reply_header(rp, "ETag", "%s", etag);
	gw_reply_header(rp, "Vary", "Accept-Encoding");
	if (gw_etag_matches(rq, etag)) {
		rp->status = 304;
		return;
	}
	rp->type = file.type;
	if (gzip)
		gw_reply_header(rp, "Content-Encoding", "gzip");
	rp->data = gzip ? file.gzip : file.data;
	rp->n_data = gzip ? file.n_gzip : file.n;
}
