/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * assets.h - the dashboard's files, built in or from a folder.
 *
 * Does      Gives the dashboard's files, built in or from a folder, and any other path the
 *           page that reads it.
 * Never     Reads outside of that folder.
 *
 * What stands below /assets/ has its content's hash in its name and is kept for a
 * year; everything else is asked for again each time, by its ETag.  A path that
 * is no file gives index.html: the dashboard finds its own way.
 */
#ifndef GW_ASSETS_H
#define GW_ASSETS_H

#include "http/request.h"

/* The built-in files, made at build time by tools/embed.c. */
struct gw_asset {
	const char *path; /* "/index.html" */
	const char *type;
	const char *etag; /* with its quotes; of the plain form */
	const unsigned char *data;
	size_t n;
	const unsigned char *gzip; /* NULL where it saves nothing */
	size_t n_gzip;
};

extern const struct gw_asset gw_asset_table[];
extern const size_t gw_asset_count;

struct gw_assets;

/* gw_assets_new serves the folder, or the built-in files if it is NULL. */
om_status gw_assets_new(const char *dir, struct gw_assets **out, om_err *e) OM_MUST;
void gw_assets_free(struct gw_assets **a);

/* gw_assets_serve answers GET and HEAD for any path, and gives the request its route: the file's path, or GW_PAGE_ROUTE
 * for all pages, since any path is one and may name a person. */
#define GW_PAGE_ROUTE "/{page}"
void gw_assets_serve(const struct gw_assets *a, struct gw_req *rq, struct gw_reply *rp);

/* gw_asset_type gives the content type by a name's end. */
const char *gw_asset_type(const char *name);

#endif
