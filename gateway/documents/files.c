/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "documents.h"

#include "answer/reply.h"
#include "peers/job.h"
#include "question/question.h"
#include "base/invariant.h"
#include "base/json.h"
#include "base/text.h"

#include <string.h>

static const struct {
	const char *suffix;
	Om__Format format;
} formats[] = {
    {".pdf", OM__FORMAT__FORMAT_PDF},
    {".xlsx", OM__FORMAT__FORMAT_XLSX},
    {".csv", OM__FORMAT__FORMAT_CSV},
    {".zip", OM__FORMAT__FORMAT_ZIP},
};

static bool
format_of(const char *suffix, Om__Format *out)
{
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
		if (strcmp(suffix, formats[i].suffix) == 0) {
			*out = formats[i].format;
			return true;
		}
	return false;
}

/* read_file reads "2026-11.pdf". */
static om_status
read_file(const char *file, bool zip_too, Om__RenderQuery *out, om_err *e)
{
	char year[5] = "", month[3] = "";
	uint64_t y = 0, m = 0;

	if (strlen(file) > 7 && file[4] == '-') {
		memcpy(year, file, 4);
		memcpy(month, file + 5, 2);
	}
	if (!om_u64_parse(year, 9999, &y) || !om_u64_parse(month, 12, &m) || m == 0 ||
	    !format_of(file + 7, &out->format) || (out->format == OM__FORMAT__FORMAT_ZIP && !zip_too))
		return om_fail(e, OM_INVALID, "file: must be a month and a format, like 2026-11.pdf, .xlsx%s",
		    zip_too ? ", .csv or .zip" : " or .csv");
	if (y < 2000 || y > 2199)
		return om_fail(e, OM_INVALID, "file: the year must be from 2000 to 2199");
	out->year = (uint32_t)y;
	out->month = (uint32_t)m;
	return OM_OK;
}

