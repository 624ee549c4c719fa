/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "ask.h"

#include "peers_in.h"
#include "base/digest.h"
#include "base/invariant.h"
#include "wire/fleet.h"

#include <string.h>

/* put_body puts the query into the member of the request's body that the kind names. */
static void
put_body(Om__Request *req, Om__Request__BodyCase kind, const void *query)
{
	const ProtobufCFieldDescriptor *f =
	    protobuf_c_message_descriptor_get_field(&om__request__descriptor, (unsigned)kind);

	om_check(f != NULL && ((const ProtobufCMessage *)query)->descriptor == f->descriptor);
	req->body_case = kind;
	memcpy((char *)req + f->offset, &query, sizeof query);
}

/* take_body gives the message of the reply's body if it is of the kind. */
static om_status
take_body(const Om__Reply *rep, Om__Reply__BodyCase kind, void *out, om_err *e)
{
	const ProtobufCFieldDescriptor *f =
	    protobuf_c_message_descriptor_get_field(&om__reply__descriptor, (unsigned)kind);

	om_check(f != NULL);
	if (rep->body_case != kind)
		return om_fail(e, OM_UNAVAILABLE, "the service's reply is of another kind than the question");
	memcpy(out, (const char *)rep + f->offset, sizeof(void *));
	return OM_OK;
}

/* In whose name this thread asks costd. */
static _Thread_local unsigned char session_of[GW_ASK_SESSION];
static _Thread_local bool has_session, unconfirmed;

void
gw_ask_for(const unsigned char *session, bool confirmed)
{
	has_session = session != NULL;
	unconfirmed = has_session && !confirmed;
	if (session != NULL)
		memcpy(session_of, session, sizeof session_of);
	else
		om_secret_clear(session_of, sizeof session_of);
}

static void
put_session(Om__Request *req, const unsigned char *session)
{
	req->has_session = session != NULL;
	req->session.len = session != NULL ? GW_ASK_SESSION : 0;
	memcpy(&req->session.data, &session, sizeof session); /* protobuf-c has no const */
}

static void
begin(Om__Request *req, struct gw_ask ask, const void *query, void *reply_out)
{
	memset(reply_out, 0, sizeof(void *));
	om__request__init(req);
	put_body(req, ask.question, query);
}

om_status
gw_ask_costd(struct gw_peers *p, struct gw_ask ask, const void *query, struct om_arena *a, void *reply_out, om_err *e)
{
	Om__Reply *rep = NULL;
	Om__Request req;
	om_status s;

	begin(&req, ask, query, reply_out);
	put_session(&req, has_session ? session_of : NULL);
	s = gw_peers_call_costd(p, &req, a, &rep, e);
	return s == OM_OK ? take_body(rep, ask.reply, reply_out, e) : s;
}

om_status
gw_ask_soon(struct gw_peers *p, gw_peer who, struct gw_ask ask, const void *query, struct om_arena *a, void *reply_out)
{
	Om__Reply *rep = NULL;
	Om__Request req;
	om_status s;

	begin(&req, ask, query, reply_out);
	if (who == GW_COSTD)
		put_session(&req, has_session ? session_of : NULL);
	s = gw_peers_call_soon(p, who, &req, a, &rep);
	return s == OM_OK ? take_body(rep, ask.reply, reply_out, NULL) : s;
}

om_status
gw_ask_who(struct gw_peers *p, const unsigned char *session, struct gw_ask ask, const void *query, struct om_arena *a,
    void *reply_out, om_err *e)
{
	Om__Reply *rep = NULL;
	Om__Request req;
	om_status s;

	begin(&req, ask, query, reply_out);
	put_session(&req, session);
	s = gw_peers_call_who(p, &req, a, &rep, e);
	return s == OM_OK ? take_body(rep, ask.reply, reply_out, e) : s;
}

om_status
gw_ask_any_reportd(struct gw_peers *p, struct gw_ask ask, const void *query, int deadline_ms, struct om_arena *a,
    void *reply_out, unsigned *at_out, om_err *e)
{
	Om__Reply *rep = NULL;
	Om__Request req;
	om_status s;

	begin(&req, ask, query, reply_out);
	if (unconfirmed && ask.question == OM__REQUEST__BODY_ISSUE)
		return om_fail(e, OM_UNAVAILABLE,
		    "costd, which keeps the sessions, does not answer: a session only reads meanwhile");
	s = om_fleet_call(gw_peers_reportds(p), &req, deadline_ms, a, &rep, at_out, e);
	return s == OM_OK ? take_body(rep, ask.reply, reply_out, e) : s;
}

om_status
gw_ask_reportd(struct gw_peers *p, unsigned at, struct gw_ask ask, const void *query, int deadline_ms,
    struct om_arena *a, void *reply_out, om_err *e)
{
	Om__Reply *rep = NULL;
	Om__Request req;
	om_status s;

	om_check(at < om_fleet_size(gw_peers_reportds(p)));
	begin(&req, ask, query, reply_out);
	s = om_wire_call(om_fleet_at(gw_peers_reportds(p), at), &req, deadline_ms, a, &rep, e);
	return s == OM_OK ? take_body(rep, ask.reply, reply_out, e) : s;
}

om_status
gw_ask_lacks(const char *what, om_err *e)
{
	return om_fail(e, OM_UNAVAILABLE, "the service's reply lacks %s", what);
}
