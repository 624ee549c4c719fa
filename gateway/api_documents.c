/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api_read.h"
#include "digest.h"
#include "peers.h"
#include "routes.h"
#include "text.h"

#include <string.h>

struct wanted {
	char *user; /* NULL: everyone's month */
	uint32_t year, month;
	Om__Format format;
};

static const struct {
	const char *suffix;
	Om__Format format;
} formats[] = {
    {".pdf", OM__FORMAT__FORMAT_PDF},
    {".xlsx", OM__FORMAT__FORMAT_XLSX},
};

/* read_file reads "2026-11.pdf". */
static om_status
read_file(const char *file, struct wanted *out, om_err *e)
{
	char year[5], month[3];
	uint64_t y = 0, m = 0;

	if (strlen(file) > 7 && file[4] == '-') {
		memcpy(year, file, 4);
		memcpy(month, file + 5, 2);
		year[4] = month[2] = '\0';
		for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
			if (strcmp(file + 7, formats[i].suffix) != 0 || !om_u64_parse(year, 9999, &y) ||
			    !om_u64_parse(month, 12, &m) || m == 0)
				continue;
			if (y < 2000 || y > 2199)
				return om_fail(e, OM_INVALID, "file: the year must be from 2000 to 2199");
			out->year = (uint32_t)y;
			out->month = (uint32_t)m;
			out->format = formats[i].format;
			return OM_OK;
		}
	}
	return om_fail(e, OM_INVALID, "file: must be a month and a format, like 2026-11.pdf or 2026-11.xlsx");
}

/* copy_name keeps what may stand in a quoted header value. */
static void
copy_name(const char *name, char *out, size_t out_bytes)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t n = 0;

	for (; *name != '\0' && n < out_bytes - 1; name++)
		out[n++] = (char)(strchr(good, *name) != NULL ? *name : '_');
	out[n] = '\0';
}

static om_status
send_document(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, const struct wanted *want, om_err *e)
{
	unsigned char hash[OM_SHA256];
	char etag[2 * 16 + 3], name[200];
	Om__RenderQuery q = OM__RENDER_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	struct om_bytes part;
	om_status s;

	q.user = want->user;
	q.year = want->year;
	q.month = want->month;
	q.format = want->format;
	req.body_case = OM__REQUEST__BODY_RENDER;
	req.render = &q;
	s = gw_peers_ask_reportd(app->peers, &req, rq->arena, &rep, e);
	if (s != OM_OK)
		return s;
	if (rep->body_case != OM__REPLY__BODY_RENDER)
		return gw_read_mismatch(e);
	part.data = rep->render->document.data;
	part.n = rep->render->document.len;
	s = om_sha256(&part, 1, hash);
	if (s != OM_OK)
		return s;
	etag[0] = '"';
	om_hex(hash, 16, etag + 1);
	etag[33] = '"';
	etag[34] = '\0';
	gw_reply_header(rp, "ETag", "%s", etag);
	rp->cache_control = "private, no-cache";
	if (gw_etag_matches(rq, etag)) {
		rp->status = 304;
		return OM_OK;
	}
	copy_name(rep->render->filename, name, sizeof name);
	gw_reply_header(rp, "Content-Disposition", "attachment; filename=\"%s\"", name);
	rp->type = want->format == OM__FORMAT__FORMAT_PDF
	    ? "application/pdf"
	    : "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
	rp->data = part.data; /* the arena's, as long as the request lives */
	rp->n_data = part.n;
	return OM_OK;
}

static om_status
copy_user(struct gw_req *rq, const char *id, char **out, om_err *e)
{
	size_t n = om_utf8_length(id, strlen(id));

	if (n == 0 || n > 128)
		return om_fail(e, OM_NOT_FOUND, "there is no such user");
	*out = om_arena_strdup(rq->arena, id);
	return *out != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

om_status
gw_api_statement(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	struct wanted want = {.user = NULL};
	om_status s = read_file(rq->param[1], &want, e);

	if (s == OM_OK)
		s = copy_user(rq, rq->param[0], &want.user, e);
	return s == OM_OK ? send_document(app, rq, rp, &want, e) : s;
}

om_status
gw_api_report(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	struct wanted want = {.user = NULL};
	om_status s = read_file(rq->param[0], &want, e);

	return s == OM_OK ? send_document(app, rq, rp, &want, e) : s;
}

om_status
gw_api_user_report(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	struct wanted want = {.format = OM__FORMAT__FORMAT_PDF};
	int64_t year = 0, month = 0;
	bool has_year = false, has_month = false;
	const char *user = NULL;
	json_t *doc = NULL;
	om_status s = om_json_parse(rq->body, rq->n_body, &doc, e);

	if (s != OM_OK)
		return s;
	if (!json_is_object(doc))
		s = om_fail(e, OM_INVALID, "the body must be an object");
	if (s == OM_OK && (s = om_json_text(doc, "", "userId", 128, &user, e)) == OM_OK &&
	    (user == NULL || user[0] == '\0'))
		s = om_fail(e, OM_INVALID, "userId: must be a text of 1 to 128 characters");
	if (s == OM_OK)
		s = om_json_int(doc, "", "year", 2000, 2199, &year, &has_year, e);
	if (s == OM_OK)
		s = om_json_int(doc, "", "month", 0, 11, &month, &has_month, e);
	if (s == OM_OK && !(has_year && has_month))
		s = om_fail(e, OM_INVALID, "%s: is missing", has_year ? "month" : "year");
	if (s == OM_OK)
		s = copy_user(rq, user, &want.user, e);
	json_decref(doc);
	want.year = (uint32_t)year;
	want.month = (uint32_t)month + 1;
	return s == OM_OK ? send_document(app, rq, rp, &want, e) : s;
}
