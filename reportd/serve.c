/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "serve.h"

#include "jobs.pb-c.h"
#include "base/log.h"
#include "base/stats.h"
#include "wire/describe.h"

#include <string.h>

#define WAITERS_SPARE 4u /* wire workers that never wait for a job */
#define RENDER_BYTES  (OM_WIRE_MAX_BYTES - (size_t)64 * 1024)

static struct om_stat made[2][2] = {
    {OM_COUNTER("owui_metering_documents_total", "kind=\"statement\",format=\"pdf\"", "Documents made."),
	OM_COUNTER("owui_metering_documents_total", "kind=\"statement\",format=\"xlsx\"", "Documents made.")},
    {OM_COUNTER("owui_metering_documents_total", "kind=\"report\",format=\"pdf\"", "Documents made."),
	OM_COUNTER("owui_metering_documents_total", "kind=\"report\",format=\"xlsx\"", "Documents made.")},
};
static struct om_stat made_rows =
    OM_COUNTER("owui_metering_documents_total", "kind=\"rows\",format=\"other\"", "Documents made.");
static struct om_stat failed =
    OM_COUNTER("owui_metering_document_failures_total", NULL, "Documents that could not be made.");
static struct om_stat bytes_made =
    OM_COUNTER("owui_metering_document_bytes_total", NULL, "Bytes of the documents made.");
/* ---- jobs ---- */

static void
count_made(const Om__JobStart *what, struct rd_task *t)
{
	const Om__RenderQuery *q = what->file_case == OM__JOB_START__FILE_RENDER ? what->render : NULL;
	uint64_t bytes = atomic_load(&t->bytes);
	struct rd_task_facts facts;

	if (q != NULL && (q->format == OM__FORMAT__FORMAT_PDF || q->format == OM__FORMAT__FORMAT_XLSX))
		om_stat_add(&made[q->user == NULL && q->group == NULL][q->format == OM__FORMAT__FORMAT_XLSX], 1);
	else
		om_stat_add(&made_rows, 1);
	om_stat_add(&bytes_made, (int64_t)bytes);
	rd_task_get_facts(t, &facts);
	/* Not its name, which holds a user's id. */
	om_log(OM_LOG_INFO, "document made", "type", facts.content_type, "bytes", OM_I64(bytes), NULL);
}

static bool
is_wanted(void *arg)
{
	return rd_task_go_on(arg, NULL) == OM_OK;
}

static om_status
make_counted(void *arg, const Om__JobStart *what, const struct rd_asked *more, struct rd_task *t, om_err *e)
{
	struct rd_server *srv = arg;
	struct om_wire_watch before = om_wire_watch((struct om_wire_watch){is_wanted, t});
	om_status s = rd_make(&srv->parts, what, more, t, e);

	(void)om_wire_watch(before);
	if (s == OM_OK) {
		count_made(what, t);
	} else if (!atomic_load(&t->cancel)) {
		om_stat_add(&failed, 1);
		om_log(OM_LOG_WARN, "no document", "why", om_err_text(e, s), NULL);
	}
	return s;
}

om_status
rd_server_init(struct rd_server *srv, const struct rd_server_opts *o, om_err *e)
{
	struct rd_jobs_opts jobs = {
	    .workers = o->workers,
	    .queue = o->queue,
	    .keep = RD_KEEP_FILES,
	    .waiters = RD_WIRE_WORKERS - WAITERS_SPARE,
	    .make = make_counted,
	    .arg = srv,
	};

	rd_make_stats();
	for (int i = 0; i < 4; i++)
		om_stat_register(&made[i / 2][i % 2]);
	om_stat_register(&made_rows);
	om_stat_register(&failed);
	om_stat_register(&bytes_made);
	return rd_jobs_open(&jobs, &srv->jobs, e);
}

void
rd_server_fini(struct rd_server *srv)
{
	rd_jobs_close(&srv->jobs);
}

static om_status
start_job(struct rd_server *srv, const Om__JobStart *what, const struct rd_asked *more, struct om_arena *a,
    Om__JobReply **out, om_err *e)
{
	om_status s = rd_make_check(&srv->parts, what, e);

	return s == OM_OK ? rd_jobs_start(srv->jobs, what, more, a, out, e) : s;
}

