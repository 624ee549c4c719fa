/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * serve.h - one request of the wire, one call into costd, by the table calls.def.
 *
 * Metrics   Each call has a histogram: owui_metering_call_seconds{call="usage"}.
 */
#ifndef CD_SERVE_H
#define CD_SERVE_H

#include "documents/delivery.h"
#include "ledger/ledger.h"
#include "read/reading.h"
#include "sessions/sessions.h"
#include "settle/resolve.h"
#include "vendor/market.h"
#include "run/service.h"
#include "wire/wire.h"

/* What a handler works with; all borrowed. */
struct cd_parts {
	const struct om_service *self; /* whose settings are told */
	struct cd_pool *pool;
	struct cd_ledger *ledger;
	struct cd_market *market;
	struct cd_resolver *resolver; /* NULL: nothing is looked up */
	const void *conf;             /* struct cd_settings */
	struct cd_readings *readings;
	struct cd_schedule *schedule;
	struct cd_sessions *sessions;
	bool have_key; /* costs can be looked up */
};

/* What a call is for: a question; what the services do by themselves; what a person decided. */
typedef enum { CD_READS, CD_WORKS, CD_ACTS } cd_does;

/* Whose question it may be. */
typedef enum { CD_VIEWER_NONE, CD_VIEWER_READER, CD_VIEWER_ADMIN } cd_viewer;

/* A row of calls.def. */
struct cd_serve_call {
	const char *request, *reply; /* the members of the bodies */
	unsigned who;                /* a set of om_caller */
	cd_does does;
	cd_viewer viewer;
	/* answer fills the reply, whose kind is the one of the member of that name. */
	om_status (*answer)(struct cd_parts *p, const ProtobufCBinaryData *session, const void *query,
	    int64_t deadline_ms, struct om_arena *a, void *reply, om_err *e);
};

/* cd_serve_call_of gives the row for a request's body_case; NULL: costd does not answer that. */
const struct cd_serve_call *cd_serve_call_of(unsigned body_case);

/* cd_serve_may gives the set of callers that may ask this; those of kinds that costd does not know are the handler's to refuse. */
unsigned cd_serve_may(const Om__Request *req);

/* cd_serve is the wire's handler; arg is a struct cd_parts. */
om_wire_handler cd_serve;

#endif
