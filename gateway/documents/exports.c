/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * exports.c - files that take a while, under an id of their own: begun,
 * watched, fetched, thrown away.
 */
#include "documents.h"

#include "answer/reply.h"
#include "peers/job.h"
#include "base/json.h"

#include <string.h>

om_status
gw_export_begin(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	const char *given = NULL, *target = NULL;
	json_t *doc = NULL;
	om_status s = om_json_parse_object(rq->body, rq->n_body, &doc, e);

	if (s == OM_OK)
		s = om_json_text(doc, "", "target", 4096, &given, e);
	if (s == OM_OK && (given == NULL || given[0] != '/'))
		s = om_fail(e, OM_INVALID, "target: must be a path like /api/v1/reports/2026-11.xlsx");
	if (s == OM_OK && (target = om_arena_strdup(rq->arena, given)) == NULL)
		s = om_fail(e, OM_NOMEM, "out of memory");
	json_decref(doc);
	return s == OM_OK ? parts->begin_export(parts, rq, target, rp, e) : s;
}

om_status
gw_export_show(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	struct gw_job job;
	om_status s = gw_job_find(parts->peers, rq, rq->param[0], &job, e);

	if (s == OM_OK)
		gw_reply_message(rp, &job.state->base);
	return s;
}

om_status
gw_export_drop(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	struct gw_job job;
	om_status s = gw_job_find(parts->peers, rq, rq->param[0], &job, e);

	if (s == OM_OK)
		s = gw_job_drop(parts->peers, &job, e);
	if (s != OM_OK && s != OM_NOT_FOUND)
		return s;
	rp->status = 204;
	return OM_OK;
}

om_status
gw_export_file_send(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	struct gw_job job;
	om_status s = gw_job_find(parts->peers, rq, rq->param[0], &job, e);

	return s == OM_OK ? gw_job_send(parts->peers, rq, rp, &job, false, e) : s;
}
