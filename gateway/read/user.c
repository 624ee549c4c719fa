/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "read.h"

#include "answer/reply.h"
#include "peers/ask.h"
#include "base/text.h"

#include <string.h>

#define ID_CHARS 128

om_status
gw_user_show(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	static const struct gw_ask ask = {OM__REQUEST__BODY_USER, OM__REPLY__BODY_USER};
	Om__UserQuery q = OM__USER_QUERY__INIT;
	const Om__UserReply *found;
	om_status s;

	if (om_utf8_length(rq->param[0], strlen(rq->param[0])) > ID_CHARS)
		return om_fail(e, OM_NOT_FOUND, "there is no such user");
	q.id = om_arena_strdup(rq->arena, rq->param[0]);
	if (q.id == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
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
