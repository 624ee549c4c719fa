/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * task.h - one file under way: where it goes, how far it is, whether to go on.
 *
 * Promise   What is readable is what was written; a file is complete when
 *           rd_task_end said so, and never before.
 * Threads   One thread makes the file; others may read, ask and cancel.
 */
#ifndef RD_TASK_H
#define RD_TASK_H

#include "workdir.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/money.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RD_TASK_IDLE_MS 60000 /* a file under way that no client asks for is given up */
#define RD_TASK_NAME    200

/* What is known of the file. */
struct rd_task_facts {
	char name[RD_TASK_NAME];   /* ASCII, "" until known */
	char shown[RD_TASK_NAME];  /* UTF-8, as people read it */
	const char *content_type;  /* a constant */
	om_time changed;           /* 0: not known */
	char total[OM_MONEY_TEXT]; /* amount due, as printed; "" if it has none */
	char currency[8];
	uint64_t unsettled;
	char user_name[3 * RD_TASK_NAME]; /* of a user's document; "" if it has none */
};

typedef int64_t rd_now_fn(void);

struct rd_task {
	char dir[RD_PATH]; /* a folder of its own, "" until begun */
	int fd;            /* of the file, -1 until begun */
	int64_t idle_ms;   /* given up when no client asks for so long */
	rd_now_fn *now;    /* in ms, what idle_ms and asked_ms are measured with */

	_Atomic uint64_t rows_done;
	_Atomic int64_t rows_total; /* -1: not known */
	_Atomic uint64_t bytes;     /* written and fit to be read */
	_Atomic int64_t asked_ms;   /* when a client last asked */
	atomic_bool streams;        /* may be read before it is complete */
	atomic_bool cancel;

	struct om_hash *hash; /* the maker's */
	unsigned char sha256[OM_SHA256];

	pthread_mutex_t lock;
	bool given; /* a client has read some of it; lock, as what follows */
	struct rd_task_facts facts;
	void *figures; /* owned; what is kept of an issued document, NULL if nothing is */
	size_t n_figures;
	char *terms; /* owned, likewise */
};

void rd_task_init(struct rd_task *t);
/* rd_task_fini removes the file and its folder. */
void rd_task_fini(struct rd_task *t);

/* rd_task_go_on fails when the file was cancelled or no client asks for it. */
om_status rd_task_go_on(struct rd_task *t, om_err *e) OM_MUST;

/* rd_task_expect sets how many rows there will be; more is added to it. */
void rd_task_expect(struct rd_task *t, uint64_t rows);
void rd_task_progress(struct rd_task *t, uint64_t rows);

void rd_task_set_facts(struct rd_task *t, const struct rd_task_facts *f);
void rd_task_get_facts(struct rd_task *t, struct rd_task_facts *out);

/* rd_task_set_figures keeps copies of what an issued document keeps. */
om_status rd_task_set_figures(struct rd_task *t, const void *data, size_t n, const char *terms, om_err *e) OM_MUST;

/* rd_task_folder makes the task's folder, if so many bytes fit on the disk. */
om_status rd_task_folder(struct rd_task *t, struct rd_workdir *w, uint64_t bytes, om_err *e) OM_MUST;

/* rd_task_begin makes the empty file; `streams`: it may be read as it grows. */
om_status rd_task_begin(struct rd_task *t, bool streams, om_err *e) OM_MUST;
om_status rd_task_write(struct rd_task *t, const void *data, size_t n, om_err *e) OM_MUST;
/* rd_task_adopt takes a file of the folder, made by another writer. */
om_status rd_task_adopt(struct rd_task *t, const char *path, om_err *e) OM_MUST;
/* rd_task_end looks whether all of it is there. */
om_status rd_task_end(struct rd_task *t, om_err *e) OM_MUST;
/* rd_task_again throws away what was written; false when a client has read of it. */
bool rd_task_again(struct rd_task *t);

/* rd_task_claim tells whether the file may be read before it is complete, and
 * sees to it that it does not begin again. */
bool rd_task_claim(struct rd_task *t);

/* rd_task_read reads what is there, up to n bytes. */
om_status rd_task_read(struct rd_task *t, uint64_t offset, void *out, size_t *n, om_err *e) OM_MUST;

#endif
