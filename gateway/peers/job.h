/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * job.h - files that reportd makes, as the HTTP side sees them.
 *
 * Life      Started under an id that is made here, on whichever reportd takes
 *           it; waited for; sent piece by piece; dropped.  Any gateway can ask
 *           for a job by its id: it lives in one reportd, which is found by
 *           asking all.
 * Failure   OM_NOT_FOUND: no reportd has such a job.  OM_UNAVAILABLE: too many
 *           wait, or the one that had it is gone.
 * Threads   One job, one thread.
 */
#ifndef GW_JOB_H
#define GW_JOB_H

#include "peers.h"
#include "http/request.h"
#include "jobs.pb-c.h"

#define GW_JOB_ID       16
#define GW_JOB_ID_TEXT  (2 * GW_JOB_ID + 1)
#define GW_JOB_PATIENCE 2000 /* ms; a file that takes longer is sent while it is made, if it can be */

struct gw_job {
	unsigned char id[GW_JOB_ID];
	unsigned at;               /* which reportd has it */
	const Om__JobReply *state; /* as last heard; the request's arena */
};

/* gw_job_start fills in what->job_id. */
om_status gw_job_start(
    struct gw_peers *peers, struct gw_req *rq, Om__JobStart *what, struct gw_job *out, om_err *e) OM_MUST;

/* gw_job_find asks for the state of the job with this id, as text. */
om_status gw_job_find(struct gw_peers *peers, struct gw_req *rq, const char *id, struct gw_job *out, om_err *e) OM_MUST;

/* gw_job_send answers with the job's file: waits for it, sees to the
 * conditions of the request, streams it, and drops the job if it is asked to. */
om_status gw_job_send(
    struct gw_peers *peers, struct gw_req *rq, struct gw_reply *rp, struct gw_job *job, bool drop, om_err *e) OM_MUST;

/* gw_job_drop cancels and forgets it; a job that is gone is no error. */
om_status gw_job_drop(struct gw_peers *peers, const struct gw_job *job, om_err *e) OM_MUST;

#endif
