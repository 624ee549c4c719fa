/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "gzip.h"

#include <limits.h>
#include <string.h>
#include <strings.h>
#define ZLIB_CONST /* it does not write to its input */
#include <zlib.h>

#define WORTH_BYTES 1400 /* less fits one packet anyway */
#define LEVEL       4
#define CHUNK       ((size_t)32 * 1024)
#define UNPACK_STEP ((size_t)1024 * 1024)

void
gw_gzip_reply(const struct gw_req *rq, struct gw_reply *rp)
{
	unsigned char chunk[CHUNK];
	struct om_buf out;
	z_stream z;
	int rc = Z_OK;

	if (rp->send != NULL || rp->data != NULL || rp->type == NULL || rp->body.len < WORTH_BYTES ||
	    rp->body.len > UINT_MAX)
		return;
	if (strncmp(rp->type, "application/json", 16) != 0 && strncmp(rp->type, "text/", 5) != 0)
		return;
	gw_reply_header(rp, "Vary", "Accept-Encoding");
	memset(&z, 0, sizeof z);
	if (!gw_accepts_gzip(rq) || deflateInit2(&z, LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return;
	om_buf_init(&out, rp->body.len);
	z.next_in = (unsigned char *)rp->body.data;
	z.avail_in = (unsigned)rp->body.len;
	while (rc == Z_OK && om_buf_done(&out, NULL) == OM_OK) {
		z.next_out = chunk;
		z.avail_out = (unsigned)sizeof chunk;
		rc = deflate(&z, Z_FINISH);
		om_buf_add(&out, chunk, sizeof chunk - z.avail_out);
	}
	(void)deflateEnd(&z);
	if (rc == Z_STREAM_END && om_buf_done(&out, NULL) == OM_OK) {
		size_t limit = rp->body.limit_bytes;

		om_buf_fini(&rp->body);
		rp->body = out;
		rp->body.limit_bytes = limit;
		gw_reply_header(rp, "Content-Encoding", "gzip");
	} else {
		om_buf_fini(&out);
	}
}

om_status
gw_gunzip_body(struct gw_req *rq, struct om_buf *plain, om_err *e)
{
	const char *encoding = gw_req_header(rq, "Content-Encoding");
	unsigned char chunk[CHUNK];
	size_t reserved = 0;
	om_status s = OM_OK;
	z_stream z;
	int rc = Z_OK;

	if (encoding == NULL || strcasecmp(encoding, "gzip") != 0)
		return OM_OK;
	memset(&z, 0, sizeof z);
	if (rq->n_body > UINT_MAX || inflateInit2(&z, 15 + 16) != Z_OK)
		return om_fail(e, OM_NOMEM, "out of memory");
	z.next_in = (const unsigned char *)rq->body;
	z.avail_in = (unsigned)rq->n_body;
	while (rc == Z_OK && s == OM_OK) {
		z.next_out = chunk;
		z.avail_out = (unsigned)sizeof chunk;
		rc = inflate(&z, Z_NO_FLUSH);
		om_buf_add(plain, chunk, sizeof chunk - z.avail_out);
		if (rc == Z_MEM_ERROR || om_buf_done(plain, NULL) == OM_NOMEM) {
			s = om_fail(e, OM_NOMEM, "out of memory");
		} else if (om_buf_done(plain, NULL) != OM_OK) {
			s = om_fail(e, OM_TOO_LARGE, "the body unpacks to more than %zu bytes", plain->limit_bytes);
		} else if (plain->len > reserved) {
			reserved += UNPACK_STEP;
			if (rq->reserve != NULL && !rq->reserve(rq, UNPACK_STEP))
				s = om_fail(e, OM_UNAVAILABLE, "too many large bodies are under way; send it again");
		}
	}
	if (s == OM_OK && (rc != Z_STREAM_END || z.avail_in > 0))
		s = om_fail(e, OM_INVALID, "the body is not one whole gzip stream");
	(void)inflateEnd(&z);
	rq->body = plain->data != NULL ? plain->data : "";
	rq->n_body = plain->len;
	return s;
}
