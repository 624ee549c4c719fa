/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "call.h"

#include "answer/reply.h"
#include "base/invariant.h"

om_status
gw_call_answer(
    const struct gw_call *call, const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	const ProtobufCFieldDescriptor *f =
	    protobuf_c_message_descriptor_get_field(&om__request__descriptor, (unsigned)call->ask.question);
	const ProtobufCMessage *reply = NULL;
	void *question;
	om_status s = OM_OK;

	om_check(f != NULL && f->type == PROTOBUF_C_TYPE_MESSAGE);
	question = om_msg_new(rq->arena, f->descriptor);
	if (question == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (call->read != NULL)
		s = call->read(rq, question, e);
	if (s == OM_OK)
		s = gw_ask_costd(parts->peers, call->ask, question, rq->arena, &reply, e);
	if (s == OM_OK)
		gw_reply_message(rp, reply);
	return s;
}
