/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "job.h"

#include "ask.h"
#include "base/digest.h"
#include "base/invariant.h"
#include "base/log.h"
#include "base/text.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CALL_MS     10000 /* beyond what is waited for */
#define WAIT_MS     500   /* how soon a client that went away is noticed */
#define PAUSE_MS    50    /* between questions that reportd does not wait with */
#define PIECE_BYTES (1024u * 1024u)
#define PIECE_ARENA ((size_t)4 * 1024 * 1024)
#define DROP_ARENA  ((size_t)64 * 1024)

/* Files that are being waited for or sent, each of which holds an HTTP worker:
 * the other workers stay free for records. */
static atomic_int waiting;

/* One file under way to the client. */
struct download {
	struct gw_peers *peers;
	struct gw_job job; /* job.state is gone */
	bool drop;
	uint64_t offset;
	struct om_arena arena; /* of the piece */
};

/* ---- questions about one job ---- */

static om_status
query_state(struct gw_peers *peers, struct gw_job *job, uint32_t wait_ms, struct om_arena *a, om_err *e)
{
	static const struct gw_ask ask = {OM__REQUEST__BODY_JOB_STATE, OM__REPLY__BODY_JOB};
	Om__JobQuery q = OM__JOB_QUERY__INIT;
	const Om__JobReply *state;
	om_status s;

	q.job_id = (ProtobufCBinaryData){.len = GW_JOB_ID, .data = job->id};
	q.has_wait_ms = 1;
	q.wait_ms = wait_ms;
	s = gw_ask_reportd(peers, job->at, ask, &q, (int)wait_ms + CALL_MS, a, &state, e);
	if (s == OM_OK)
		job->state = state;
	return s;
}

om_status
gw_job_start(struct gw_peers *peers, struct gw_req *rq, Om__JobStart *what, struct gw_job *out, om_err *e)
{
	static const struct gw_ask ask = {OM__REQUEST__BODY_JOB_START, OM__REPLY__BODY_JOB};
	om_err why = {.text = ""};
	om_status s = om_random(out->id, sizeof out->id, e);

	if (s != OM_OK)
		return s;
	what->job_id = (ProtobufCBinaryData){.len = GW_JOB_ID, .data = out->id};
	s = gw_ask_any_reportd(peers, ask, what, CALL_MS, rq->arena, &out->state, &out->at, &why);
	return gw_peers_blame(s, &why, e);
}

om_status
gw_job_find(struct gw_peers *peers, struct gw_req *rq, const char *id, struct gw_job *out, om_err *e)
{
	unsigned n = om_fleet_size(gw_peers_reportds(peers));
	bool tried[OM_WIRE_MAX_URLS] = {false};
	om_status s, worst = OM_NOT_FOUND;
	om_err why = {.text = "there is no such export; it was not asked for in a while, or reportd was started again"};

	if (strlen(id) != GW_JOB_ID_TEXT - 1 || !om_unhex(id, GW_JOB_ID_TEXT - 1, out->id))
		return om_fail(e, OM_NOT_FOUND, "there is no such export");
	/* the reportds that are connected first: the others are waited for */
	for (unsigned i = 0; i < 2 * n; i++) {
		om_err one = {.text = ""};

		out->at = i % n;
		if (tried[out->at] || (i < n && om_wire_connected(om_fleet_at(gw_peers_reportds(peers), out->at)) == 0))
			continue;
		tried[out->at] = true;
		s = query_state(peers, out, 0, rq->arena, &one);
		if (s == OM_OK)
			return s;
		if (s != OM_NOT_FOUND) {
			worst = s;
			why = one;
		}
	}
	return worst == OM_NOT_FOUND ? om_fail(e, worst, "%s", why.text) : gw_peers_blame(worst, &why, e);
}

om_status
gw_job_drop(struct gw_peers *peers, const struct gw_job *job, om_err *e)
{
	static const struct gw_ask ask = {OM__REQUEST__BODY_JOB_DROP, OM__REPLY__BODY_JOB};
	Om__JobQuery q = OM__JOB_QUERY__INIT;
	struct gw_job copy = *job;
	const Om__JobReply *state;
	om_err why = {.text = ""};
	struct om_arena a;
	om_status s;

	om_arena_init(&a, DROP_ARENA);
	q.job_id = (ProtobufCBinaryData){.len = GW_JOB_ID, .data = copy.id};
	s = gw_ask_reportd(peers, job->at, ask, &q, CALL_MS, &a, &state, &why);
	om_arena_fini(&a);
	return s == OM_NOT_FOUND ? OM_OK : gw_peers_blame(s, &why, e);
}

