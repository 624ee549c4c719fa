/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * jobs.h - files that are made one after the other by a few threads and kept
 * until they are fetched.
 *
 * Life      QUEUED ─▶ RUNNING ─▶ DONE | FAILED, or CANCELLED on the way.  The
 *           queue is bounded.  A file that no client asks for is given up after a
 *           minute while it is made, and removed ten minutes after it was made;
 *           where there is no room, the one that was not asked for longest goes.
 * Does      Runs the makers of files, a few at a time; keeps what they made and gives
 *           it out in parts.
 * Owns      The jobs, their files and folders (workdir.h); they live in this process
 *           alone, which an instance names.
 * Promises  Starting an id again changes nothing.  Only files that are complete
 *           are DONE; their folders are gone with the job, those of a killed process
 *           at the next start.
 * Never     Uses what is in a file.
 * Threads   All calls from any thread.
 */
#ifndef RD_JOBS_H
#define RD_JOBS_H

#include "task.h"
#include "source/asked.h"
#include "jobs.pb-c.h"
#include "wire/codec.h"

#define RD_JOB_ID     16
#define RD_INSTANCE   8
#define RD_PART_BYTES ((size_t)4 * 1024 * 1024)
#define RD_KEEP_MS    600000 /* a file that is done */

struct rd_jobs;

/* A rd_make_fn makes the file that `what` asks for, or gives the reason why not; more is
 * what rd_jobs_start was given. */
typedef om_status rd_make_fn(
    void *arg, const Om__JobStart *what, const struct rd_asked *more, struct rd_task *t, om_err *e);

struct rd_jobs_opts {
	unsigned workers;
	unsigned queue;   /* jobs that wait, at most */
	unsigned keep;    /* jobs that have ended, at most */
	unsigned waiters; /* calls that wait at the same time, at most; the others are answered at once */
	int64_t idle_ms;  /* 0: RD_TASK_IDLE_MS */
	int64_t keep_ms;  /* 0: RD_KEEP_MS */
	rd_now_fn *now;   /* NULL: om_mono_ms; what those two are measured with */
	rd_make_fn *make;
	void *arg; /* borrowed */
};

om_status rd_jobs_open(const struct rd_jobs_opts *o, struct rd_jobs **out, om_err *e) OM_MUST;
/* rd_jobs_close cancels what is under way and removes all files. */
void rd_jobs_close(struct rd_jobs **j);

const unsigned char *rd_jobs_instance(const struct rd_jobs *j);

/* rd_jobs_start: OM_UNAVAILABLE when the queue is full.  more: what reportd adds to the
 * render of `what`, NULL: nothing; its query is not looked at. */
om_status rd_jobs_start(struct rd_jobs *j, const Om__JobStart *what, const struct rd_asked *more, struct om_arena *a,
    Om__JobReply **out, om_err *e) OM_MUST;

/* rd_jobs_state tells at once, or when the job has ended or wait_ms have passed.
 * OM_NOT_FOUND: no such job here. */
om_status rd_jobs_state(struct rd_jobs *j, ProtobufCBinaryData id, uint32_t wait_ms, struct om_arena *a,
    Om__JobReply **out, om_err *e) OM_MUST;

om_status rd_jobs_read(
    struct rd_jobs *j, const Om__JobRead *q, struct om_arena *a, Om__JobPart **out, om_err *e) OM_MUST;

/* rd_jobs_drop cancels and forgets; its reply is the last state. */
om_status rd_jobs_drop(
    struct rd_jobs *j, ProtobufCBinaryData id, struct om_arena *a, Om__JobReply **out, om_err *e) OM_MUST;

/* rd_jobs_facts tells what is known of a job's file; *figures and *terms live in the
 * arena, and are without data where none were kept. */
om_status rd_jobs_facts(struct rd_jobs *j, ProtobufCBinaryData id, struct om_arena *a, struct rd_task_facts *out,
    ProtobufCBinaryData *figures, char **terms, om_err *e) OM_MUST;

#endif
