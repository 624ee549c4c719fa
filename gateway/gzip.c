/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "gzip.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

#define WORTH_BYTES 1400 /* less fits one packet anyway */
#define LEVEL       4
#define CHUNK       ((size_t)32 * 1024)

void
gw_gzip_reply(const struct gw_req *rq, struct gw_reply *rp)
{
	unsigned char chunk[CHUNK];
	struct om_buf out;
	z_stream z;
	int rc = Z_OK;

	if (rp->data != NULL || rp->type == NULL || rp->body.len < WORTH_BYTES || rp->body.len > UINT_MAX)
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
