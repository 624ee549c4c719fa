/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * buf.h - a growing byte buffer with a ceiling and a sticky error.
 *
 * Use       Build with unchecked calls, look at om_buf_done once.  After a
 *           failure every further call does nothing.
 * Owner     The caller owns the struct; om_buf_fini frees the bytes, om_buf_take
 *           hands them over.
 * Failure   OM_TOO_LARGE when the ceiling is passed, OM_NOMEM.
 */
#ifndef OM_BUF_H
#define OM_BUF_H

#include "status.h"

#include <stddef.h>
#include <stdint.h>

struct om_buf {
	char *data; /* owned; always ends with a zero byte that is not counted */
	size_t len;
	size_t cap;
	size_t limit_bytes;
	om_status status; /* sticky */
};

void om_buf_init(struct om_buf *b, size_t limit_bytes);
void om_buf_fini(struct om_buf *b);

void om_buf_add(struct om_buf *b, const void *data, size_t n);
void om_buf_str(struct om_buf *b, const char *text);
void om_buf_chr(struct om_buf *b, char c);
void om_buf_printf(struct om_buf *b, const char *fmt, ...) OM_PRINTF(2, 3);

/* om_buf_fail marks the buffer as failed, for callers that build on it. */
void om_buf_fail(struct om_buf *b, om_status s);

/* om_buf_reset empties the buffer, forgets an error, keeps the memory. */
void om_buf_reset(struct om_buf *b);

om_status om_buf_done(const struct om_buf *b, om_err *e) OM_MUST;

/* om_buf_take gives the bytes (free() them) and leaves the buffer empty; NULL
 * after a failure.  An empty buffer gives "". */
char *om_buf_take(struct om_buf *b, size_t *n_out);

#endif
