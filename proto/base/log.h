/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * log.h - one line per event on standard error, in logfmt.
 *
 *   ts=2026-11-23T16:40:01.120000Z level=info service=gateway msg="spool opened" request_id=7c… pending=12
 *
 * Promise   Values are quoted and escaped, so that no input can forge a line.  Of a longer value
 *           OM_LOG_VALUE bytes are written, and a pair more tells how many it had.
 * Threads   All calls from any thread; a line is one write().
 */
#ifndef OM_LOG_H
#define OM_LOG_H

#include "status.h"

#include <stdint.h>

typedef enum om_log_level { OM_LOG_DEBUG, OM_LOG_INFO, OM_LOG_WARN, OM_LOG_ERROR } om_log_level;

#define OM_LOG_VALUE  256 /* bytes of one value */
#define OM_REQUEST_ID 40  /* bytes that hold a request id and its zero */

/* om_log_init names the service; text outlives all logging. */
void om_log_init(const char *service, om_log_level least);
const char *om_log_service(void); /* its name */

/* om_log writes msg and pairs of key and text, ended by NULL:
 *   om_log(OM_LOG_INFO, "spool opened", "pending", OM_I64(n), NULL);
 * A NULL value is left out with its key. */
void om_log(om_log_level level, const char *msg, ...) __attribute__((sentinel));

/* OM_I64 is a number as text, for the values of om_log; lives until the end of
 * the enclosing block. */
#define OM_I64(v) om_i64_text((char[24]){0}, (int64_t)(v))
const char *om_i64_text(char buf[24], int64_t v);

/* om_log_request sets the calling thread's request id, printed in its lines
 * until it is set to NULL. */
void om_log_request(const char *request_id);
const char *om_log_request_id(void); /* "" if none */

/* om_request_id_make writes 32 random hex digits. */
void om_request_id_make(char out[OM_REQUEST_ID]);

#endif