/* ---- a document at once: a job that is waited for ---- */

static om_status
wait_job(struct rd_server *srv, ProtobufCBinaryData id, int64_t deadline_ms, struct om_arena *a, Om__JobReply **out,
    om_err *e)
{
	om_status s = OM_OK;

	do {
		int64_t left = deadline_ms - om_mono_ms();

		if (left <= 0)
			return om_fail(e, OM_TIMEOUT, "the document was not ready in time");
		s = rd_jobs_state(srv->jobs, id, (uint32_t)(left < 5000 ? left : 5000), a, out, e);
	} while (
	    s == OM_OK && ((*out)->state == OM__JOB_STATE__JOB_QUEUED || (*out)->state == OM__JOB_STATE__JOB_RUNNING));
	if (s == OM_OK && (*out)->state != OM__JOB_STATE__JOB_DONE)
		s = om_fail(e, (*out)->has_status ? om_status_from_code((*out)->status) : OM_INTERNAL, "%.200s",
		    (*out)->message != NULL ? (*out)->message : "the document cannot be made");
	return s;
}

static om_status
read_all(struct rd_server *srv, const Om__JobReply *job, struct om_arena *a, ProtobufCBinaryData *out, om_err *e)
{
	Om__JobRead q = OM__JOB_READ__INIT;
	om_status s = OM_OK;

	if (job->bytes > RENDER_BYTES)
		return om_fail(e, OM_TOO_LARGE, "the document has %llu bytes, too many to send at once",
		    (unsigned long long)job->bytes);
	out->data = om_arena_alloc(a, (size_t)job->bytes + 1);
	if (out->data == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	q.job_id = job->job_id;
	q.limit = RD_PART_BYTES;
	for (out->len = 0; s == OM_OK && out->len < job->bytes;) {
		Om__JobPart *part = NULL;
		struct om_arena piece;

		q.offset = out->len;
		om_arena_init(&piece, 2 * RD_PART_BYTES);
		s = rd_jobs_read(srv->jobs, &q, &piece, &part, e);
		if (s == OM_OK && part->data.len == 0)
			s = om_fail(e, OM_INTERNAL, "the document ends early");
		if (s == OM_OK && part->data.len <= job->bytes - out->len) {
			memcpy(out->data + out->len, part->data.data, part->data.len);
			out->len += part->data.len;
		}
		om_arena_fini(&piece);
	}
	return s;
}

static om_status
fill_made(
    const Om__JobReply *job, const struct rd_task_facts *facts, struct om_arena *a, struct rd_made *out, om_err *e)
{
	Om__RenderReply *r = out->file;

	r->filename = job->filename;
	r->content_type = job->content_type;
	r->total = om_arena_strdup(a, facts->total);
	r->currency = om_arena_strdup(a, facts->currency);
	r->has_unsettled = 1;
	r->unsettled = facts->unsettled;
	r->has_changed_us = facts->changed != 0;
	r->changed_us = facts->changed;
	out->user_name = facts->user_name[0] != '\0' ? om_arena_strdup(a, facts->user_name) : NULL;
	return a->failed || r->filename == NULL || r->content_type == NULL ? om_fail(e, OM_NOMEM, "out of memory")
									   : OM_OK;
}

om_status
rd_server_make(void *arg, Om__RenderQuery *q, const struct rd_asked *more, int64_t deadline_ms, struct om_arena *a,
    struct rd_made *out, om_err *e)
{
	struct rd_server *srv = arg;
	Om__JobStart what = OM__JOB_START__INIT;
	unsigned char id[RD_JOB_ID];
	Om__JobReply *job = NULL, *gone = NULL;
	struct rd_task_facts facts;
	om_status s;

	*out = (struct rd_made){.file = om_msg_new(a, &om__render_reply__descriptor)};
	s = out->file != NULL ? om_random(id, sizeof id, e) : om_fail(e, OM_NOMEM, "out of memory");
	what.job_id = (ProtobufCBinaryData){.len = sizeof id, .data = id};
	what.file_case = OM__JOB_START__FILE_RENDER;
	what.render = q;
	if (s == OM_OK)
		s = start_job(srv, &what, more, a, &job, e);
	if (s != OM_OK)
		return s;
	s = wait_job(srv, what.job_id, deadline_ms, a, &job, e);
	if (s == OM_OK)
		s = read_all(srv, job, a, &out->file->document, e);
	if (s == OM_OK)
		s = rd_jobs_facts(srv->jobs, what.job_id, a, &facts, &out->figures, &out->terms, e);
	if (s == OM_OK)
		s = fill_made(job, &facts, a, out, e);
	if (rd_jobs_drop(srv->jobs, what.job_id, a, &gone, NULL) != OM_OK)
		om_log(OM_LOG_DEBUG, "a document was gone before it was dropped", NULL);
	return s;
}

static om_status
render(struct rd_server *srv, Om__RenderQuery *q, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	struct rd_made out;
	om_status s = rd_server_make(srv, q, NULL, deadline_ms, a, &out, e);

	rep->body_case = OM__REPLY__BODY_RENDER;
	rep->render = out.file;
	return s;
}

/* ---- the others ---- */

static om_status
status(struct rd_server *srv, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	Om__StatusReply *r = om_msg_new(a, &om__status_reply__descriptor);

	if (r == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	r->version = om_arena_strdup(a, OM_PROGRAM_VERSION);
	if (om_fleet_connected(srv->parts.costd) == 0)
		r->detail = om_arena_strdup(a, "no connection to costd");
	r->has_instance = 1;
	r->instance.len = RD_INSTANCE;
	r->instance.data = om_arena_alloc(a, RD_INSTANCE);
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	memcpy(r->instance.data, rd_jobs_instance(srv->jobs), RD_INSTANCE);
	rep->body_case = OM__REPLY__BODY_STATUS_REPLY;
	rep->status_reply = r;
	return OM_OK;
}

static om_status
metrics(struct om_arena *a, Om__Reply *rep, om_err *e)
{
	Om__MetricsReply *r = om_msg_new(a, &om__metrics_reply__descriptor);
	struct om_buf text;
	om_status s;

	om_buf_init(&text, (size_t)1024 * 1024);
	om_stats_write(&text);
	s = om_buf_done(&text, e);
	if (s == OM_OK && r != NULL)
		r->text = om_arena_strndup(a, text.data, text.len);
	om_buf_fini(&text);
	if (s == OM_OK && (r == NULL || r->text == NULL))
		s = om_fail(e, OM_NOMEM, "out of memory");
	rep->body_case = OM__REPLY__BODY_METRICS;
	rep->metrics = r;
	return s;
}

om_status
rd_serve(void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	struct rd_server *srv = arg;

	switch (req->body_case) {
	case OM__REQUEST__BODY_RENDER:
		return render(srv, req->render, deadline_ms, a, rep, e);
	case OM__REQUEST__BODY_JOB_START:
		rep->body_case = OM__REPLY__BODY_JOB;
		return start_job(srv, req->job_start, NULL, a, &rep->job, e);
	case OM__REQUEST__BODY_JOB_STATE:
		rep->body_case = OM__REPLY__BODY_JOB;
		return rd_jobs_state(srv->jobs, req->job_state->job_id, req->job_state->wait_ms, a, &rep->job, e);
	case OM__REQUEST__BODY_JOB_READ:
		rep->body_case = OM__REPLY__BODY_JOB_PART;
		return rd_jobs_read(srv->jobs, req->job_read, a, &rep->job_part, e);
	case OM__REQUEST__BODY_JOB_DROP:
		rep->body_case = OM__REPLY__BODY_JOB;
		return rd_jobs_drop(srv->jobs, req->job_drop->job_id, a, &rep->job, e);
	case OM__REQUEST__BODY_STATUS:
		return status(srv, a, rep, e);
	case OM__REQUEST__BODY_METRICS:
		return metrics(a, rep, e);
	case OM__REQUEST__BODY_SETTINGS:
		rep->settings = om_msg_new(a, &om__settings_reply__descriptor);
		if (rep->settings == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
		rep->body_case = OM__REPLY__BODY_SETTINGS;
		return om_settings_describe(srv->self, srv->conf, a, rep->settings, e);
	case OM__REQUEST__BODY__NOT_SET: /* of another version */
		return om_fail(e, OM_PROTOCOL, "reportd does not answer requests of this kind");
	default:
		return om_fail(e, OM_INVALID, "reportd makes documents; this request is not for it");
	}
}
