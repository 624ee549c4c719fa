/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * handler.h - what answers one call, and the parts of the gateway it may use.
 *
 * Shape     A room's handlers stand in the room's header; routes.c lists them.  A
 *           handler sees the parts below, which are put together at the top: it
 *           uses no router, no settings and no other handler.
 * Failure   A handler fills the reply, or returns a failing status and its reason,
 *           which the router turns into the reply.
 * Threads   Handlers run on the HTTP workers; every part may be used from any thread.
 */
#ifndef GW_HANDLER_H
#define GW_HANDLER_H

#include "request.h"

struct gw_access;
struct gw_live;
struct gw_peers;
struct gw_quota;
struct gw_spool;
struct om_service;

struct gw_parts {
	struct gw_access *access; /* all borrowed */
	struct gw_live *live;
	struct gw_peers *peers;
	struct gw_quota *quota; /* of the keys that send records */
	struct gw_spool *spool;
	bool told_are_unknown;         /* TOLD_USERS: a user that is not proven counts for nobody */
	const char *tag_key;           /* what plugins sign their tags with; a secret */
	const struct om_service *self; /* the table of the gateway's settings, ... */
	const void *conf;              /* ... and their values */

	/* begin_export answers as the call that `target` is would, but begins an export
	 * in place of sending its file. */
	om_status (*begin_export)(
	    const struct gw_parts *parts, struct gw_req *rq, const char *target, struct gw_reply *rp, om_err *e);
	/* takes_ticket tells whether `target`, a path with its query, is a file or a stream. */
	bool (*takes_ticket)(struct gw_req *rq, const char *target);
};

typedef om_status gw_handler(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e);

#endif
