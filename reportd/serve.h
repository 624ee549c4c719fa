/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * serve.h - answers requests: asks costd for a month, makes the document,
 * gives its bytes.
 *
 * Threads   rd_serve from any worker.  A document reads the reporting zone,
 *           which is the process's: documents hold it still, and only a reply
 *           that names another zone changes it, while none is being made.
 */
#ifndef RD_SERVE_H
#define RD_SERVE_H

#include "sink.h"
#include "statement.h"
#include "wire.h"

#include <pthread.h>

struct rd_server {
	struct om_wire_client *costd; /* borrowed */
	const struct rd_fonts *fonts; /* borrowed */
	struct rd_workdir *work;      /* borrowed */
	const struct rd_house *house; /* borrowed */
	const void *conf;             /* struct rd_conf; borrowed */
	pthread_rwlock_t zone;        /* of om_zone_*: read while a document is made */
};

/* The memory one reply and the making of its document may take. */
#define RD_REPLY_BYTES (OM_WIRE_MAX_BYTES + (size_t)32 * 1024 * 1024)

om_status rd_server_init(struct rd_server *srv, om_err *e) OM_MUST;
void rd_server_fini(struct rd_server *srv);

/* rd_serve is the om_wire_handler; arg is the server. */
om_status rd_serve(
    void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e);

#endif
