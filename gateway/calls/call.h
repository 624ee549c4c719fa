/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * call.h - a call that asks costd one question and gives its reply.
 *
 * Does      Reads the question from the request, asks, and writes the reply: the one
 *           handler of all rows of calls.def.
 * Owns      Nothing.
 * Promises  The reply holds to openapi.yaml (message.h).
 * Never     Treats one call otherwise than another.
 */
#ifndef GW_CALL_H
#define GW_CALL_H

#include "http/handler.h"
#include "peers/ask.h"
#include "question/question.h"

struct gw_call {
	struct gw_ask ask;
	gw_reader *read; /* fills the question; NULL: it has no members */
};

om_status gw_call_answer(const struct gw_call *call, const struct gw_parts *parts, struct gw_req *rq,
    struct gw_reply *rp, om_err *e) OM_MUST;

#endif
