/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * serve.h - answers requests: starts jobs, tells how they are, gives their
 * files piece by piece; or makes a document at once.
 *
 * Threads   rd_serve from any worker.
 */
#ifndef RD_SERVE_H
#define RD_SERVE_H

#include "issue/issue.h"
#include "job/jobs.h"
#include "make/make.h"
#include "envelope.pb-c.h"
#include "run/service.h"
#include "wire/wire.h"

#define RD_WIRE_WORKERS 32u /* most of them wait for jobs */
#define RD_KEEP_FILES   64u

struct rd_server {
	struct rd_parts parts;         /* filled in by the caller */
	const struct om_service *self; /* the service that answers, borrowed as its conf */
	const void *conf;
	struct rd_jobs *jobs; /* owned */
};

struct rd_server_opts {
	unsigned workers; /* files made at once */
	unsigned queue;   /* files that may wait */
};

/* The memory one reply may take. */
#define RD_REPLY_BYTES (OM_WIRE_MAX_BYTES + (size_t)32 * 1024 * 1024)

om_status rd_server_init(struct rd_server *srv, const struct rd_server_opts *o, om_err *e) OM_MUST;
void rd_server_fini(struct rd_server *srv);

/* rd_server_make makes a document for reportd itself (rd_issuing.make); arg is the server. */
om_status rd_server_make(void *arg, Om__RenderQuery *q, const struct rd_asked *more, int64_t deadline_ms,
    struct om_arena *a, struct rd_made *out, om_err *e) OM_MUST;

/* rd_serve is the om_wire_handler; arg is the server. */
om_status rd_serve(
    void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e);

#endif
