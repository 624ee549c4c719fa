/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fetch.h"

#include "base/clock.h"
#include "base/digest.h"

#include <string.h>
#include <time.h>

#define WAIT_MS     2000
#define PART_ARENA  ((size_t)16 * 1024 * 1024)
#define STATE_ARENA ((size_t)1024 * 1024)

/* wait_done gives the state of the job that has ended well. */
static om_status
wait_done(const struct rd_fetch *f, ProtobufCBinaryData id, struct om_arena *a, Om__JobReply **out, om_err *e)
{
	for (;;) {
		int64_t began = om_mono_ms();
		struct timespec t = {.tv_nsec = 100000000};
		struct om_arena piece;
		om_status s;
		bool ended;

		if (atomic_load(f->stop))
			return om_fail(e, OM_UNAVAILABLE, "reportd is stopping");
		om_arena_init(&piece, STATE_ARENA);
		s = rd_jobs_state(f->jobs, id, WAIT_MS, &piece, out, e);
		ended = s == OM_OK && (*out)->state != OM__JOB_STATE__JOB_QUEUED &&
		    (*out)->state != OM__JOB_STATE__JOB_RUNNING;
		om_arena_fini(&piece);
		if (s != OM_OK)
			return s;
		if (ended)
			return rd_jobs_state(f->jobs, id, 0, a, out, e);
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
		Om__JobPart *part = NULL;
		struct om_arena piece;

		om_arena_init(&piece, PART_ARENA);
		s = rd_jobs_read(f->jobs, &q, &piece, &part, e);
		if (s == OM_OK && part->data.len == 0)
			s = om_fail(e, OM_INTERNAL, "the file ends early");
		if (s == OM_OK)
			s = f->write(f->arg, part->data.data, part->data.len, e);
		if (s == OM_OK)
			q.offset += part->data.len;
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
rd_fetch(const struct rd_fetch *f, Om__RenderQuery *what, const struct rd_asked *more, om_err *e)
{
	Om__JobStart start = OM__JOB_START__INIT;
	Om__JobReply *job = NULL;
	unsigned char id[RD_JOB_ID];
	struct om_arena a;
	om_status s = om_random(id, sizeof id, e);

	if (s != OM_OK)
		return s;
	om_arena_init(&a, STATE_ARENA);
	start.job_id = (ProtobufCBinaryData){.len = sizeof id, .data = id};
	start.file_case = OM__JOB_START__FILE_RENDER;
	start.render = what;
	s = rd_jobs_start(f->jobs, &start, more, &a, &job, e);
	if (s == OM_OK) {
		s = take(f, start.job_id, &a, e);
		if (rd_jobs_drop(f->jobs, start.job_id, &a, &job, NULL) != OM_OK)
			job = NULL; /* it was gone already */
	}
	om_arena_fini(&a);
	return s;
}
