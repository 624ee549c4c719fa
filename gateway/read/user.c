/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "read.h"

#include "answer/reply.h"
#include "peers/ask.h"
#include "base/json.h"
#include "base/text.h"

#include <string.h>

#define ID_CHARS 128

/* read_id copies the id of the path. */
static om_status
read_id(struct gw_req *rq, char **out, om_err *e)
{
	if (om_utf8_length(rq->param[0], strlen(rq->param[0])) > ID_CHARS)
		return om_fail(e, OM_NOT_FOUND, "there is no such user");
	*out = om_arena_strdup(rq->arena, rq->param[0]);
	return *out != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

om_status
gw_user_show(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	static const struct gw_ask ask = {OM__REQUEST__BODY_USER, OM__REPLY__BODY_USER};
	Om__UserQuery q = OM__USER_QUERY__INIT;
	const Om__UserReply *found;
	om_status s = read_id(rq, &q.id, e);

	if (s != OM_OK)
		return s;
	s = gw_ask_costd(parts->peers, ask, &q, rq->arena, &found, e);
	if (s == OM_NOT_FOUND)
		return om_fail(e, OM_NOT_FOUND, "there is no such user");
	if (s != OM_OK)
		return s;
	if (found->user == NULL)
		return gw_ask_lacks("the user", e);
	gw_reply_message(rp, &found->user->base);
	return OM_OK;
}

/* ask_merge asks costd to merge, or to take it back, and answers with the user as shown then. */
static om_status
ask_merge(const struct gw_parts *parts, struct gw_req *rq, Om__MergeQuery *q, struct gw_reply *rp, om_err *e)
{
	static const struct gw_ask ask = {OM__REQUEST__BODY_MERGE, OM__REPLY__BODY_USER};
	const Om__UserReply *found;
	om_status s = gw_ask_costd(parts->peers, ask, q, rq->arena, &found, e);

	if (s != OM_OK)
		return s;
	if (found->user == NULL)
		return gw_ask_lacks("the user", e);
	gw_reply_message(rp, &found->user->base);
	return OM_OK;
}

om_status
gw_user_merge(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__MergeQuery q = OM__MERGE_QUERY__INIT;
	const char *into = NULL;
	json_t *doc = NULL;
	om_status s = read_id(rq, &q.id, e);

	if (s == OM_OK)
		s = om_json_parse_object(rq->body, rq->n_body, &doc, e);
	if (s == OM_OK)
		s = om_json_text(doc, "", "into", ID_CHARS, &into, e);
	if (s == OM_OK && into == NULL)
		s = om_fail(e, OM_INVALID, "into: is missing");
	if (s == OM_OK && (q.into = om_arena_strdup(rq->arena, into)) == NULL)
		s = om_fail(e, OM_NOMEM, "out of memory");
	json_decref(doc);
	return s == OM_OK ? ask_merge(parts, rq, &q, rp, e) : s;
}

om_status
gw_user_unmerge(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__MergeQuery q = OM__MERGE_QUERY__INIT;
	om_status s = read_id(rq, &q.id, e);

	return s == OM_OK ? ask_merge(parts, rq, &q, rp, e) : s;
}
