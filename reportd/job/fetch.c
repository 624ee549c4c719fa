/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fetch.h"

#include "jobs.h"
#include "envelope.pb-c.h"
#include "base/clock.h"
#include "base/digest.h"

#include <string.h>
#include <time.h>

#define WAIT_MS     2000
#define CALL_MS     60000
#define PART_ARENA  ((size_t)16 * 1024 * 1024)
#define STATE_ARENA ((size_t)1024 * 1024)

/* call asks this process as a peer would. */
static om_status
call(const struct rd_fetch *f, const Om__Request *req, Om__Reply__BodyCase want, struct om_arena *a, Om__Reply *rep,
    om_err *e)
{
	om_status s;

	*rep = (Om__Reply)OM__REPLY__INIT;
	s = f->serve(f->serve_arg, req, om_mono_ms() + CALL_MS, a, rep, e);
	return s == OM_OK && rep->body_case != want ? om_fail(e, OM_INTERNAL, "a job was answered with something else")
						    : s;
}

static om_status
ask_state(const struct rd_fetch *f, Om__JobQuery *q, bool drop, struct om_arena *a, Om__JobReply **out, om_err *e)
{
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply rep;
	om_status s;

	req.body_case = drop ? OM__REQUEST__BODY_JOB_DROP : OM__REQUEST__BODY_JOB_STATE;
	if (drop)
		req.job_drop = q;
	else
		req.job_state = q;
	s = call(f, &req, OM__REPLY__BODY_JOB, a, &rep, e);
	*out = s == OM_OK ? rep.job : NULL;
	return s;
}

/* wait_done gives the state of the job that has ended well. */
static om_status
wait_done(const struct rd_fetch *f, ProtobufCBinaryData id, struct om_arena *a, Om__JobReply **out, om_err *e)
{
	for (;;) {
		Om__JobQuery q = OM__JOB_QUERY__INIT;
		int64_t began = om_mono_ms();
		struct timespec t = {.tv_nsec = 100000000};
		struct om_arena piece;
		om_status s;
		bool ended;

		if (atomic_load(f->stop))
			return om_fail(e, OM_UNAVAILABLE, "reportd is stopping");
		q.job_id = id;
		q.has_wait_ms = true;
		q.wait_ms = WAIT_MS;
		om_arena_init(&piece, STATE_ARENA);
		s = ask_state(f, &q, false, &piece, out, e);
		ended = s == OM_OK && (*out)->state != OM__JOB_STATE__JOB_QUEUED &&
		    (*out)->state != OM__JOB_STATE__JOB_RUNNING;
		om_arena_fini(&piece);
		if (s != OM_OK)
			return s;
		if (ended)
			return ask_state(f, &q, false, a, out, e);
		if (om_mono_ms() - began < WAIT_MS / 2)
			(void)nanosleep(&t, NULL); /* answered at once: too many wait */
	}
}

static om_status
take_parts(const struct rd_fetch *f, const Om__JobReply *job, om_err *e)
{
	Om__JobRead q = OM__JOB_READ__INIT;
	om_status s = OM_OK;

	q.job_id = job->job_id;
	q.limit = RD_PART_BYTES;
	while (s == OM_OK && q.offset < job->bytes) {
		Om__Request req = OM__REQUEST__INIT;
		struct om_arena piece;
		Om__Reply rep;

		om_arena_init(&piece, PART_ARENA);
		req.body_case = OM__REQUEST__BODY_JOB_READ;
		req.job_read = &q;
		s = call(f, &req, OM__REPLY__BODY_JOB_PART, &piece, &rep, e);
		if (s == OM_OK && rep.job_part->data.len == 0)
			s = om_fail(e, OM_INTERNAL, "the file ends early");
		if (s == OM_OK)
			s = f->write(f->arg, rep.job_part->data.data, rep.job_part->data.len, e);
		if (s == OM_OK)
			q.offset += rep.job_part->data.len;
		om_arena_fini(&piece);
	}
	return s;
}

static om_status
take(const struct rd_fetch *f, ProtobufCBinaryData id, struct om_arena *a, om_err *e)
{
	Om__JobReply *job = NULL;
	om_status s = wait_done(f, id, a, &job, e);

	if (s != OM_OK)
		return s;
	if (job->state != OM__JOB_STATE__JOB_DONE)
		return om_fail(e, job->has_status ? om_status_from_code(job->status) : OM_INTERNAL, "%.200s",
		    job->message != NULL ? job->message : "the file cannot be made");
	if (job->filename == NULL)
		return om_fail(e, OM_INTERNAL, "a file was made without a name");
	s = f->begin(f->arg, job->filename, e);
	return s == OM_OK ? take_parts(f, job, e) : s;
}

om_status
rd_fetch(const struct rd_fetch *f, Om__RenderQuery *what, om_err *e)
{
	Om__JobStart start = OM__JOB_START__INIT;
	Om__JobQuery drop = OM__JOB_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__JobReply *last = NULL;
	unsigned char id[RD_JOB_ID];
	struct om_arena a;
	Om__Reply rep;
	om_status s = om_random(id, sizeof id, e);

	if (s != OM_OK)
		return s;
	om_arena_init(&a, STATE_ARENA);
	start.job_id = (ProtobufCBinaryData){.len = sizeof id, .data = id};
	start.file_case = OM__JOB_START__FILE_RENDER;
	start.render = what;
	req.body_case = OM__REQUEST__BODY_JOB_START;
	req.job_start = &start;
	s = call(f, &req, OM__REPLY__BODY_JOB, &a, &rep, e);
	if (s == OM_OK) {
		s = take(f, start.job_id, &a, e);
		drop.job_id = start.job_id;
		if (ask_state(f, &drop, true, &a, &last, NULL) != OM_OK)
			last = NULL; /* it was gone already */
	}
	om_arena_fini(&a);
	return s;
}