/* read_locale gives NULL when the parameter was not given. */
static om_status
read_locale(struct gw_req *rq, char **out, om_err *e)
{
	const char *v = gw_req_arg(rq, "locale");

	*out = NULL;
	if (v == NULL)
		return OM_OK;
	if (strcmp(v, "en") != 0 && strcmp(v, "de") != 0)
		return om_fail(e, OM_INVALID, "locale: must be en or de");
	*out = om_arena_strdup(rq->arena, v);
	return *out != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

/* read_options reads the parameters that say how the file is to look. */
static om_status
read_options(struct gw_req *rq, Om__RenderQuery *q, om_err *e)
{
	const char *paper = gw_req_arg(rq, "paper"), *format = gw_req_arg(rq, "format");
	om_status s = read_locale(rq, &q->locale, e);

	if (s != OM_OK)
		return s;
	if (paper != NULL && strcmp(paper, "a4") != 0 && strcmp(paper, "letter") != 0)
		return om_fail(e, OM_INVALID, "paper: must be a4 or letter");
	q->paper = paper != NULL ? om_arena_strdup(rq->arena, paper) : NULL;
	if (format != NULL && (strcmp(format, "focus") != 0 || q->format != OM__FORMAT__FORMAT_CSV))
		return om_fail(e, OM_INVALID, "format: must be focus, and only a .csv file can be that");
	if (format != NULL)
		q->format = OM__FORMAT__FORMAT_FOCUS;
	return paper != NULL && q->paper == NULL ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

/* give starts the job, and sends its file or says how the export is. */
static om_status
give(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, Om__JobStart *what, om_err *e)
{
	char id[GW_JOB_ID_TEXT];
	struct gw_job job;
	om_status s = gw_job_start(parts->peers, rq, what, &job, e);

	if (s != OM_OK)
		return s;
	if (!rq->as_export)
		return gw_job_send(parts->peers, rq, rp, &job, true, e);
	om_hex(job.id, sizeof job.id, id);
	rp->status = 202;
	gw_reply_header(rp, "Location", "/api/v1/exports/%s", id);
	gw_reply_message(rp, &job.state->base);
	return OM_OK;
}

static om_status
give_document(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, Om__RenderQuery *q, om_err *e)
{
	Om__JobStart what = OM__JOB_START__INIT;

	what.file_case = OM__JOB_START__FILE_RENDER;
	what.render = q;
	return give(parts, rq, rp, &what, e);
}

static om_status
copy_name(struct gw_req *rq, const char *what, const char *id, char **out, om_err *e)
{
	size_t n = om_utf8_length(id, strlen(id));

	if (n == 0 || n > 128)
		return om_fail(e, OM_NOT_FOUND, "there is no such %s", what);
	*out = om_arena_strdup(rq->arena, id);
	return *out != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

/* give_month gives a month's file: everyone's, or that of the user or group that the path
 * names, whose place in the question is `name`. */
static om_status
give_month(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, Om__RenderQuery *q, const char *of,
    char **name, om_err *e)
{
	om_status s = read_file(rq->param[name != NULL ? 1 : 0], name == NULL, q, e);

	if (s == OM_OK && name != NULL)
		s = copy_name(rq, of, rq->param[0], name, e);
	if (s == OM_OK)
		s = read_options(rq, q, e);
	return s == OM_OK ? give_document(parts, rq, rp, q, e) : s;
}

om_status
gw_statement_send(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__RenderQuery q = OM__RENDER_QUERY__INIT;

	return give_month(parts, rq, rp, &q, "user", &q.user, e);
}

om_status
gw_group_statement_send(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__RenderQuery q = OM__RENDER_QUERY__INIT;

	return give_month(parts, rq, rp, &q, "group", &q.group, e);
}

om_status
gw_report_send(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__RenderQuery q = OM__RENDER_QUERY__INIT;

	return give_month(parts, rq, rp, &q, NULL, NULL, e);
}

om_status
gw_user_report_send(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__RenderQuery q = OM__RENDER_QUERY__INIT;
	int64_t year = 0, month = 0;
	bool has_year = false, has_month = false;
	const char *user = NULL;
	json_t *doc = NULL;
	om_status s = om_json_parse_object(rq->body, rq->n_body, &doc, e);

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
		s = copy_name(rq, "user", user, &q.user, e);
	json_decref(doc);
	q.format = OM__FORMAT__FORMAT_PDF;
	q.year = (uint32_t)year;
	q.month = (uint32_t)month + 1;
	return s == OM_OK ? give_document(parts, rq, rp, &q, e) : s;
}

/* ---- what the read calls show, as a file ---- */

/* give_rows gives them in the format that the path ends with. */
static om_status
give_rows(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, Om__JobStart *what, const char *stem,
    om_err *e)
{
	const char *from = gw_req_arg(rq, "from"), *to = gw_req_arg(rq, "to");
	const char *suffix = strrchr(rq->path, '.');
	om_status s = read_locale(rq, &what->locale, e);

	if (s != OM_OK)
		return s;
	what->has_format = suffix != NULL && format_of(suffix, &what->format);
	om_check(what->has_format); /* the routes name no other */
	what->stem = om_arena_printf(rq->arena, "%s%s%.10s%s%.10s", stem, from != NULL ? "-" : "",
	    from != NULL ? from : "", to != NULL ? "-to-" : "", to != NULL ? to : "");
	return what->stem != NULL ? give(parts, rq, rp, what, e) : om_fail(e, OM_NOMEM, "out of memory");
}

om_status
gw_usage_file_send(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__JobStart what = OM__JOB_START__INIT;
	Om__UsageQuery q = OM__USAGE_QUERY__INIT;
	om_status s = gw_read_usage(rq, &q, e);

	q.has_limit = gw_req_arg(rq, "limit") != NULL; /* else all of them */
	what.file_case = OM__JOB_START__FILE_USAGE;
	what.usage = &q;
	return s == OM_OK ? give_rows(parts, rq, rp, &what, "usage", e) : s;
}

om_status
gw_generations_file_send(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__JobStart what = OM__JOB_START__INIT;
	Om__GenerationsQuery q = OM__GENERATIONS_QUERY__INIT;
	om_status s = gw_read_generations(rq, &q, e);

	q.has_limit = gw_req_arg(rq, "limit") != NULL; /* else all of them */
	what.file_case = OM__JOB_START__FILE_GENERATIONS;
	what.generations = &q;
	return s == OM_OK ? give_rows(parts, rq, rp, &what, "requests", e) : s;
}