static void
forget(struct gw_peers *peers, const struct gw_job *job)
{
	om_err e = {.text = ""};

	if (gw_job_drop(peers, job, &e) != OM_OK)
		om_log(OM_LOG_WARN, "a file cannot be dropped", "why", e.text, NULL);
}

/* ---- waiting ---- */

static bool
has_ended(const Om__JobReply *r)
{
	return r->state != OM__JOB_STATE__JOB_QUEUED && r->state != OM__JOB_STATE__JOB_RUNNING;
}

/* lost tells a job that vanished while it was waited for from one that never was. */
static om_status
lost(om_status s, const om_err *why, om_err *e)
{
	if (s == OM_NOT_FOUND)
		return om_fail(e, OM_UNAVAILABLE, "reportd was started again while it made the file; ask again");
	return gw_peers_blame(s, why, e);
}

/* await waits until the job has ended; no longer than patience_ms (-1: however
 * long it takes) when what is written can be sent already. */
static om_status
await(struct gw_peers *peers, struct gw_req *rq, struct gw_job *job, int64_t patience_ms, om_err *e)
{
	int64_t began = om_mono_ms();
	om_err why = {.text = ""};

	while (!has_ended(job->state)) {
		int64_t asked = om_mono_ms();
		om_status s;

		if (rq->is_gone != NULL && rq->is_gone(rq))
			return om_fail(e, OM_UNAVAILABLE, "the client does not wait for the file any more");
		if (patience_ms >= 0 && asked - began >= patience_ms && job->state->streams &&
		    job->state->state == OM__JOB_STATE__JOB_RUNNING)
			return OM_OK;
		s = query_state(peers, job, WAIT_MS, rq->arena, &why);
		if (s != OM_OK)
			return lost(s, &why, e);
		if (!has_ended(job->state) && om_mono_ms() - asked < WAIT_MS / 2)
			(void)poll(NULL, 0, PAUSE_MS); /* reportd did not wait, since too many do */
	}
	if (job->state->state == OM__JOB_STATE__JOB_DONE)
		return OM_OK;
	if (job->state->state == OM__JOB_STATE__JOB_CANCELLED)
		return om_fail(e, OM_NOT_FOUND, "the file was cancelled");
	(void)om_err_write(&why, "%s", job->state->message != NULL ? job->state->message : "the file cannot be made");
	return gw_peers_blame(om_status_from_code(job->state->has_status ? job->state->status : OM_INTERNAL), &why, e);
}

/* ---- sending ---- */

/* next_piece asks for what follows; none while there is none yet. */
static om_status
next_piece(struct download *d, const Om__JobPart **out, om_err *e)
{
	static const struct gw_ask ask = {OM__REQUEST__BODY_JOB_READ, OM__REPLY__BODY_JOB_PART};
	Om__JobRead q = OM__JOB_READ__INIT;
	om_err why = {.text = ""};
	om_status s;

	om_arena_fini(&d->arena);
	om_arena_init(&d->arena, PIECE_ARENA);
	q.job_id = (ProtobufCBinaryData){.len = GW_JOB_ID, .data = d->job.id};
	q.offset = d->offset;
	q.limit = PIECE_BYTES;
	q.has_wait_ms = 1;
	q.wait_ms = WAIT_MS;
	s = gw_ask_reportd(d->peers, d->job.at, ask, &q, WAIT_MS + CALL_MS, &d->arena, out, &why);
	return s == OM_OK ? s : lost(s, &why, e);
}

static bool
send_file(void *arg, struct gw_sink *to)
{
	struct download *d = arg;
	const Om__JobPart *part = NULL;
	om_err e = {.text = ""};

	do {
		if (next_piece(d, &part, &e) != OM_OK || part == NULL) {
			om_log(OM_LOG_WARN, "a file was not sent to its end", "why", e.text, NULL);
			return false;
		}
		d->offset += part->data.len;
		if (part->data.len > 0 && !to->write(to, part->data.data, part->data.len))
			return false;
		if (part->data.len == 0 && !part->end) {
			if (to->gone(to))
				return false;
			(void)poll(NULL, 0, PAUSE_MS);
		}
	} while (!part->end);
	return true;
}

static void
end_download(void *arg)
{
	struct download *d = arg;
	int was;

	if (d->drop)
		forget(d->peers, &d->job);
	om_arena_fini(&d->arena);
	was = atomic_fetch_sub(&waiting, 1);
	om_check(was > 0);
	free(d);
}

/* is_old tells whether the client has it since If-Modified-Since. */
static bool
is_old(const struct gw_req *rq, int64_t changed_us)
{
	const char *v = gw_req_header(rq, "If-Modified-Since");
	struct tm tm = {.tm_sec = 0};
	const char *end;

	if (v == NULL || gw_req_header(rq, "If-None-Match") != NULL)
		return false;
	end = strptime(v, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return end != NULL && *end == '\0' && changed_us / OM_SECOND <= (int64_t)timegm(&tm);
}

/* put_head adds what is known of the file; true when the client has it. */
static bool
put_head(const struct gw_req *rq, struct gw_reply *rp, const Om__JobReply *r)
{
	char etag[2 * 16 + 3] = "", date[64];
	time_t changed = (time_t)(r->changed_us / OM_SECOND);
	bool has_it = false;
	struct tm tm;

	rp->cache_control = NULL; /* not stored: it names persons */
	if (r->state == OM__JOB_STATE__JOB_DONE && r->has_sha256 && r->sha256.len == OM_SHA256) {
		etag[0] = '"';
		om_hex(r->sha256.data, 16, etag + 1);
		etag[33] = '"';
		etag[34] = '\0';
		gw_reply_header(rp, "ETag", "%s", etag);
		has_it = gw_etag_matches(rq, etag);
	}
	if (r->has_changed_us && gmtime_r(&changed, &tm) != NULL &&
	    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0) {
		gw_reply_header(rp, "Last-Modified", "%s", date);
		has_it = has_it || is_old(rq, r->changed_us);
	}
	return has_it;
}

/* answer makes the reply of a job that can be sent; d is its stream. */
static void
answer(struct gw_req *rq, struct gw_reply *rp, struct gw_job *job, struct download *d)
{
	const Om__JobReply *r = job->state;

	if (put_head(rq, rp, r)) {
		rp->status = 304;
		end_download(d);
		return;
	}
	gw_reply_filename(rp, r->filename, r->shown_name);
	rp->type = om_arena_strdup(rq->arena, r->content_type != NULL ? r->content_type : "application/octet-stream");
	rp->has_length = r->state == OM__JOB_STATE__JOB_DONE;
	rp->n_data = (size_t)r->bytes;
	rp->send = send_file;
	rp->send_done = end_download;
	rp->send_arg = d;
	d->job.state = NULL;
}

om_status
gw_job_send(struct gw_peers *peers, struct gw_req *rq, struct gw_reply *rp, struct gw_job *job, bool drop, om_err *e)
{
	bool to_the_end = strcmp(rq->method, "HEAD") == 0 || rq->old_http ||
	    gw_req_header(rq, "If-None-Match") != NULL || gw_req_header(rq, "If-Modified-Since") != NULL;
	struct download *d = calloc(1, sizeof *d);
	om_status s;

	if (d == NULL) {
		if (drop)
			forget(peers, job);
		return om_fail(e, OM_NOMEM, "out of memory");
	}
	*d = (struct download){.peers = peers, .job = *job, .drop = drop};
	om_arena_init(&d->arena, PIECE_ARENA);
	if (atomic_fetch_add(&waiting, 1) >= gw_peers_files(peers))
		s = om_fail(e, OM_UNAVAILABLE, "too many files are being made and sent; ask again");
	else
		s = await(peers, rq, job, to_the_end ? -1 : GW_JOB_PATIENCE, e);
	if (s != OM_OK) {
		end_download(d);
		return s;
	}
	answer(rq, rp, job, d);
	return OM_OK;
}
